"""Whether the link with the population database stands on what it must stand on, today. Pure (S0-11.1, S3-29.4.a)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum


class Point(StrEnum):
    """What is looked at, in reading order."""

    AGREEMENT = "agreement"
    CONDITIONS = "conditions"
    RESPONSIBLE = "responsible"
    POLICE = "police"
    CUSTODIAN = "custodian"
    CERTIFICATE = "certificate"
    HEALTH = "health"


class Standing(StrEnum):
    """How one point stands; `unknown` is never counted as good."""

    CURRENT = "current"
    DUE = "due"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFacts:
    """What is on record of the link and what was last heard over it."""

    agreement_from: date
    agreement_to: date
    checked_on: date | None
    is_check_good: bool
    check_due_on: date | None
    is_responsible_active: bool
    has_police_contact: bool
    has_custodian: bool
    certificate_until: datetime | None
    last_heard_at: datetime | None
    is_last_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One point and how it stands; `on` is the day or moment that decides, where there is one."""

    point: Point
    standing: Standing
    on: date | datetime | None = None


def points_of(
    link: LinkFacts, *, now: datetime, today: date, warning: timedelta, silent: timedelta
) -> tuple[Seen, ...]:
    """Return every point of the link with its standing."""
    in_force = link.agreement_from <= today <= link.agreement_to
    return (
        Seen(point=Point.AGREEMENT, standing=_yes(in_force), on=link.agreement_to),
        Seen(point=Point.CONDITIONS, standing=_conditions(link, today=today), on=link.check_due_on),
        Seen(point=Point.RESPONSIBLE, standing=_yes(link.is_responsible_active)),
        Seen(point=Point.POLICE, standing=_yes(link.has_police_contact)),
        Seen(point=Point.CUSTODIAN, standing=_yes(link.has_custodian)),
        Seen(
            point=Point.CERTIFICATE,
            standing=_certificate(link.certificate_until, now=now, warning=warning),
            on=link.certificate_until,
        ),
        Seen(point=Point.HEALTH, standing=_health(link, now=now, silent=silent), on=link.last_heard_at),
    )


def are_current(points: tuple[Seen, ...]) -> bool:
    """Tell whether every point is current; one that is due soon still is, one that is unknown is not."""
    return all(one.standing in {Standing.CURRENT, Standing.DUE} for one in points)


def _yes(is_so: bool) -> Standing:  # one fact, one word
    return Standing.CURRENT if is_so else Standing.OVERDUE


def _conditions(link: LinkFacts, *, today: date) -> Standing:
    if link.checked_on is None or link.check_due_on is None:
        return Standing.UNKNOWN
    return _yes(link.is_check_good and today <= link.check_due_on)


def _certificate(until: datetime | None, *, now: datetime, warning: timedelta) -> Standing:
    if until is None:
        return Standing.UNKNOWN
    if until <= now:
        return Standing.OVERDUE
    return Standing.DUE if until - now <= warning else Standing.CURRENT


def _health(link: LinkFacts, *, now: datetime, silent: timedelta) -> Standing:
    if link.last_heard_at is None or now - link.last_heard_at > silent:
        return Standing.UNKNOWN
    return _yes(link.is_last_good)
