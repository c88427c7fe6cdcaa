"""Take down what there is to review: every right of a scope as it stands now, and who answers for it.

Not for: storing (service.py). Invariants: the text of an item is canonical, so that its digest fixes what was asked; it
names people by their ids, never by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

import audit
from control.people.locks.standing import stands
from control.people.models import Person, PersonLock, PersonRole
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.grants.domain import LIVE_STATES
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.standing import approver_roles
from control.privilege.keys.models import ApiKey
from control.privilege.requests.domain import SECURITY_ROLE
from control.privilege.reviews.domain import Candidate, Kind, Scope, choose_reviewer
from policies import RULES_ZONE

MOST = 20_000
SCHEMA = "vonglau-review-item/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One right that is to be reviewed."""

    kind: Kind
    subject: str
    subject_id: int
    person_id: int | None
    reviewer_id: int | None
    facts: dict[str, Any]

    @property
    def body(self) -> str:
        """The canonical text of what is asked about."""
        about = {"schema": SCHEMA, "kind": self.kind.value, "subject": self.subject, **self.facts}
        return audit.canonical(about).decode()

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hex."""
        return sha256(self.body.encode()).hexdigest()


def take(session: Session, *, scope: Scope, value: str, kinds: Collection[Kind], now: datetime) -> tuple[Found, ...]:
    """Return every right of the scope, in a fixed order."""
    candidates = candidates_for(session, now=now)
    gathered: Mapping[Kind, Callable[..., Iterator[Found]]] = {
        Kind.ACCOUNT: _accounts,
        Kind.GRANT: _grants,
        Kind.KEY: _keys,
        Kind.ROLE: _roles,
    }
    return tuple(
        found
        for kind in sorted(kinds)
        for found in gathered[kind](session, scope=scope, value=value, candidates=candidates, now=now)
    )


def candidates_for(session: Session, *, now: datetime) -> Sequence[Candidate]:
    """Return everybody at work who may review something: owners of accounts, heads, the security unit."""
    owners = select(PrivilegedAccount.owner_id)
    heads = select(PersonRole.person_id).where(PersonRole.role.in_(approver_roles()))
    locked = select(PersonLock.person_id).where(stands(now))
    people = session.execute(
        select(Person.id, Person.unit).where(
            Person.state == "active", or_(Person.id.in_(owners), Person.id.in_(heads)), Person.id.not_in(locked)
        )
    ).all()
    roles: dict[int, set[str]] = {}
    for person_id, role in session.execute(
        select(PersonRole.person_id, PersonRole.role).where(PersonRole.person_id.in_([row.id for row in people]))
    ):
        roles.setdefault(person_id, set()).add(role)
    return [
        Candidate(
            id=row.id,
            unit=row.unit,
            is_approver=bool(roles.get(row.id, set()) & (approver_roles() - {SECURITY_ROLE})),
            is_security=SECURITY_ROLE in roles.get(row.id, set()),
        )
        for row in people
    ]


def _accounts(
    session: Session, *, scope: Scope, value: str, candidates: Sequence[Candidate], **_: Any
) -> Iterator[Found]:
    owner = aliased(Person)
    query = (
        select(PrivilegedAccount, Asset.code, owner.unit, Asset.unit.label("asset_unit"))
        .join(Asset, Asset.id == PrivilegedAccount.asset_id)
        .outerjoin(owner, owner.id == PrivilegedAccount.owner_id)
        .where(PrivilegedAccount.state != "retired")
    )
    for account, asset, unit, asset_unit in session.execute(
        _narrowed(query, scope=scope, value=value, owner=owner, units=(owner.unit, Asset.unit))
        .order_by(PrivilegedAccount.code)
        .limit(MOST)
    ):
        yield Found(
            kind=Kind.ACCOUNT,
            subject=account.code,
            subject_id=account.id,
            person_id=account.person_id,
            reviewer_id=choose_reviewer(
                candidates,
                concerned={account.person_id} - {None},
                owner_id=account.owner_id,
                unit=unit or asset_unit,
            ),
            facts={
                "asset": asset,
                "category": account.category,
                "class": account.class_,
                "last_used_at": _day(account.last_used_at),
                "owner": _person(account.owner_id),
                "state": account.state,
                "type": account.kind,
            },
        )


def _grants(
    session: Session, *, scope: Scope, value: str, candidates: Sequence[Candidate], now: datetime
) -> Iterator[Found]:
    holder, owner = aliased(Person), aliased(Person)
    query = (
        select(PrivilegeGrant, PrivilegedAccount, AuthorisingDocument.number, holder.unit)
        .join(PrivilegedAccount, PrivilegedAccount.id == PrivilegeGrant.account_id)
        .join(AuthorisingDocument, AuthorisingDocument.id == PrivilegeGrant.document_id)
        .join(holder, holder.id == PrivilegeGrant.person_id)
        .outerjoin(owner, owner.id == PrivilegedAccount.owner_id)
        .where(PrivilegeGrant.state.in_(LIVE_STATES), func.upper(PrivilegeGrant.span) > now)
    )
    for grant, account, document, unit in session.execute(
        _narrowed(query, scope=scope, value=value, owner=owner, units=(holder.unit,))
        .order_by(PrivilegeGrant.id)
        .limit(MOST)
    ):
        yield Found(
            kind=Kind.GRANT,
            subject=grant.code,
            subject_id=grant.id,
            person_id=grant.person_id,
            reviewer_id=choose_reviewer(candidates, concerned={grant.person_id}, owner_id=account.owner_id, unit=unit),
            facts={
                "account": account.code,
                "class": account.class_,
                "document": document,
                "ends_at": grant.span.upper.isoformat(),
                "holder": _person(grant.person_id),
                "state": grant.state,
            },
        )


def _keys(
    session: Session, *, scope: Scope, value: str, candidates: Sequence[Candidate], now: datetime
) -> Iterator[Found]:
    query = (
        select(ApiKey, AuthorisingDocument.number)
        .join(AuthorisingDocument, AuthorisingDocument.id == ApiKey.document_id)
        .where(ApiKey.state != "revoked", ApiKey.expires_at > now)
    )
    if scope is Scope.UNIT:
        query = query.where(ApiKey.holder_unit == value)
    for key, document in session.execute(query.order_by(ApiKey.id).limit(MOST)):
        yield Found(
            kind=Kind.KEY,
            subject=key.code,
            subject_id=key.id,
            person_id=key.issued_by_id,  # whoever issued it does not say that it is still needed
            reviewer_id=choose_reviewer(candidates, concerned={key.issued_by_id}, owner_id=None, unit=key.holder_unit),
            facts={
                "document": document,
                "expires_at": key.expires_at.isoformat(),
                "last_used_at": _day(key.last_used_at),
                "scopes": sorted(key.scopes),
                "state": key.state,
                "system": key.system,
            },
        )


def _roles(session: Session, *, scope: Scope, value: str, candidates: Sequence[Candidate], **_: Any) -> Iterator[Found]:
    query = (
        select(PersonRole, Person.login, Person.unit)
        .join(Person, Person.id == PersonRole.person_id)
        .where(Person.state == "active", Person.kind == "staff")
    )
    if scope is Scope.UNIT:
        query = query.where(Person.unit == value)
    for role, login, unit in session.execute(query.order_by(Person.login, PersonRole.role).limit(MOST)):
        yield Found(
            kind=Kind.ROLE,
            subject=f"{login}:{role.role}",
            subject_id=role.id,
            person_id=role.person_id,
            reviewer_id=choose_reviewer(candidates, concerned={role.person_id}, owner_id=None, unit=unit),
            facts={
                "holder": _person(role.person_id),
                "role": role.role,
                "since": _day(role.since),
                "source": role.source,
            },
        )


def _narrowed(query: Any, *, scope: Scope, value: str, owner: type[Person], units: tuple[Any, ...]) -> Any:
    if scope is Scope.UNIT:
        return query.where(or_(*(unit == value for unit in units)))
    if scope is Scope.OWNER:
        return query.where(owner.login == value)
    if scope is Scope.CLASS:
        return query.where(PrivilegedAccount.class_ == value)
    return query


def _person(person_id: int | None) -> str:
    return f"person:{person_id}" if person_id is not None else ""


def _day(at: datetime | None) -> str:
    return at.astimezone(RULES_ZONE).date().isoformat() if at is not None else ""
