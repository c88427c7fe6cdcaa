"""What the directory says of officers: moves, leavers, idle accounts, vacant roles; and the rules that say how long."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from control.operations.alerts.models import Alert
from control.operations.jobs.accounts import check_accounts, work_accounts
from control.operations.jobs.domain import JobContext
from control.operations.jobs.worker import schedules_of, tasks_of
from control.operations.wiring import PORTS
from control.people.locks.standing import standing_locks
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.lifecycle.models import AccountRequest
from control.privilege.notices.models import AccountNotice
from control.privilege.personnel.models import AccountDormancy, PersonnelChange
from control.privilege.personnel.service import notice_changes
from control.privilege.processes.models import AccountRight
from tests.factories.audit import make_writer
from tests.factories.lifecycle import OTHER_UNIT, PROVINCE, UNIT, Unit, terms
from tests.factories.privilege import NOON, actor_of, law
from tests.integration.privilege.test_account_request_pages import attach, row, send, step
from tests.integration.privilege.test_pages import Browser
from tests.simulators.mail_relay.service import MailRelay

DAY = timedelta(days=1)
ACTIVATE_BESIDE = """
WITH cited AS (
  INSERT INTO privilege_account_change (account_id, from_state, to_state, incident, reason, changed_at)
  SELECT id, 'locked', 'active', 'SC-1', '', :at FROM privilege_account RETURNING account_id
)
UPDATE privilege_account SET state = 'active', state_changed_at = :at FROM cited WHERE cited.account_id = id
"""


@pytest.fixture
def app(make_app):
    return make_app(VONGLAU_PROFILE=PROVINCE)


@pytest.fixture
def world(app, clock):
    held = app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        unit = Unit(session)
        unit.new_clerk = unit.person("vanthu.khac", "Văn Thư Khác", roles=("case-officer",), unit=OTHER_UNIT)
    roles = {"clerk": "case-officer", "new_clerk": "case-officer", "admin": "administrator", "second": "administrator",
             "leader": "approver"}  # fmt: skip
    browsers = {name: Browser(app, actor_of(getattr(unit, name), roles=(role,))) for name, role in roles.items()}
    context = JobContext(
        settings=held.settings, database=held.database, writer=make_writer(), policy_digest=law().digest,
        clock=clock, worker="test", random_hex=lambda size: "0" * size,
    )  # fmt: skip
    return SimpleNamespace(app=app, unit=unit, held=held, clock=clock, context=context, **browsers)


def database(world):
    return world.held.database.unit_of_work()


def account(world, *rights, person=None, **changes):
    with database(world) as session:
        world.unit.session = session
        made = world.unit.account(person, **changes)
        if rights:
            world.unit.give(made, *rights)
        return made.code


def compare(world):
    """What the synchronisation does after each complete reading of the directory."""
    with database(world) as session:
        act = world.context.act("people-sync")
        return notice_changes(session, act=act, terms=terms())


def tell(world, person, **changes):
    with database(world) as session:
        found = session.get(Person, person.id)
        for name, value in changes.items():
            setattr(found, name, value)


@pytest.mark.requirement("S4-41.2")
def test_a_move_removes_the_rights_of_the_old_unit_the_same_day(world):
    account(world, "tiep-nhan", "tham-dinh")
    compare(world)
    assert compare(world).changes == ()
    world.clock.now += timedelta(hours=1)
    tell(world, world.unit.officer, unit=OTHER_UNIT)
    assert compare(world).rights_ended == 2
    with database(world) as session:
        rights = session.scalars(select(AccountRight)).all()
        assert {(right.ended_reason, right.ended_at) for right in rights} == {("moved", world.clock.now)}
    page = world.admin.get("/privilege/personnel")
    assert "canbo.mot" in page
    assert OTHER_UNIT in page
    assert "TK-" in world.admin.get("/privilege/personnel?state=moved")


@pytest.mark.requirement("S0-27.3.g")
def test_personnel_changes_become_requests_and_unmatched_leavers_are_listed(world):
    account(world, "tiep-nhan")
    compare(world)
    tell(world, world.unit.officer, unit=OTHER_UNIT, title="Trưởng phòng")
    (change,) = compare(world).changes
    draft = world.new_clerk.get(f"/privilege/account-requests/{change.request_code}")
    assert "chuyển từ Sở Minh hoạ sang Sở Khác" in draft
    world.clerk.get(f"/privilege/account-requests/{change.request_code}", status=404)

    on = f"/privilege/account-requests/{change.request_code}"
    world.new_clerk.post(f"{on}/lines/1/rights", on=on, rights="tham-dinh")
    attach(world.new_clerk, change.request_code, "letter")
    step(world.new_clerk, change.request_code, "submission")

    tell(world, world.unit.officer, state="left", left_at=world.clock.now)
    (left,) = compare(world).changes
    assert left.kind == "left"
    listed = world.admin.get("/privilege/personnel?state=unmatched")
    assert left.request_code in listed
    check_accounts(world.context)
    assert "LeaverUnmatched" in alerts(world)
    on = f"/privilege/account-requests/{left.request_code}"
    attach(world.new_clerk, left.request_code, "04")
    step(world.new_clerk, left.request_code, "submission")
    assert "Không có thay đổi nào khớp" in world.admin.get("/privilege/personnel?state=unmatched")
    check_accounts(world.context)
    assert "LeaverUnmatched" not in alerts(world)


def alerts(world):
    with database(world) as session:
        return {alert.name for alert in session.scalars(select(Alert).where(Alert.ends_at.is_(None)))}


@pytest.mark.requirement("S4-55.6")
def test_a_role_of_an_active_process_without_an_active_account_is_flagged(world):
    account(world, "tiep-nhan", "tham-dinh")
    on = "/privilege/processes/QT-CAP-PHEP"
    world.admin.post(f"{on}/activation", on=on)
    check_accounts(world.context)
    assert "ProcessRoleVacant" not in alerts(world)
    assert "Mọi vai trò" in world.admin.get("/privilege/processes")

    world.admin.post(
        "/privilege/account-requests/urgent", on="/privilege/account-requests/urgent", accounts="xu-ly.canbo.mot",
        mode="own-risk", reason="Dấu hiệu lạ", incident="PT-0001",
    )  # fmt: skip
    page = world.admin.get("/privilege/processes")
    assert "2 vai trò" in page
    check_accounts(world.context)
    assert "ProcessRoleVacant" in alerts(world)


@pytest.mark.requirement("S0-5.5-3")
def test_no_staff_account_is_active_without_a_recorded_request_of_its_unit(world):
    code = account(world, state="locked")
    with database(world) as session, pytest.raises(DBAPIError) as raised, session.begin_nested():
        session.execute(text(ACTIVATE_BESIDE), {"at": NOON + DAY})
    assert raised.value.orig.diag.constraint_name == "ck_privilege_account_requested"
    other = account(world, person=world.unit.clerk)
    assert other in world.admin.get("/privilege/personnel")
    check_accounts(world.context)
    assert "StaffAccountUnrequested" in alerts(world)
    sent = send(world, "change-rights", **row(account=other, wanted_at="23/11/2026 08:00", rights="tham-dinh"))
    step(world.admin, sent, "taking")
    step(world.admin, sent, "ruling", **{"verdict-1": "grant", "rights-1": "tham-dinh"})
    step(world.admin, sent, "execution")
    check_accounts(world.context)
    assert "StaffAccountUnrequested" not in alerts(world)
    assert code


@pytest.mark.requirement("S3-5.4")
def test_the_account_rules_cite_their_article_are_versioned_and_change_by_approval(world):
    on = "/privilege/account-rules"
    page = world.admin.get(on)
    assert "NĐ 69/2024/NĐ-CP Đ9" in page
    fields = {"staff_account_inactive_days": "30", "staff_account_warn_days": "5", "reason": "Siết theo rà soát quý"}
    refused = world.admin.post(on, on=on, status=403, **(fields | {"staff_account_inactive_days": "90"}))
    assert "Nhiều nhất 45 ngày" in refused.text
    world.admin.post(on, on=on, **fields)
    assert "chờ duyệt" in world.admin.get(on)
    world.admin.post(f"{on}/1/approval", on=on, status=403)
    world.admin.post(on, on=on, status=403, **fields)
    with database(world) as session, pytest.raises(DBAPIError) as raised, session.begin_nested():
        session.execute(
            text("UPDATE account_rule_set SET state = 'in-force', decided_by_id = proposed_by_id, decided_at = now()")
        )
    assert raised.value.orig.diag.constraint_name == "ck_account_rule_set_four_eyes"
    world.leader.post(f"{on}/1/approval", on=on)
    page = world.admin.get(on)
    assert "Phiên bản <b>1</b>" in page
    world.admin.post(on, on=on, **(fields | {"staff_account_inactive_days": "20"}))
    world.leader.post(f"{on}/2/approval", on=on)
    page = world.admin.get(on)
    assert "Phiên bản <b>2</b>" in page
    assert "đã thay" in page


def test_an_idle_account_is_warned_of_then_locked_and_a_sign_in_begins_anew(world):
    code = account(world)
    for day, warned, state in ((37, 0, "active"), (38, 1, "active"), (44, 1, "active"), (45, 1, "locked")):
        world.clock.now = NOON + day * DAY
        check_accounts(world.context)
        with database(world) as session:
            assert len(session.scalars(select(AccountDormancy)).all()) == warned, day
            assert session.scalar(select(PrivilegedAccount.state).where(PrivilegedAccount.code == code)) == state, day
    with database(world) as session:
        kinds = session.scalars(select(AccountNotice.kind).order_by(AccountNotice.id)).all()
        assert kinds == ["dormant-warning", "dormant-lock"]
        request = session.scalars(select(AccountRequest)).one()
        assert (request.mode, request.incident) == ("by-rule", request.code)
        locks = standing_locks(session, person_id=world.unit.officer.id, now=world.clock.now)
        assert [lock.cause for lock in locks] == ["dormant"]


def test_using_an_account_resets_the_count_and_a_late_warning_still_leaves_its_days(world):
    code = account(world)
    world.clock.now = NOON + 38 * DAY
    check_accounts(world.context)
    with database(world) as session:
        session.scalars(select(PrivilegedAccount)).one().last_used_at = world.clock.now
    world.clock.now = NOON + 60 * DAY
    check_accounts(world.context)
    with database(world) as session:
        assert session.scalar(select(PrivilegedAccount.state).where(PrivilegedAccount.code == code)) == "active"
    world.clock.now = NOON + 200 * DAY  # nobody looked for months: the warning comes first, with its days
    check_accounts(world.context)
    with database(world) as session:
        assert session.scalar(select(PrivilegedAccount.state).where(PrivilegedAccount.code == code)) == "active"
    world.clock.now += 7 * DAY
    check_accounts(world.context)
    with database(world) as session:
        assert session.scalar(select(PrivilegedAccount.state).where(PrivilegedAccount.code == code)) == "locked"


def test_what_is_overdue_calls_a_person_once_and_ends_with_its_fact(world):
    name = account(world)
    code = send(world, "lock", **row(account=name, wanted_at="23/11/2026 08:00"))
    work_accounts(world.context)
    assert alerts(world) == set()
    world.clock.now += 5 * DAY
    work_accounts(world.context)
    work_accounts(world.context)
    assert "AccountRequestOverdue" in alerts(world)
    step(world.admin, code, "taking")
    step(world.admin, code, "ruling", **{"verdict-1": "grant"})
    step(world.admin, code, "execution")
    work_accounts(world.context)
    assert "AccountRequestOverdue" not in alerts(world)


def test_what_was_arranged_takes_effect_by_itself_and_the_notice_waits_for_the_relay(world, make_app, clock):
    name = account(world)
    code = send(world, "lock", **row(account=name, wanted_at="30/11/2026 08:00"))
    step(world.admin, code, "taking")
    step(world.admin, code, "ruling", **{"verdict-1": "grant"})
    step(world.admin, code, "execution")
    work_accounts(world.context)
    with database(world) as session:
        assert session.scalar(select(PrivilegedAccount.state)) == "active"
    clock.now = NOON + 7 * DAY
    with MailRelay(mode="busy") as relay:
        mailing = make_app(
            VONGLAU_PROFILE=PROVINCE, VONGLAU_MAIL_URL=f"smtp://127.0.0.1:{relay.port}",
            VONGLAU_MAIL_SENDER="vonglau@bo.example.vn",
        )  # fmt: skip
        context = JobContext(
            settings=mailing.extensions["vonglau"].settings, database=world.held.database, writer=make_writer(),
            policy_digest=law().digest, clock=clock, worker="test", random_hex=lambda size: "0" * size,
        )  # fmt: skip
        work_accounts(context)
        with database(world) as session:
            assert session.scalar(select(PrivilegedAccount.state)) == "locked"
            (notice,) = session.scalars(select(AccountNotice)).all()
            assert (notice.state, notice.attempts, notice.last_fault) == ("waiting", 1, "refused")
        relay.mode = "good"
        work_accounts(context)
        assert relay.letters == [], "the next try comes later"
        clock.now += timedelta(minutes=2)
        work_accounts(context)
        work_accounts(context)
    (letter,) = relay.letters
    assert letter["To"] == "vanthu@so.example.vn"
    assert name in letter.get_content()
    with database(world) as session:
        (notice,) = session.scalars(select(AccountNotice)).all()
        assert (notice.state, notice.channel, notice.attempts) == ("told", "mail", 2)


def test_the_worker_knows_both_jobs_and_when_to_do_them():
    specs = {spec.slug: spec.task for spec in schedules_of(PORTS)}
    assert tasks_of(PORTS)[specs["account-work"]] is work_accounts
    assert tasks_of(PORTS)[specs["account-checks"]] is check_accounts


def test_a_change_is_noticed_once_and_kept(world):
    account(world)
    compare(world)
    tell(world, world.unit.officer, title="Phó phòng")
    assert [change.kind for change in compare(world).changes] == ["retitled"]
    assert compare(world).changes == ()
    with database(world) as session:
        assert len(session.scalars(select(PersonnelChange)).all()) == 1
        assert session.scalars(select(AccountRequest)).one().unit == UNIT


def test_whoever_nothing_happens_to_fills_no_batch(world, monkeypatch):
    monkeypatch.setattr("control.privilege.personnel.service.BATCH", 1)
    monkeypatch.setattr("control.privilege.personnel.dormancy.BATCH", 1)
    account(world)
    account(world, person=world.unit.new_clerk)
    compare(world)
    compare(world)
    tell(world, world.unit.new_clerk, unit=UNIT)

    moved = compare(world).changes
    world.clock.now = NOON + 38 * DAY
    check_accounts(world.context)
    check_accounts(world.context)
    with database(world) as session:
        warned = len(session.scalars(select(AccountDormancy)).all())

    assert [(change.person_id, change.kind) for change in moved] == [(world.unit.new_clerk.id, "moved")]
    assert warned == 2
