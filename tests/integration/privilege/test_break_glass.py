"""Break-glass: two people seal and open, it ends by itself, each use is explained, somebody else reviews (group I)."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text

from control.decisions import Allow, Deny
from control.people import standing_locks
from control.people.factors.models import Factor
from control.people.factors.service import FactorRules
from control.people.local.domain import HashCost, LocalRules
from control.people.local.hashing import check_local_password
from control.people.local.models import LocalPassword
from control.people.models import PersonRole
from control.people.months import months_after
from control.privilege.breakglass.domain import Stage, State, Terms, half_of, is_mixed, is_within, source_of, whole_of
from control.privilege.breakglass.guard import guard
from control.privilege.breakglass.models import BreakGlassAccount, BreakGlassOpening, BreakGlassUse
from control.privilege.breakglass.opening import (
    Wish,
    ask_opening,
    close_due_openings,
    close_opening,
    confirm_opening,
    reconcile,
    report_use,
    review_opening,
)
from control.privilege.breakglass.sealing import Drawn, SealRules, complete_seal, prepare_seal, register_account
from control.privilege.breakglass.seeding import KnownSeal, seed_seal
from control.privilege.breakglass.standing import standing_of
from control.settings import Settings
from tests.factories.people import SECRET
from tests.factories.privilege import NOON, actor_of, entries, last_event, law, make_account, make_act, make_person
from tests.integration.conftest import environment
from tests.integration.privilege.test_database_refuses import refused

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
TERMS = Terms.of(law())
CHEAP = HashCost(memory_kib=64, passes=1, lanes=1, at_once=4)
RULES = SealRules(
    terms=TERMS,
    factor=FactorRules(key=bytes(range(32)), drift_steps=1),
    local=LocalRules(
        cost=CHEAP, shortest=8, shortest_of_administration=14, kinds_of_characters=4, history=10, change_months=2
    ),
)
FIRST, SECOND = half_of(bytes(range(16))), half_of(bytes(range(40, 56)))
CONSOLE = "10.20.9.9"


def rang(world):
    """Collect the alarms instead of the wing that keeps them, which stands above this one."""
    return lambda session, name, *, subject, act: world.alarms.append((name, subject))


@pytest.fixture
def world(session, house):
    """A sealed account of the house, and a second approver and officer without a part in anything."""
    account = make_account(session, owner=house.owner, name="khan-cap", kind="break-glass")
    auditor = make_person(session, name="Giả Đình Vị", roles=("auditor",))
    sealed = register_account(session, code=account.code, act=house.as_officer(), terms=TERMS)
    found = SimpleNamespace(session=session, house=house, sealed=sealed, auditor=auditor, alarms=[], account=account)
    seal(found)
    return found


def seal(world, now=NOON, first=FIRST, second=SECOND):
    session, house = world.session, world.house
    prepare_seal(
        session, sealed_id=world.sealed.id, half=first, nonce=b"1" * 12, act=house.as_officer(now=now), rules=RULES
    )
    drawn = Drawn(half=second, totp_secret=SECRET, nonce=b"2" * 12)
    return complete_seal(session, sealed_id=world.sealed.id, drawn=drawn, act=house.as_leader(now=now), rules=RULES)


def wish(world, **changes):
    values = {
        "sealed_id": world.sealed.id, "reason": "danh bạ ngừng", "reference": "SC-0012", "source": f"{CONSOLE}/32",
        "user_login": world.house.admin.login,
    }  # fmt: skip
    return Wish(**(values | changes))


def asked(world, *, act=None, **changes):
    return ask_opening(world.session, wish=wish(world, **changes), act=act or world.house.as_officer())


def confirm(world, opening, *, act=None):
    return confirm_opening(
        world.session, code=opening.code, act=act or world.house.as_leader(), terms=TERMS, alarm=rang(world)
    )


def opened(world, **changes):
    opening = asked(world, **changes)
    assert isinstance(opening, BreakGlassOpening), opening
    assert isinstance(confirm(world, opening), Allow)
    return opening


def use(world, *, now=NOON + MINUTE, address=CONSOLE, session_id="PH-7001"):
    """What the gate says to a request of the person behind the account."""
    actor = actor_of(world.sealed.person, roles=("break-glass",), now=now)
    act = make_act(actor, now=now)
    bent = type(act)(**{**{name: getattr(act, name) for name in act.__slots__}, "source_ip": address})
    moved = type(actor)(**{**{name: getattr(actor, name) for name in actor.__slots__}, "session_id": session_id})
    return guard(world.session, actor=moved, act=bent, alarm=rang(world))


# Sealing


def test_two_people_seal_and_neither_half_alone_is_the_password(world, session):
    encoded = session.scalar(select(LocalPassword.hash).where(LocalPassword.replaced_at.is_(None)))

    assert world.sealed.state == State.SEALED
    assert check_local_password(encoded, whole_of(FIRST, SECOND), cost=CHEAP)
    assert not any(check_local_password(encoded, half, cost=CHEAP) for half in (FIRST, SECOND))
    assert session.scalar(text("SELECT half_secret FROM break_glass_account")) is None
    assert [lock.cause for lock in standing_locks(session, person_id=world.sealed.person_id, now=NOON)]
    told = str(entries(session))
    assert FIRST not in told
    assert SECOND not in told


@pytest.mark.parametrize("who", ["leader", "officer"])
def test_nobody_takes_both_halves(world, session, who):
    house = world.house
    if who == "leader":
        decision = prepare_seal(
            session, sealed_id=world.sealed.id, half=FIRST, nonce=b"3" * 12, act=house.as_leader(), rules=RULES
        )
        assert decision.reason == "breakglass.not_security"
        return
    prepare_seal(session, sealed_id=world.sealed.id, half=FIRST, nonce=b"3" * 12, act=house.as_officer(), rules=RULES)
    drawn = Drawn(half=SECOND, totp_secret=SECRET, nonce=b"4" * 12)
    decision = complete_seal(session, sealed_id=world.sealed.id, drawn=drawn, act=house.as_officer(), rules=RULES)

    assert decision.reason == "breakglass.second_is_first"
    by_hand = "UPDATE break_glass_account SET sealed_by_id = half_by_id WHERE id = :id"
    assert refused(session, by_hand, id=world.sealed.id) == "ck_break_glass_account_two_sealers"


def test_a_new_seal_ends_the_old_password_and_the_old_factor(world, session):
    other = half_of(bytes(range(60, 76)))

    assert isinstance(seal(world, now=NOON + DAY, first=other), Allow)

    encoded = session.scalar(select(LocalPassword.hash).where(LocalPassword.replaced_at.is_(None)))
    assert check_local_password(encoded, whole_of(other, SECOND), cost=CHEAP)
    assert not check_local_password(encoded, whole_of(FIRST, SECOND), cost=CHEAP)
    states = session.scalars(select(Factor.state).where(Factor.person_id == world.sealed.person_id)).all()
    assert sorted(states) == ["active", "removed"]


def test_a_half_is_easy_to_read_and_hard_to_guess():
    assert FIRST == "2345-6789-ABCD-EFGH"
    assert not is_mixed(FIRST)
    assert is_mixed("Ab3k-9Qzp-mX4t-2222")
    with pytest.raises(ValueError, match="16"):
        half_of(b"short")


# Opening


@pytest.mark.attack("I1")
def test_i1_one_person_alone_opens_nothing(world, session):
    opening = asked(world)
    second_officer = make_person(session, roles=("security-officer",))

    alone = confirm(world, opening, act=world.house.as_officer())
    same_side = confirm(world, opening, act=make_act(actor_of(second_officer, roles=("security-officer",))))
    neither = asked(world, act=world.house.as_admin())

    assert [one.reason for one in (alone, same_side, neither)] == [
        "breakglass.second_is_first", "breakglass.same_side", "breakglass.neither_role",
    ]  # fmt: skip
    assert world.alarms == []
    assert world.sealed.state == State.SEALED
    for change, name in (
        ("opened_by_id = asked_by_id, opened_for_security = false", "ck_break_glass_opening_two_openers"),
        (f"opened_by_id = {second_officer.id}, opened_for_security = true", "ck_break_glass_opening_both_sides"),
    ):
        by_hand = f"UPDATE break_glass_opening SET opened_at = now(), ends_at = now() + interval '1 hour', {change}"
        assert refused(session, by_hand) == name


def test_two_people_open_for_a_time_with_the_alarm_at_once(world, session):
    opening = opened(world)

    assert (opening.opened_at, opening.ends_at) == (NOON, NOON + 2 * HOUR)
    assert world.alarms == [("BreakGlassOpened", opening.code)]
    assert standing_locks(session, person_id=world.sealed.person_id, now=NOON) == []
    assert session.scalars(select(PersonRole.role).where(PersonRole.person_id == world.sealed.person_id)).all() == [
        "break-glass"
    ]
    details = entries(session)[-1]["vn"]["details"]
    assert (details["reference"], details["source"]) == ("SC-0012", f"{CONSOLE}/32")
    assert details["opened_by"] == f"person:{world.house.leader.id}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reference": "vì gấp"}, "breakglass.reference"),
        ({"user_login": "khong.co.ai"}, "breakglass.user"),
    ],
)
def test_an_opening_without_a_ground_or_a_user_is_refused(world, session, change, reason):
    answer = asked(world, **change)

    assert answer.reason == reason
    assert last_event(session) == ("privilege:breakglass:ask", "failure", reason)


def test_an_opening_may_rest_on_a_filed_document(world):
    assert isinstance(asked(world, reference=world.house.document.number), BreakGlassOpening)


def test_what_nobody_confirms_in_time_lapses(world):
    opening = asked(world)

    late = confirm(world, opening, act=world.house.as_leader(now=NOON + HOUR + MINUTE))

    assert late.reason == "breakglass.no_opening_lapsed"


def test_it_closes_by_itself_and_is_locked_again(world, session):
    opening = opened(world)

    codes = [close_due_openings(session, act=world.house.as_admin(now=NOON + 2 * HOUR), terms=TERMS) for _ in range(2)]

    assert codes == [(opening.code,), ()]
    assert (opening.closed_at, opening.closed_cause) == (NOON + 2 * HOUR, "deadline")
    assert [lock.cause for lock in standing_locks(session, person_id=world.sealed.person_id, now=NOON + 3 * HOUR)]
    assert session.scalars(select(PersonRole.role).where(PersonRole.person_id == world.sealed.person_id)).all() == []
    for change, name in (
        ("ends_at = ends_at + interval '9 hours'", "ck_break_glass_opening_unchanged"),
        ("closed_at = NULL", "ck_break_glass_opening_no_way_back"),
    ):
        assert refused(session, f"UPDATE break_glass_opening SET {change}") == name
    assert refused(session, "DELETE FROM break_glass_opening") == "InsufficientPrivilege"


# Using


def test_a_use_carries_the_opening_as_its_purpose_and_is_noted_once(world, session):
    opening = opened(world)

    purposes = [use(world), use(world)]

    assert purposes == [f"break-glass {opening.code}"] * 2
    (noted,) = session.scalars(select(BreakGlassUse)).all()
    assert (noted.opening_id, noted.address, noted.ref) == (opening.id, CONSOLE, "PH-7001")
    assert entries(session)[-1]["event"]["action"] == "privilege:breakglass:use"
    assert guard(session, actor=world.house.as_admin().actor, act=world.house.as_admin(), alarm=rang(world)) == ""


@pytest.mark.attack("I2")
def test_i2_a_use_without_an_opening_is_refused_and_raises_the_alarm(world, session):
    assert use(world) is None
    assert world.alarms == [("BreakGlassMisused", world.account.code)]
    assert last_event(session) == ("privilege:breakglass:misuse", "failure", "breakglass.not_open")


@pytest.mark.attack("I2")
def test_i2_a_login_a_server_saw_without_an_opening_becomes_a_finding_in_an_hour(world, session):
    house = world.house
    report = {"sealed_id": world.sealed.id, "at": NOON, "address": CONSOLE, "ref": "may-chu-1:77"}
    assert report_use(session, **report, act=house.as_officer()) is True
    assert report_use(session, **report, act=house.as_officer()) is False

    soon = reconcile(session, act=house.as_admin(now=NOON + 59 * MINUTE), terms=TERMS)
    later = [reconcile(session, act=house.as_admin(now=NOON + HOUR), terms=TERMS) for _ in range(2)]

    assert soon == ()
    assert later == [(world.account.code,), ()]
    assert last_event(session)[0] == "privilege:breakglass:unexplained"


@pytest.mark.attack("I3")
def test_i3_an_opening_is_used_in_one_place_and_opens_once(world, session):
    opening = opened(world)
    use(world)
    session.execute(
        text(
            "INSERT INTO login_session (id, token_digest, person_id, identity_id, factor_id, auth_level, "
            "second_factor_at, created_at, last_seen_at, ends_at, idle_seconds) OVERRIDING SYSTEM VALUE "
            "SELECT 7001, sha256('x'), person_id, NULL, id, 'medium', now(), now(), now(), "
            "now() + interval '1 hour', 300 "
            "FROM factor WHERE person_id = :person AND state = 'active'"
        ),
        {"person": world.sealed.person_id},
    )

    elsewhere = use(world, session_id="PH-7002")
    again = confirm(world, opening)
    close_opening(session, code=opening.code, act=world.house.as_leader(), terms=TERMS)
    afterwards = use(world)

    assert elsewhere is None
    assert again.reason == "breakglass.no_opening_open"
    assert afterwards is None
    reasons = [one["event"].get("reason_code") for one in entries(session)]
    assert "breakglass.used_twice" in reasons
    assert reasons[-1] == "breakglass.not_open"


def test_the_deadline_holds_to_the_second_whether_a_job_runs_or_not(world):
    opened(world)

    assert use(world, now=NOON + 2 * HOUR - timedelta(seconds=1)) is not None
    assert use(world, now=NOON + 2 * HOUR) is None


@pytest.mark.attack("I4")
def test_i4_a_seal_that_is_not_renewed_in_time_is_an_alert_until_it_is(world, session):
    opening = opened(world)
    close_opening(session, code=opening.code, act=world.house.as_officer(now=NOON + HOUR), terms=TERMS)
    code = world.account.code

    def due(now):
        return code in standing_of(session, act=world.house.as_admin(now=now), terms=TERMS).due[0]

    found = [due(NOON + 2 * HOUR), due(NOON + 25 * HOUR)]
    seal(world, now=NOON + 26 * HOUR, first=half_of(bytes(range(60, 76))))
    found += [due(NOON + 26 * HOUR), due(months_after(NOON + 26 * HOUR, 2))]

    assert found == [False, True, False, True], "renewed also before the password of an administrator is too old"


@pytest.mark.attack("I5")
def test_i5_from_another_address_it_does_not_work(world, session):
    opened(world)

    assert use(world, address="10.20.9.10") is None
    assert use(world, address=None) is None
    assert use(world) is not None
    assert last_event(session)[0] == "privilege:breakglass:use"
    assert world.alarms[1:] == [("BreakGlassMisused", world.account.code)] * 2


@pytest.mark.attack("I6")
@pytest.mark.parametrize("who", ["officer", "leader", "admin"])
def test_i6_nobody_who_had_a_part_closes_the_review(world, session, who):
    opening = opened(world)
    house = world.house
    close_opening(session, code=opening.code, act=house.as_leader(), terms=TERMS)
    reconcile(session, act=house.as_admin(now=NOON + MINUTE), terms=TERMS)
    act = {"officer": house.as_officer, "leader": house.as_leader, "admin": house.as_admin}[who]()
    person = {"officer": house.officer, "leader": house.leader, "admin": house.admin}[who]

    decision = review_opening(session, code=opening.code, text="ổn", act=act, terms=TERMS)
    by_hand = refused(
        session,
        "UPDATE break_glass_opening SET reviewed_at = now(), review = 'x', reviewed_by_id = :person",
        person=person.id,
    )

    assert decision.reason == "breakglass.reviewer_had_a_part"
    assert by_hand == "ck_break_glass_opening_reviewer_had_no_part"


def test_somebody_without_a_part_reviews_after_it_is_closed_and_explained(world, session):
    opening = opened(world)
    house, auditor = world.house, make_act(actor_of(world.auditor, roles=("auditor",)))
    while_open = review_opening(session, code=opening.code, text="ổn", act=auditor, terms=TERMS)
    close_opening(session, code=opening.code, act=house.as_leader(now=NOON + HOUR), terms=TERMS)
    later = make_act(actor_of(world.auditor, roles=("auditor",)), now=NOON + 2 * HOUR)
    too_soon = review_opening(session, code=opening.code, text="ổn", act=later, terms=TERMS)
    reconcile(session, act=house.as_admin(now=NOON + 2 * HOUR), terms=TERMS)

    done = review_opening(session, code=opening.code, text="đúng lý do", act=later, terms=TERMS)

    assert [while_open.reason, too_soon.reason] == ["breakglass.not_closed", "breakglass.not_reconciled"]
    assert isinstance(done, Allow)
    assert opening.facts.stage(NOON + 3 * HOUR, ask_within=TERMS.ask_within) is Stage.REVIEWED
    assert "đúng lý do" not in str(entries(session))


def test_a_review_that_is_late_is_an_alert(world, session):
    opening = opened(world)
    close_opening(session, code=opening.code, act=world.house.as_leader(now=NOON + HOUR), terms=TERMS)

    def overdue(now):
        return opening.code in standing_of(session, act=world.house.as_admin(now=now), terms=TERMS).due[1]

    assert [overdue(NOON + 2 * DAY), overdue(NOON + 7 * DAY)] == [False, True]


@pytest.mark.attack("I7")
@pytest.mark.parametrize("use_first", [True, False])
def test_i7_what_happened_without_the_portal_is_put_together_in_any_order(world, session, use_first):
    house = world.house
    begun, over, back = NOON - 5 * HOUR, NOON - 4 * HOUR, NOON
    login = {"sealed_id": world.sealed.id, "at": begun + 10 * MINUTE, "address": CONSOLE, "ref": "may-chu-1:78"}

    def write_down():
        opening = asked(world, happened_from=begun, happened_to=over, act=house.as_leader())
        assert isinstance(confirm(world, opening, act=house.as_officer()), Allow)
        return opening

    if use_first:
        report_use(session, **login, act=house.as_officer())
        reconcile(session, act=house.as_admin(now=back), terms=TERMS)
        opening = write_down()
    else:
        opening = write_down()
        report_use(session, **login, act=house.as_officer())
    unexplained = reconcile(session, act=house.as_admin(now=back + 2 * HOUR), terms=TERMS)

    assert unexplained == ()
    assert session.scalar(select(BreakGlassUse.opening_id)) == opening.id
    assert (opening.opened_at, opening.closed_at, opening.closed_cause) == (begun, over, "afterwards")
    assert opening.reconciled_at is not None
    assert world.sealed.state == State.SEALED, "what is written down afterwards opens nothing now"


@pytest.mark.attack("I7")
def test_i7_a_login_outside_what_was_written_down_stays_unexplained(world, session):
    house = world.house
    opening = asked(world, happened_from=NOON - 5 * HOUR, happened_to=NOON - 4 * HOUR, act=house.as_leader())
    confirm(world, opening, act=house.as_officer())
    for ref, at, address in (("a", NOON - 3 * HOUR, CONSOLE), ("b", NOON - 4.5 * HOUR, "10.20.9.10")):
        report_use(session, sealed_id=world.sealed.id, at=at, address=address, ref=ref, act=house.as_officer())

    assert len(reconcile(session, act=house.as_admin(now=NOON + HOUR), terms=TERMS)) == 2
    assert opening.reconciled_at is None, "a login in its time that nobody explains keeps the review shut"


def test_a_drill_is_due_a_quarter_after_the_last_one(world, session):
    house, code = world.house, world.account.code
    opening = opened(world, is_drill=True)
    close_opening(session, code=opening.code, act=house.as_leader(now=NOON + MINUTE), terms=TERMS)
    reconcile(session, act=house.as_admin(now=NOON + 2 * MINUTE), terms=TERMS)
    auditor = make_act(actor_of(world.auditor, roles=("auditor",)), now=NOON + 3 * MINUTE)
    review_opening(session, code=opening.code, text="diễn tập đạt", act=auditor, terms=TERMS)

    def due(now):
        return code in standing_of(session, act=house.as_admin(now=now), terms=TERMS).due[2]

    assert [due(NOON + 80 * DAY), due(NOON + 93 * DAY)] == [False, True]


@pytest.mark.parametrize("source", ["", "nơi nào đó", "10.0.0.0/8", "10.20.9.9/", "300.1.1.1"])
def test_a_source_that_is_no_address_or_too_wide_is_refused(source):
    assert source_of(source) is None


def test_an_address_lies_in_its_range_only():
    assert source_of("10.20.9.9") == "10.20.9.9/32"
    assert is_within("10.20.9.9", "10.20.9.0/28")
    assert not is_within("10.20.9.99", "10.20.9.0/28")
    assert not is_within("hỏng", "10.20.9.0/28")


def test_only_a_break_glass_account_is_kept_under_seal_and_once(world, session):
    house = world.house

    for code, reason in ((house.account.code, "not_such_an_account"), (world.account.code, "registered")):
        answer = register_account(session, code=code, act=house.as_officer(), terms=TERMS)
        assert isinstance(answer, Deny)
        assert answer.reason == f"breakglass.{reason}"


def test_an_opening_and_a_reported_use_are_the_last_use_of_the_account(world):
    confirm(world, asked(world))
    world.session.refresh(world.account)
    assert world.account.last_used_at == NOON

    later = NOON + 5 * MINUTE
    act = world.house.as_officer(now=later + MINUTE)
    report_use(world.session, sealed_id=world.sealed.id, at=later, address=CONSOLE, ref="máy-1", act=act)
    world.session.refresh(world.account)
    assert world.account.last_used_at == later


def test_the_demonstration_seals_one_account_by_two_people_once(session, database_url, tmp_path):
    officer = make_person(session, login="mau.nt", roles=("security-officer",))
    leader = make_person(session, login="vidu.l", roles=("approver",))
    account = make_account(session, owner=officer, asset="vong-lau", name="khan-cap", kind="break-glass")
    known = KnownSeal(first=FIRST, second=SECOND, totp_secret=SECRET, nonces=(b"1" * 12, b"2" * 12))
    act, settings = make_act(actor_of(officer)), Settings.from_env(environment(database_url, tmp_path))

    done = [seed_seal(session, act, known=known, law=law(), settings=settings) for _ in range(2)]

    assert done == [True, False]
    sealed = session.scalars(select(BreakGlassAccount).where(BreakGlassAccount.account_id == account.id)).one()
    assert (sealed.state, sealed.half_by_id, sealed.sealed_by_id) == (State.SEALED.value, officer.id, leader.id)
    held = session.scalars(select(LocalPassword.hash).where(LocalPassword.person_id == sealed.person_id)).one()
    assert check_local_password(held, whole_of(FIRST, SECOND), cost=CHEAP)
    assert standing_locks(session, person_id=sealed.person_id, now=NOON)  # both halves together open nothing yet
