"""Requests about accounts in the real database: papers, four eyes, reasons, effects, handover, urgent locks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from control.errors import InvalidInput, NotFound
from control.people.models import LoginSession, PersonLock
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.lifecycle.domain import Kind, Mode, Ruling, Verdict
from control.privilege.lifecycle.filing import NewPaper, Refused, attach_paper, draw_up, submit_request
from control.privilege.lifecycle.handover import confirm_receipt, note_envelope
from control.privilege.lifecycle.listing import is_late, load
from control.privilege.lifecycle.models import AccountHandover, AccountRequest, AccountRequestLine
from control.privilege.lifecycle.urgent import UrgentLock, lock_now
from control.privilege.lifecycle.working import approve_extra, arrange, due_lines, execute_line, rule_lines, take_up
from control.privilege.notices.models import AccountNotice
from control.privilege.processes.models import AccountRight
from tests.factories.lifecycle import OTHER_UNIT, UNIT, Unit, terms, tick
from tests.factories.people import make_factor
from tests.factories.privilege import NOON, PDF, entries, last_event

COPY = """
INSERT INTO account_request (kind, mode, state, unit, requester_key, filed_by_key, filed_at, profile, search_text,
  caller, channel, reason, incident)
SELECT kind, mode, 'draft', unit, 0, 0, filed_at, profile, '', {caller}, {channel}, {reason}, {incident}
  FROM account_request WHERE id = :id
"""
GRANTED = Ruling(verdict=Verdict.GRANTED)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def unit(session):
    return Unit(session)


def refused_by(session, statement, **values):
    """Run SQL as the application's own role; return the name of the constraint that refused."""
    with pytest.raises(DBAPIError) as raised, session.begin_nested():
        session.execute(text(statement), values)
    return raised.value.orig.diag.constraint_name


def all_granted(request):
    return {line.position: Ruling(verdict=Verdict.GRANTED, rights=tuple(line.rights_asked)) for line in request.lines}


def state_of(session, account):
    return session.scalar(select(PrivilegedAccount.state).where(PrivilegedAccount.id == account.id))


def test_one_request_carries_many_accounts_and_all_faults_come_at_once(session, unit):
    people = [unit.person(f"nguoi.{n:02d}", f"Người Thứ {n}") for n in range(20)]
    request = unit.drawn(Kind.CREATE, *(unit.new_line(who, number=n) for n, who in enumerate(people, start=1)))
    assert [line.login for line in request.lines] == [who.login for who in people]

    bad = (
        unit.new_line(number=1, login="khong.co"),
        unit.new_line(people[0], number=2),
        unit.new_line(people[0], number=3),
    )
    found = draw_up(session, draft=unit.draft(Kind.CREATE, *bad), act=unit.act(unit.clerk), terms=terms())
    assert isinstance(found, Refused)
    assert [(fault.field, fault.code) for fault in found.faults] == [
        ("line-1-login", "lifecycle.person_unknown"),
        ("line-3-login", "lifecycle.line_twice"),
    ]
    assert last_event(session)[1] == "failure"


def test_a_unit_asks_for_its_own_accounts_only(session, unit):
    stranger = unit.person("nguoi.la", "Người Lạ", unit=OTHER_UNIT)
    unit.account(stranger)
    draft = unit.draft(Kind.LOCK, unit.line(account="xu-ly.nguoi.la"))
    found = draw_up(session, draft=draft, act=unit.act(unit.clerk), terms=terms())
    assert [fault.code for fault in found.faults] == ["lifecycle.account_unknown"]
    other = unit.draft(Kind.LOCK, unit.line(account="xu-ly.nguoi.la"), unit=OTHER_UNIT)
    found = draw_up(session, draft=other, act=unit.act(unit.clerk), terms=terms())
    assert [fault.code for fault in found.faults] == ["lifecycle.not_your_unit"]
    assert isinstance(draw_up(session, draft=other, act=unit.act(unit.admin), terms=terms()), AccountRequest)


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_is_sent_with_its_own_forms_only(session, unit, kind):
    if kind is not Kind.CREATE:
        account = unit.account(state="locked" if kind is Kind.ACTIVATE else "active")
        assert account.id
    lines = (unit.line(rights=("tham-dinh",)),) if kind is Kind.CHANGE else ()
    request = unit.drawn(kind, *lines)
    said = submit_request(session, code=request.code, received_at=NOON, act=unit.act(unit.clerk), terms=terms())
    assert said.reason == "lifecycle.forms_missing"
    assert (
        refused_by(
            session,
            "UPDATE account_request SET state = 'submitted', received_at = now(), due_at = now() WHERE id = :id",
            id=request.id,
        )
        == "ck_account_request_forms"
    )
    unit.papers(request)
    done = submit_request(session, code=request.code, received_at=NOON, act=unit.act(unit.clerk), terms=terms())
    assert not hasattr(done, "reason")
    assert refused_by(session, "DELETE FROM account_request_paper WHERE request_id = :id", id=request.id) == (
        "ck_account_request_paper_unchanged"
    )


