"""Which providers may be used now: configured, open by the profile, not switched off, under an agreement in force.

Invariant: what is not offered is refused by its endpoint too, for the same reason (S4-9.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import g
from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString
from sqlalchemy.orm import Session

from control.decisions import Deny
from control.errors import NotFound
from control.people.oidc.domain import Provider, ProviderRules
from control.people.oidc.rules import provider_rules, providers_of
from control.people.ways import CLOSED, Way, ways_for, ways_for_anybody
from control.services import services
from policies import RULES_ZONE

RULE = "sign_in.agreement"
NAMES: dict[str, LazyString] = {
    "e-id": lazy_gettext("Electronic identity"),
    "central": lazy_gettext("Central authentication of the ministry"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One provider as the page of sign-in shows it."""

    key: str
    name: LazyString
    origin: str


def open_provider(session: Session, key: str) -> Provider | Deny:
    """Return a provider that may be used now, or why not. Raises NotFound for one nobody configured."""
    provider = providers_of(services().settings).get(key)
    if provider is None:
        raise NotFound("provider", key)
    held, today = services(), g.now.astimezone(RULES_ZONE).date()
    if Way(key) not in ways_for_anybody(held.policies, settings=held.settings, on=today):
        return Deny(rule="sign_in.ways", reason=CLOSED)
    agreement = held.ports["provider_agreement"](session, provider=key, on=today)
    if agreement is None:
        return Deny(rule=RULE, reason="provider.no_agreement", citation="S4-9.3")
    return provider


def offers(session: Session) -> tuple[Offer, ...]:
    """Return the providers the page of sign-in offers."""
    found = []
    for key, provider in providers_of(services().settings).items():
        if not isinstance(open_provider(session, key), Deny):
            found.append(Offer(key=key, name=NAMES[key], origin=provider.origin))
    return tuple(found)


def open_kinds(way: Way) -> dict[str, bool]:
    """Return for which kinds of people a way is open today."""
    held, today = services(), g.now.astimezone(RULES_ZONE).date()
    kinds = ("staff", "citizen", "organisation", "break-glass")
    return {kind: way in ways_for(held.policies, kind=kind, settings=held.settings, on=today) for kind in kinds}


def present_provider_rules() -> ProviderRules:
    """Return the rules of single sign-on as they stand at the present request."""
    held = services()
    return provider_rules(held.policies, settings=held.settings, on=g.now.astimezone(RULES_ZONE).date())
