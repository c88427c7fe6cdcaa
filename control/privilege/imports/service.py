"""Checks a file of accounts against what is here, keeps it, and takes it once it was confirmed.

Not for: reading the file (domain.py). Invariants: what is taken is what was shown: the same bytes and verdicts, or
nothing; all of it in one transaction; an account without a document comes in as an orphan, which nobody can use.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import insert, select
from sqlalchemy.orm import Session, undefer

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.codes import id_from
from control.privilege.documents.domain import is_in_force
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.imports.domain import (
    COLUMNS,
    Judged,
    Known,
    Row,
    Verdict,
    judge,
    outcome_digest,
    read_rows,
)
from control.privilege.imports.models import CODE_PREFIX, AccountImport
from control.text import fold
from policies import RULES_ZONE

RULE = "privilege.account.import"
CHUNK = 1_000
ENTRIES_AT_MOST = 1_000  # more accounts than these have the entry of their import, not each its own
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a file would do, or did."""

    judged: tuple[Judged, ...]
    outcome: str

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows have each verdict."""
        found = Counter(one.verdict for one in self.judged)
        return {str(verdict): found[verdict] for verdict in Verdict}

    @property
    def does_something(self) -> bool:
        """Whether anything would be added or changed."""
        return bool(self.counts["add"] or self.counts["change"])


def check_file(session: Session, content: bytes, *, act: Act) -> Report:
    """Return what a file would do now. Raises InvalidInput for a file that is no such list; changes nothing."""
    rows = read_rows(content)
    judged = judge(rows, _known(session, rows, today=act.now.astimezone(RULES_ZONE).date()))
    return Report(judged=judged, outcome=outcome_digest(judged))


def bring_file(session: Session, content: bytes, *, act: Act) -> AccountImport:
    """Keep a file that was checked, so that exactly these bytes can be confirmed. Raises InvalidInput."""
    report = check_file(session, content, act=act)
    row = AccountImport(
        file=content,
        file_sha256=sha256(content).hexdigest(),
        rows=len(report.judged),
        brought_by_id=act.actor.id or None,
        brought_at=act.now,
    )
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_ACCOUNT_CHECK,
        details={"import": row.code, "sha256": row.file_sha256, "rows": row.rows, **_details(report)},
    )
    return row


def load_import(session: Session, code: str, *, act: Act) -> tuple[AccountImport, bytes]:
    """Return a file one has brought oneself, with its bytes. Raises NotFound for everybody else."""
    query = select(AccountImport).options(undefer(AccountImport.file))
    row = session.scalar(query.where(AccountImport.id == id_from(code, prefix=CODE_PREFIX)))
    if row is None or row.brought_by_id != (act.actor.id or None):
        raise NotFound("import", code)
    return row, row.file


def take_file(session: Session, *, code: str, sha256_read: str, outcome_read: str, act: Act) -> Decision:
    """Take a file as it was shown, or refuse: other bytes, other verdicts by now, or taken already."""
    locked = select(AccountImport.id).where(AccountImport.id == id_from(code, prefix=CODE_PREFIX)).with_for_update()
    session.execute(locked)
    row, content = load_import(session, code, act=act)
    report = check_file(session, content, act=act)
    decision = _may_take(row, report, sha256_read=sha256_read, outcome_read=outcome_read)
    details: dict[str, str | int | bool] = {"import": row.code, "sha256": row.file_sha256}
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_ACCOUNT_IMPORT, decision, details=details)
        return decision
    _apply(session, report, act=act)
    counts = report.counts
    row.applied_at, row.added, row.changed = act.now, counts["add"], counts["change"]
    row.left_out = counts["refuse"]
    session.flush()
    act.record(session, Action.PRIVILEGE_ACCOUNT_IMPORT, details={**details, **_details(report)})
    return decision


def _may_take(row: AccountImport, report: Report, *, sha256_read: str, outcome_read: str) -> Decision:
    if row.applied_at is not None:
        return Deny(rule=RULE, reason="import.taken_already", params={"file": row.code})
    if not hmac.compare_digest(row.file_sha256, sha256_read):
        return Deny(rule=RULE, reason="import.other_file")
    if not hmac.compare_digest(report.outcome, outcome_read):
        return Deny(rule=RULE, reason="import.changed_meanwhile")
    return Allow(rule=RULE)


def _apply(session: Session, report: Report, *, act: Act) -> None:
    added = [one.row for one in report.judged if one.verdict is Verdict.ADD]
    changed = [one.row for one in report.judged if one.verdict is Verdict.CHANGE]
    known = _known(session, [*added, *changed], today=act.now.astimezone(RULES_ZONE).date())
    for some in _chunks(added):
        session.execute(insert(PrivilegedAccount), [_values(row, known, act=act) for row in some])
    for others in _chunks(changed):
        _change(session, others, known)
    if len(added) + len(changed) > ENTRIES_AT_MOST:
        return
    for row in (*added, *changed):
        act.record(
            session,
            Action.PRIVILEGE_ACCOUNT_RECORD,
            about=audit.About(
                account_id=row.code, asset_id=row.values["asset"], document_number=row.values["document"] or None
            ),
            details={"line": row.line, "class": row.values["class"]},
            titles=(row.values["use"],),
        )


def _values(row: Row, known: Known, *, act: Act) -> dict[str, Any]:
    values = row.values
    document_id = known.documents.get(values["document"])
    return {
        "asset_id": known.assets[values["asset"]],
        "code": row.code,
        "name": values["name"],
        "use": values["use"],
        "kind": values["kind"],
        "category": values["category"],
        "class_": values["class"],
        "owner_id": known.people.get(values["owner"]),
        "person_id": known.people.get(values["person"]),
        "document_id": document_id,
        "state": "active" if document_id else "orphan",
        "search_text": fold(f"{values['asset']} {values['name']} {values['use']}"),
        "created_at": act.now,
    }


def _change(session: Session, rows: Sequence[Row], known: Known) -> None:
    query = select(PrivilegedAccount).where(PrivilegedAccount.code.in_([row.code for row in rows])).with_for_update()
    here = {account.code: account for account in session.scalars(query)}
    for row in rows:
        account, values = here[row.code], row.values
        account.use, account.document_id = values["use"], known.documents[values["document"]]
        account.owner_id = known.people.get(values["owner"], account.owner_id)
        account.search_text = fold(f"{values['asset']} {values['name']} {values['use']}")
    session.flush()


def _known(session: Session, rows: Sequence[Row], *, today: date) -> Known:
    """Ask for everything the rows name, a thousand at a time."""
    sound = [row for row in rows if not row.faults]
    logins = {row.values[name] for row in sound for name in ("owner", "person")} - {""}
    people: dict[str, int] = {}
    for some in _chunks(sorted(logins)):
        query = select(Person.login, Person.id).where(Person.login.in_(some), Person.state == "active")
        people.update((login, number) for login, number in session.execute(query))
    assets: dict[str, int] = {}
    for some in _chunks(sorted({row.values["asset"] for row in sound})):
        found = session.execute(select(Asset.code, Asset.id).where(Asset.code.in_(some)))
        assets.update((code, number) for code, number in found)
    accounts: dict[str, Mapping[str, str]] = {}
    for some in _chunks(sorted({row.code for row in sound})):
        accounts |= _accounts(session, some)
    return Known(people=people, documents=_documents(session, sound, today=today), assets=assets, accounts=accounts)


def _documents(session: Session, rows: Sequence[Row], *, today: date) -> dict[str, int | None]:
    numbers = sorted({row.values["document"] for row in rows} - {""})
    found: dict[str, int | None] = {}
    for some in _chunks(numbers):
        for one in session.scalars(select(AuthorisingDocument).where(AuthorisingDocument.number.in_(some))):
            holds = is_in_force(one.valid_from, one.valid_to, on=today, withdrawn_from=one.withdrawn_from)
            found[one.number] = one.id if holds and one.number not in found else None
    return found


def _accounts(session: Session, codes: Sequence[str]) -> dict[str, Mapping[str, str]]:
    owner, person = Person.__table__.alias("owner"), Person.__table__.alias("user")
    query = (
        select(
            PrivilegedAccount.code,
            PrivilegedAccount.state,
            PrivilegedAccount.use,
            PrivilegedAccount.category,
            PrivilegedAccount.kind,
            PrivilegedAccount.class_,
            owner.c.login,
            person.c.login,
            AuthorisingDocument.number,
        )
        .outerjoin(owner, owner.c.id == PrivilegedAccount.owner_id)
        .outerjoin(person, person.c.id == PrivilegedAccount.person_id)
        .outerjoin(AuthorisingDocument, AuthorisingDocument.id == PrivilegedAccount.document_id)
        .where(PrivilegedAccount.code.in_(codes))
    )
    names = ("state", *COLUMNS[2:])
    return {
        row[0]: {name: value or "" for name, value in zip(names, row[1:], strict=True)}
        for row in session.execute(query)
    }


def _details(report: Report) -> dict[str, str | int | bool]:
    return {"added": report.counts["add"], "changed": report.counts["change"], "left_out": report.counts["refuse"]}


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
