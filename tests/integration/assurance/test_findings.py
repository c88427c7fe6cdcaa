"""Findings on the real database: raised once, settled by documents and by the right people, reopened, escalated."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import audit
import policies
from audit.chain import verify_journal
from audit.projection import read_body
from control.acts import Actor
from control.assurance.findings import service
from control.assurance.findings.domain import Explanation, Kind, Rules, Sighting, State
from control.assurance.findings.jobs import look
from control.assurance.findings.models import Finding, FindingOccurrence, FindingStep
from control.db import Database
from control.decisions import Allow, Deny
from control.errors import InvalidInput, NotFound
from control.operations.models import Alert
from control.permissions import Permission
from tests.factories.audit import make_entry, make_writer
from tests.factories.people import make_act, make_person
from tests.integration.conftest import NOON

ALL = frozenset(
    {
        Permission.ASSURANCE_FINDING_READ,
        Permission.ASSURANCE_FINDING_ASSIGN,
        Permission.ASSURANCE_FINDING_EXPLAIN,
        Permission.ASSURANCE_FINDING_CLOSE,
    }
)
WHY = Explanation(document_number="12/BC-BMH", document_date=date(2026, 11, 23), text="Diễn tập theo kế hoạch")
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules.of(policies.load())


@pytest.fixture
def people(clean_database, role_engine) -> dict[str, Actor]:
    """Three people: two officers and the one a finding concerns."""
    found = {}
    with Session(role_engine("vl_web"), expire_on_commit=False) as session:
        for name in ("officer", "leader", "concerned"):
            person = make_person(session, f"{name}.nv")
            found[name] = Actor(id=person.id, login=person.login, name=person.display_name, permissions=ALL)
        session.commit()
    return found


@pytest.fixture
def database(clean_database):
    held = Database(clean_database.url("vl_worker"), pool_size=2)
    yield held
    held.engine.dispose()


def sighting(number: int = 1, *, kind: Kind = Kind.REFUSALS, subject: str = "person:1", **values) -> Sighting:
    return Sighting(kind=kind, subject=subject, key=str(number), at=NOON, sequence=number, **values)


def entries(session) -> list[dict]:
    rows = session.execute(text("SELECT body FROM audit_outbox ORDER BY oid")).scalars()
    return [read_body(bytes(row)) for row in rows]


@pytest.fixture
def owner(clean_database, owner_engine):
    """A look at everything, as nobody in the product has it."""
    with owner_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def as_one(database, act, step, **values):
    with database.unit_of_work() as session:
        return step(session, act=act, **values)


def the_finding(database) -> Finding:
    with database.unit_of_work() as session:
        return session.scalars(select(Finding)).one()


def raised(database, rules, *sightings, now=NOON) -> service.Noted:
    with database.unit_of_work() as session:
        return service.note(session, sightings, rules=rules, act=make_act(now=now))


def test_an_occurrence_is_noted_once_and_new_ones_are_added_to_the_open_finding(database, rules, people, owner):
    concerned = people["concerned"].id
    first = raised(database, rules, sighting(1, person_id=concerned), sighting(2, person_id=concerned))
    again = raised(database, rules, sighting(1, person_id=concerned), sighting(2, person_id=concerned))
    grown = raised(database, rules, sighting(2), sighting(3), sighting(1, kind=Kind.VOLUME, person_id=999_999))

    assert (first.raised, again) == (("PT-0001",), service.Noted())
    assert (grown.raised, grown.extended) == (("PT-0002",), ("PT-0001",))
    rows = owner.execute(text("SELECT occurrences, severity, state, person_id FROM finding ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(3, "medium", "open", concerned), (1, "medium", "open", None)]
    actions = [(entry["event"]["action"], entry["vn"]["finding"]["id"]) for entry in entries(owner)]
    assert actions == [
        ("assurance:finding:raise", "PT-0001"),
        ("assurance:finding:extend", "PT-0001"),
        ("assurance:finding:raise", "PT-0002"),
    ]


def test_a_finding_is_explained_by_document_and_closed_by_the_right_person_only(database, rules, people, owner):
    officer, leader, concerned = (make_act(people[name]) for name in ("officer", "leader", "concerned"))
    raised(database, rules, sighting(1, kind=Kind.SHARED, person_id=concerned.actor.id))
    step = {"code": "PT-0001"}

    early = as_one(database, leader, service.close, **step)
    to_concerned = as_one(database, officer, service.assign, owner_id=concerned.actor.id, **step)
    given = as_one(database, leader, service.assign, owner_id=officer.actor.id, **step)
    explained = as_one(database, officer, service.explain, explanation=WHY, **step)
    own = as_one(database, concerned, service.close, **step)
    alone = as_one(database, officer, service.close, **step)
    closed = as_one(database, leader, service.close, **step)
    twice = as_one(database, leader, service.close, **step)

    reasons = [one.reason for one in (early, to_concerned, own, alone, twice) if isinstance(one, Deny)]
    assert reasons == [
        "finding.not_explained",
        "finding.owner_is_concerned",
        "finding.closer_is_concerned",
        "finding.closer_explained",
        "finding.closed",
    ]
    assert all(isinstance(one, Allow) for one in (given, explained, closed))
    said = entries(owner)
    assert [entry["event"]["reason_code"] for entry in said if "reason_code" in entry["event"]] == reasons
    last = next(entry for entry in said[::-1] if entry["event"]["outcome"] == "success")
    assert last["event"]["action"] == "assurance:finding:close"
    assert last["vn"]["document"]["number"] == WHY.document_number
    assert "Diễn tập" not in str(said)
    with database.unit_of_work() as session:
        finding = service.load(session, code="PT-0001", viewer=people["officer"])
        assert (finding.state, finding.closed_by) == (State.CLOSED, leader.actor.id)
        steps = [one.step for one in service.steps_of(session, finding)]
    assert steps == ["closed", "explained", "assigned", "found"]


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("ck_finding_closer_not_concerned", "state = 'closed', closed_by = person_id, closed_at = now()"),
        ("ck_finding_four_eyes", "state = 'closed', closed_by = explained_by, closed_at = now()"),
        ("ck_finding_owner_not_concerned", "owner_id = person_id, assigned_at = now()"),
        ("ck_finding_explained_by_document", "document_number = ''"),
        ("ck_finding_closed_by_somebody", "state = 'closed'"),
    ],
)
def test_the_database_refuses_what_the_domain_promises(database, rules, people, constraint, change):
    raised(database, rules, sighting(1, kind=Kind.SHARED, person_id=people["concerned"].id))
    as_one(database, make_act(people["officer"]), service.explain, code="PT-0001", explanation=WHY)

    with pytest.raises(IntegrityError, match=constraint), database.unit_of_work() as session:
        session.execute(text(f"UPDATE finding SET {change}"))


def test_what_was_noted_can_be_neither_changed_nor_removed(database, rules, people):
    raised(database, rules, sighting(1))

    for statement in (
        "UPDATE finding_occurrence SET sequence = 0",
        "DELETE FROM finding_occurrence",
        "UPDATE finding_step SET note = ''",
        "DELETE FROM finding_step",
        "DELETE FROM finding",
    ):
        with pytest.raises(Exception, match="permission denied"), database.unit_of_work() as session:
            session.execute(text(statement))


def test_a_database_that_was_faster_is_told_in_the_words_of_the_rule(database, rules, people, monkeypatch):
    raised(database, rules, sighting(1, kind=Kind.SHARED, person_id=people["concerned"].id))
    as_one(database, make_act(people["officer"]), service.explain, code="PT-0001", explanation=WHY)
    # The rule is switched off, as a fault of ours would: what stands behind it is the point of this test.
    monkeypatch.setattr(service.domain, "may_close", lambda _facts, *, closer: Allow(rule="none"))

    decision = as_one(database, make_act(people["officer"]), service.close, code="PT-0001")

    assert isinstance(decision, Deny)
    assert decision.reason == "finding.closer_explained"
    assert the_finding(database).state == State.EXPLAINED


def test_only_those_who_may_see_a_finding_or_whom_it_concerns_find_it(database, rules, people):
    raised(database, rules, sighting(1, person_id=people["concerned"].id))
    concerned = replace(people["concerned"], permissions=frozenset())
    stranger = replace(people["leader"], permissions=frozenset())

    with database.unit_of_work() as session:
        assert service.load(session, code="PT-0001", viewer=concerned).code == "PT-0001"
        assert service.summary_of(session, viewer=concerned, now=NOON).open == 1
        assert service.summary_of(session, viewer=stranger, now=NOON).open == 0
        for code in ("PT-0001", "PT-0002", "PT-1", "x"):
            with pytest.raises(NotFound):
                service.load(session, code=code, viewer=stranger)
    assert isinstance(as_one(database, make_act(concerned), service.explain, code="PT-0001", explanation=WHY), Allow)


def test_a_document_of_tomorrow_and_a_person_who_does_not_exist_are_refused(database, rules, people):
    raised(database, rules, sighting(1))
    act = make_act(people["officer"])
    tomorrow = replace(WHY, document_date=date(2026, 11, 24))

    with pytest.raises(InvalidInput, match=r"finding\.document_in_future"):
        as_one(database, act, service.explain, code="PT-0001", explanation=tomorrow)
    with pytest.raises(InvalidInput, match=r"input\.not_a_choice"):
        as_one(database, act, service.assign, code="PT-0001", owner_id=999_999)
    assert the_finding(database).state == State.OPEN


def test_what_happens_again_soon_is_reopened_and_much_later_it_is_a_new_finding(database, rules, people):
    raised(database, rules, sighting(1))
    as_one(database, make_act(people["officer"]), service.explain, code="PT-0001", explanation=WHY)
    before_closing = raised(database, rules, sighting(2))
    as_one(database, make_act(people["officer"]), service.explain, code="PT-0001", explanation=WHY)
    as_one(database, make_act(people["leader"]), service.close, code="PT-0001")

    same = raised(database, rules, sighting(1), sighting(2))
    soon = raised(database, rules, sighting(3), now=NOON + timedelta(days=29))
    reopened = the_finding(database)
    as_one(database, make_act(people["officer"]), service.explain, code="PT-0001", explanation=WHY)
    as_one(database, make_act(people["leader"]), service.close, code="PT-0001")
    late = raised(database, rules, sighting(4), now=NOON + timedelta(days=60))

    assert before_closing.reopened == soon.reopened == ("PT-0001",)
    assert same == service.Noted()
    assert (reopened.state, reopened.explained_by, reopened.document_number) == (State.OPEN, None, None)
    assert late.raised == ("PT-0002",)


def test_what_is_overdue_raises_one_alert_that_ends_when_the_finding_is_closed(database, rules, people):
    raised(database, rules, sighting(1))
    due = the_finding(database).due_at
    for moment in (due, due + MINUTE, due + 2 * MINUTE):
        with database.unit_of_work() as session:
            service.escalate(session, act=make_act(now=moment))

    with database.unit_of_work() as session:
        alert = session.scalars(select(Alert)).one()
        assert (alert.name, alert.labels["subject"], alert.is_firing) == ("FindingOverdue", "PT-0001", True)
        assert service.summary_of(session, viewer=people["officer"], now=due + MINUTE).overdue == 1
    late = due + 3 * MINUTE
    as_one(database, make_act(people["officer"], now=late), service.explain, code="PT-0001", explanation=WHY)
    as_one(database, make_act(people["leader"], now=late), service.close, code="PT-0001")
    with database.unit_of_work() as session:
        assert not session.scalars(select(Alert)).one().is_firing
        assert len(session.scalars(select(FindingStep).where(FindingStep.step == "overdue")).all()) == 1


def test_a_look_reads_the_journal_once_and_finds_what_is_in_it(database, rules, people, write, number):
    who = f"person:{people['concerned'].id}"
    for place in range(6):
        write(
            at=NOON + place * MINUTE, actor_id=who, outcome=audit.Outcome.FAILURE, denied=True, reason="grant.missing"
        )
    write(at=NOON, action="access:route:silent", actor_id="system:web", details={"endpoint": "cases.show"})
    number(NOON)

    for moment in (NOON + 10 * MINUTE, NOON + 11 * MINUTE):
        look(database, rules=rules, act=make_act(now=moment))

    with database.unit_of_work() as session:
        found = {(row.kind, row.subject): row for row in session.scalars(select(Finding))}
        assert set(found) == {("refusals", who), ("silent-route", "cases.show")}
        assert found["refusals", who].occurrences == 6
        assert found["refusals", who].person_id == people["concerned"].id
        assert session.scalars(select(FindingOccurrence.sequence).order_by(FindingOccurrence.sequence)).all() == [
            *range(7)
        ]


@pytest.mark.fault(20)
def test_an_entry_taken_out_before_it_was_numbered_is_a_gap_until_two_people_explain_it(
    database, rules, people, role_engine, number, owner_engine
):
    writer = make_writer()
    for _ in range(5):
        with role_engine("vl_web").begin() as connection:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            audit.append(connection, make_entry(writer=writer, at=NOON), writer=writer)
    with owner_engine.begin() as connection:
        connection.execute(
            text("DELETE FROM audit_outbox WHERE oid IN (SELECT oid FROM audit_outbox ORDER BY oid LIMIT 2)")
        )
    number(NOON)
    look(database, rules=rules, act=make_act(now=NOON + MINUTE))
    with database.unit_of_work() as session:
        assert session.scalars(select(Finding)).all() == []  # a slow transaction may still bring them

    later = NOON + 10 * MINUTE
    look(database, rules=rules, act=make_act(now=later))
    look(database, rules=rules, act=make_act(now=later + MINUTE))

    finding = the_finding(database)
    assert (finding.kind, finding.severity, finding.occurrences) == ("gap", "high", 1)
    assert finding.facts["numbers"] == "1-2"
    officer, leader = (make_act(people[name], now=later) for name in ("officer", "leader"))
    as_one(database, officer, service.explain, code=finding.code, explanation=WHY)
    assert isinstance(as_one(database, officer, service.close, code=finding.code), Deny)
    number(later)
    with database.engine.connect() as connection:
        assert [one.kind for one in verify_journal(connection).problems] == ["writer-gap"]

    assert isinstance(as_one(database, leader, service.close, code=finding.code), Allow)
    number(later)
    with database.engine.connect() as connection:
        assert verify_journal(connection).ok
    assert not look(database, rules=rules, act=make_act(now=later + 2 * MINUTE))
    assert the_finding(database).state == State.CLOSED


def test_the_database_takes_every_kind_of_finding(owner_engine):
    with owner_engine.connect() as connection:
        taken = connection.scalar(
            text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_finding_kind_known'")
        )

    assert {kind.value for kind in Kind} == set(re.findall(r"'([^']+)'::text", taken))
