"""Whatever people do in whatever order, the promises of pam.md §5.4 hold after every step."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.orm import Session

from control.decisions import Allow
from control.privilege import active_grant, end_due_grants, expire_due_requests
from control.privilege.grants.domain import Step
from control.privilege.grants.service import step_grant
from control.privilege.requests.domain import Verdict
from control.privilege.requests.models import PrivilegeRequest
from control.privilege.requests.service import amend_request, file_request, load_request, withdraw_request
from tests.factories.privilege import NOON, House, actor_of, make_act, terms

PEOPLE = ("admin", "leader", "officer", "holder", "owner")
ROLES = {"admin": "administrator", "leader": "approver", "officer": "security-officer", "holder": "case-officer",
         "owner": "approver"}  # fmt: skip
PROMISES = {
    "no approver is a party": """
        SELECT count(*) FROM privilege_approval a JOIN privilege_request r ON r.id = a.request_id
         WHERE a.approver_id IN (r.requester_id, r.filed_by_id, r.holder_id)""",
    "no grant without enough approvals of the version that stands": """
        SELECT count(*) FROM privilege_grant g JOIN privilege_request r ON r.id = g.request_id
         WHERE (SELECT count(*) FROM privilege_approval a WHERE a.request_id = r.id AND a.decision = 'approve'
                  AND a.version = r.version AND a.body_sha256 = r.body_sha256) < r.approvals_needed""",
    "no high grant without the security unit": """
        SELECT count(*) FROM privilege_grant g JOIN privilege_request r ON r.id = g.request_id
         WHERE r.class = 'high' AND NOT EXISTS (SELECT 1 FROM privilege_approval a
               WHERE a.request_id = r.id AND a.for_security)""",
    "no grant outside its document": """
        SELECT count(*) FROM privilege_grant g JOIN authorising_document d ON d.id = g.document_id
         WHERE (lower(g.span) AT TIME ZONE 'Asia/Ho_Chi_Minh')::date < d.valid_from
            OR ((upper(g.span) AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond')::date > d.valid_to""",
    "no two live grants of one person on one account at once": """
        SELECT count(*) FROM privilege_grant a JOIN privilege_grant b
            ON a.id < b.id AND a.person_id = b.person_id AND a.account_id = b.account_id AND a.span && b.span
         WHERE a.state IN ('active', 'suspended') AND b.state IN ('active', 'suspended')""",
    "an approved request and its grant come together": """
        SELECT count(*) FROM privilege_request r LEFT JOIN privilege_grant g ON g.request_id = r.id
         WHERE (r.state = 'approved') <> (g.id IS NOT NULL)""",
}
hours = st.integers(min_value=0, max_value=60)


class LifeOfRequests(RuleBasedStateMachine):
    """People file, amend, decide, withdraw, suspend, revoke, and time passes."""

    engine = None

    def __init__(self):
        super().__init__()
        self.connection = self.engine.connect()
        self.outer = self.connection.begin()
        self.connection.exec_driver_sql("SET LOCAL ROLE vl_web")
        self.session = Session(self.connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        self.houses = [House(self.session), House(self.session, class_="high")]
        self.now = NOON
        self.codes = []

    def teardown(self):
        self.session.close()
        self.outer.rollback()
        self.connection.close()

    def act(self, house, who):
        person = getattr(house, who)
        return make_act(actor_of(person, roles=(ROLES[who],), now=self.now), now=self.now)

    @rule(
        which=st.integers(0, 1), who=st.sampled_from(PEOPLE), holder=st.sampled_from(PEOPLE), start=hours, length=hours
    )
    def file(self, which, who, holder, start, length):
        house = self.houses[which]
        starts_at = self.now + timedelta(hours=start)
        draft = house.draft(
            holder_login=getattr(house, holder).login,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=length),
        )
        filed = file_request(self.session, draft=draft, act=self.act(house, who), terms=terms())
        if isinstance(filed, PrivilegeRequest):
            self.codes.append((filed.code, house))

    @precondition(lambda self: self.codes)
    @rule(data=st.data(), who=st.sampled_from(PEOPLE), verdict=st.sampled_from(Verdict), is_stale=st.booleans())
    def decide(self, data, who, verdict, is_stale):
        code, house = data.draw(st.sampled_from(self.codes))
        request = load_request(self.session, code=code, viewer=self.act(house, "leader").actor)
        before = request.state
        read = {"read_version": request.version + 1} if is_stale else {}

        decision = house.decide(request, act=self.act(house, who), verdict=verdict, reason="lý do", **read)

        if isinstance(decision, Allow):
            assert before == "submitted"
            assert not is_stale
            assert getattr(house, who).id not in {request.requester_id, request.filed_by_id, request.holder_id}

    @precondition(lambda self: self.codes)
    @rule(data=st.data(), who=st.sampled_from(PEOPLE))
    def amend(self, data, who):
        code, house = data.draw(st.sampled_from(self.codes))
        draft = house.draft(starts_at=self.now, ends_at=self.now + timedelta(hours=3), purpose="sửa lại")
        amend_request(self.session, code=code, draft=draft, act=self.act(house, who), terms=terms())

    @precondition(lambda self: self.codes)
    @rule(data=st.data(), who=st.sampled_from(PEOPLE))
    def withdraw(self, data, who):
        code, house = data.draw(st.sampled_from(self.codes))
        withdraw_request(self.session, code=code, act=self.act(house, who))

    @precondition(lambda self: self.grants())
    @rule(data=st.data(), step=st.sampled_from(Step), who=st.sampled_from(PEOPLE))
    def step(self, data, step, who):
        grant_id = data.draw(st.sampled_from(self.grants()))
        house = self.houses[0]
        step_grant(self.session, code=f"CQ-{grant_id:04d}", step=step, reason="lý do", act=self.act(house, who))

    @rule(passed=hours)
    def pass_time(self, passed):
        self.now += timedelta(hours=passed)
        end_due_grants(self.session, act=self.act(self.houses[0], "admin"))
        expire_due_requests(self.session, act=self.act(self.houses[0], "admin"))

    def grants(self):
        return [row.id for row in self.session.execute(text("SELECT id FROM privilege_grant ORDER BY id"))]

    @invariant()
    def every_promise_holds(self):
        for promise, broken in PROMISES.items():
            assert self.session.scalar(text(broken)) == 0, promise

    @invariant()
    def nobody_holds_anything_that_is_not_live_now(self):
        live = self.session.execute(
            text("SELECT person_id, account_id FROM privilege_grant WHERE state = 'active' AND span @> :now"),
            {"now": self.now},
        )
        allowed = {(row.person_id, row.account_id) for row in live}
        for house in self.houses:
            for who in PEOPLE:
                person = getattr(house, who)
                found = active_grant(
                    self.session, person_id=person.id, asset_code=house.account.asset.code, now=self.now
                )
                assert (found is not None) is ((person.id, house.account.id) in allowed)


@pytest.mark.timeout(580)
def test_the_promises_hold_whatever_people_do(role_engine):
    LifeOfRequests.engine = role_engine("vl_owner")
    run_state_machine_as_test(
        LifeOfRequests,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
