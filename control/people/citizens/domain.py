"""Who may register how, when an account may file, and when it sleeps; pure rules over facts and policies.

Not for: numbers or ways of the law; those are data. Invariant: a way that policies do not name is closed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from control.decisions import Allow, Decision, Deny
from control.levels import Level, reaches
from policies import Amount, Parameter, Policies

KINDS = ("citizen", "organisation")
METHODS = {"citizen": "citizen_login_methods", "organisation": "organisation_login_methods"}
CLOSED_BY_WORD = "until closed"  # how a profile says that the portal stays open until the operator closes it
PORTAL_CLOSED = "citizen.portal_closed"
RULE_WAY, RULE_FILE = "citizens.way", "citizens.may_file"
PHONE_FORM = re.compile(r"(?:\+84|0)([0-9]{9,10})")
FORMS: Mapping[str, re.Pattern[str]] = {
    "identity": re.compile(r"[0-9]{12}"),
    "insurance": re.compile(r"[0-9]{10}"),
    "tax": re.compile(r"[0-9]{10}(?:-[0-9]{3})?"),
    "business": re.compile(r"[0-9]{10}"),
    "other": re.compile(r"[0-9A-Z][0-9A-Z/.-]{3,30}"),
}


class Way(StrEnum):
    """How an account is registered here; ways by electronic identity or by certificate have doors of their own."""

    PORTAL = "portal-account"
    PHONE = "phone"
    INSURANCE = "social-insurance"
    TAX = "tax-code"
    BUSINESS = "business-code"
    OTHER = "other-data"


class Elsewhere(StrEnum):
    """Ways that policies may name and that have doors of their own: an identity provider, a certificate."""

    ELECTRONIC_IDENTITY = "electronic-identity"
    SIGNING_USB = "signing-usb"
    SIGNING_SIM = "signing-sim"
    REMOTE_SIGNING = "remote-signing"
    CONNECTED = "connected"


# The words of policies/profiles and policies/national.yaml; a word that does not stand here opens nothing.
WORDS: Mapping[str, Way | Elsewhere] = {
    "portal account approved by the IT centre": Way.PORTAL,
    "one-time password with identity number": Way.PHONE,
    "social insurance number (registration)": Way.INSURANCE,
    "tax code": Way.TAX,
    "business registration code": Way.BUSINESS,
    "other lawful data": Way.OTHER,
    "electronic identity (Ministry of Public Security)": Elsewhere.ELECTRONIC_IDENTITY,
    "electronic identity through the national portal": Elsewhere.ELECTRONIC_IDENTITY,
    "electronic identity only": Elsewhere.ELECTRONIC_IDENTITY,
    "signing USB": Elsewhere.SIGNING_USB,
    "signing SIM": Elsewhere.SIGNING_SIM,
    "remote signing": Elsewhere.REMOTE_SIGNING,
    "connected identity providers": Elsewhere.CONNECTED,
}
SIGNED = (Elsewhere.SIGNING_USB, Elsewhere.SIGNING_SIM, Elsewhere.REMOTE_SIGNING)  # a certificate vouches
NUMBER_OF: Mapping[tuple[str, Way | Elsewhere], str] = {
    ("citizen", Way.PORTAL): "identity",
    ("citizen", Way.PHONE): "identity",
    ("citizen", Way.INSURANCE): "identity",
    ("organisation", Way.PORTAL): "tax",
    ("organisation", Way.TAX): "tax",
    ("organisation", Way.BUSINESS): "business",
    ("organisation", Way.OTHER): "other",
    **{("citizen", way): "identity" for way in SIGNED},
    **{("organisation", way): "tax" for way in SIGNED},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What somebody says of themselves; personal, so it stands sealed wherever it is kept."""

    name: str = field(repr=False)
    number: str = field(repr=False)
    phone: str = field(repr=False)
    email: str = field(default="", repr=False)
    insurance: str = field(default="", repr=False)
    address: str = field(default="", repr=False)


def in_force(parameter: Parameter) -> tuple[object, str]:
    """Return the value and citation that bind: a national rule that replaces goes before the profile's own."""
    overlay = parameter.overlay
    if overlay is not None and overlay.rule == "replace":
        return overlay.value, overlay.citation
    return parameter.value, parameter.citation


def ways_named(law: Policies, *, kind: str, profile: str, on: date) -> tuple[frozenset[Way | Elsewhere], str]:
    """Return every way that policies name for a kind of applicant on a day, with the citation."""
    words, citation = in_force(law.parameter(METHODS[kind], profile, on))
    named = words if isinstance(words, tuple) else ()
    return frozenset(WORDS[word] for word in named if word in WORDS), citation


def portal_closed(law: Policies, *, profile: str, on: date) -> Deny | None:
    """Return the refusal while the local portal takes no registrations at all, None while it does (S0-15.3)."""
    portal = law.parameter("local_portal_open", profile, on)
    is_closed = portal.value is False or (
        isinstance(portal.value, str)
        and portal.value.startswith(CLOSED_BY_WORD)
        and bool(law.parameter("local_portal_closed", profile, on).value)
    )
    return Deny(rule=RULE_WAY, reason=PORTAL_CLOSED, citation=portal.citation) if is_closed else None


