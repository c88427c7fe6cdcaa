"""Catalogues, observations and exemptions for the tests of the assurance wing; every default is valid."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from control.assurance.compliance.domain import Exemption, Observation, Result, Witness
from policies.requirements import (
    Check,
    Claim,
    Group,
    Point,
    Requirement,
    RequirementCatalogue,
    Requirements,
    Strength,
    Text,
)

NOON = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def make_text(words: str = "chữ") -> Text:
    """The same words in both languages."""
    return Text(vi=words, en=words)


def make_requirement(identifier: str = "r1", *, points: tuple[str, ...] = ()) -> Requirement:
    """A requirement, whole unless points are given."""
    return Requirement(
        id=identifier,
        number=identifier,
        clause="TCVN 11930:2017 7.2.3.2",
        title=make_text(f"Yêu cầu {identifier}"),
        group="g",
        points=tuple(Point(id=point, text=make_text(point)) for point in points),
    )


def make_claim(
    check: str = "c1",
    *,
    requirement: str = "r1",
    points: tuple[str, ...] = ("r1",),
    strength: Strength = Strength.FULL,
) -> Claim:
    """A claim that proves the whole of requirement `r1`."""
    return Claim(
        check=check,
        catalogue="cat",
        requirement=requirement,
        points=frozenset(points),
        strength=strength,
        text=make_text("chứng minh"),
    )


def make_requirements(
    *requirements: Requirement, claims: tuple[Claim, ...] = (), max_age: timedelta = DAY
) -> Requirements:
    """One catalogue `cat` of these requirements, with a check for every name the claims use."""
    names = sorted({claim.check for claim in claims})
    checks = tuple(
        Check(
            id=name,
            collector="two-factors",
            title=make_text(name),
            source="S0-4.4",
            since=date(2026, 1, 1),
            max_age=max_age,
            claims=tuple(claim for claim in claims if claim.check == name),
        )
        for name in names
    )
    group = Group(id="g", number="I", title=make_text("Nhóm"), requirements=requirements or (make_requirement(),))
    catalogue = RequirementCatalogue(
        id="cat", regime="reg", title=make_text(), source="nguồn", since=date(2026, 1, 1), groups=(group,)
    )
    return Requirements(catalogues=(catalogue,), checks=checks, digest="0" * 64)


def make_observation(
    check: str = "c1",
    *,
    result: Result = Result.PASS,
    at: datetime = NOON,
    collected_at: datetime | None = None,
    identifier: int = 1,
    witnesses: tuple[Witness, ...] = (),
) -> Observation:
    """A passing observation of noon."""
    return Observation(
        id=identifier,
        check=check,
        result=result,
        observed_from=at,
        observed_to=at,
        collected_at=collected_at or at,
        facts={},
        witnesses=witnesses,
        digest="0" * 64,
    )


def make_exemption(**changes: object) -> Exemption:
    """An exemption of `r1` in force for a month around noon."""
    values: dict[str, object] = {
        "catalogue": "cat",
        "requirement": "r1",
        "reason": "không có mạng không dây",
        "requested_by": "person:1",
        "approved_by": "person:2",
        "since": NOON - DAY,
        "until": NOON + 30 * DAY,
    }
    return Exemption(**(values | changes))  # type: ignore[arg-type]
