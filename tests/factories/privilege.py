"""People, accounts, documents and requests for tests: valid by default, each test states only what matters to it."""

from __future__ import annotations

import itertools
import json
import secrets
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

import audit
import policies
from control.acts import Act, Actor
from control.people import unit_for
from control.people.models import Person, PersonRole
from control.people.roles.domain import house_permissions_of, permissions_of
from control.privilege.accounts.changing import change_state
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.documents.domain import NewDocument
from control.privilege.documents.service import file_document
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.requests.domain import Terms, Verdict
from control.privilege.requests.forms import Draft
from control.privilege.requests.models import PrivilegeRequest
from control.privilege.requests.service import Choice, decide_request, file_request, grant_of
from control.text import fold, sort_key

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday 23/11/2026, 12:00 in Hà Nội
SERIAL = itertools.count(1)
PDF = b"%PDF-1.7\n% invented data\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@cache
def law() -> policies.Policies:
    """The product's own policies, read once."""
    return policies.load()


def terms() -> Terms:
    """The terms the product runs under."""
    return Terms.of(law())


def make_person(
    session: Session,
    *,
    login: str | None = None,
    name: str = "Trần Thị Thử",
    roles: tuple[str, ...] = (),
    unit: str = "Phòng Thẩm định",
) -> Person:
    """A person the directory knows, with roles."""
    login = login or f"nguoi.{next(SERIAL)}"
    person = Person(
        login=login,
        display_name=name,
        sort_key=sort_key(name),
        search_text=fold(name),
        directory_dn=f"uid={login},ou=people,dc=minhhoa,dc=example",
        unit=unit,
        unit_id=unit_for(session, key="", title=unit, now=NOON),
        state="active",
        created_at=NOON,
    )
    session.add(person)
    session.flush()
    session.add_all(PersonRole(person_id=person.id, role=role, since=NOON) for role in roles)
    session.flush()
    return person


def actor_of(person: Person, *, roles: tuple[str, ...] = (), now: datetime = NOON) -> Actor:
    """The person signed in with two factors; permissions are those of policies/roles.yaml."""
    return Actor(
        id=person.id,
        login=person.login,
        name=person.display_name,
        roles=frozenset(roles),
        permissions=permissions_of(roles, roles=law().roles),
        house=house_permissions_of(roles, roles=law().roles),
        unit_id=person.unit_id,
        session_id=f"s-{person.id}",
        second_factor_at=now - timedelta(minutes=1),
    )


def make_act(actor: Actor, *, now: datetime = NOON) -> Act:
    """What a request of this actor would carry."""
    return Act(
        actor=actor,
        now=now,
        writer=audit.Writer(boot=secrets.token_hex(4)),
        policy_digest=law().digest,
        request_id=secrets.token_hex(8),
    )


def make_account(
    session: Session, *, owner: Person, asset: str | None = None, name: str = "root", **changes: Any
) -> PrivilegedAccount:
    """A shared account of class normal on a server of its own."""
    code = asset or f"may-{next(SERIAL)}"
    machine = session.query(Asset).filter_by(code=code).one_or_none()
    if machine is None:
        machine = Asset(code=code, title="Máy thử", kind="server", unit="Trung tâm", level=3, created_at=NOON)
        session.add(machine)
        session.flush()
    values: dict[str, Any] = {
        "kind": "shared", "class_": "normal", "state": "active", "use": "Quản trị máy thử", "owner_id": owner.id,
        "created_at": NOON,
    }  # fmt: skip
    account = PrivilegedAccount(
        asset_id=machine.id, code=f"{code}.{name}", name=name, search_text=fold(f"{code} {name}"),
        **(values | changes),
    )  # fmt: skip
    session.add(account)
    session.flush()
    account.asset = machine
    return account


def new_document(**changes: Any) -> NewDocument:
    """A decision in force from yesterday to the end of the year."""
    values: dict[str, Any] = {
        "number": f"{next(SERIAL)}/QĐ-BMH",
        "signed_on": date(2026, 11, 20),
        "signer": "Bùi Diễn",
        "issuing_unit": "Bộ Minh hoạ",
        "subject": "Giao quản trị quý IV",
        "valid_from": date(2026, 11, 20),
        "valid_to": date(2026, 12, 31),
        "file": PDF,
    }
    return NewDocument(**(values | changes))


