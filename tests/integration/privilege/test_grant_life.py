"""The life of a grant: whether it may start, what closes with it, how it is extended, what its history keeps."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from control.decisions import Allow, Deny
from control.people.models import PersonRole
from control.privilege import (
    active_grant,
    end_due_grants,
    end_grants_of,
    start_due_grants,
    suspend_unfit_grants,
)
from control.privilege.grants.domain import Step
from control.privilege.grants.ending import end_grants_on, steps_of, suspend_grants_of
from control.privilege.grants.hearing import hear
from control.privilege.grants.models import GrantUse, PrivilegeGrant
from control.privilege.grants.service import step_grant
from control.privilege.grants.uses import close_use, confirm_closed, open_use, uses_to_cut
from control.privilege.requests.models import PrivilegeRequest
from control.privilege.requests.service import Refused, amend_request, file_request, grant_of
from tests.factories.privilege import NOON, House, actor_of, entries, last_event, make_act, make_person, terms
from tests.integration.privilege.test_database_refuses import refused

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def held(session, house, now):
    return active_grant(session, person_id=house.holder.id, asset_code=house.account.asset.code, now=now)


def scheduled(house, **changes):
    """A grant that starts in an hour and lasts two."""
    return house.grant(**{"starts_at": NOON + HOUR, "ends_at": NOON + 3 * HOUR, **changes})


def demote(session, person):
    session.query(PersonRole).filter_by(person_id=person.id).delete()
    session.flush()


# I4: those who approved still may approve when the grant starts


@pytest.mark.attack("E4")
def test_e4_a_grant_whose_approver_lost_the_role_is_never_usable_and_is_withheld_at_its_start(session, house):
    grant = scheduled(house)
    demote(session, house.leader)

    before_the_pass = held(session, house, NOON + HOUR)
    withheld = start_due_grants(session, act=house.as_admin(now=NOON + HOUR + SECOND))
    entry = entries(session)[-1]

    assert before_the_pass is None
    assert withheld == (grant.code,)
    assert (grant.state, grant.suspended_cause) == ("suspended", "approver-standing")
    assert held(session, house, NOON + 2 * HOUR) is None
    assert entry["event"]["action"] == "privilege:grant:withhold"
    assert entry["vn"]["details"]["grant"] == grant.code


@pytest.mark.attack("E4")
def test_e4_what_was_withheld_is_resumed_only_when_the_approver_has_the_role_again(session, house):
    grant = scheduled(house)
    demote(session, house.leader)
    now = NOON + HOUR + SECOND
    start_due_grants(session, act=house.as_admin(now=now))

    too_soon = step_grant(session, code=grant.code, step=Step.RESUME, reason="xong", act=house.as_officer(now=now))
    session.add(PersonRole(person_id=house.leader.id, role="approver", since=NOON))
    session.flush()
    later = step_grant(session, code=grant.code, step=Step.RESUME, reason="xong", act=house.as_officer(now=now))

    assert isinstance(too_soon, Deny)
    assert too_soon.reason == "grant.approver_lost_role"
    assert isinstance(later, Allow)
    assert held(session, house, now).code == grant.code


@pytest.mark.attack("I4")
@pytest.mark.parametrize("state", ["suspended", "left"])
def test_i4_an_approver_who_is_not_active_at_the_start_does_not_carry_the_grant(session, house, state):
    scheduled(house)
    house.leader.state, house.leader.left_at = state, NOON if state == "left" else None
    session.flush()

    assert held(session, house, NOON + HOUR) is None
    assert len(start_due_grants(session, act=house.as_admin(now=NOON + HOUR))) == 1


@pytest.mark.attack("I4")
def test_i4_a_grant_that_has_started_goes_on_when_its_approver_moves_later(session, house):
    grant = scheduled(house)
    start_due_grants(session, act=house.as_admin(now=NOON + HOUR))
    again = start_due_grants(session, act=house.as_admin(now=NOON + HOUR))
    demote(session, house.leader)

    assert again == ()
    assert held(session, house, NOON + 2 * HOUR).code == grant.code
    assert [step.step for step in steps_of(session, grant_id=grant.id)] == ["granted", "started"]


@pytest.mark.attack("I4")
def test_i4_the_security_approver_of_a_high_grant_must_still_be_of_the_security_unit(session, high_house):
    request = high_house.request(starts_at=NOON + HOUR, ends_at=NOON + 3 * HOUR)
    high_house.decide(request, act=high_house.as_leader())
    high_house.decide(request, act=high_house.as_officer())
    assert grant_of(session, request) is not None
    demote(session, high_house.officer)
    session.add(PersonRole(person_id=high_house.officer.id, role="approver", since=NOON))
    session.flush()

    assert held(session, high_house, NOON + HOUR) is None
    assert len(start_due_grants(session, act=high_house.as_admin(now=NOON + HOUR))) == 1


@pytest.mark.attack("E4")
def test_e4_an_approver_demoted_after_signing_in_decides_nothing(session, house):
    request = house.request()
    demote(session, house.leader)

    decision = house.decide(request, act=house.as_leader())

    assert decision.reason == "request.approver_lost_role"
    assert request.state == "submitted"
    assert last_event(session)[1:] == ("failure", "request.approver_lost_role")


@pytest.mark.attack("E3")
def test_e3_whom_a_requester_names_in_their_place_decides_nothing(session, house):
    request = house.request()
    colleague = make_person(session, name="Người Được Nhờ")

    decision = house.decide(request, act=make_act(actor_of(colleague)))
    by_hand = refused(
        session,
        "INSERT INTO privilege_approval SELECT id, :delegate, requester_id, filed_by_id, holder_id, version, "
        "body_sha256, 'approve', '', true, :at, :at, 'security-officer' FROM privilege_request WHERE id = :id",
        id=request.id,
        delegate=colleague.id,
        at=NOON,
    )

    assert decision.reason == "request.approver_lost_role"
    assert by_hand == "ck_privilege_approval_approver_standing"


# What is open under a grant


@pytest.mark.attack("E10")
@pytest.mark.parametrize(
    ("moment", "opens"),
    [(HOUR - SECOND, False), (HOUR, True), (3 * HOUR - SECOND, True), (3 * HOUR, False), (3 * HOUR + SECOND, False)],
)
def test_e10_a_use_opens_only_between_the_first_and_the_last_moment(session, house, moment, opens):
    grant = scheduled(house)

    use = open_use(session, grant_code=grant.code, kind="test", ref="1", act=house.as_holder(now=NOON + moment))

    assert isinstance(use, GrantUse) is opens
    if not opens:
        assert use.reason == "grant.not_in_force"


@pytest.mark.attack("E10")
def test_e10_nothing_opens_while_a_grant_is_suspended_and_what_was_open_is_closed(session, house):
    grant = house.grant()
    use = open_use(session, grant_code=grant.code, kind="test", ref="1", act=house.as_holder())

    step_grant(session, code=grant.code, step=Step.SUSPEND, reason="kiểm tra", act=house.as_leader())
    again = open_use(session, grant_code=grant.code, kind="test", ref="2", act=house.as_holder())

    assert use.closed_at is not None
    assert use.closed_cause == "person"
    assert isinstance(again, Deny)
    assert isinstance(open_use(session, grant_code="CQ-9999999", kind="test", ref="3", act=house.as_holder()), Deny)


def test_a_closed_use_never_opens_again(session, house):
    grant = house.grant()
    use = open_use(session, grant_code=grant.code, kind="test", ref="1", act=house.as_holder())
    close_use(session, kind="test", ref="1", act=house.as_holder())

    assert refused(session, "UPDATE grant_use SET closed_at = NULL WHERE id = :id", id=use.id) == (
        "ck_grant_use_no_way_back"
    )


@pytest.mark.parametrize(
    ("cause", "end"),
    [
        ("holder-left", lambda db, grant, act: end_grants_of(db, person_id=grant.person_id, act=act)),
        ("document-withdrawn", lambda db, grant, act: end_grants_on(db, document_id=grant.document_id, act=act)),
        ("person-locked", lambda db, grant, act: suspend_grants_of(db, person_id=grant.person_id, act=act)),
    ],
)  # fmt: skip
def test_every_way_out_closes_what_is_open_and_says_why(session, house, cause, end):
    grant = house.grant()
    use = open_use(session, grant_code=grant.code, kind="test", ref="1", act=house.as_holder())

    assert end(session, grant, house.as_admin()) == 1

    assert use.closed_at is not None
    assert use.closed_cause == cause
    assert held(session, house, NOON) is None
    assert entries(session)[-1]["vn"]["details"]["why"] == cause
    assert end(session, grant, house.as_admin()) == 0


@pytest.mark.parametrize("change", ["account", "person"])
def test_a_grant_whose_account_or_holder_is_not_active_any_more_is_suspended(session, house, change):
    grant = house.grant()
    if change == "account":
        house.move_account("suspended")
    else:
        house.holder.state = "suspended"
        session.flush()

    assert [suspend_unfit_grants(session, act=house.as_admin()) for _ in range(2)] == [1, 0]
    session.refresh(grant)
    assert grant.suspended_cause == {"account": "account-not-active", "person": "holder-not-active"}[change]


@pytest.mark.attack("E12")
def test_e12_a_process_elsewhere_hears_of_a_revocation_and_the_time_it_took_is_stored(clean_database, role_engine):
    engine = role_engine("vl_web")
    with Session(engine, expire_on_commit=False) as session, session.begin():
        house = House(session)
        grant = house.grant()
        use = open_use(
            session, grant_code=grant.code, kind="ssh-session", ref="1", act=house.as_holder(), is_remote=True
        )
    stopping = threading.Event()
    words = hear(clean_database.url("vl_web"), stopping=stopping, poll_seconds=30.0)
    assert next(words) == ""

    with Session(engine, expire_on_commit=False) as session, session.begin():
        step_grant(session, code=grant.code, step=Step.REVOKE, reason="nghi lộ", act=house.as_officer())
    word = next(words)  # 30 s without a word would give the empty one of the poll
    stopping.set()
    with Session(engine, expire_on_commit=False) as session, session.begin():
        told = uses_to_cut(session, kind="ssh-session")
        cut = confirm_closed(session, use_id=told[0].id, act=house.as_admin(now=NOON + timedelta(milliseconds=420)))
        once_more = confirm_closed(session, use_id=use.id, act=house.as_admin(now=NOON + HOUR))
        assert (cut.cut_ms, once_more.cut_ms) == (420, 420)
        assert uses_to_cut(session, kind="ssh-session") == []

    assert word == f"{grant.code} revoked"
    assert [one.id for one in told] == [use.id]
    engine.dispose()


# Extension


def ask_longer(session, house, grant, *, act=None, ends_at=NOON + 5 * HOUR, **changes):
    draft = house.draft(
        starts_at=grant.span.upper, ends_at=ends_at, purpose="Chưa xong", extends_id=grant.id, **changes
    )
    return file_request(session, draft=draft, act=act or house.as_holder(), terms=terms())


def test_an_extension_is_a_new_request_and_what_is_open_goes_on_under_it(session, house):
    grant = house.grant()
    use = open_use(session, grant_code=grant.code, kind="test", ref="1", act=house.as_holder())

    asked = ask_longer(session, house, grant)
    house.decide(asked, act=house.as_leader())
    longer = grant_of(session, asked)
    at_the_seam = house.as_admin(now=grant.span.upper)
    start_due_grants(session, act=at_the_seam)
    end_due_grants(session, act=at_the_seam)

    assert f'"extends":"{grant.code}"' in asked.body
    assert (grant.state, longer.state) == ("ended", "active")
    assert longer.span.lower == grant.span.upper
    assert (use.grant_id, use.closed_at) == (longer.id, None)
    assert held(session, house, NOON + 4 * HOUR + SECOND).code == longer.code


@pytest.mark.attack("E13")
def test_e13_a_longer_time_needs_another_person_and_never_edits_the_grant(session, house):
    grant = house.grant()
    asked = ask_longer(session, house, grant)

    alone = house.decide(asked, act=make_act(actor_of(house.holder, roles=("approver",))))

    assert alone.reason == "request.approver_is_requester"
    assert grant_of(session, asked) is None
    assert held(session, house, NOON + 4 * HOUR) is None
    for change in ("span = tstzrange(lower(span), upper(span) + interval '1 hour', '[)')", "request_id = request_id"):
        name = refused(session, f"UPDATE privilege_grant SET {change} WHERE id = :id", id=grant.id)
        assert name == "InsufficientPrivilege"


@pytest.mark.attack("E13")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"act": "admin"}, "grant.extension_not_holder"),
        ({"ends_at": NOON + timedelta(days=60)}, "document.window_outside"),
        ({"ends_at": NOON + timedelta(days=95)}, "request.window.too_long"),
        ({"ends_at": NOON + HOUR}, "request.window.reversed"),
    ],
)
def test_e13_an_extension_outside_its_bounds_is_refused(session, house, change, code):
    grant = house.grant()
    act = house.as_admin() if change.pop("act", None) else None

    answer = ask_longer(session, house, grant, act=act, **change)

    assert isinstance(answer, Refused)
    assert code in [fault.code for fault in answer.faults]


@pytest.mark.attack("E13")
def test_e13_the_longest_stretch_counts_from_the_first_moment_of_the_first_grant(session, high_house):
    request = high_house.request(ends_at=NOON + 20 * HOUR)
    high_house.decide(request, act=high_house.as_leader())
    high_house.decide(request, act=high_house.as_officer())
    grant = grant_of(session, request)

    too_long = ask_longer(session, high_house, grant, ends_at=NOON + 25 * HOUR)
    just = ask_longer(session, high_house, grant, ends_at=NOON + 24 * HOUR)
    by_hand = refused(
        session,
        "UPDATE privilege_request SET version = 2, ends_at = ends_at + interval '1 hour' WHERE id = :id",
        id=just.id,
    )

    assert [fault.code for fault in too_long.faults] == ["request.window.too_long"]
    assert isinstance(just, PrivilegeRequest)
    assert by_hand == "ck_privilege_request_longest_stretch"


def test_one_extension_of_a_grant_waits_at_a_time_and_amending_keeps_it_one(session, house):
    grant = house.grant()
    asked = ask_longer(session, house, grant)

    twice = ask_longer(session, house, grant)
    draft = house.draft(
        starts_at=grant.span.upper, ends_at=NOON + 6 * HOUR, document_id=grant.document_id, extends_id=grant.id
    )
    amended = amend_request(session, code=asked.code, draft=draft, act=house.as_holder(), terms=terms())
    moved = refused(
        session,
        "UPDATE privilege_request SET version = 9, starts_at = starts_at + interval '1 minute' WHERE id = :id",
        id=asked.id,
    )

    assert [fault.code for fault in twice.faults] == ["grant.extension_waiting"]
    assert amended.version == 2
    assert moved == "ck_privilege_request_extends_at_end"


# What the history keeps


def test_each_change_keeps_its_ground_its_people_and_the_rights_before_and_after(session, house):
    grant = house.grant()
    step_grant(
        session,
        code=grant.code,
        step=Step.REVOKE,
        reason="đơn vị đề nghị",
        reference="15/CV-TT",
        act=house.as_officer(),
    )

    made, ended = steps_of(session, grant_id=grant.id)
    right = f"{grant.code}:{house.account.code}"
    assert (made.reference, made.approvers) == (house.document.number, f"person:{house.leader.id}")
    assert (made.rights_before, made.rights_after) == ("", right)
    assert (ended.reference, ended.approvers) == ("15/CV-TT", f"person:{house.officer.id}")
    assert (ended.rights_before, ended.rights_after) == (right, "")
    details = entries(session)[-1]["vn"]["details"]
    assert (details["reference"], details["rights_before"]) == ("15/CV-TT", right)
    assert "đơn vị đề nghị" not in str(entries(session)[-1])


@pytest.mark.parametrize(
    "statement", ["UPDATE privilege_grant_step SET cause = 'x'", "DELETE FROM privilege_grant_step"]
)
def test_a_step_is_never_changed_or_deleted(session, house, statement):
    house.grant()

    assert refused(session, statement) == "InsufficientPrivilege"


@pytest.mark.attack("E18")
def test_e18_a_window_over_midnight_and_a_public_holiday_holds_by_the_clock(session, house):
    end_of_year = NOON.replace(month=12, day=30, hour=15)  # 22:00 in Hà Nội; the document ends on the 31st
    grant = house.grant(starts_at=end_of_year, ends_at=end_of_year + 5 * HOUR)
    over = house.draft(starts_at=end_of_year + timedelta(days=1), ends_at=end_of_year + timedelta(days=1, hours=3))

    answer = file_request(session, draft=over, act=house.as_admin(), terms=terms())

    assert [held(session, house, end_of_year + hours * HOUR) is not None for hours in (0, 1, 3, 4, 5)] == [
        True, True, True, True, False,
    ]  # fmt: skip
    assert session.get(PrivilegeGrant, grant.id).document_valid_to.isoformat() == "2026-12-31"
    assert [fault.code for fault in answer.faults] == ["document.window_outside"]