def paper(**changes):
    values = {"form": "02", "number": "9/SMH", "signed_on": NOON.date(), "signer": "Giám đốc", "is_copy": False,
              "signature": "valid", "file": PDF}  # fmt: skip
    return NewPaper(**(values | changes))


@pytest.mark.parametrize(
    ("signature", "is_copy", "reason"),
    [("valid", False, None), ("none", True, None), ("none", False, "lifecycle.signature_missing"),
     ("untrusted", False, "lifecycle.signature_missing")],
)  # fmt: skip
def test_a_request_is_signed_or_an_electronic_copy_where_the_profile_asks(session, unit, signature, is_copy, reason):
    unit.account()
    request = unit.drawn(Kind.LOCK)
    attach_paper(
        session, code=request.code, paper=paper(signature=signature, is_copy=is_copy), act=unit.act(unit.clerk)
    )
    done = submit_request(session, code=request.code, received_at=NOON, act=unit.act(unit.clerk), terms=terms())
    assert getattr(done, "reason", None) == reason
    assert load(session, request.code).papers[0].signature == signature
    ministry = terms("ministry-construction-2025")
    assert not ministry.must_be_signed


@pytest.mark.parametrize("signature", ["changed", "revoked", "expired", "unreadable"])
def test_a_broken_signature_is_not_even_attached(session, unit, signature):
    unit.account()
    request = unit.drawn(Kind.LOCK)
    said = attach_paper(
        session, code=request.code, paper=paper(signature=signature, is_copy=True), act=unit.act(unit.clerk)
    )
    assert said.reason == "lifecycle.signature_unsound"
    assert load(session, request.code).papers == []


@pytest.mark.attack("E1")
def test_e1_who_asked_or_filed_neither_takes_up_nor_decides_nor_carries_out(session, unit):
    unit.account()
    request = unit.drawn(Kind.LOCK, act=unit.act(unit.admin))
    unit.papers(request, act=unit.act(unit.admin))
    submit_request(session, code=request.code, received_at=NOON, act=unit.act(unit.admin), terms=terms())
    assert (
        take_up(session, code=request.code, act=unit.act(unit.admin), terms=terms()).reason == "lifecycle.own_request"
    )
    take_up(session, code=request.code, act=unit.act(unit.second), terms=terms())
    said = rule_lines(session, code=request.code, rulings={1: GRANTED}, act=unit.act(unit.admin))
    assert said.reason == "lifecycle.own_request"
    rule_lines(session, code=request.code, rulings={1: GRANTED}, act=unit.act(unit.second))
    said = arrange(session, code=request.code, act=unit.act(unit.admin), ticks=tick)
    assert said.reason == "lifecycle.own_request"
    assert last_event(session)[1:] == ("failure", "lifecycle.own_request")
    assert (
        refused_by(
            session,
            "UPDATE account_request_line SET arranged_at = now(), executed_by_key = :who WHERE request_id = :id",
            who=unit.admin.id,
            id=request.id,
        )
        == "ck_account_request_line_executed_by_another"
    )
    assert not hasattr(arrange(session, code=request.code, act=unit.act(unit.second), ticks=tick), "reason")


