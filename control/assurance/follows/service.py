"""Who or what is followed, and what the trail knows of it.

Not for: searching (control/assurance/trail). Invariant: a thing that the house does not know and the trail never named
is not found; nothing personal of a citizen is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, joinedload

import audit
from audit.sums import Extent, extent
from control.assurance.trail.domain import person_number
from control.assurance.trail.lineage import Knots, neighbours
from control.assurance.trail.service import NEVER_SEEN
from control.cases.files.models import CaseFile
from control.errors import NotFound, Unavailable
from control.people.models import LoginSession, Person
from control.people.sessions.domain import code_of
from control.privilege.models import AuthorisingDocument, PrivilegedAccount, PrivilegeGrant

# The kinds that can be followed and the filter of the trail that finds the entries of one.
FOLLOWED: Mapping[str, str] = {
    name: audit.FILTERS[name] for name in audit.FILTERS if name not in ("action", "outcome", "who")
}
SYSTEM = "system:"
Fact = str | datetime | date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What the house knows of it: a name, its page in its own wing, and facts by the key of their word.

    `things` are what it stands beside, to be followed in turn: (word, kind, code).
    """

    kind: str
    code: str
    name: str
    href: str | None = None
    facts: Mapping[str, Fact] | None = None
    things: tuple[tuple[str, str, str], ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether the house knows it, or only the trail names it."""
        return self.facts is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One thing in the trail: what it is, from when to when, and its neighbours on the golden thread."""

    followed: Followed
    query: audit.Query
    extent: Extent
    acts_on: Extent | None  # for a person: what others did that concerns them
    knots: Knots


def follow(session: Session, *, kind: str, code: str, keys: audit.SubjectKeys, side: str = "") -> Track:
    """Return the track of one thing. `side` "on" asks what was done to a person instead of by them, "values" where
    their name is sealed: found in the directory first, then by its token. Raises NotFound, Unavailable.
    """
    if kind not in FOLLOWED or not code.isprintable():
        raise NotFound(kind, code)
    describe = _DESCRIBE.get(kind)
    followed = (describe(session, code) if describe else None) or Followed(kind=kind, code=code, name=code)
    query = query_of(kind, code, side=side)
    connection = session.connection()
    if side == "values":
        query = audit.Query(tokens=_tokens(session, followed, keys=keys))
    found = extent(connection, query)
    other = None
    if kind == "person":
        other = extent(connection, query_of(kind, code, side="" if side == "on" else "on"))
    if not followed.is_known and not found.count and not (other and other.count):
        raise NotFound(kind, code)
    knots = [(kind, code)] if kind in ("document", "request", "grant", "session", "alert", "run", "evidence") else []
    more = neighbours(session, [*knots, *((one, value) for _, one, value in followed.things)])
    things = [(one, value) for _, one, value in followed.things if one in ("document", "request", "grant", "session")]
    return Track(followed=followed, query=query, extent=found, acts_on=other, knots=[*knots, *things, *more])


def query_of(kind: str, code: str, *, side: str = "") -> audit.Query:
    """Return the question that finds the entries of one thing; of a person, those they acted in."""
    if kind == "person" and side != "on":
        return audit.Query(actor_id=code)
    return replace(audit.Query(), **{FOLLOWED[kind]: code})  # type: ignore[arg-type]  # a field that holds text


def _tokens(session: Session, followed: Followed, *, keys: audit.SubjectKeys) -> tuple[str, ...]:
    try:
        found = audit.tokens(session.connection(), followed.code, [followed.name], keys=keys)
    except audit.SubjectKeyError as error:
        raise Unavailable("trail.keys.unavailable") from error
    return found or (NEVER_SEEN,)


def _person(session: Session, code: str) -> Followed | None:
    if code.startswith(SYSTEM):
        return None
    number = person_number(code)
    row = session.get(Person, number) if number is not None else None
    if row is None:
        return None
    facts: dict[str, Fact] = {
        "login": row.login,
        "unit": row.unit,
        "position": row.title,
        "state": row.state,
        "left": row.left_at,
    }
    return Followed(kind="person", code=code, name=row.display_name, href=f"/people/{row.login}", facts=facts)


def _account(session: Session, code: str) -> Followed | None:
    row = session.execute(
        select(PrivilegedAccount, Person.display_name)
        .outerjoin(Person, Person.id == PrivilegedAccount.owner_id)
        .where(PrivilegedAccount.code == code)
    ).one_or_none()
    if row is None:
        return None
    account, owner = row
    things = (("owner", "person", f"person:{account.owner_id}"),) if account.owner_id else ()
    return Followed(
        kind="account",
        code=code,
        name=code,
        href=f"/privilege/accounts/{code}",
        facts={"use": account.use, "owner": owner, "state": account.state},
        things=things,
    )


def _case(session: Session, code: str) -> Followed | None:
    row = session.scalar(select(CaseFile).options(joinedload(CaseFile.procedure)).where(CaseFile.code == code))
    if row is None:
        return None
    facts: dict[str, Fact] = {
        "procedure": row.procedure.title,
        "unit": row.unit,
        "state": row.state,
        "received": row.received_at,
        "closed": row.closed_at,
    }
    return Followed(kind="case", code=code, name=code, href=f"/cases/{code}", facts=facts)


def _grant(session: Session, code: str) -> Followed | None:
    number = _number(code, prefix="CQ-")
    if number is None:
        return None
    row = session.execute(
        select(PrivilegeGrant, Person.display_name, PrivilegedAccount.code, AuthorisingDocument.number)
        .join(Person, Person.id == PrivilegeGrant.person_id)
        .join(PrivilegedAccount, PrivilegedAccount.id == PrivilegeGrant.account_id)
        .join(AuthorisingDocument, AuthorisingDocument.id == PrivilegeGrant.document_id)
        .where(PrivilegeGrant.id == number)
    ).one_or_none()
    if row is None:
        return None
    grant, holder, account, document = row
    return Followed(
        kind="grant",
        code=code,
        name=code,
        href=f"/privilege/grants/{code}",
        facts={"holder": holder, "from": grant.span.lower, "until": grant.span.upper, "state": grant.state},
        things=(
            ("holder", "person", f"person:{grant.person_id}"),
            ("account", "account", account),
            ("document", "document", document),
        ),
    )


def _session(session: Session, code: str) -> Followed | None:
    number = _number(code, prefix="PH-")
    if number is None:
        return None
    person = aliased(Person)
    row = session.execute(
        select(LoginSession, person.display_name)
        .join(person, person.id == LoginSession.person_id)
        .where(LoginSession.id == number)
    ).one_or_none()
    if row is None or code_of(row[0].id) != code:
        return None
    found, holder = row
    return Followed(
        kind="session",
        code=code,
        name=code,
        facts={
            "holder": holder,
            "level": found.auth_level,
            "from": found.created_at,
            "seen": found.last_seen_at,
            "ended": found.ended_at,
        },
        things=(("holder", "person", f"person:{found.person_id}"),),
    )


def _document(session: Session, number: str) -> Followed | None:
    row = session.scalar(
        select(AuthorisingDocument)
        .where(AuthorisingDocument.number == number)
        .order_by(AuthorisingDocument.id.desc())
        .limit(1)
    )
    if row is None:
        return None
    return Followed(
        kind="document",
        code=number,
        name=number,
        href=f"/privilege/documents/{row.id}",
        facts={
            "signed": row.signed_on,
            "issuer": row.issuing_unit,
            "valid-from": row.valid_from,
            "valid-to": row.valid_to,
        },
    )


def _number(code: str, *, prefix: str) -> int | None:
    digits = code.removeprefix(prefix)
    fits = code.startswith(prefix) and digits.isascii() and digits.isdigit() and len(digits) < 19  # a bigint
    return int(digits) if fits else None


_DESCRIBE: Mapping[str, Callable[[Session, str], Followed | None]] = {
    "person": _person,
    "account": _account,
    "case": _case,
    "grant": _grant,
    "session": _session,
    "document": _document,
}
