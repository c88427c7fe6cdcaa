"""What one wing needs from a sibling it may not import; create_app connects the two.

Not for: behaviour. Invariant: a port is a callable with a typed answer, so that the import contracts hold and the
tests of a wing can give it a real object of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from sqlalchemy.orm import Session

from control.acts import Act, Actor
from control.decisions import Decision

Alarm = Callable[..., object]  # alarm(session, name, subject=..., act=...) raises one of our own alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRef:
    """A grant that is active now, with what it rests on."""

    code: str
    account_code: str
    document_number: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRef:
    """An agreement with an identity provider that is in force, with the document it rests on."""

    id: int
    document_number: str
    until: date


class AgreementLookup(Protocol):
    """Finds the agreement of an identity provider that is in force on a day (S4-9.3)."""

    def __call__(self, session: Session, *, provider: str, on: date) -> AgreementRef | None:
        """Return the agreement, or None: no agreement, no provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRef:
    """A case as far as another wing needs it: nothing personal, but whether a number is its applicant's."""

    code: str
    received_at: datetime
    closed_at: datetime | None
    names_person: bool = False


class CaseLookup(Protocol):
    """Finds the case a person works on, for an act that must rest on one (S0-22.1)."""

    def __call__(self, session: Session, *, code: str, personal_number: str, act: Act) -> CaseRef | None:
        """Return the case when it is the actor's to see; an unknown one and another's look the same."""


class CaseJoining(Protocol):
    """Lets cases that name nobody name the applicant who has just proved to hold their number (S3-14.1.a)."""

    def __call__(self, session: Session, *, person_id: int, number_token: bytes, act: Act) -> int:
        """Return how many cases name them now."""


class CaseDossiers(Protocol):
    """Reads cases for a comparison, whoever works on them (S0-22.3.b)."""

    def __call__(self, session: Session, *, codes: Collection[str]) -> Mapping[str, CaseRef]:
        """Return the cases that exist, by code."""


class MessageSending(Protocol):
    """Has waiting messages leave at once, after the transaction (operations runs the job)."""

    def __call__(self, session: Session) -> None:
        """Ask for it in this transaction; a rollback takes it back."""


class GrantLookup(Protocol):
    """Finds the active grant of a person on an account of an asset (S0-4.4)."""

    def __call__(self, session: Session, *, person_id: int, asset_code: str, now: datetime) -> GrantRef | None:
        """Return the grant that ends last, or None: no document, no grant, no act."""


class AccountUse(Protocol):
    """Notes that an account was used under a grant, for the account's page and its dormancy."""

    def __call__(self, session: Session, *, account_code: str, at: datetime) -> None:
        """Write the moment down, once a minute at most."""


class RotationStart(Protocol):
    """Begins the change of a secret on its target (operations runs the playbook)."""

    def __call__(self, session: Session, *, rotation_id: int, act: Act) -> str:
        """Return the code of the run that was ordered in this transaction."""


class FilingGuard(Protocol):
    """Tells whether an applicant may file a dossier now (S1-9.1, S4-9.4)."""

    def __call__(self, session: Session, *, person_id: int) -> Decision:
        """Return the decision; its refusal says what to do."""


class SessionWatch(Protocol):
    """Looks at a session in the transaction in which it begins (S0-8.1.a)."""

    def __call__(self, session: Session, *, actor: Actor, act: Act) -> None:
        """Record what the beginning means elsewhere; it refuses nobody."""


class SessionResume(Protocol):
    """Turns the session cookie into an actor."""

    def __call__(self, session: Session, *, token: str, now: datetime, act: Act) -> Actor | None:
        """Return the actor of a live session and note that it was seen, or None."""
