"""Find the applicant a number belongs to, for whoever takes in a dossier; by keyed digests alone.

Invariants: neither a name nor an address finds anybody; an account that no officer has approved is found by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.people.boxes import BoxKeys, token_of
from control.people.citizens.models import CitizenAccount
from control.people.directory.models import Person
from control.people.oidc.models import ExternalIdentity
from control.people.oidc.rules import provider_rules
from control.settings import Settings
from policies import Policies


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberBook:
    """How numbers are found: by the token of accounts, and by the digest of those whom providers vouch for."""

    key: bytes = field(repr=False)
    linked_as: Callable[[str], bytes | None] = field(repr=False)

    @classmethod
    def of(cls, settings: Settings, *, law: Policies, on: date) -> NumberBook | None:
        """Return the book; None in a house without applicants."""
        if not settings.applicant_key:
            return None
        rules = provider_rules(law, settings=settings, on=on)
        return cls(key=BoxKeys.of(settings.applicant_key).token, linked_as=rules.number_digest)

    def token(self, number: str) -> bytes:
        """Return what a number is found by; it says nothing without the key."""
        return token_of(re.sub(r"\s", "", number).upper(), use="number", key=self.key)

    def holder(self, session: Session, number: str) -> int | None:
        """Return the applicant of a number, None while nobody known is."""
        account = session.scalar(
            select(CitizenAccount.person_id).where(
                CitizenAccount.number_token == self.token(number), CitizenAccount.state == "approved"
            )
        )
        linked = self.linked_as(re.sub(r"\s", "", number)) if account is None else None
        if linked is None:
            return account
        return session.scalar(
            select(ExternalIdentity.person_id)
            .join(Person, Person.id == ExternalIdentity.person_id)
            .where(
                ExternalIdentity.number_digest == linked,
                ExternalIdentity.unlinked_at.is_(None),
                Person.kind == "citizen",
                Person.state == "active",
            )
            .order_by(ExternalIdentity.id)
            .limit(1)
        )


def approved_token(session: Session, *, person_id: int) -> bytes | None:
    """Return the token of an applicant's own number once an officer has approved the account."""
    return session.scalar(
        select(CitizenAccount.number_token).where(
            CitizenAccount.person_id == person_id, CitizenAccount.state == "approved"
        )
    )