class House:
    """One of each: who files, who approves, who holds, an account and a document."""

    def __init__(self, session: Session, *, class_: str = "normal", asset: str | None = None) -> None:
        self.session = session
        self.admin = make_person(session, name="Phạm Minh Hoạ", roles=("administrator",))
        self.leader = make_person(session, name="Lê Ví Dụ", roles=("approver",))
        self.officer = make_person(session, name="Nguyễn Thị Mẫu", roles=("security-officer",))
        self.holder = make_person(session, name="Đặng Thị Tập", roles=("case-officer",))
        self.owner = make_person(session, name="Chủ Tài Khoản")
        self.account = make_account(session, owner=self.owner, class_=class_, asset=asset)
        stored = file_document(session, new=new_document(), act=self.as_admin())
        assert not hasattr(stored, "reason")
        self.document = stored

    def as_admin(self, now: datetime = NOON) -> Act:
        return make_act(actor_of(self.admin, roles=("administrator",), now=now), now=now)

    def as_leader(self, now: datetime = NOON) -> Act:
        return make_act(actor_of(self.leader, roles=("approver",), now=now), now=now)

    def as_officer(self, now: datetime = NOON) -> Act:
        return make_act(actor_of(self.officer, roles=("security-officer",), now=now), now=now)

    def as_holder(self, now: datetime = NOON) -> Act:
        return make_act(actor_of(self.holder, roles=("case-officer",), now=now), now=now)

    def draft(self, **changes: Any) -> Draft:
        """A faultless draft: the holder, the account, the document, four hours from now."""
        values: dict[str, Any] = {
            "account_code": self.account.code,
            "holder_login": self.holder.login,
            "requester_login": "",
            "document_id": self.document.id,
            "new_document": None,
            "starts_at": NOON,
            "ends_at": NOON + timedelta(hours=4),
            "purpose": "Thẩm định hồ sơ tồn",
        }
        return Draft(**(values | changes))

    def move_account(self, to: str, *, act: Act | None = None, **changes: Any) -> Any:
        """Change the state of the account on the house's document."""
        values: dict[str, Any] = {"reason": "Theo đề nghị", "document_id": self.document.id}
        act = act or self.as_admin()
        return change_state(self.session, account=self.account, to=to, act=act, **(values | changes))

    def request(self, *, act: Act | None = None, **changes: Any) -> PrivilegeRequest:
        """A filed request."""
        filed = file_request(self.session, draft=self.draft(**changes), act=act or self.as_admin(), terms=terms())
        assert isinstance(filed, PrivilegeRequest), filed
        return filed

    def decide(self, request: PrivilegeRequest, *, act: Act, **changes: Any) -> Any:
        """Decide a request as somebody who read what stands there."""
        return decide_request(self.session, code=request.code, choice=choice_on(request, **changes), act=act)

    def grant(self, *, act: Act | None = None, **changes: Any) -> PrivilegeGrant:
        """A grant made in the ordinary way: filed by the administrator, approved by the leader."""
        request = self.request(**changes)
        decision = self.decide(request, act=act or self.as_leader())
        made = grant_of(self.session, request)
        assert made is not None, decision
        return made


def choice_on(request: PrivilegeRequest, **changes: Any) -> Choice:
    """An approval of exactly what the request says now."""
    values: dict[str, Any] = {
        "verdict": Verdict.APPROVE, "reason": "", "read_version": request.version, "read_sha256": request.body_sha256,
    }  # fmt: skip
    return Choice(**(values | changes))


def entries(session: Session) -> list[dict[str, Any]]:
    """What this test wrote into the outbox so far; needs the `session` of tests/integration/privilege."""
    connection = session.connection()
    connection.exec_driver_sql("RESET ROLE")
    rows = connection.execute(text("SELECT convert_from(body, 'UTF8') FROM audit_outbox ORDER BY oid"))
    found = [json.loads(body) for (body,) in rows]
    connection.exec_driver_sql("SET LOCAL ROLE vl_web")
    return found


def last_event(session: Session) -> tuple[str, str, str | None]:
    """Action, outcome and reason of the newest entry."""
    event = entries(session)[-1]["event"]
    return event["action"], event["outcome"], event.get("reason_code")