def test_fewer_than_asked_needs_a_reason_and_the_reply_says_it(session, unit):
    other = unit.person("canbo.hai", "Cao Bộ Hai")
    request = unit.taken(Kind.CREATE, unit.new_line(rights=("tiep-nhan", "tham-dinh")), unit.new_line(other, number=2))
    partial = Ruling(verdict=Verdict.PARTIAL, rights=("tiep-nhan",))
    no = Ruling(verdict=Verdict.REFUSED)
    for rulings in ({1: partial, 2: no}, {1: partial, 2: Ruling(verdict=Verdict.REFUSED, reason=" ")}):
        said = rule_lines(session, code=request.code, rulings=rulings, act=unit.act(unit.admin))
        assert said.reason == "lifecycle.reason_missing"
    assert (
        refused_by(
            session,
            "UPDATE account_request_line SET verdict = 'refused', ruled_at = now(), ruled_by_key = :who "
            "WHERE request_id = :id",
            who=unit.admin.id,
            id=request.id,
        )
        == "ck_account_request_line_reason_for_fewer"
    )

    why = Ruling(verdict=Verdict.PARTIAL, rights=("tiep-nhan",), reason="Đã đủ người thẩm định")
    rulings = {1: why, 2: Ruling(verdict=Verdict.REFUSED, reason="Hết chỉ tiêu")}
    rule_lines(session, code=request.code, rulings=rulings, act=unit.act(unit.admin))
    arrange(session, code=request.code, act=unit.act(unit.admin), ticks=tick)
    request = load(session, request.code)
    assert request.state == "partly-done"
    (notice,) = session.scalars(select(AccountNotice)).all()
    assert "Đã đủ người thẩm định" in notice.body
    assert "Hết chỉ tiêu" in notice.body
    assert "canbo.mot" in notice.body
    assert notice.mail == "vanthu@so.example.vn"


def test_a_new_account_waits_for_commitment_new_password_and_the_officers_own_word(session, unit):
    request = unit.done(Kind.CREATE)
    account = session.scalars(select(PrivilegedAccount).where(PrivilegedAccount.category == "officer")).one()
    assert (account.state, account.person_id) == ("pending", unit.officer.id)
    assert session.scalars(select(AccountRight.role)).all() == ["tiep-nhan"]
    note_envelope(session, line_id=request.lines[0].id, envelope="PB-01", act=unit.act(unit.admin))

    with pytest.raises(NotFound):
        confirm_receipt(session, account_code=account.code, act=unit.act(unit.clerk))
    said = confirm_receipt(session, account_code=account.code, act=unit.act(unit.officer, now=NOON + HOUR))
    assert said.reason == "lifecycle.password_not_changed"
    unit.officer.password_changed_at = NOON + timedelta(minutes=30)
    session.flush()
    assert refused_by_receipt(session, account) == "ck_privilege_account_confirmed"

    done = confirm_receipt(session, account_code=account.code, act=unit.act(unit.officer, now=NOON + HOUR))
    assert not hasattr(done, "reason")
    assert state_of(session, account) == "active"
    actions = [body["event"]["action"] for body in entries(session)]
    assert "privilege:lifecycle:confirm" in actions


def refused_by_receipt(session, account):
    session.execute(
        text(
            "INSERT INTO privilege_account_change (account_id, from_state, to_state, incident, reason, changed_at) "
            "VALUES (:id, 'pending', 'active', 'SC-1', '', :at)"
        ),
        {"id": account.id, "at": NOON + HOUR},
    )
    return refused_by(
        session,
        "UPDATE privilege_account SET state = 'active', state_changed_at = :at WHERE id = :id",
        id=account.id,
        at=NOON + HOUR,
    )


def test_without_the_signed_commitment_nothing_becomes_active(session, unit):
    account = unit.account(state="locked")
    request = unit.taken(Kind.ACTIVATE)
    rule_lines(session, code=request.code, rulings={1: GRANTED}, act=unit.act(unit.admin))
    said = arrange(session, code=request.code, act=unit.act(unit.admin), ticks=tick)
    assert said.reason == "lifecycle.not_committed"
    assert state_of(session, account) == "locked"
    handed = unit.person("canbo.ba", "Cao Bộ Ba")
    waiting = unit.account(handed, state="pending")
    session.add(
        AccountHandover(account_id=waiting.id, line_id=request.lines[0].id, holder_id=handed.id, commitment_id=None,
                        must_change_password=False, envelope="", handed_at=NOON)
    )  # fmt: skip
    session.flush()
    assert confirm_receipt(session, account_code=waiting.code, act=unit.act(handed)).reason == "lifecycle.not_committed"

    second = unit.person("canbo.hai", "Cao Bộ Hai")
    unit.account(second, state="locked")
    request = unit.drawn(Kind.ACTIVATE, unit.line(account="xu-ly.canbo.hai"))
    unit.papers(request)
    attach_paper(session, code=request.code, paper=paper(form="05"), act=unit.act(unit.clerk))
    submit_request(session, code=request.code, received_at=NOON, act=unit.act(unit.clerk), terms=terms())
    take_up(session, code=request.code, act=unit.act(unit.admin), terms=terms())
    rule_lines(session, code=request.code, rulings={1: GRANTED}, act=unit.act(unit.admin))
    assert not hasattr(arrange(session, code=request.code, act=unit.act(unit.admin), ticks=tick), "reason")


