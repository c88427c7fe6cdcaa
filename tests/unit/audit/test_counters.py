"""Numbers given that never arrived: found, put aside and taken up again, explained for exactly what was said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.counters import EXPLAIN_ACTION, Counters, numbers_in
from audit.entry import Outcome, body
from audit.outbox import VOID_ACTION, ranges
from tests.factories.audit import make_entry


def bodies(boot: str, numbers: list[int]) -> list[bytes]:
    """The ends of bodies as entry.body writes them; only those matter here."""
    return [f'{{"event":{{}},"writer":{{"boot":"{boot}","mono_ns":7,"n":{number}}}}}'.encode() for number in numbers]


def test_the_end_of_a_body_is_where_the_counters_look() -> None:
    counters = read(Counters(), [body(make_entry(writer_boot="w", writer_n=3, writer_mono_ns=7), {})])

    assert [(gap.boot, gap.written) for gap in counters.gaps()] == [("w", "1-2")]


def read(counters: Counters, found: list[bytes], *, first: int = 0) -> Counters:
    for place, one in enumerate(found):
        counters.read(first + place, one)
    return counters


@given(
    numbers=st.sets(st.integers(1, 60), min_size=1).flatmap(lambda kept: st.permutations(sorted(kept))),
    cut=st.integers(0, 60),
)
def test_what_is_missing_below_the_highest_is_found_in_any_order_and_across_a_pause(
    numbers: list[int], cut: int
) -> None:
    found = bodies("w", numbers)
    whole = read(Counters(), found)
    paused = read(Counters(), found[:cut])
    resumed = read(Counters.of_json(json.loads(json.dumps(paused.as_json()))), found[cut:], first=cut)

    missing = set(range(1, max(numbers))) - set(numbers)
    for counters in (whole, resumed):
        gaps = counters.gaps()
        assert {number for gap in gaps for number in gap.numbers} == missing
        assert [gap.boot for gap in gaps] == ["w"] * bool(missing)


@pytest.mark.parametrize("action", [VOID_ACTION, EXPLAIN_ACTION])
def test_a_declaration_settles_the_numbers_it_names_and_no_other(action: str) -> None:
    counters = read(Counters(), bodies("w", [1, 5]) + bodies("v", [3]))
    said = make_entry(action=action, details={"boot": "w", "numbers": "2-3"})

    counters.read(3, body(said, {}))

    assert sorted((gap.boot, gap.written) for gap in counters.gaps()) == [("v", "1-2"), ("w", "4")]


def test_an_entry_that_only_speaks_of_a_declaration_or_was_refused_declares_nothing() -> None:
    counters = read(Counters(), bodies("w", [1, 3]))

    said = {"details": {"boot": "w", "numbers": "2"}}
    counters.declare(body(make_entry(action="case:file:open", **said), {}))
    counters.declare(body(make_entry(action=EXPLAIN_ACTION, outcome=Outcome.FAILURE, denied=True, **said), {}))

    assert [gap.written for gap in counters.gaps()] == ["2"]


def test_a_repeat_is_told_and_a_silent_writer_is_forgotten_only_when_nothing_of_it_is_missing() -> None:
    counters = read(Counters(), bodies("whole", [1, 2]) + bodies("broken", [1, 3]))

    assert counters.read(4, bodies("whole", [2])[0]) == "number 2 of writer whole comes twice"
    counters.forget_before(100)
    assert set(counters.boots) == {"broken"}
    (gap,) = counters.gaps()
    counters.clear(gap)
    assert counters.gaps() == []


@pytest.mark.parametrize(
    "text", ["", "0", "a", "3-", "-3", "5-3", "1,,2", "1-9999999999", "٣", "1 or 1=1", "999999999999999999999"]
)
def test_numbers_that_are_none_are_refused(text: str) -> None:
    assert numbers_in(text) is None


@given(st.sets(st.integers(1, 500), min_size=1))
def test_numbers_read_back_as_they_were_written(numbers: set[int]) -> None:
    assert numbers_in(ranges(numbers)) == tuple(sorted(numbers))
