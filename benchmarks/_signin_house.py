"""People, accounts and grants for benchmarks/signin.py, made by the product's own services where time allows."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

import audit
import policies
from control import create_app
from control.acts import Act, Actor
from control.people import end_sessions, enrol_known_factor, sync_people
from control.people.circumstances import directory_of
from control.people.models import Person
from control.people.roles.domain import house_permissions_of, permissions_of
from control.people.rules import session_rules
from control.people.sessions.service import start_session
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.documents.domain import NewDocument
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.documents.service import file_document
from control.privilege.requests.domain import Terms, Verdict
from control.privilege.requests.forms import Draft
from control.privilege.requests.models import PrivilegeRequest
from control.privilege.requests.service import Choice, decide_request, file_request, grant_of
from control.settings import Settings
from control.stand.directory import GROUPS_BASE, PEOPLE_BASE, SERVICE_DN, DirectoryServer
from control.stand.postgres import PostgresServer
from control.stand.roles import OWNER

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105  # an invented factor on a server that lives for minutes
PDF = b"%PDF-1.7\n% invented data\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@dataclass(slots=True)
class Moving:
    """The machine's clock, pushed ahead at will: a code counts once, and the next needs the next half minute."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        """Return the present moment, as far ahead as it was pushed."""
        return datetime.now(UTC) + self.ahead


def environment(server: PostgresServer, directory: DirectoryServer, *, state: Path) -> dict[str, str]:
    """Return the settings of a whole application on these servers."""
    return {
        "VONGLAU_MODE": "test",
        "VONGLAU_DATABASE_URL": server.url("vl_web"),
        "VONGLAU_BASE_URL": "https://localhost",
        "VONGLAU_SECRET_KEY": secrets.token_urlsafe(48),
        "VONGLAU_PROFILE": "ministry-construction-2025",
        "VONGLAU_STATE_DIR": str(state),
        "VONGLAU_FACTOR_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "VONGLAU_LDAP_URL": directory.url,
        "VONGLAU_LDAP_CA_FILE": str(directory.ca_file),
        "VONGLAU_LDAP_BIND_DN": SERVICE_DN,
        "VONGLAU_LDAP_BIND_PASSWORD": directory.service_password,
        "VONGLAU_LDAP_PEOPLE_BASE": PEOPLE_BASE,
        "VONGLAU_LDAP_GROUPS_BASE": GROUPS_BASE,
    }


