"""Does each level-3 requirement hold at a given moment? A pure function of what was claimed and what was observed.

Not for: observing. Invariants: the same input gives the same posture; nothing collected after the moment asked for is
read; what is stale, in error or never looked at stays in the denominator and is never counted as good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from policies.requirements import Check, Claim, Requirement, RequirementCatalogue, Requirements, Strength


class Result(StrEnum):
    """What a check found; `nothing` means there was nothing to judge, which proves nothing."""

    PASS = "pass"  # noqa: S105  # a result, not a password
    FAIL = "fail"
    NOTHING = "nothing"
    ERROR = "error"


class State(StrEnum):
    """How a requirement or one claim on it stands."""

    HOLDS = "holds"
    PARTLY = "partly"
    FAILED = "failed"
    STALE = "stale"
    ERROR = "collector-error"
    NOT_ASSESSED = "not-assessed"
    NOT_APPLICABLE = "not-applicable"


# The first of these found among the claims decides the requirement: a fault is never hidden by a pass beside it.
WORST_FIRST = (State.FAILED, State.ERROR, State.STALE, State.NOT_ASSESSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One thing an observation rests on: its kind (a station of the golden thread), its code, its digest if any."""

    kind: str
    code: str
    digest: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The answer of one run of one check, sealed by its entry in the trail."""

    id: int
    check: str
    result: Result
    observed_from: datetime
    observed_to: datetime
    collected_at: datetime
    facts: Mapping[str, str | int | bool]
    witnesses: tuple[Witness, ...] = ()
    digest: str = ""
    policy_digest: str = ""
    collector: str = ""

    @property
    def code(self) -> str:
        """The number people say: `BC-0007` (bằng chứng)."""
        return f"BC-{self.id:04d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A requirement that does not apply, by a decision with an end; its approver is not its requester."""

    catalogue: str
    requirement: str
    reason: str
    requested_by: str
    approved_by: str
    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        """Refuse an exemption that one person gave to themselves, or without an end."""
        if self.requested_by == self.approved_by:
            raise ValueError("an exemption needs two people")
        if self.since >= self.until:
            raise ValueError("an exemption needs an end after its beginning")

    def holds_at(self, moment: datetime) -> bool:
        """Tell whether it was in force then."""
        return self.since <= moment < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimStanding:
    """One claim and the newest answer of its check."""

    claim: Claim
    check: Check
    state: State
    observation: Observation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One requirement: its state, what carries it and which points nothing proves."""

    requirement: Requirement
    state: State
    claims: tuple[ClaimStanding, ...]
    unproved: frozenset[str]
    exemption: Exemption | None = None

    @property
    def is_machine_proved(self) -> bool:
        """Whether a fresh, passing check stands behind at least a part of it."""
        return any(standing.state is State.HOLDS for standing in self.claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """Every requirement of one catalogue at one moment."""

    catalogue: RequirementCatalogue
    as_of: datetime
    standings: tuple[Standing, ...]
    counts: Mapping[State, int] = field(default_factory=dict)

    @property
    def denominator(self) -> int:
        """All requirements but those that an exemption in force takes out."""
        return len(self.standings) - self.counts.get(State.NOT_APPLICABLE, 0)

    @property
    def holding(self) -> int:
        """How many hold."""
        return self.counts.get(State.HOLDS, 0)

    @property
    def share(self) -> float:
        """The headline: holding over the denominator; an empty one proves nothing."""
        return self.holding / self.denominator if self.denominator else 0.0

    @property
    def machine_proved(self) -> int:
        """How many have at least one fresh, passing check."""
        applicable = (one for one in self.standings if one.state is not State.NOT_APPLICABLE)
        return sum(one.is_machine_proved for one in applicable)

    def standing(self, requirement: str) -> Standing | None:
        """Return the standing of one requirement, None when the catalogue does not know it."""
        return next((one for one in self.standings if one.requirement.id == requirement), None)


def assess(
    requirements: Requirements,
    catalogue: RequirementCatalogue,
    *,
    observations: Iterable[Observation],
    exemptions: Iterable[Exemption] = (),
    as_of: datetime,
) -> Posture:
    """Judge every requirement of `catalogue` at `as_of`.

    Of each check only the newest observation counts: by the moment it speaks of, then by when it came in.
    """
    newest = latest(observations, as_of=as_of)
    claims = requirements.claims_on(catalogue)
    checks = {check.id: check for check in requirements.checks}
    in_force = {one.requirement: one for one in exemptions if one.catalogue == catalogue.id and one.holds_at(as_of)}
    standings = []
    for requirement in catalogue.requirements:
        mine = tuple(
            _claim_standing(claim, check=checks[claim.check], observation=newest.get(claim.check), as_of=as_of)
            for claim in claims
            if claim.requirement == requirement.id
        )
        standings.append(_standing(requirement, mine, exemption=in_force.get(requirement.id)))
    return Posture(
        catalogue=catalogue,
        as_of=as_of,
        standings=tuple(standings),
        counts=dict(Counter(standing.state for standing in standings)),
    )


def latest(observations: Iterable[Observation], *, as_of: datetime) -> dict[str, Observation]:
    """Return the newest observation of each check that was already in by `as_of`."""
    newest: dict[str, Observation] = {}
    for one in observations:
        if one.collected_at > as_of:
            continue
        held = newest.get(one.check)
        if held is None or _order(one) > _order(held):
            newest[one.check] = one
    return newest


def _order(one: Observation) -> tuple[datetime, datetime, int]:
    return one.observed_to, one.collected_at, one.id


def _claim_standing(claim: Claim, *, check: Check, observation: Observation | None, as_of: datetime) -> ClaimStanding:
    return ClaimStanding(
        claim=claim,
        check=check,
        state=_claim_state(check, observation, as_of=as_of),
        observation=observation,
    )


def _claim_state(check: Check, observation: Observation | None, *, as_of: datetime) -> State:
    if observation is None:
        return State.NOT_ASSESSED
    if observation.result is Result.FAIL:
        return State.FAILED  # an old failure stays a failure until a later run passes
    if observation.result is Result.ERROR:
        return State.ERROR
    if observation.observed_to < as_of - check.max_age:
        return State.STALE
    return State.HOLDS if observation.result is Result.PASS else State.NOT_ASSESSED


def _standing(requirement: Requirement, claims: tuple[ClaimStanding, ...], *, exemption: Exemption | None) -> Standing:
    proved: set[str] = set()
    for standing in claims:
        if standing.state is State.HOLDS and standing.claim.strength is Strength.FULL:
            proved |= standing.claim.points
    unproved = requirement.point_ids - proved
    state = State.NOT_APPLICABLE if exemption is not None else _whole(claims, is_proved=not unproved)
    return Standing(requirement=requirement, state=state, claims=claims, unproved=unproved, exemption=exemption)


def _whole(claims: tuple[ClaimStanding, ...], *, is_proved: bool) -> State:
    if not claims:
        return State.NOT_ASSESSED
    found = {standing.state for standing in claims}
    worst = next((state for state in WORST_FIRST if state in found), None)
    if worst is not None:
        return worst
    return State.HOLDS if is_proved else State.PARTLY
