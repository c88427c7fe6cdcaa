"""Read from the law how long a question before a sensitive act stays open, and how often it may be answered."""

from __future__ import annotations

from datetime import date, timedelta

from control.people.certificates.domain import Trust
from control.people.factors.webauthn import RelyingParty
from control.people.rules import factor_rules, number_of, proof_levels, sign_in_rules
from control.people.stepup.domain import StepUpRules
from control.people.stepup.service import Rules
from control.settings import Settings
from policies import Policies


def rules_of(policies: Policies, *, settings: Settings, on: date, trust: Trust | None = None) -> Rules:
    """Return what confirming one act needs on a day; by `trust` certificates may. Raises PolicyError, ValueError."""

    def number(name: str) -> int:
        return number_of(policies, name, profile=settings.profile, on=on)

    return Rules(
        step_up=StepUpRules(
            life=timedelta(minutes=number("step_up_max_age_minutes")), tries=number("totp_attempts_max")
        ),
        factor=factor_rules(policies, settings=settings, on=on),
        sign_in=sign_in_rules(policies, settings=settings, on=on),
        party=RelyingParty.of(settings.base_url),
        levels=proof_levels(policies, settings=settings, on=on),
        trust=trust,
    )
