"""Check registrations: approve, ask for a correction, refuse; and tell when a clock was missed.

Invariants: nobody decides on their own account, and the database holds it; what an officer opens of a person's data is
an entry that stands before the data is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.db import UtcDateTime
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.frame.tables import Listing, ListingRules
from control.people.boxes import BoxKeys, open_box, seal_box
from control.people.citizens.domain import Identity
from control.people.citizens.models import ACCOUNT_STATES, CitizenAccount
from control.people.citizens.registering import RegistrationRules, bound_to, pack, unpack
from control.people.directory.models import Person
from control.people.locks.standing import is_locked
from control.people.outbox.service import Text, post_message

LISTING = ListingRules(
    sorts={"check_by": "+", "registered_at": "-"}, default="check_by", filters=("q", "state", "kind")
)
DECISIONS = {"approve": "approved", "return": "returned", "refuse": "refused"}
RULE = "citizens.check"
NOTICE_LIFE = timedelta(days=7)
FAR = datetime(9999, 1, 1, tzinfo=UTC)  # behind every clock that runs


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One line of the list; nothing personal stands in it."""

    account: CitizenAccount
    person: Person
    is_locked: bool


def list_accounts(session: Session, *, listing: Listing, act: Act) -> tuple[Sequence[AccountRow], int]:
    """Return the accounts behind the cursor and how many match; those whose clock runs come first, the latest last."""
    found = _conditions(listing)
    due = _due_column()
    sort: Any = due if listing.key == "check_by" else CitizenAccount.registered_at
    base = select(CitizenAccount, Person, is_locked(act.now)).join(Person, Person.id == CitizenAccount.person_id)
    rows = session.execute(
        base.where(*found, listing.after(sort, CitizenAccount.person_id))
        .order_by(*listing.order(sort, CitizenAccount.person_id))
        .limit(listing.limit)
    ).all()
    counted = select(func.count()).select_from(CitizenAccount).join(Person, Person.id == CitizenAccount.person_id)
    total = session.scalar(counted.where(*found)) or 0
    return [AccountRow(account=row[0], person=row[1], is_locked=row[2]) for row in rows], total


def due_key(row: AccountRow) -> Any:
    """Return what the list is ordered by."""
    return row.account.check_by if row.account.state == "registered" else FAR


def _due_column() -> ColumnElement[Any]:
    return case((CitizenAccount.state == "registered", CitizenAccount.check_by), else_=literal(FAR, UtcDateTime()))


def _conditions(listing: Listing) -> list[ColumnElement[bool]]:
    filters, conditions = listing.filters, list[ColumnElement[bool]]()
    if filters["state"] in ACCOUNT_STATES:
        conditions.append(CitizenAccount.state == filters["state"])
    if filters["kind"] in {"citizen", "organisation"}:
        conditions.append(CitizenAccount.person_kind == filters["kind"])
    if filters["q"]:
        conditions.append(Person.login.contains(filters["q"].lower(), autoescape=True))
    return conditions


def account_of(session: Session, *, login: str, for_update: bool = False) -> tuple[CitizenAccount, Person]:
    """Return one account with its person. Raises NotFound."""
    question = (
        select(CitizenAccount, Person)
        .join(Person, Person.id == CitizenAccount.person_id)
        .where(Person.login == login)
        .execution_options(populate_existing=True)
    )
    found = session.execute(question.with_for_update() if for_update else question).one_or_none()
    if found is None:
        raise NotFound("account", login)
    return found[0], found[1]


def open_identity(session: Session, account: CitizenAccount, *, keys: BoxKeys, purpose: str, act: Act) -> Identity:
    """Open what an applicant said of themselves, for a purpose; the entry stands in the same transaction."""
    identity = unpack(open_box(account.sealed, key=keys.seal, bound_to=bound_to(account.person_id)))
    act.for_purpose(purpose).record(
        session,
        Action.PEOPLE_IDENTITY_OPEN,
        about=audit.About(person_id=f"person:{account.person_id}"),
        personal={"citizen.name": identity.name},
        subject=f"person:{account.person_id}",
    )
    return identity


def may_decide(account: CitizenAccount, *, actor_id: int, version: int) -> Decision:
    """Decide whether somebody may decide on a registration."""
    if account.person_id == actor_id:
        return Deny(rule=RULE, reason="citizen.own_decision")
    if account.state != "registered":
        return Deny(rule=RULE, reason="citizen.decided")
    if account.version != version:
        return Deny(rule=RULE, reason="citizen.changed")
    return Allow(rule=RULE)


