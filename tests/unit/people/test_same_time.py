"""B14: how long an answer took says nothing of whether a name is known; told by the rule itself, over many tries."""

from __future__ import annotations

import random

import pytest

from control.people.signin.domain import rest_of_answer
from tests.unit.people.test_sign_in_rules import RULES

TRIES = 200


def distance(first: list[float], second: list[float]) -> float:
    """The largest gap between the shares of both samples below any time (Kolmogorov and Smirnov)."""
    points = sorted({*first, *second})
    return max(
        abs(sum(x <= at for x in first) / len(first) - sum(x <= at for x in second) / len(second)) for at in points
    )


@pytest.mark.attack("B14")
@pytest.mark.parametrize(("known_ms", "unknown_ms"), [(62.0, 61.0), (12.4, 0.8), (90.0, 12.0), (300.0, 5.0)])
def test_b14_two_hundred_answers_to_known_and_unknown_names_are_alike(known_ms, unknown_ms):
    draw = random.Random(14)  # invented times, nothing secret

    def answers(milliseconds: float) -> list[float]:
        found = []
        for _try in range(TRIES):
            elapsed = abs(draw.gauss(milliseconds, milliseconds / 8)) / 1000
            found.append(elapsed + rest_of_answer(elapsed, rules=RULES, jitter=draw.random()))
        return found

    raw = distance(
        [draw.gauss(known_ms, known_ms / 8) for _ in range(TRIES)],
        [draw.gauss(unknown_ms, unknown_ms / 8) for _ in range(TRIES)],
    )
    alike = distance(answers(known_ms), answers(unknown_ms))

    bound = 1.63 * (2 / TRIES) ** 0.5  # at 1 % two samples of one kind differ by more
    assert alike < bound
    assert known_ms == 62.0 or raw > bound, "without the wait the two could be told apart"
