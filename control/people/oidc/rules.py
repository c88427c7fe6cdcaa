"""Read from settings which identity providers there are, and from policies what their assertions are worth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

from control.levels import Level
from control.people.boxes import BoxKeys
from control.people.oidc.domain import Provider, ProviderRules
from control.people.rules import number_of
from control.settings import Settings
from policies import Policies

NEVER = "never"


def providers_of(settings: Settings) -> Mapping[str, Provider]:
    """Return the providers the settings name, by the way they open."""
    found = {}
    if settings.eid_issuer:
        found["e-id"] = Provider(
            key="e-id",
            issuer=settings.eid_issuer,
            client_id=settings.eid_client_id,
            client_secret=settings.eid_client_secret,
            ca_file=settings.eid_ca_file,
        )
    if settings.central_issuer:
        found["central"] = Provider(
            key="central",
            issuer=settings.central_issuer,
            client_id=settings.central_client_id,
            client_secret=settings.central_client_secret,
            ca_file=settings.central_ca_file,
        )
    return MappingProxyType(found)


def provider_rules(policies: Policies, *, settings: Settings, on: date) -> ProviderRules:
    """Return what single sign-on goes by on a day. Raises PolicyError, ValueError."""

    def number(name: str) -> int:
        return number_of(policies, name, profile=settings.profile, on=on)

    def value(name: str) -> object:
        return policies.parameter(name, settings.profile, on).value

    levels = policies.parameter("oidc_acr_levels", settings.profile, on).value
    second = value("oidc_staff_second_proof")
    key = hashlib.sha256(b"vonglau personal numbers\0" + (settings.factor_key or settings.secret_key.encode()))
    return ProviderRules(
        acr_levels=MappingProxyType({acr: Level(level) for acr, level in levels.items()}),
        staff_second_proof=None if second == NEVER else Level(str(second)),
        number_claim=str(value("oidc_number_claim")),
        number_links=value("oidc_number_links") is True,
        life=timedelta(minutes=number("oidc_answer_minutes")),
        timeout_seconds=float(number("oidc_timeout_seconds")),
        leeway=timedelta(seconds=number("oidc_leeway_seconds")),
        keys_age=timedelta(seconds=number("oidc_keys_seconds")),
        digest_key=key.digest(),
        account_key=BoxKeys.of(settings.applicant_key).token if settings.applicant_key else b"",
    )