class House:
    """One application with the demonstration's people known and enrolled."""

    def __init__(self, settings: dict[str, str], *, clock: Moving) -> None:
        self.clock = clock
        self.law = policies.load()
        self.settings = Settings.from_env(settings)
        self.app: Flask = create_app(self.settings, clock=clock, law=self.law)
        self.held = self.app.extensions["vonglau"]
        act = self.act(Actor(id=0, login="benchmark", name=""))
        directory = directory_of(self.settings, policies=self.law)
        sync_people(self.held.database, directory=directory, roles=self.law.roles, act=act)
        with self.held.database.unit_of_work() as session:
            for person in session.scalars(select(Person)).all():
                enrol_known_factor(session, login=person.login, secret=SECRET, settings=self.settings, act=act)

    def act(self, actor: Actor) -> Act:
        """Return the circumstances of an act of somebody, now."""
        return Act(
            actor=actor,
            now=self.clock(),
            writer=audit.Writer(boot=secrets.token_hex(4)),
            policy_digest=self.law.digest,
            request_id=secrets.token_hex(8),
        )

    def actor(self, session: Session, login: str, *, role: str) -> Actor:
        """Return a person as their session would."""
        person = session.scalars(select(Person).where(Person.login == login)).one()
        held = frozenset({role})
        return Actor(
            id=person.id,
            login=person.login,
            name=person.display_name,
            roles=held,
            permissions=permissions_of(held, roles=self.law.roles),
            house=house_permissions_of(held, roles=self.law.roles),
            unit_id=person.unit_id,
            session_id="PH-0001",
            second_factor_at=self.clock(),
        )

    def tokens(self, login: str, *, count: int) -> list[str]:
        """Start as many sessions of one person as the law allows at once, and return their tokens."""
        rules = session_rules(self.law, settings=self.settings, on=self.clock().date())
        found = []
        with self.held.database.unit_of_work() as session:
            person = session.scalars(select(Person).where(Person.login == login)).one()
            system = self.act(Actor(id=0, login="benchmark", name=""))
            end_sessions(session, person_id=person.id, reason="replaced", act=system)
            factor = session.execute(
                text("SELECT id FROM factor WHERE person_id = :id AND state = 'active'"), {"id": person.id}
            ).scalar_one()
            for _number in range(min(count, rules.concurrent)):
                token = secrets.token_urlsafe(32)
                start_session(
                    session,
                    person=person,
                    factor_id=factor,
                    token=token,
                    rules=rules,
                    roles=self.law.roles,
                    act=system,
                )
                found.append(token)
        return found

    def grant(self, session: Session, *, number: int, document: AuthorisingDocument) -> Any:
        """Make one grant in the ordinary way on an account of its own."""
        owner = session.scalars(select(Person).where(Person.login == "minhhoa.pm")).one()
        asset = session.scalar(select(Asset).where(Asset.code == "do-luong"))
        if asset is None:
            asset = Asset(
                code="do-luong", title="Máy đo", kind="server", unit="Trung tâm", level=3, created_at=self.clock()
            )
            session.add(asset)
            session.flush()
        account = PrivilegedAccount(
            asset_id=asset.id, code=f"do-luong.tk{number:04d}", name=f"tk{number:04d}", use="Đo", kind="shared",
            class_="normal", state="active", owner_id=owner.id, search_text="do luong", created_at=self.clock(),
        )  # fmt: skip
        session.add(account)
        session.flush()
        now = self.clock()
        draft = Draft(
            account_code=account.code, holder_login="tap.dt", requester_login="", document_id=document.id,
            new_document=None, starts_at=now, ends_at=now + timedelta(hours=4), purpose="Đo thời gian kết thúc",
        )  # fmt: skip
        admin = self.act(self.actor(session, "minhhoa.pm", role="administrator"))
        filed = file_request(session, draft=draft, act=admin, terms=Terms.of(self.law))
        if not isinstance(filed, PrivilegeRequest):
            raise TypeError(f"the request of the benchmark was refused: {[fault.code for fault in filed.faults]}")
        choice = Choice(verdict=Verdict.APPROVE, reason="", read_version=filed.version, read_sha256=filed.body_sha256)
        decide_request(
            session, code=filed.code, choice=choice, act=self.act(self.actor(session, "vidu.l", role="approver"))
        )
        return grant_of(session, filed)

    def document(self, session: Session) -> AuthorisingDocument:
        """File a decision in force today, or find it."""
        today = self.clock().date()
        known = session.scalar(select(AuthorisingDocument).where(AuthorisingDocument.number == "1/QĐ-DO"))
        if known is not None:
            return known
        new = NewDocument(
            number="1/QĐ-DO", signed_on=today - timedelta(days=1), signer="Bùi Diễn", issuing_unit="Bộ Minh hoạ",
            subject="Đo", valid_from=today - timedelta(days=1), valid_to=today + timedelta(days=60), file=PDF,
        )  # fmt: skip
        stored = file_document(session, new=new, act=self.act(self.actor(session, "minhhoa.pm", role="administrator")))
        if not isinstance(stored, AuthorisingDocument):
            raise TypeError(f"the document of the benchmark was refused: {stored.reason}")
        return stored


def fill_accounts(server: PostgresServer, *, count: int, document_id: int) -> None:
    """Put many accounts on 200 machines, by SQL: how they came to be is not what is measured.

    As in a well kept house: one in a hundred lacks its document, one in fifty was not used for a year.
    """
    engine = create_engine(server.url(OWNER))
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO asset (code, title, kind, unit, level, created_at) "
                "SELECT 'may-' || n, 'Máy ' || n, 'server', 'Trung tâm', 3, now() FROM generate_series(1, 200) n"
            )
        )
        connection.execute(
            text(
                "INSERT INTO privilege_account (asset_id, code, name, use, kind, class, owner_id, state, search_text, "
                "created_at, document_id, last_used_at) "
                "SELECT a.id, a.code || '.tk' || n, 'tk' || n, 'Quản trị', 'shared', 'normal', "
                "(SELECT id FROM person WHERE login = 'minhhoa.pm'), 'active', a.code || ' tk' || n || ' quan tri', "
                "now() - interval '2 years', CASE WHEN n % 100 > 0 THEN CAST(:document AS bigint) END, "
                "now() - CASE WHEN n % 50 = 0 THEN interval '1 year' ELSE interval '1 day' END "
                "FROM asset a, generate_series(1, :each) n WHERE a.code LIKE 'may-%'"
            ),
            {"each": count // 200, "document": document_id},
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE privilege_account, person, asset"))
    engine.dispose()
