"""Who may seal, open, use and review a break-glass account, and by when: pure rules.

Not for: storing (the services). Invariants: no one alone seals or opens; one of the two is of the security unit, the
other is not; whoever had a part in an opening does not review it; what is open ends by itself.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from control.decisions import Allow, Decision, Deny
from policies import Amount, Policies, WorkCal

FOUR_EYES, STATES_RULE, USE_RULE = "breakglass.four_eyes", "breakglass.states", "breakglass.use"
ROLE = "break-glass"
LOCK = "break-glass-sealed"
# Letters and digits nobody mistakes for each other when they read them from paper at night.
LETTERS = "".join(sorted(set(string.ascii_letters + string.digits) - set("0OoIl1")))
HALF_GROUPS, GROUP = 4, 4
HALF_BYTES = HALF_GROUPS * GROUP
WIDEST = 256  # addresses an emergency console may have


class State(StrEnum):
    """What a sealed account is; stored."""

    UNSEALED = "unsealed"
    PREPARING = "preparing"
    SEALED = "sealed"
    OPEN = "open"


class Stage(StrEnum):
    """Where an opening stands at a moment."""

    ASKED = "asked"
    LAPSED = "lapsed"
    OPEN = "open"
    CLOSED = "closed"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The operator's values, each with its citation in policies/operator.yaml."""

    calendar: WorkCal
    ask_within: timedelta
    open_for: timedelta
    reseal_within: timedelta
    report_within: timedelta
    review_within: Amount
    seal_months: int
    drill_months: int

    @classmethod
    def of(cls, law: Policies) -> Terms:
        """Read the values from the policies."""
        review = law.parameter("break_glass_review_within")
        return cls(
            calendar=law.calendar,
            ask_within=timedelta(minutes=law.parameter("break_glass_ask_minutes").value),
            open_for=timedelta(hours=law.parameter("break_glass_open_hours").value),
            reseal_within=timedelta(hours=law.parameter("break_glass_reseal_hours").value),
            report_within=timedelta(hours=law.parameter("break_glass_report_hours").value),
            review_within=Amount.of(review.value, review.unit),
            seal_months=law.parameter("admin_password_change_months").value,
            drill_months=law.parameter("break_glass_drill_months").value,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Somebody who takes a part: their id, and whether they act for the security unit or as an approver."""

    id: int
    is_security: bool
    is_approver: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningFacts:
    """One opening as the rules see it; `is_late` when it was written down after everything was over."""

    asked_at: datetime
    asked_by: int
    asked_for_security: bool
    user_id: int
    source: str
    opened_by: int | None = None
    opened_at: datetime | None = None
    ends_at: datetime | None = None
    closed_at: datetime | None = None
    reviewed_at: datetime | None = None
    reconciled_at: datetime | None = None

    def stage(self, now: datetime, *, ask_within: timedelta) -> Stage:
        """Return where the opening stands at `now`."""
        if self.reviewed_at is not None:
            return Stage.REVIEWED
        if self.closed_at is not None:
            return Stage.CLOSED
        if self.opened_at is not None and self.ends_at is not None:
            return Stage.OPEN if now < self.ends_at else Stage.CLOSED
        return Stage.ASKED if now < self.asked_at + ask_within else Stage.LAPSED

    @property
    def parties(self) -> Mapping[str, int | None]:
        """Everybody who had a part in it."""
        return {"asked": self.asked_by, "opened": self.opened_by, "used": self.user_id}


def half_of(random: bytes) -> str:
    """Return one half of a credential from 16 random bytes: four groups of four, about 92 bits, easy to read aloud.

    A byte that would favour some letters is folded by taking it modulo; 256 over 56 letters loses under 0.1 bit each.
    """
    if len(random) != HALF_BYTES:
        raise ValueError(f"a half is made of {HALF_BYTES} bytes")
    drawn = [LETTERS[byte % len(LETTERS)] for byte in random]
    return "-".join("".join(drawn[place : place + GROUP]) for place in range(0, HALF_BYTES, GROUP))


def is_mixed(half: str) -> bool:
    """Tell whether a half holds upper and lower case and a digit; the edge draws again until it does."""
    return all(any(letter in kind for letter in half) for kind in (
        string.ascii_uppercase, string.ascii_lowercase, string.digits,
    ))  # fmt: skip


def mixed_half(draw: Callable[[int], bytes]) -> str:
    """Return a half that is mixed, from as many draws as it takes."""
    half = half_of(draw(HALF_BYTES))
    while not is_mixed(half):
        half = half_of(draw(HALF_BYTES))
    return half


def whole_of(first: str, second: str) -> str:
    """Return the credential both halves make: the first, a line, the second."""
    return f"{first}-{second}"


def may_prepare(state: State, hand: Hand) -> Decision:
    """Decide whether a person may begin to seal: an officer of the security unit, while nothing is sealed or open."""
    if not hand.is_security:
        return Deny(rule=FOUR_EYES, reason="breakglass.not_security")
    if state not in {State.UNSEALED, State.PREPARING, State.SEALED}:
        return Deny(rule=STATES_RULE, reason="breakglass.is_open")
    return Allow(rule=FOUR_EYES)


def may_complete(state: State, hand: Hand, *, half_by: int | None) -> Decision:
    """Decide whether a person may finish the sealing: an approver who is not the officer with the first half."""
    if state is not State.PREPARING:
        return Deny(rule=STATES_RULE, reason="breakglass.not_preparing")
    if hand.id == half_by or hand.is_security or not hand.is_approver:
        return Deny(rule=FOUR_EYES, reason="breakglass.second_is_first")
    return Allow(rule=FOUR_EYES)


def may_ask(state: State, hand: Hand, *, is_late: bool) -> Decision:
    """Decide whether a person may ask for an opening; what is written down afterwards needs no sealed account."""
    if not (hand.is_security or hand.is_approver):
        return Deny(rule=FOUR_EYES, reason="breakglass.neither_role")
    if not is_late and state is not State.SEALED:
        return Deny(rule=STATES_RULE, reason="breakglass.not_sealed")
    return Allow(rule=FOUR_EYES)


def may_confirm(opening: OpeningFacts, hand: Hand, *, now: datetime, terms: Terms) -> Decision:
    """Decide whether a person may be the second: another one, of the other side, in time (pam.md I1, I3)."""
    if hand.id == opening.asked_by:
        return Deny(rule=FOUR_EYES, reason="breakglass.second_is_first")
    is_other_side = hand.is_approver if opening.asked_for_security else hand.is_security
    if not is_other_side or (opening.asked_for_security and hand.is_security):
        return Deny(rule=FOUR_EYES, reason="breakglass.same_side")
    stage = opening.stage(now, ask_within=terms.ask_within)
    if stage is not Stage.ASKED:
        return Deny(rule=STATES_RULE, reason=f"breakglass.no_opening_{stage}")
    return Allow(rule=FOUR_EYES)


def may_review(opening: OpeningFacts, *, actor_id: int, now: datetime, terms: Terms) -> Decision:
    """Decide whether a person may review: one without a part in it, after it is closed and explained (pam.md I6)."""
    if actor_id in opening.parties.values():
        return Deny(rule=FOUR_EYES, reason="breakglass.reviewer_had_a_part")
    if opening.stage(now, ask_within=terms.ask_within) is not Stage.CLOSED or opening.closed_at is None:
        return Deny(rule=STATES_RULE, reason="breakglass.not_closed")
    if opening.reconciled_at is None:
        return Deny(rule=STATES_RULE, reason="breakglass.not_reconciled")
    return Allow(rule=FOUR_EYES)


def may_use(opening: OpeningFacts | None, *, address: str | None, is_second_at_once: bool, now: datetime) -> Decision:
    """Decide whether a request of a break-glass person may pass: opened, in time, from its address, in one place."""
    if opening is None or opening.opened_at is None or opening.closed_at is not None:
        return Deny(rule=USE_RULE, reason="breakglass.not_open")
    if opening.ends_at is None or now >= opening.ends_at:
        return Deny(rule=USE_RULE, reason="breakglass.time_over")
    if not is_within(address, opening.source):
        return Deny(rule=USE_RULE, reason="breakglass.other_address")
    if is_second_at_once:
        return Deny(rule=USE_RULE, reason="breakglass.used_twice")
    return Allow(rule=USE_RULE)


def source_of(text: str) -> str | None:
    """Return the one spelling of an address or small range, None for anything else."""
    try:
        network: IPv4Network | IPv6Network = ip_network(text.strip())
    except ValueError:
        return None
    return str(network) if network.num_addresses <= WIDEST else None


def is_single(source: str) -> bool:
    """Tell whether a range is one address alone."""
    return ip_network(source).num_addresses == 1


def is_within(address: str | None, source: str) -> bool:
    """Tell whether an address lies in a range; an address that is none lies nowhere."""
    try:
        return ip_address(address or "") in ip_network(source)
    except ValueError:
        return False
