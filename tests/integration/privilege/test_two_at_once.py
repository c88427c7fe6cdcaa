"""Two people at the same moment, on two real connections."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from control.decisions import Allow, Deny
from control.privilege import end_due_grants, start_due_grants
from control.privilege.accounts.editing import propose_edit
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.service import file_document
from control.privilege.grants.domain import Step
from control.privilege.grants.service import step_grant
from control.privilege.grants.uses import open_use
from control.privilege.requests.service import decide_request
from control.privilege.rulesets.service import decide as decide_rules
from control.privilege.rulesets.service import propose as propose_rules
from tests.factories.lifecycle import PROVINCE
from tests.factories.privilege import NOON, House, actor_of, choice_on, law, make_act, make_person, new_document
from tests.integration.privilege.test_account_edits import wanted

pytestmark = pytest.mark.usefixtures("clean_database")


@pytest.fixture
def work(role_engine):
    """Give committed units of work as the web's role."""
    engine = role_engine("vl_web")

    def run(task):
        with Session(engine, expire_on_commit=False) as session, session.begin():
            return task(session)

    return run


def at_once(work, *tasks):
    """Start all tasks behind one barrier and return what each came to."""
    barrier = Barrier(len(tasks))

    def start(task):
        def inside(session):
            session.execute(text("SELECT 1"))  # connected before the race begins
            barrier.wait(timeout=20)
            return task(session)

        return work(inside)

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(start, tasks))


def reasons(decisions):
    return sorted("allowed" if isinstance(one, Allow) else one.reason for one in decisions)


@pytest.mark.attack("E5")
def test_e5_two_clicks_of_one_approver_at_once_make_one_approval(work):
    house, request = work(lambda session: (made := House(session, class_="high"), made.request()))
    choice = choice_on(request)

    decisions = at_once(
        work,
        *[lambda session: decide_request(session, code=request.code, choice=choice, act=house.as_leader())] * 2,
    )

    assert reasons(decisions) == ["allowed", "request.approved_twice"]
    assert work(lambda session: session.scalar(text("SELECT count(*) FROM privilege_approval"))) == 1


def test_two_approvers_at_once_make_one_grant(work):
    def arrange(session):
        house = House(session)
        return house, house.request(), make_person(session, roles=("approver",))

    house, request, second = work(arrange)
    choice = choice_on(request)
    acts = [house.as_leader(), make_act(actor_of(second, roles=("approver",)))]

    decisions = at_once(
        work,
        *[lambda session, act=act: decide_request(session, code=request.code, choice=choice, act=act) for act in acts],
    )

    assert reasons(decisions) == ["allowed", "request.already_decided"]
    assert work(lambda session: session.scalar(text("SELECT count(*) FROM privilege_grant"))) == 1


def test_two_requests_for_one_window_approved_at_once_make_one_grant(work):
    house, first, second = work(lambda session: (made := House(session), made.request(), made.request()))

    decisions = at_once(
        work,
        *[
            lambda session, request=request: decide_request(
                session, code=request.code, choice=choice_on(request), act=house.as_leader()
            )
            for request in (first, second)
        ],
    )

    assert reasons(decisions) == ["allowed", "grant.overlap"]
    assert work(lambda session: session.scalar(text("SELECT count(*) FROM privilege_grant"))) == 1


def test_one_document_filed_twice_at_once_is_filed_once(work):
    house = work(House)
    new = new_document(number="7/QĐ-BMH")

    outcomes = at_once(work, *[lambda session: file_document(session, new=new, act=house.as_admin())] * 2)

    assert sorted(getattr(outcome, "reason", "filed") for outcome in outcomes) == ["document.duplicate", "filed"]


def test_two_workers_write_off_each_grant_once(work):
    house = work(lambda session: (made := House(session), made.grant())[0])
    act = house.as_admin(now=NOON + timedelta(days=1))

    counts = at_once(work, *[lambda session: end_due_grants(session, act=act)] * 2)

    assert sorted(counts) == [0, 1]


@pytest.mark.attack("E11")
def test_e11_what_opens_while_its_grant_is_revoked_is_never_left_open(work):
    house, grant = work(lambda session: (made := House(session), made.grant()))

    for number in range(5):
        at_once(
            work,
            lambda session, ref=str(number): open_use(
                session, grant_code=grant.code, kind="test", ref=ref, act=house.as_holder()
            ),
            lambda session: step_grant(
                session, code=grant.code, step=Step.REVOKE, reason="nghi lộ", act=house.as_officer()
            ),
        )

    assert work(lambda session: session.scalar(text("SELECT count(*) FROM grant_use WHERE closed_at IS NULL"))) == 0
    assert work(lambda session: session.scalar(text("SELECT state FROM privilege_grant"))) == "revoked"


def test_two_workers_start_each_grant_once(work):
    def arrange(session):
        house = House(session)
        return house, house.grant(starts_at=NOON + timedelta(hours=1))

    house, _ = work(arrange)
    act = house.as_admin(now=NOON + timedelta(hours=1))

    at_once(work, *[lambda session: start_due_grants(session, act=act)] * 2)

    steps = work(lambda session: session.scalars(text("SELECT step FROM privilege_grant_step ORDER BY id")).all())
    assert steps == ["granted", "started"]


def test_two_decisions_at_once_on_a_set_of_account_rules_make_one(work):
    def arrange(session):
        house = House(session)
        propose_rules(session, inactive=40, warn=5, reason="thử", law=law(), profile=PROVINCE, act=house.as_admin())
        return house

    house = work(arrange)

    decisions = at_once(
        work,
        lambda session: decide_rules(session, version=1, is_approved=True, act=house.as_leader()),
        lambda session: decide_rules(session, version=1, is_approved=False, act=house.as_officer()),
    )

    assert reasons(decisions) == ["account_rules.decided", "allowed"]


def test_two_equal_edits_of_an_account_at_once_are_one(work):
    house = work(House)

    def propose(session):
        account = session.get_one(PrivilegedAccount, house.account.id)
        return propose_edit(session, account=account, wanted=wanted(house), act=house.as_admin())

    outcomes = at_once(work, propose, propose)

    assert [one.reason for one in outcomes if isinstance(one, Deny)] == ["account.nothing_changed"]