def may_register(way: str, *, kind: str, law: Policies, profile: str, on: date) -> Decision:
    """Decide whether this way of registering is open to this kind of applicant on a day."""
    closed = portal_closed(law, profile=profile, on=on)
    if closed is not None:
        return closed
    named, citation = ways_named(law, kind=kind, profile=profile, on=on) if kind in KINDS else (frozenset(), None)
    if way not in named or (kind, way) not in NUMBER_OF:
        return Deny(rule=RULE_WAY, reason="citizen.way_closed", citation=citation)
    return Allow(rule=RULE_WAY)


def open_ways(law: Policies, *, profile: str, on: date) -> tuple[tuple[str, Way], ...]:
    """Return what may be chosen on the page of registration, kind by kind; the rest is not even shown."""
    return tuple(
        (kind, way)
        for kind in KINDS
        for way in Way
        if isinstance(may_register(way, kind=kind, law=law, profile=profile, on=on), Allow)
    )


def open_by_signature(law: Policies, *, profile: str, on: date) -> tuple[tuple[str, Elsewhere], ...]:
    """Return which kinds register by which signing device, as policies have it, set up here or not."""
    return tuple(
        (kind, way)
        for kind in KINDS
        for way in SIGNED
        if isinstance(may_register(way, kind=kind, law=law, profile=profile, on=on), Allow)
    )


def level_of(way: Way | Elsewhere, *, law: Policies, profile: str, on: date) -> Level:
    """Return the assurance of an account registered this way, as the operator's policy has it (S4-10.1, S0-15.2)."""
    return Level(str(law.parameter(f"assurance_of_way_{way.replace('-', '_')}", profile, on).value))


def parse_phone(text: str) -> str | None:
    """Return a phone number of this country in its one form, None for anything else."""
    found = PHONE_FORM.fullmatch(re.sub(r"[\s.-]", "", text))
    return f"+84{found.group(1)}" if found else None


def parse_number(text: str, *, form: str) -> str | None:
    """Return a number in its one form, None when it cannot be one."""
    number = re.sub(r"\s", "", text).upper()
    return number if FORMS[form].fullmatch(number) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides whether an account may file: its state and the assurance of its identity."""

    state: str
    level: Level


def may_file(standing: Standing | None, *, law: Policies, profile: str, on: date) -> Decision:
    """Decide whether an applicant may file a dossier now (S1-9.1, S4-9.4); the refusal says what to do."""
    if standing is None or standing.state in {"cancelled", "refused"}:
        return Deny(rule=RULE_FILE, reason="citizen.no_account")
    if standing.state != "approved":
        return Deny(rule=RULE_FILE, reason=f"citizen.{standing.state}")
    least = law.parameter("identity_assurance_min", profile, on)
    value = least.value or law.parameter("filing_assurance_min", profile, on).value
    if not reaches(standing.level, Level(str(value))):
        citation = least.citation if least.value else None
        return Deny(rule=RULE_FILE, reason="citizen.level_low", citation=citation, params={"needed": str(value)})
    return Allow(rule=RULE_FILE)


def clock(law: Policies, name: str, *, own: str, profile: str, on: date) -> tuple[Amount, str]:
    """Return a clock of the law with its citation; where the profile is silent, the operator's own `own`."""
    parameter = law.parameter(name, profile, on)
    if parameter.value is None:
        parameter = law.parameter(own, profile, on)
    return Amount.of(parameter.value, parameter.unit), parameter.citation


@dataclass(frozen=True, slots=True, kw_only=True)
class DormancyRules:
    """After how long an account sleeps, how often its holder is warned before the lock, and how far apart."""

    inactive_months: int
    warnings: int
    every_months: int


_AMOUNT = re.compile(r"([0-9]+) (year|month)s?")
_WARNINGS = re.compile(r"once a month for ([0-9]+) months\b.*")


def dormancy_of(parameter: Parameter) -> DormancyRules | None:
    """Read the profile's rule on sleeping accounts; None where it has none. Raises ValueError for another form."""
    if parameter.value is None:
        return None
    value: Mapping[str, str] = parameter.value
    inactive, warnings = _AMOUNT.fullmatch(value["inactive"]), _WARNINGS.fullmatch(value["warnings"])
    if inactive is None or warnings is None or value["then"] != "lock":
        raise ValueError(f"policies: {parameter.name} has a form nobody reads: {dict(value)!r}")
    months = int(inactive.group(1)) * (12 if inactive.group(2) == "year" else 1)
    return DormancyRules(inactive_months=months, warnings=int(warnings.group(1)), every_months=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeper:
    """What decides about one account: when it was last used, and when it was warned since."""

    last_used_at: datetime
    warned_at: tuple[datetime, ...]
