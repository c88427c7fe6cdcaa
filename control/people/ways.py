"""The ways to sign in: which the law's profile opens for whom, and which the operator has switched off.

Not for: proving anything. Invariant: a way that is not open is neither offered nor taken; words of a profile that
policies do not explain open nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from control.settings import Settings
from policies import Overlay, Policies

STAFF_LIKE = frozenset({"staff", "break-glass"})
PARAMETER_OF = {
    "staff": "staff_login_methods",
    "break-glass": "staff_login_methods",
    "citizen": "citizen_login_methods",
    "organisation": "organisation_login_methods",
}
CLOSED = "sign-in.way_closed"


class Way(StrEnum):
    """How somebody becomes known."""

    DIRECTORY = "directory"
    LOCAL = "local"
    EID = "e-id"
    CENTRAL = "central"
    CERTIFICATE = "certificate"
    KEY = "key"
    SIGNING_SIM = "signing-sim"
    REMOTE_SIGNING = "remote-signing"


def ways_for(policies: Policies, *, kind: str, settings: Settings, on: date) -> frozenset[Way]:
    """Return the ways open to people of a kind on a day. Raises PolicyError for a kind no text speaks of.

    A break-glass person has the sealed password kept here and nothing else: it must work when all others are down.
    """
    off = frozenset(settings.sign_in_off.split())
    if kind == "break-glass":
        return frozenset({Way.LOCAL})
    found = policies.parameter(PARAMETER_OF[kind], settings.profile, on)
    texts = found.overlay.value if found.overlay is not None and found.overlay.rule == "replace" else found.value
    meanings = policies.parameter("sign_in_ways", settings.profile, on).value
    ways = {Way(word) for text in texts or () for word in meanings.get(text, ())}
    if Way.DIRECTORY in ways or Way.LOCAL in ways:
        ways.add(Way.KEY)  # a key is enrolled after one of these, and stands for both proofs
    return frozenset(way for way in ways if way not in off)


def way_closed_by_rule(policies: Policies, *, kind: str, settings: Settings, on: date) -> Overlay | None:
    """Return the national rule that closed passwords which the profile itself lets count; None when none did."""
    found = policies.parameter(PARAMETER_OF[kind], settings.profile, on)
    meanings = policies.parameter("sign_in_ways", settings.profile, on).value
    rule = found.overlay if found.overlay is not None and found.overlay.rule == "replace" else None
    if rule is None or Way.LOCAL in ways_for(policies, kind=kind, settings=settings, on=on):
        return None
    return rule if any(Way.LOCAL in meanings.get(text, ()) for text in found.value or ()) else None


def ways_for_anybody(policies: Policies, *, settings: Settings, on: date) -> frozenset[Way]:
    """Return every way that is open to somebody: what the page of sign-in may offer."""
    kinds: Iterable[str] = ("staff", "citizen", "organisation")
    return frozenset(way for kind in kinds for way in ways_for(policies, kind=kind, settings=settings, on=on))
