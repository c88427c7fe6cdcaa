"""Each detector names what must be explained, keeps quiet just below its bound, and names the same thing once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policies
from audit.anchors import AnchorState
from audit.counters import Gap
from audit.reconciliations import Difference, Reconciliation
from audit.reconciliations import Kind as Differs
from audit.state import SegmentState
from control.assurance.findings.detectors import (
    TOLD,
    DeadLetter,
    Seen,
    Stay,
    Verified,
    Window,
    detect,
)
from control.assurance.findings.domain import Kind, Rules, Severity
from control.assurance.findings.gathering import LOOK_BACK

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday 12:00 in Vietnam, between the two spans of work
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules.of(policies.load())


def seen(sequence: int, *, at: datetime = NOON, action: str = "cases:file:open", **values) -> Seen:
    return Seen(sequence=sequence, at=at, action=action, **({"actor": "person:5"} | values))


def refused(sequence: int, *, at: datetime = NOON, **values) -> Seen:
    return seen(sequence, at=at, is_success=False, is_denied=True, **({"reason": "grant.missing"} | values))


def found(rules: Rules, kind: Kind, **window) -> list:
    return [one for one in detect(Window(now=NOON, **window), rules) if one.kind is kind]


def test_a_quiet_window_gives_nothing(rules):
    ordinary = tuple(seen(place, at=NOON + place * SECOND) for place in range(40))

    assert detect(Window(now=NOON), rules) == []
    assert detect(Window(now=NOON, entries=ordinary), rules) == []


@pytest.mark.parametrize(("action", "told"), sorted(TOLD.items()))
def test_what_a_part_says_itself_is_a_finding_about_what_it_names(rules, action, told):
    kind, name = told

    (one,) = found(rules, kind, entries=(seen(7, action=action, actor="system:audit", details={name or "x": "y"}),))

    wanted = {Kind.CLOCK: "writer:y", Kind.SEGMENT: "segments"}
    assert (one.subject, one.key, one.sequence) == (wanted.get(kind, "y"), "7", 7)


def test_a_gap_names_the_writer_and_the_numbers(rules):
    (one,) = found(rules, Kind.GAP, gaps=(Gap(boot="4711-ab", numbers=(3, 4, 9), sequence=12),))

    assert (one.subject, one.key) == ("writer:4711-ab", "4711-ab:3-4,9")
    assert one.facts == {"boot": "4711-ab", "numbers": "3-4,9"}


def test_a_walk_that_found_only_gaps_is_no_tampering_and_one_that_found_more_is(rules):
    def walk(*kinds: str) -> Verified:
        return Verified(at=NOON, kinds=kinds, first_at=17, evidence="BC-0001")

    assert found(rules, Kind.TAMPER, verified=walk("writer-gap")) == []
    (one,) = found(rules, Kind.TAMPER, verified=walk("altered", "writer-gap"))
    assert (one.sequence, one.facts["problems"], one.facts["evidence"]) == (17, "altered", "BC-0001")


def test_a_command_that_verified_and_found_a_fault_is_the_same_finding(rules):
    said = {"ok": False, "kinds": "altered writer-gap", "first_at": 17}
    entry = seen(30, action="audit:journal:verify", actor="system:audit-verify", details=said)

    (one,) = found(rules, Kind.TAMPER, entries=(entry,))

    assert one.key == "altered:17"
    assert found(rules, Kind.TAMPER, entries=(seen(31, action="audit:journal:verify", details={"ok": True}),)) == []


@pytest.mark.parametrize("step", [-timedelta(hours=1), timedelta(days=365)])
def test_a_clock_that_steps_against_the_steady_clock_is_found_once(rules, step):
    entries = [
        seen(place, at=NOON + place * MINUTE + (step if place >= 3 else 0 * MINUTE), boot="b", number=place + 1,
             mono_ns=(place + 1) * 60 * 10**9)
        for place in range(6)
    ]  # fmt: skip

    (one,) = found(rules, Kind.CLOCK, entries=tuple(entries))

    assert (one.key, one.facts["step_seconds"]) == ("b:4", int(step.total_seconds()))


def test_a_long_request_and_another_process_are_no_step(rules):
    slow = seen(1, at=NOON - 10 * MINUTE, boot="b", number=2, mono_ns=2 * 10**9)
    other = seen(2, at=NOON - timedelta(days=3), boot="c", number=1, mono_ns=5 * 10**9)

    assert found(rules, Kind.CLOCK, entries=(seen(0, boot="b", number=1, mono_ns=10**9), slow, other)) == []


@pytest.mark.parametrize(
    ("most", "action", "what"),
    [("personal_an_hour", "people:person:show", "personal"), ("entries_an_hour", "audit:trail:search", "entries")],
)
def test_too_many_acts_in_an_hour_are_one_finding_an_hour(rules, most, action, what):
    bound = getattr(rules, most)
    entries = tuple(seen(place, at=NOON + place * SECOND, action=action) for place in range(bound + 5))

    assert found(rules, Kind.VOLUME, entries=entries[:bound]) == []
    (one,) = found(rules, Kind.VOLUME, entries=entries)
    assert (one.subject, one.person_id, one.sequence) == ("person:5", 5, bound)
    assert (one.facts["what"], one.facts["count"]) == (what, bound + 1)
    by_two = tuple(seen(e.sequence, at=e.at, action=action, actor=f"person:{e.sequence % 2}") for e in entries)
    assert found(rules, Kind.VOLUME, entries=by_two) == []


@pytest.mark.parametrize(
    ("local", "is_found"),
    [
        ("2026-11-23T12:00", False),  # the pause at noon belongs to the day
        ("2026-11-23T06:45", False),  # within the margin
        ("2026-11-23T05:30", True),
        ("2026-11-23T22:10", True),
        ("2026-11-22T10:00", True),  # Sunday
        ("2027-01-01T10:00", True),  # a holiday
        ("2099-03-03T03:00", False),  # past the calendar: nothing is held against anybody
    ],
)
def test_access_outside_working_hours_follows_the_calendar(rules, local, is_found):
    at = datetime.fromisoformat(local).replace(tzinfo=policies.RULES_ZONE)
    entries = (
        seen(1, at=at, action="session:browser:start", session="PH-0009"),
        seen(2, at=at + SECOND, action="cases:file:open", session="PH-0009"),
        seen(3, at=at, action="audit:trail:search", session="PH-0009"),  # no personal data
        seen(4, at=at, is_success=False),  # nothing was seen
        seen(5, at=at, actor="system:worker"),
        seen(6, at=at, roles=frozenset({"on-call-operator"}), actor="person:6"),
    )

    keys = {one.key for one in found(rules, Kind.OFF_HOURS, entries=entries)}

    assert keys == ({f"5:PH-0009:{at.date()}"} if is_found else set())


def test_repeated_refusals_of_one_person_are_each_an_occurrence(rules):
    entries = tuple(refused(place, at=NOON + place * MINUTE) for place in range(rules.refusals_most))

    assert found(rules, Kind.REFUSALS, entries=entries[1:]) == []
    several = found(rules, Kind.REFUSALS, entries=entries)
    assert [one.key for one in several] == [str(place) for place in range(rules.refusals_most)]
    assert {(one.subject, one.person_id) for one in several} == {("person:5", 5)}


def test_refusals_far_apart_at_the_door_or_of_several_people_are_none(rules):
    far = tuple(refused(n, at=NOON + n * rules.refusals_window) for n in range(20))
    door = tuple(refused(n, actor=None, reason="session.required") for n in range(20))
    mixed = tuple(refused(n, actor=f"person:{n}") for n in range(20))

    for entries in (far, door, mixed):
        assert found(rules, Kind.REFUSALS, entries=entries) == []


def test_wrong_sign_ins_in_a_name_are_refusals_about_that_person(rules):
    entries = tuple(refused(n, actor=None, target="person:8", reason="sign-in.refused") for n in range(6))

    assert {one.subject for one in found(rules, Kind.REFUSALS, entries=entries)} == {"person:8"}
    strangers = tuple(refused(n, actor=None, reason="sign-in.refused") for n in range(6))
    assert {one.subject for one in found(rules, Kind.REFUSALS, entries=strangers)} == {"visitor"}


def stay(code: str, *, address: str, first: int, last: int, person_id: int = 5) -> Stay:
    return Stay(code=code, person_id=person_id, address=address, first=NOON + first * MINUTE, last=NOON + last * MINUTE)


def test_one_person_at_two_addresses_at_once_is_a_shared_account(rules):
    here = stay("PH-0001", address="10.0.0.1", first=0, last=30)

    (one,) = found(rules, Kind.SHARED, stays=(here, stay("PH-0002", address="10.0.0.2", first=10, last=40)))

    assert (one.subject, one.key, one.facts["minutes"]) == ("person:5", "PH-0001+PH-0002", 20)
    assert "10.0.0" not in str(one.facts)
    for other in (
        stay("PH-0002", address="10.0.0.1", first=10, last=40),  # the same place, a second browser
        stay("PH-0002", address="10.0.0.2", first=31, last=40),  # one after the other
        stay("PH-0002", address="10.0.0.2", first=10, last=40, person_id=6),
    ):
        assert found(rules, Kind.SHARED, stays=(here, other)) == []


def test_a_dead_letter_of_a_copy_is_one_thing_and_an_entry_the_journal_refused_another(rules):
    def letter(target: str) -> DeadLetter:
        return DeadLetter(id=3, target=target, sequence=9, at=NOON, reason="mapping", status=400)

    (copy,) = found(rules, Kind.DEAD_LETTER, dead=(letter("elasticsearch"),))
    (forged,) = found(rules, Kind.TAMPER, dead=(letter("journal"),))

    assert (copy.subject, copy.key, copy.sequence) == ("elasticsearch", "dead:3", 9)
    assert forged.subject == "journal:repeat"


def reconciliation(**counts: int) -> Reconciliation:
    values = {"missing": 0, "extra": 0, "altered": 0} | counts
    sample = tuple(Difference(kind=Differs.ALTERED, sequence=4, id="x", where="i") for _ in range(sum(counts.values())))
    return Reconciliation(
        id=2, target="elasticsearch", started_at=NOON, finished_at=NOON, first=0, last=9, checked=9, dead=0, pruned=0,
        sample=sample, **values,
    )  # fmt: skip


def test_a_copy_that_differs_is_found_and_an_equal_one_is_not(rules):
    assert found(rules, Kind.INDEX, reconciled=(reconciliation(),)) == []
    (one,) = found(rules, Kind.INDEX, reconciled=(reconciliation(altered=1),))
    assert (one.subject, one.key, one.sequence, one.facts["altered"]) == ("elasticsearch", "2", 4, 1)


def anchor(**changes) -> AnchorState:
    values = {
        "name": "nc-01", "kind": "witness", "address": "", "size": 10, "confirmed_at": NOON, "asked_at": NOON,
        "stalled_since": None, "refused": False, "last_error": None,
    }  # fmt: skip
    return AnchorState(**(values | changes))


def test_an_anchor_silent_too_long_is_found_and_one_that_refuses_is_tampering(rules):
    silent = NOON - rules.anchor_silence
    assert detect(Window(now=NOON, anchors=(anchor(), anchor(stalled_since=silent))), rules) == []

    (late,) = found(rules, Kind.ANCHOR, anchors=(anchor(stalled_since=silent - SECOND),))
    (fork,) = found(rules, Kind.TAMPER, anchors=(anchor(refused=True, stalled_since=NOON),))

    assert late.subject == fork.subject == "witness:nc-01"


def test_segment_files_that_contradict_the_journal_are_found_and_late_ones_are_not(rules):
    def files(*, stopped: bool) -> SegmentState:
        return SegmentState(upto=4, behind=6, at=NOON, stalled_since=NOON, stopped=stopped, last_error="unlinked")

    assert found(rules, Kind.SEGMENT, segments=files(stopped=False)) == []
    (one,) = found(rules, Kind.SEGMENT, segments=files(stopped=True))
    assert one.facts["why"] == "unlinked"


@given(cut=st.integers(0, 60), pauses=st.lists(st.integers(1, 8), min_size=60, max_size=60))
def test_windows_that_reach_back_far_enough_miss_nothing_and_add_nothing(cut: int, pauses: list[int]) -> None:
    moments = [NOON + sum(pauses[:place]) * MINUTE for place in range(60)]
    entries = tuple(refused(place, at=at) for place, at in enumerate(moments))
    back = [one for one in entries[:cut] if moments[max(0, cut - 1)] - one.at <= LOOK_BACK]
    held = Rules.of(_LAW)

    whole = {one.key for one in found(held, Kind.REFUSALS, entries=entries)}
    early = {one.key for one in found(held, Kind.REFUSALS, entries=entries[:cut])}
    late = {one.key for one in found(held, Kind.REFUSALS, entries=(*back, *entries[cut:]))}

    assert early | late == whole


def test_every_kind_has_a_severity_and_high_ones_come_due_first(rules):
    due = dict.fromkeys(Severity, NOON)
    for kind in Kind:
        due[rules.severity[kind]] = rules.due_at(kind, since=NOON)

    assert due[Severity.HIGH] < due[Severity.MEDIUM] < due[Severity.LOW]
    far = datetime(2099, 1, 1, tzinfo=UTC)
    assert rules.due_at(Kind.REFUSALS, since=far) > far  # past the calendar a deadline still stands


_LAW = policies.load()
