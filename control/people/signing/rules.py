"""Read from policies how long a question waits for the phone, and how many may be put."""

from __future__ import annotations

from datetime import date, timedelta

from control.people.rules import number_of
from control.people.signing.domain import SigningRules
from control.settings import Settings
from policies import Policies


def signing_rules(policies: Policies, *, settings: Settings, on: date) -> SigningRules:
    """Return the numbers of signing as they stand on a day. Raises PolicyError, ValueError."""

    def number(name: str) -> int:
        return number_of(policies, name, profile=settings.profile, on=on)

    return SigningRules(
        life=timedelta(minutes=number("signing_answer_minutes")),
        look_every=timedelta(seconds=number("signing_look_seconds")),
        looks=number("signing_looks_max"),
        an_hour=number("signing_requests_an_hour"),
        a_day=number("signing_requests_a_day"),
    )