def decide(
    session: Session,
    *,
    login: str,
    verdict: str,
    reason: str,
    version: int,
    words: tuple[str, str],
    random: bytes,
    keys: BoxKeys,
    act: Act,
) -> Decision:
    """Approve, ask for a correction or refuse, and tell the applicant; `random` is 48 fresh bytes."""
    account, person = account_of(session, login=login, for_update=True)
    about = audit.About(person_id=f"person:{person.id}")
    decision = may_decide(account, actor_id=act.actor.id, version=version)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PEOPLE_APPLICANT_DECIDE, decision, about=about, details={"verdict": verdict})
        return decision
    is_late = account.check_by is not None and act.now > account.check_by
    account.state, account.decided_at, account.decided_by_id = DECISIONS[verdict], act.now, act.actor.id
    account.decision_sealed = seal_box(
        reason or "–", key=keys.seal, bound_to=f"decision {person.id}", nonce=random[:12]
    )
    session.flush()
    details: dict[str, str | int | bool] = {"verdict": verdict, "version": account.version, "is_late": is_late}
    act.record(
        session,
        Action.PEOPLE_APPLICANT_DECIDE,
        about=about,
        details=details,
        personal={"reason": reason} if reason else None,
        subject=f"person:{person.id}",
    )
    tell(
        session,
        account,
        subject=words[0],
        body=words[1],
        purpose="account-state",
        random=random[12:44],
        keys=keys,
        act=act,
    )
    return decision


def tell(
    session: Session,
    account: CitizenAccount,
    *,
    subject: str,
    body: str,
    purpose: str,
    random: bytes,
    keys: BoxKeys,
    act: Act,
    channel: str | None = None,
) -> None:
    """Write a message to an account's holder: by the channel named, or by short message, or by mail without a phone."""
    identity = unpack(open_box(account.sealed, key=keys.seal, bound_to=bound_to(account.person_id)))
    chosen = channel or ("sms" if identity.phone else "mail")
    to = identity.phone if chosen == "sms" else identity.email
    if not to:
        return
    post_message(
        session,
        text=Text(channel=chosen, to=to, subject=subject, body=body),
        purpose=purpose,
        person_id=account.person_id,
        life=NOTICE_LIFE,
        random=random,
        seal_key=keys.seal,
        act=act,
    )


def correct(
    session: Session, *, person_id: int, identity: Identity, random: bytes, rules: RegistrationRules, act: Act
) -> Decision:
    """Take the correction of an account that was returned; the clock of the check starts anew."""
    account = session.get_one(CitizenAccount, person_id, with_for_update=True, populate_existing=True)
    about = audit.About(person_id=f"person:{person_id}")
    if account.state != "returned":
        wrong = Deny(rule=RULE, reason="citizen.not_returned")
        act.refuse(session, Action.PEOPLE_APPLICANT_CORRECT, wrong, about=about)
        return wrong
    account.sealed = seal_box(pack(identity), key=rules.keys.seal, bound_to=bound_to(person_id), nonce=random[:12])
    account.state, account.version = "registered", account.version + 1
    account.check_by, account.escalated_at = rules.check_by(act.now), None
    session.flush()
    act.record(session, Action.PEOPLE_APPLICANT_CORRECT, about=about, details={"version": account.version})
    return Allow(rule=RULE)


def escalate_late(session: Session, *, act: Act, limit: int = 200) -> Sequence[str]:
    """Mark every registration whose clock ran out unchecked, each once; return whose they are."""
    rows = session.execute(
        select(CitizenAccount, Person.login)
        .join(Person, Person.id == CitizenAccount.person_id)
        .where(
            CitizenAccount.state == "registered",
            CitizenAccount.check_by < act.now,
            CitizenAccount.escalated_at.is_(None),
        )
        .order_by(CitizenAccount.check_by, CitizenAccount.person_id)
        .limit(limit)
        .with_for_update(of=CitizenAccount, skip_locked=True)
    ).all()
    for account, _login in rows:
        account.escalated_at = act.now
        act.record(
            session,
            Action.PEOPLE_APPLICANT_ESCALATE,
            about=audit.About(person_id=f"person:{account.person_id}"),
            details={"check_by": str(account.check_by)},
        )
    session.flush()
    return [login for _account, login in rows]
