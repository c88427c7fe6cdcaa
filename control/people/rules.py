"""Read this wing's numbers from the law: how often to try, how long to rest, how many sessions.

Not for: defaults. A number that policies do not give is a broken installation and stops the act.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

from control.levels import Level
from control.people.factors.service import FactorRules
from control.people.local.domain import HashCost, LocalRules
from control.people.sessions.domain import SessionRules
from control.people.signin.domain import SignInRules
from control.settings import Settings
from policies import Policies


def number_of(policies: Policies, name: str, *, profile: str, on: date) -> int:
    """Return one whole number of the law above zero. Raises PolicyError, ValueError."""
    value = policies.parameter(name, profile, on).value
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"policies: {name} must be a whole number above zero, not {value!r}")
    return value


def sign_in_rules(policies: Policies, *, settings: Settings, on: date) -> SignInRules:
    """Return the numbers of sign-in as they stand on a day. Raises PolicyError, ValueError."""

    def number(name: str) -> int:
        return number_of(policies, name, profile=settings.profile, on=on)

    return SignInRules(
        attempts_maximum=number("sign_in_attempts_max"),
        window=timedelta(minutes=number("sign_in_window_minutes")),
        unlock_after=timedelta(hours=number("sign_in_unlock_hours")),
        free_attempts=number("sign_in_free_attempts"),
        address_attempts=number("sign_in_address_attempts"),
        delay_maximum=timedelta(seconds=number("sign_in_delay_max_seconds")),
        pending_life=timedelta(minutes=number("sign_in_pending_minutes")),
        code_attempts=number("totp_attempts_max"),
        codes_a_day=number("totp_failures_per_day"),
        answer_step=timedelta(milliseconds=number("sign_in_answer_milliseconds")),
        digest_key=hashlib.sha256(b"vonglau sign-in digests\0" + settings.secret_key.encode()).digest(),
    )


PROOFS = ("password", "totp", "sms", "webauthn", "recovery", "certificate", "signing-sim", "remote-signing")


def proof_levels(policies: Policies, *, settings: Settings, on: date) -> Mapping[str, Level]:
    """Return how surely each kind of proof tells who somebody is, on a day. Raises PolicyError, ValueError."""

    def level(proof: str) -> Level:
        return Level(policies.parameter(f"assurance_of_{proof.replace('-', '_')}", settings.profile, on).value)

    return MappingProxyType({proof: level(proof) for proof in PROOFS})


def session_rules(policies: Policies, *, settings: Settings, on: date) -> SessionRules:
    """Return the numbers of sessions as they stand on a day. Raises PolicyError, ValueError."""

    def number(name: str) -> int:
        return number_of(policies, name, profile=settings.profile, on=on)

    return SessionRules(
        idle=timedelta(minutes=number("session_idle_minutes")),
        idle_of_administration=timedelta(minutes=number("session_idle_admin_minutes")),
        lifetime=timedelta(hours=number("session_max_hours")),
        concurrent=number("session_max_concurrent"),
        levels=proof_levels(policies, settings=settings, on=on),
        ends_older_elsewhere=policies.parameter("session_elsewhere_ends_older", settings.profile, on).value is True,
    )


def factor_rules(policies: Policies, *, settings: Settings, on: date) -> FactorRules:
    """Return what checking a code needs. Raises PolicyError, ValueError."""
    drift = number_of(policies, "totp_drift_steps", profile=settings.profile, on=on)
    apart = number_of(policies, "totp_clock_tolerance_seconds", profile=settings.profile, on=on)
    return FactorRules(key=settings.factor_key, drift_steps=drift, clock_tolerance=timedelta(seconds=apart))


def local_rules(policies: Policies, *, settings: Settings, on: date) -> LocalRules:
    """Return the numbers of local passwords as they stand on a day. Raises PolicyError, ValueError."""

    def number(name: str) -> int:
        return number_of(policies, name, profile=settings.profile, on=on)

    return LocalRules(
        cost=HashCost(
            memory_kib=number("password_hash_memory_kib"),
            passes=number("password_hash_passes"),
            lanes=number("password_hash_lanes"),
            at_once=number("password_hashes_at_once"),
        ),
        shortest=number("password_min_length_with_mfa"),
        shortest_of_administration=number("password_min_length"),
        kinds_of_characters=number("password_character_classes"),
        history=number("admin_password_history"),
        change_months=number("admin_password_change_months"),
    )
