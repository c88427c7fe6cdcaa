"""What does not fit: rights against the approved list, look-ups against case files, signs of a shared account. Pure.

Not for: reading rows (checks.py) or remembering (findings of the wing `assurance`). Invariants: equal sets differ in
nothing; a look-up that fits its case file is never named; asked twice about the same, the answers are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise


class Difference(StrEnum):
    """How the granted rights of a unit differ from its approved list (S3-15.2.c)."""

    GRANTED_NOT_LISTED = "granted-not-listed"
    LISTED_NOT_GRANTED = "listed-not-granted"


class Mismatch(StrEnum):
    """How a look-up fails to fit the case it named (S0-22.3.b)."""

    NO_CASE = "no-case"
    BEFORE_RECEIPT = "before-receipt"
    AFTER_CLOSING = "after-closing"
    OTHER_PERSON = "other-person"


class Sign(StrEnum):
    """What makes an account look shared (S0-22.3.a)."""

    TWO_ADDRESSES = "two-addresses"
    BROWSERS_IN_TURN = "browsers-in-turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of the look-up by one person."""

    at: datetime
    address: str
    browser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """The case a look-up named, as far as the comparison needs it."""

    received_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A look-up as the comparison sees it; `names_applicant` was found out when it was asked."""

    id: int
    at: datetime
    case_code: str
    names_applicant: bool


def differences(*, listed: Collection[int], granted: Collection[int]) -> Iterator[tuple[Difference, int]]:
    """Yield each difference between an approved list and the rights given, with the person; in a fixed order."""
    for person_id in sorted(set(granted) - set(listed)):
        yield Difference.GRANTED_NOT_LISTED, person_id
    for person_id in sorted(set(listed) - set(granted)):
        yield Difference.LISTED_NOT_GRANTED, person_id


def mismatches(looked: Iterable[Looked], *, dossiers: Mapping[str, Dossier]) -> Iterator[tuple[Mismatch, int]]:
    """Yield what is wrong with each look-up that does not fit its case, the gravest fault first."""
    for one in looked:
        fault = mismatch_of(one, dossier=dossiers.get(one.case_code))
        if fault is not None:
            yield fault, one.id


def mismatch_of(looked: Looked, *, dossier: Dossier | None) -> Mismatch | None:
    """Return why a look-up does not fit its case, None when it does."""
    if dossier is None:
        return Mismatch.NO_CASE
    if looked.at < dossier.received_at:
        return Mismatch.BEFORE_RECEIPT
    if dossier.closed_at is not None and looked.at > dossier.closed_at:
        return Mismatch.AFTER_CLOSING
    return None if looked.names_applicant else Mismatch.OTHER_PERSON


def drawn(ids: Collection[int], *, size: int | None, seed: str) -> tuple[int, ...]:
    """Return the sample: all, or so many of them drawn by the seed alone, so that anyone can draw it again."""
    if size is None or size >= len(ids):
        return tuple(sorted(ids))
    ranked = sorted(ids, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).digest())
    return tuple(sorted(ranked[:size]))


def signs(uses: Sequence[Use], *, within: timedelta, turns: int) -> tuple[Sign, ...]:
    """Return what in the newest uses of one account, oldest first, looks shared; only the newest one is judged."""
    if not uses:
        return ()
    newest = uses[-1]
    recent = [one for one in uses if newest.at - one.at <= within]
    found = []
    before = recent[-2] if len(recent) > 1 else newest
    if before.address != newest.address:
        found.append(Sign.TWO_ADDRESSES)
    changes = [late.browser != early.browser for early, late in pairwise(recent)]
    returns = len({one.browser for one in recent}) < 1 + sum(changes)
    if changes and changes[-1] and returns and sum(changes) >= turns:
        found.append(Sign.BROWSERS_IN_TURN)
    return tuple(found)
