"""Which signing devices may be used now: open by the profile, not switched off, set up here.

Invariant: what is not offered is refused by its address too, for the same reason (S0-15.2, S4-9.2.d).
"""

from __future__ import annotations

from flask import g

from control.decisions import Allow, Deny
from control.people.citizens.domain import RULE_WAY, SIGNED, Elsewhere, may_register, open_by_signature
from control.people.citizens.vouched import VouchRules, vouch_rules
from control.people.signing.client import SigningService
from control.people.signing.domain import WAYS, SigningRules
from control.people.signing.rules import signing_rules
from control.people.ways import CLOSED, Way, ways_for, ways_for_anybody
from control.services import services
from policies import RULES_ZONE

RULE = "sign_in.ways"
UNSET = "signing.not_configured"
DOORS = {
    Elsewhere.SIGNING_USB: Way.CERTIFICATE,
    Elsewhere.SIGNING_SIM: Way.SIGNING_SIM,
    Elsewhere.REMOTE_SIGNING: Way.REMOTE_SIGNING,
}


def open_service(way: str, *, kind: str | None = None) -> SigningService | Deny:
    """Return the service of a way that is open to a kind of people (to anybody, without one), or why there is none."""
    held, today = services(), g.now.astimezone(RULES_ZONE).date()
    is_open = Way(way) in (
        ways_for(held.policies, kind=kind, settings=held.settings, on=today)
        if kind
        else ways_for_anybody(held.policies, settings=held.settings, on=today)
    )
    if not is_open:
        return Deny(rule=RULE, reason=CLOSED)
    service = SigningService.of(held.settings, way=way)
    return service if service is not None and is_set_up(Elsewhere(way)) else Deny(rule=RULE, reason=UNSET)


def sign_in_ways() -> tuple[str, ...]:
    """Return the ways by a signing service that the page of sign-in offers."""
    return tuple(way for way in WAYS if not isinstance(open_service(way), Deny))


def may_register_by(way: Elsewhere, *, kind: str) -> Allow | Deny:
    """Decide whether a kind of applicant registers by a signing device now."""
    held, today = services(), g.now.astimezone(RULES_ZONE).date()
    judged = may_register(way, kind=kind, law=held.policies, profile=held.settings.profile, on=today)
    if isinstance(judged, Deny):
        return judged
    if DOORS[way] not in ways_for(held.policies, kind=kind, settings=held.settings, on=today):
        return Deny(rule=RULE_WAY, reason="citizen.way_closed")
    return judged if is_set_up(way) else Deny(rule=RULE_WAY, reason=UNSET)


def registration_ways() -> tuple[tuple[str, Elsewhere], ...]:
    """Return which kinds register by which signing device now: what the page of registration offers."""
    held, today = services(), g.now.astimezone(RULES_ZONE).date()
    named = open_by_signature(held.policies, profile=held.settings.profile, on=today)
    return tuple((kind, way) for kind, way in named if isinstance(may_register_by(way, kind=kind), Allow))


def is_set_up(way: Elsewhere) -> bool:
    """Tell whether the operator has set a signing device up: whom to believe, a key for accounts, and a road to it."""
    settings = services().settings
    if settings.client_ca_file is None or settings.client_crl_file is None or not settings.applicant_key:
        return False
    roads = {
        Elsewhere.SIGNING_USB: settings.trusted_proxies > 0,
        Elsewhere.SIGNING_SIM: bool(settings.signing_sim_url),
        Elsewhere.REMOTE_SIGNING: bool(settings.remote_signing_url),
    }
    return way in SIGNED and roads[way]


def present_signing_rules() -> SigningRules:
    """Return the numbers of signing as they stand at the present request."""
    held = services()
    return signing_rules(held.policies, settings=held.settings, on=g.now.astimezone(RULES_ZONE).date())


def present_vouching() -> VouchRules | None:
    """Return what registering by a certificate needs at the present request, None where nobody registers."""
    held = services()
    return vouch_rules(held.policies, settings=held.settings, on=g.now.astimezone(RULES_ZONE).date())