def test_an_officer_without_assignment_gets_no_account_and_an_extra_right_is_approved(session, unit):
    request = unit.taken(Kind.CREATE, unit.new_line(rights=("xem-bao-cao",)))
    granted = {1: Ruling(verdict=Verdict.GRANTED, rights=("xem-bao-cao",))}
    approve_extra(session, code=request.code, position=1, act=unit.act(unit.leader))
    said = rule_lines(session, code=request.code, rulings=granted, act=unit.act(unit.admin))
    assert said.reason == "lifecycle.no_assignment"

    other = unit.person("canbo.hai", "Cao Bộ Hai")
    request = unit.taken(Kind.CREATE, unit.new_line(other, rights=("tham-dinh", "xem-bao-cao")))
    said = rule_lines(session, code=request.code, rulings=all_granted(request), act=unit.act(unit.admin))
    assert said.reason == "lifecycle.extra_not_approved"
    assert approve_extra(session, code=request.code, position=1, act=unit.act(unit.clerk)).reason == (
        "lifecycle.own_request"
    )
    assert not hasattr(approve_extra(session, code=request.code, position=1, act=unit.act(unit.leader)), "reason")
    rule_lines(session, code=request.code, rulings=all_granted(request), act=unit.act(unit.admin))
    arrange(session, code=request.code, act=unit.act(unit.admin), ticks=tick)
    rights = session.scalars(select(AccountRight).order_by(AccountRight.role)).all()
    assert [(right.role, right.origin, right.approved_by_id) for right in rights] == [
        ("tham-dinh", "process", None),
        ("xem-bao-cao", "extra", unit.leader.id),
    ]
    assert (
        refused_by(
            session,
            "INSERT INTO account_right (account_id, role, unit, origin, request_code, since) "
            "VALUES (:id, 'toan-quyen', 'x', 'extra', 'TK-1', now())",
            id=rights[0].account_id,
        )
        == "ck_account_right_extra_is_approved"
    )


