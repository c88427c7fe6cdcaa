"""Find, make and end the row that says who an identity at a provider is here.

Not for: deciding who may come in (service.py). Invariant: name and e-mail find nobody; only the subject does, or the
verified number of a citizen where policies say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.errors import NotFound
from control.people.directory.domain import name_order
from control.people.directory.models import Person
from control.people.oidc.domain import Assertion, ProviderRules
from control.people.oidc.models import ExternalIdentity
from control.text import fold, nfc, sort_key


def identity_of(session: Session, *, assertion: Assertion) -> ExternalIdentity | None:
    """Return the link of the asserted subject, or None; of two sign-ins of one subject at once, one waits."""
    key = sha256(f"{assertion.issuer}\0{assertion.subject}".encode()).digest()[:8]
    session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(key, "big", signed=True))))
    return session.scalar(
        select(ExternalIdentity)
        .where(
            ExternalIdentity.issuer == assertion.issuer,
            ExternalIdentity.subject == assertion.subject,
            ExternalIdentity.unlinked_at.is_(None),
        )
        .with_for_update()
    )


def identity_by_number(session: Session, *, assertion: Assertion) -> ExternalIdentity | None:
    """Return another link that carries the same verified number, or None."""
    if assertion.number_digest is None:
        return None
    return session.scalar(
        select(ExternalIdentity)
        .where(ExternalIdentity.number_digest == assertion.number_digest, ExternalIdentity.unlinked_at.is_(None))
        .order_by(ExternalIdentity.id)
        .limit(1)
    )


def is_linked_number(session: Session, *, number_digest: bytes) -> bool:
    """Tell whether a living link carries this verified number."""
    living = ExternalIdentity.unlinked_at.is_(None)
    return bool(session.scalar(select(exists().where(ExternalIdentity.number_digest == number_digest, living))))


def join_by_number(
    session: Session, *, assertion: Assertion, rules: ProviderRules, act: Act
) -> ExternalIdentity | None:
    """Link a citizen's second identity by the number that both providers verified; staff are never joined so."""
    known = identity_by_number(session, assertion=assertion) if rules.number_links else None
    if known is None or known.provider == assertion.provider:
        return None
    if session.get_one(Person, known.person_id).kind != "citizen":
        return None
    return add_identity(session, assertion=assertion, person_id=known.person_id, linked_by="number", act=act)


def register_citizen(session: Session, *, assertion: Assertion, login: str, act: Act) -> ExternalIdentity:
    """Make the person that an identity nobody here has stands for: a citizen, never staff (S0-5.6)."""
    name = nfc(assertion.name) or login
    person = Person(
        login=login,
        display_name=name,
        sort_key=sort_key(name_order(name)),
        search_text=fold(f"{name} {login}"),
        kind="citizen",
        created_at=act.now,
    )
    session.add(person)
    session.flush()
    return add_identity(session, assertion=assertion, person_id=person.id, linked_by="assertion", act=act)


def add_identity(
    session: Session, *, assertion: Assertion, person_id: int, linked_by: str, act: Act
) -> ExternalIdentity:
    """Store the link of an asserted identity to a person; the caller has found out that it is theirs."""
    row = ExternalIdentity(
        provider=assertion.provider,
        issuer=assertion.issuer,
        subject=assertion.subject,
        number_digest=assertion.number_digest,
        person_id=person_id,
        linked_by=linked_by,
        linked_at=act.now,
    )
    session.add(row)
    session.flush()
    act.record(
        session,
        Action.PEOPLE_IDENTITY_LINK,
        about=audit.About(person_id=f"person:{person_id}"),
        details={"provider": assertion.provider, "identity": row.id, "by": linked_by},
        personal={"subject": assertion.subject},
    )
    return row


def identities_of_person(session: Session, *, person_id: int) -> Sequence[ExternalIdentity]:
    """Return the live links of a person, in the order they were made."""
    return session.scalars(
        select(ExternalIdentity)
        .where(ExternalIdentity.person_id == person_id, ExternalIdentity.unlinked_at.is_(None))
        .order_by(ExternalIdentity.id)
    ).all()


def unlink(session: Session, *, identity_id: int, act: Act) -> ExternalIdentity:
    """End one of the acting person's own links. Raises NotFound for anybody else's."""
    row = session.get(ExternalIdentity, identity_id, with_for_update=True) if identity_id < 2**63 else None
    if row is None or row.person_id != act.actor.id or row.unlinked_at is not None:
        raise NotFound("identity", identity_id)
    row.unlinked_at = act.now
    session.flush()
    act.record(
        session,
        Action.PEOPLE_IDENTITY_UNLINK,
        about=audit.About(person_id=act.actor.ref),
        details={"provider": row.provider, "identity": row.id},
    )
    return row
