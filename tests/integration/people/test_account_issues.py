"""Complaints about accounts and their two clocks, and accounts nobody uses, in time."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

import audit
import policies
from control.decisions import Allow, Deny
from control.operations.jobs import applicants
from control.operations.jobs.domain import JobContext
from control.people import escalate_missed_clocks, put_unused_to_sleep
from control.people.citizens.circumstances import issue_rules
from control.people.citizens.domain import DormancyRules, Sleeper, dormancy_of
from control.people.citizens.dormancy import due_step
from control.people.citizens.models import CitizenAccount, DormancyWarning
from control.people.directory.models import Person
from control.people.issues.models import AccountIssue
from control.people.issues.service import Report, report_issue, step_issue
from control.people.locks.standing import standing_locks
from control.people.months import months_after
from tests.factories.people import make_act, make_actor, make_person
from tests.integration.people.applicants import NUMBER, OFFICER, PASSWORD
from tests.integration.people.test_resets import confirmed

NATIONAL, CONSTRUCTION = "national-portal-2020", "ministry-construction-2025"
FRIDAY_EVENING = datetime(2026, 3, 6, 11, 0, tzinfo=UTC)  # Friday 6/3/2026, 18:00 in Vietnam
RULES = DormancyRules(inactive_months=24, warnings=2, every_months=1)


@pytest.fixture
def rules_for(law):
    """The clocks of one profile."""
    from types import SimpleNamespace

    def of(profile):
        return issue_rules(SimpleNamespace(profile=profile, applicant_key=bytes(32)), law=law)

    return of


def reported(session, rules, *, at, person_id=None):
    report = Report(kind="wrong-data", text="Sai năm sinh", phone="+84912000777")
    return report_issue(
        session, report=report, person_id=person_id, random=bytes(12), rules=rules, act=make_act(now=at)
    )


def stepped(session, issue, to, rules, *, at, number, actor=None, **more):
    act = make_act(actor or make_actor(make_person(session)), now=at)
    random = number.to_bytes(2, "big") * 40
    return step_issue(
        session,
        code=f"KN-{issue.id:04d}",
        to=to,
        words=("Tài khoản", "Đã nhận"),
        random=random,
        rules=rules,
        act=act,
        **more,
    )


def breached(session, at):
    return escalate_missed_clocks(session, act=make_act(now=at))


@pytest.mark.requirement("S4-13.1")
def test_a_report_on_friday_evening_breaches_on_saturday_evening_by_clock_hours(session, rules_for):
    issue = reported(session, rules_for(NATIONAL), at=FRIDAY_EVENING)
    saturday = FRIDAY_EVENING + timedelta(hours=24)

    assert issue.due_at == saturday
    assert breached(session, saturday) == []
    assert breached(session, saturday + timedelta(seconds=1)) == [f"KN-{issue.id:04d}"]
    assert breached(session, saturday + timedelta(hours=1)) == []  # once


@pytest.mark.requirement("S0-8.2")
def test_the_first_clock_of_the_construction_ministry_skips_nights_weekends_and_holidays(session, rules_for, law):
    issue = reported(session, rules_for(CONSTRUCTION), at=FRIDAY_EVENING)
    assert issue.due_at == datetime(2026, 3, 11, 10, 0, tzinfo=UTC)  # three working days of eight hours from Monday
    assert breached(session, issue.due_at) == []
    assert breached(session, issue.due_at + timedelta(seconds=1)) == [f"KN-{issue.id:04d}"]
    before_holiday = reported(session, rules_for(CONSTRUCTION), at=datetime(2026, 4, 29, 11, 0, tzinfo=UTC))
    spent = law.calendar.difference(before_holiday.reported_at, before_holiday.due_at)
    assert spent == 24 * 60
    assert before_holiday.due_at - before_holiday.reported_at > timedelta(days=5)  # 30 April, 1 May, a weekend


@pytest.mark.requirement("S4-13.1-2")
def test_the_second_clock_starts_at_formal_acceptance_and_counts_clock_hours(session, rules_for):
    rules = rules_for(NATIONAL)
    issue = reported(session, rules, at=FRIDAY_EVENING)
    assert isinstance(
        stepped(session, issue, "acknowledged", rules, at=FRIDAY_EVENING + timedelta(hours=2), number=1), Allow
    )
    assert issue.due_at is None  # no clock runs
    assert breached(session, FRIDAY_EVENING + timedelta(days=9)) == []
    accepted = FRIDAY_EVENING + timedelta(days=10)
    stepped(session, issue, "accepted", rules, at=accepted, number=2)
    assert issue.due_at == accepted + timedelta(hours=48)
    assert breached(session, issue.due_at) == []
    assert breached(session, issue.due_at + timedelta(seconds=1)) == [f"KN-{issue.id:04d}"]


@pytest.mark.requirement("S0-8.2-2")
def test_the_second_clock_of_the_construction_ministry_counts_working_hours(session, rules_for, law):
    rules = rules_for(CONSTRUCTION)
    issue = reported(session, rules, at=FRIDAY_EVENING)
    stepped(session, issue, "acknowledged", rules, at=FRIDAY_EVENING, number=1)
    accepted = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)  # Monday 9:00
    stepped(session, issue, "accepted", rules, at=accepted, number=2)
    assert law.calendar.difference(accepted, issue.due_at) == 48 * 60
    assert breached(session, issue.due_at) == []
    assert breached(session, issue.due_at + timedelta(seconds=1)) == [f"KN-{issue.id:04d}"]
    settled = stepped(
        session, issue, "settled", rules, at=issue.due_at, number=3, outcome="corrected", result="Đã sửa năm sinh"
    )
    assert isinstance(settled, Allow)
    assert issue.due_at is None


def test_steps_keep_their_order_and_nobody_handles_a_complaint_about_themselves(session, rules_for):
    rules, person = rules_for(CONSTRUCTION), make_person(session, kind="citizen")
    issue = reported(session, rules, at=FRIDAY_EVENING, person_id=person.id)
    for to in ("accepted", "settled"):
        wrong = stepped(session, issue, to, rules, at=FRIDAY_EVENING, number=1)
        assert isinstance(wrong, Deny)
        assert wrong.reason == "issue.out_of_order"
    own = stepped(session, issue, "acknowledged", rules, at=FRIDAY_EVENING, number=1, actor=make_actor(person))
    assert own.reason == "issue.own"
    for statement in (
        "UPDATE account_issue SET state = 'settled'",
        (
            "UPDATE account_issue SET state = 'acknowledged', due_at = NULL, "
            "acknowledged_at = reported_at - interval '1 second'"
        ),
        "UPDATE account_issue SET due_at = NULL",
    ):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(statement))


def codes_of(portal):
    with portal.database.unit_of_work() as session:
        return [f"KN-{number:04d}" for number in session.scalars(select(AccountIssue.id).order_by(AccountIssue.id))]


def test_a_complaint_is_reported_outside_handled_inside_and_both_parties_are_told(portal):
    portal.register()
    visitor = portal.browser()
    form = {"kind": "impersonated", "number": NUMBER, "text": "Không phải tài khoản của tôi", "phone": "0912000777"}
    assert visitor.post("/register/report", form | {"phone": ""}).status_code == 422
    assert visitor.post("/register/report", form).status_code == 303
    unknown = portal.browser().post("/register/report", form | {"number": "001088000000"})
    assert unknown.status_code == 303
    code = codes_of(portal)[0]
    officer = portal.officer()
    page = officer.get("/people/issues").text
    assert code in page
    assert "Không phải tài khoản" not in officer.get(f"/people/issues/{code}").text
    opened = officer.post(f"/people/issues/{code}/open", form=f"/people/issues/{code}")
    assert "Không phải tài khoản của tôi" in opened.text
    for step in ("acknowledge", "accept"):
        answer = officer.post(f"/people/issues/{code}/{step}", form=f"/people/issues/{code}")
        assert answer.status_code == 303, answer.text
    bare = officer.post(f"/people/issues/{code}/settle", {"outcome": "corrected"}, form=f"/people/issues/{code}")
    assert bare.status_code == 422
    done = {"outcome": "account-locked", "result": "Đã khoá tài khoản"}
    assert officer.post(f"/people/issues/{code}/settle", done, form=f"/people/issues/{code}").status_code == 303
    csv = officer.get("/people/issues?format=csv")
    assert "account-locked" in csv.text
    assert portal.officer("minhhoa.pm").get("/people/issues").status_code == 403

    from control.people import send_messages

    send_messages(portal.database, settings=portal.settings, act=make_act(now=portal.clock.now))
    told = [message["to"] for message in portal.gateway.state.delivered if code in message["text"]]
    assert sorted(told) == sorted(["+84912000123", "+84912000777"] * 3)


def test_the_queue_is_ordered_by_the_deadline_that_runs(portal):
    form = {"kind": "other", "text": "Chậm", "phone": "0912000777"}
    for _ in range(2):
        portal.browser().post("/register/report", form)
        portal.clock.now += timedelta(hours=1)
    officer = portal.officer()
    first, second = codes_of(portal)
    officer.post(f"/people/issues/{first}/acknowledge", form=f"/people/issues/{first}")
    page = officer.get("/people/issues").text
    assert page.index(second) < page.index(first)  # whose clock stands still comes last


# Accounts nobody uses


def test_the_rule_on_sleep_is_read_from_the_profile_and_silent_profiles_have_none():
    law = policies.load()
    assert dormancy_of(law.parameter("dormant_account", NATIONAL)) == RULES
    assert dormancy_of(law.parameter("dormant_account", CONSTRUCTION)) is None


@pytest.mark.parametrize(
    ("months", "warned", "step"),
    [
        (23, (), None),
        (24, (), "warn"),
        (24, (24,), None),
        (25, (24,), "warn"),
        (25, (24, 25), None),
        (26, (24, 25), "lock"),
        (40, (24,), "warn"),  # a job that stood still for long still warns twice before it locks
    ],
)
def test_what_is_due_by_time(months, warned, step):
    used = datetime(2024, 1, 31, 3, 0, tzinfo=UTC)
    sleeper = Sleeper(last_used_at=used, warned_at=tuple(months_after(used, number) for number in warned))

    assert due_step(sleeper, now=months_after(used, months), rules=RULES) == step


@pytest.fixture
def sleeper(make_portal, law):
    """A portal whose one account was registered at the start of 2024, and a look of the job at any moment."""
    portal = make_portal(NATIONAL)
    portal.gateway.state.subscribers["+84912000123"] = NUMBER
    portal.clock.now = datetime(2024, 1, 2, 2, 0, tzinfo=UTC)
    portal.register(way="phone", email="vidu@thu.example")

    def look(at):
        with portal.database.unit_of_work() as session:
            slept = put_unused_to_sleep(
                session,
                settings=portal.settings,
                law=law,
                random=lambda: secrets.token_bytes(32),
                act=make_act(now=at),
            )
        return slept.warned, slept.locked

    return portal, look


@pytest.mark.requirement("S4-13.2")
def test_no_lock_before_the_second_warning_has_had_its_month_and_lock_after_it(sleeper):
    portal, look = sleeper
    due = months_after(portal.clock.now, 24)
    assert look(due - timedelta(hours=1)) == (0, 0)
    assert look(due + timedelta(hours=1)) == (1, 0)
    assert look(due + timedelta(hours=1)) == (0, 0)
    second = months_after(due, 1) + timedelta(hours=1)
    assert look(second - timedelta(minutes=1)) == (0, 0)
    assert look(second) == (1, 0)
    last = months_after(second, 1)
    assert look(last - timedelta(minutes=1)) == (0, 0)
    assert look(last) == (0, 1)
    assert look(last) == (0, 0)
    portal.clock.now = last
    assert portal.sign_in(portal.browser()).status_code == 401
    with portal.database.unit_of_work() as session:
        person_id = session.scalar(select(Person.id).where(Person.login == portal.login_of()))
        assert [lock.cause for lock in standing_locks(session, person_id=person_id, now=last)] == ["dormant"]
        warnings = session.scalars(select(DormancyWarning.number).order_by(DormancyWarning.id)).all()
        channels = session.execute(
            text(
                "SELECT channel, count(*) FROM outgoing_message WHERE purpose = 'dormant-warning' GROUP BY 1 ORDER BY 1"
            )
        ).all()
    assert warnings == [1, 2]
    assert [tuple(row) for row in channels] == [("mail", 2), ("sms", 2)]
    officer = portal.officer(OFFICER)
    path = f"/people/applicants/{portal.login_of()}"
    assert confirmed(officer, officer.post(f"{path}/lift", {"cause": "dormant"}, form=path)).status_code == 303
    portal.clock.now += timedelta(minutes=2)
    assert portal.sign_in(portal.browser(), password=PASSWORD).status_code == 303


@pytest.mark.requirement("S4-13.2")
def test_any_sign_in_makes_the_warnings_before_it_worth_nothing(sleeper):
    portal, look = sleeper
    due = months_after(portal.clock.now, 24) + timedelta(hours=1)
    assert look(due) == (1, 0)
    portal.clock.now = due + timedelta(days=1)
    assert portal.sign_in(portal.browser()).status_code == 303
    anew = portal.clock.now
    for months in (1, 2, 3, 12):
        assert look(months_after(due, months) + timedelta(days=2)) == (0, 0)
    again = months_after(anew, 24) + timedelta(hours=1)
    assert look(again) == (1, 0)  # the first of two, not the lock
    assert look(months_after(again, 1) + timedelta(hours=1)) == (1, 0)


def test_whoever_still_has_their_month_hides_no_other_sleeper(sleeper, monkeypatch):
    monkeypatch.setattr("control.people.citizens.dormancy.BATCH", 1)
    portal, look = sleeper
    portal.gateway.state.subscribers["+84912000124"] = "001088000124"
    portal.clock.now += timedelta(hours=1)
    portal.register(way="phone", number="001088000124", phone="0912 000 124")
    due = months_after(portal.clock.now, 24) + timedelta(hours=1)

    assert [look(due) for _ in range(3)] == [(1, 0), (1, 0), (0, 0)]


def test_the_jobs_send_escalate_and_put_to_sleep(portal, clock, trail):
    portal.register()
    context = JobContext(
        settings=portal.settings,
        database=portal.database,
        writer=audit.Writer(boot=f"test-{secrets.token_hex(4)}", monotonic_ns=lambda: 0),
        policy_digest="sha256:test",
        clock=clock,
        worker="test",
        random_hex=secrets.token_hex,
    )
    applicants.send_waiting_messages(context)
    clock.now += timedelta(days=5)
    applicants.watch_clocks(context)
    applicants.sleep_unused(context)  # the transport ministry has no rule on it
    with portal.database.unit_of_work() as session:
        raised = session.scalars(text("SELECT name FROM alert WHERE name = 'ApplicantClockMissed'")).all()
        states = session.scalars(select(CitizenAccount.state)).all()
        assert session.scalars(select(AccountIssue)).all() == []
    assert raised == ["ApplicantClockMissed"]
    assert states == ["registered"]
    assert len(trail("people:applicant:escalate")) == 1