def live_session(session, person):
    row = LoginSession(
        token_digest=person.id.to_bytes(32, "big"), person_id=person.id, factor_id=make_factor(session, person).id,
        auth_level="medium", second_factor_at=NOON, created_at=NOON, last_seen_at=NOON, ends_at=NOON + 8 * HOUR,
        idle_seconds=900,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def test_a_lock_ends_the_officers_sessions_and_is_carried_out_in_its_clock(session, unit):
    account = unit.account()
    request = unit.done(Kind.LOCK, unit.line(wanted_at=NOON - HOUR))
    assert state_of(session, account) == "locked"
    (lock,) = session.scalars(select(PersonLock).where(PersonLock.person_id == unit.officer.id)).all()
    assert lock.cause == "request"
    assert request.lines[0].is_short
    assert request.lines[0].effect_ms >= 0
    assert not is_late(request, NOON + 30 * DAY)
    (notice,) = session.scalars(select(AccountNotice)).all()
    assert (notice.kind, notice.state) == ("done", "waiting")


def test_what_is_wanted_later_takes_effect_then_by_itself(session, unit):
    account = unit.account()
    later = NOON + 6 * DAY
    request = unit.done(Kind.LOCK, unit.line(wanted_at=later))
    assert state_of(session, account) == "active"
    assert request.state == "in-work"
    assert not request.lines[0].is_short
    assert due_lines(session, now=later - HOUR) == []
    assert due_lines(session, now=later) == [(request.code, 1)]
    act = unit.act(unit.admin, now=later)
    assert not hasattr(execute_line(session, request, request.lines[0], act=act, ticks=tick), "reason")
    assert state_of(session, account) == "locked"
    assert (
        refused_by(session, "UPDATE account_request_line SET executed_at = now() WHERE request_id = :id", id=request.id)
        == "ck_account_request_line_done_once"
    )


@pytest.mark.parametrize("kind", [Kind.LOCK, Kind.ACTIVATE, Kind.REVOKE])
def test_account_reason_and_time_are_asked_by_the_database_too(session, unit, kind):
    account = unit.account(state="locked" if kind is Kind.ACTIVATE else "active")
    request = unit.drawn(kind)
    for column, value in (("account_id", "NULL"), ("reason", "''"), ("wanted_at", "NULL")):
        statement = f"UPDATE account_request_line SET {column} = {value} WHERE request_id = :id"
        assert refused_by(session, statement, id=request.id) == "ck_account_request_line_account_reason_time"
    assert account.id


def test_a_revocation_retires_ends_rights_and_lists_exactly_what_it_disabled(session, unit):
    other = unit.person("canbo.hai", "Cao Bộ Hai")
    first, second = unit.account(), unit.account(other)
    unit.give(first, "tiep-nhan")
    request = unit.taken(Kind.REVOKE, unit.line(), unit.line(2, account=second.code))
    rulings = {1: GRANTED, 2: Ruling(verdict=Verdict.REFUSED, reason="Còn nhiệm vụ")}
    rule_lines(session, code=request.code, rulings=rulings, act=unit.act(unit.admin))
    arrange(session, code=request.code, act=unit.act(unit.admin), ticks=tick)
    assert (state_of(session, first), state_of(session, second)) == ("retired", "active")
    assert session.scalar(select(AccountRight.ended_reason)) == "revoked"
    (notice,) = session.scalars(select(AccountNotice)).all()
    listed = notice.body.split("Ít hơn đề nghị")[0]
    assert first.code in listed
    assert second.code not in listed
    assert "Còn nhiệm vụ" in notice.body


def test_an_emergency_lock_holds_at_once_and_stores_caller_channel_and_reason(session, unit):
    account = unit.account()
    live = live_session(session, unit.officer)
    order = UrgentLock(
        mode=Mode.EMERGENCY, accounts=(account.code,), reason="Lộ mật khẩu", incident="SC-0042",
        caller="Trưởng phòng Mẫu", channel="phone", notice_mail="vanthu@so.example.vn",
    )  # fmt: skip
    request = lock_now(session, order=order, act=unit.act(unit.guard), terms=terms(), ticks=tick)
    assert isinstance(request, AccountRequest)
    assert state_of(session, account) == "locked"
    session.refresh(live)
    assert live.ended_at == NOON
    assert (request.caller, request.channel, request.reason, request.incident) == (
        "Trưởng phòng Mẫu", "phone", "Lộ mật khẩu", "SC-0042",
    )  # fmt: skip
    assert request.lines[0].effect_ms is not None
    (notice,) = session.scalars(select(AccountNotice)).all()
    # Monday noon stands in the pause; five working hours from 13:00 end on Tuesday at 08:30.
    assert notice.due_at == terms().clocks.telling(locked_at=NOON).due_at
    entry = next(body for body in entries(session) if body["event"]["action"] == "privilege:lifecycle:lock")
    assert entry["vn"]["details"]["channel"] == "phone"
    assert "Lộ mật khẩu" not in str(entry)
    for missing in ("caller", "channel", "reason", "incident"):
        given = {"caller": "caller", "channel": "channel", "reason": "reason", "incident": "incident"}
        given[missing] = "NULL" if missing == "channel" else "''"
        assert refused_by(session, COPY.format(**given), id=request.id) in {
            "ck_account_request_emergency_call",
            "ck_account_request_incident",
        }


def test_an_urgent_lock_needs_accounts_of_one_unit_and_an_incident(session, unit):
    account = unit.account()
    stranger = unit.account(unit.person("nguoi.la", "Người Lạ", unit=OTHER_UNIT))
    order = {"mode": Mode.OWN_RISK, "reason": "Dấu hiệu xâm nhập", "incident": "PT-0007"}
    both = UrgentLock(accounts=(account.code, stranger.code), **order)
    said = lock_now(session, order=both, act=unit.act(unit.guard), terms=terms(), ticks=tick)
    assert said.reason == "lifecycle.one_unit_at_once"
    with pytest.raises(InvalidInput):
        lock_now(session, order=UrgentLock(accounts=("khong.co",), **order), act=unit.act(unit.guard), terms=terms(),
                 ticks=tick)  # fmt: skip
    done = lock_now(session, order=UrgentLock(accounts=(account.code,), **order), act=unit.act(unit.guard),
                    terms=terms(), ticks=tick)  # fmt: skip
    assert done.mode == "own-risk"
    assert session.scalar(select(func.count()).select_from(AccountRequestLine)) == 1


def test_an_urgent_lock_never_gives(session, unit):
    unit.account()
    request = unit.drawn(Kind.LOCK)
    assert (
        refused_by(
            session,
            "UPDATE account_request SET kind = 'create', mode = 'emergency', caller = 'x', channel = 'phone', "
            "reason = 'x', incident = 'SC-1' WHERE id = :id",
            id=request.id,
        )
        == "ck_account_request_at_once_only_locks"
    )
    assert request.unit == UNIT


def test_the_database_refuses_a_process_that_is_active_since_no_moment(session, unit):
    activate = "UPDATE account_process SET state = 'active' WHERE id = :id"

    assert refused_by(session, activate, id=unit.process.id) == "ck_account_process_activated_at"
