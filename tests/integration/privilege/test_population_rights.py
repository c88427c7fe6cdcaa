"""Papers, registrations, the custodian and rights of access to the population database, on the real database."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

import audit
from control.acts import Act
from control.decisions import Allow, Deny
from control.errors import InvalidInput
from control.people import standing_locks
from control.people.models import Person
from control.privilege.documents.signatures import SignatureVerdict, Signed, Trust, judge_signature
from control.privilege.population import custody, leaks, registrations, rights
from control.privilege.population.domain import Office, PaperKind, RightState
from control.privilege.population.models import PopulationPaper, PopulationRight
from control.privilege.population.registrations import NewPaper
from control.privilege.population.service import end_unfit_access
from tests.factories.population import UNIT, PopulationHouse, good, terms
from tests.factories.privilege import NOON, actor_of, entries, last_event, law, make_act, make_person
from tests.factories.signing import NOON as SIGNED_AT
from tests.factories.signing import authority, plain_pdf, signed_pdf, turned

SYSTEM_LATER = timedelta(days=100)


@pytest.fixture
def place(session):
    return PopulationHouse(session)


@contextmanager
def refused_by(session, constraint):
    """What happens inside is refused by this constraint of the database, and nothing of it stays."""
    with pytest.raises(IntegrityError) as caught, session.begin_nested():
        yield
    assert caught.value.orig.diag.constraint_name == constraint


def system(now=NOON):
    """The act of the worker."""
    return Act.for_system("privilege-end-due", now=now, writer=audit.Writer(boot="t"), policy_digest=law().digest)


@pytest.mark.requirement("S3-15.1")
def test_a_right_waits_until_both_offices_have_taken_the_registration(session, place):
    place.appoint()
    place.paper(PaperKind.PERSON)
    row = place.register(receipts=False)
    right = place.grant()

    states = [right.state]
    for office in (Office.CENTRE, Office.POLICE):
        place.receive(row, office)
        session.refresh(right)
        states.append(right.state)

    assert states == ["pending", "pending", "active"]
    assert right.activated_at == NOON
    assert last_event(session) == ("privilege:population:receive", "success", None)
    again = place.receive(row, Office.POLICE)
    assert isinstance(again, Deny)
    assert last_event(session)[2] == "population.receipt_exists"


@pytest.mark.requirement("S3-15.1")
def test_the_database_refuses_an_active_right_before_both_receipts(session, place):
    right = place.ready(receipts=False)

    with refused_by(session, "ck_population_right_registered"):
        session.execute(
            update(PopulationRight).where(PopulationRight.id == right.id).values(state="active", activated_at=NOON)
        )


@pytest.mark.requirement("S3-15.2.a")
def test_without_an_individual_commitment_nobody_gets_the_right(session, place):
    place.appoint()
    place.register()

    refusal = place.grant()

    assert (refusal.reason, refusal.citation) == ("population.no_commitment", "S3-15.2.a")
    assert last_event(session) == ("privilege:population:grant", "failure", "population.no_commitment")
    assert session.scalar(select(PopulationRight.id)) is None
    place.paper(PaperKind.PERSON)
    assert isinstance(place.grant(), PopulationRight)


@pytest.mark.requirement("S3-15.2.b")
def test_a_person_the_units_commitment_does_not_name_gets_no_right(session, place):
    other = make_person(session, name="Bùi Văn Ngoài", roles=("case-officer",))
    place.move(other, UNIT)
    place.appoint()
    place.paper(PaperKind.PERSON, other)
    unit, list_ = place.paper(PaperKind.UNIT), place.paper(PaperKind.LIST, other)
    registrations.file_registration(session, commitment_id=unit.id, list_id=list_.id, act=place.as_keeper())

    assert place.grant(other).reason == "population.not_in_unit_commitment"
    assert place.grant().reason == "population.no_commitment"
    place.register(place.officer, other)
    assert isinstance(place.grant(other), PopulationRight)


@pytest.mark.requirement("S3-15.2.b")
def test_the_database_refuses_a_right_outside_commitment_and_list(session, place):
    right = place.ready()
    stranger = make_person(session, name="Người Lạ")
    copied = {
        column.name: getattr(right, column.name)
        for column in PopulationRight.__table__.columns
        if column.name not in {"id", "person_id"}
    }

    with refused_by(session, "ck_population_right_commitment"):
        session.add(PopulationRight(**copied, person_id=stranger.id))
        session.flush()
    place.paper(PaperKind.PERSON, stranger)
    paper = session.scalar(select(PopulationPaper.id).where(PopulationPaper.person_id == stranger.id))
    with refused_by(session, "ck_population_right_listed"):
        session.add(PopulationRight(**(copied | {"commitment_id": paper}), person_id=stranger.id))
        session.flush()


@pytest.mark.requirement("S3-15.2.c")
def test_a_person_off_the_list_gets_no_right_and_a_signed_list_takes_nobody_else(session, place):
    other = make_person(session, name="Bùi Văn Ngoài", roles=("case-officer",))
    place.move(other, UNIT)
    place.appoint()
    place.paper(PaperKind.PERSON, other)
    unit, list_ = place.paper(PaperKind.UNIT, place.officer, other), place.paper(PaperKind.LIST)
    registrations.file_registration(session, commitment_id=unit.id, list_id=list_.id, act=place.as_keeper())

    assert place.grant(other).reason == "population.not_on_list"
    with refused_by(session, "ck_population_listed_closed"):
        session.execute(text("INSERT INTO population_listed VALUES (:p, :o)"), {"p": list_.id, "o": other.id})


@pytest.mark.requirement("S3-15.3")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (plain_pdf, "document.signature.none"),
        (lambda: turned(signed_pdf()), "document.signature.changed"),
        (lambda: authority().officer(until=SIGNED_AT - timedelta(days=1)).sign(plain_pdf()), None),
    ],
)
def test_a_paper_without_a_good_signature_is_refused_with_the_reason(session, place, content, reason):
    trust = Trust(roots=(authority().root.public_bytes(Encoding.DER),))
    file = content()
    verdict = judge_signature(file, trust=trust, now=SIGNED_AT)
    new = NewPaper(
        kind=PaperKind.PERSON,
        number="1/CK",
        signed_on=date(2026, 11, 20),
        unit=UNIT,
        logins=(place.officer.login,),
        file=file,
    )

    outcome = registrations.file_paper(session, new=new, verdict=verdict, act=place.as_keeper())

    assert isinstance(outcome, Deny)
    assert outcome.citation == "S3-15.3"
    assert outcome.reason == (reason or f"document.signature.{verdict.state}")
    assert last_event(session)[1:] == ("failure", outcome.reason)
    assert session.scalar(select(PopulationPaper.id)) is None
    whole = judge_signature(signed_pdf(), trust=trust, now=SIGNED_AT)
    kept = registrations.file_paper(session, new=replace(new, file=signed_pdf()), verdict=whole, act=place.as_keeper())
    assert isinstance(kept, PopulationPaper)
    assert kept.signer == "Lê Ví Dụ"


def test_a_broken_verdict_of_any_kind_keeps_no_paper(session, place):
    for state in Signed:
        if state is Signed.VALID:
            continue
        new = NewPaper(kind=PaperKind.PERSON, number="1/CK", signed_on=date(2026, 11, 20), unit=UNIT,
                       logins=(place.officer.login,), file=b"%PDF-1.7\n%%EOF\n" + state.encode())  # fmt: skip
        verdict = SignatureVerdict(state=state, judged_at=NOON)
        assert isinstance(registrations.file_paper(session, new=new, verdict=verdict, act=place.as_keeper()), Deny)
    assert session.scalar(select(PopulationPaper.id)) is None


def test_the_same_file_twice_and_people_nobody_knows_are_refused(session, place):
    paper = place.paper(PaperKind.PERSON)
    new = NewPaper(kind=PaperKind.PERSON, number="2/CK", signed_on=date(2026, 11, 20), unit=UNIT,
                   logins=(place.officer.login,), file=registrations.download_paper(
                       session, paper_id=paper.id, act=place.as_keeper())[1])  # fmt: skip

    assert registrations.file_paper(session, new=new, verdict=good(), act=place.as_keeper()).reason == (
        "population.paper.duplicate"
    )
    with pytest.raises(InvalidInput) as caught:
        place.paper(PaperKind.LIST, logins=("khong.co",))
    assert caught.value.code == "population.people.unknown"


@pytest.mark.requirement("S0-22.2.a")
def test_only_the_named_custodian_gives_and_withdraws(session, place):
    place.paper(PaperKind.PERSON)
    place.register()
    assert place.grant().reason == "population.no_custodian"

    place.appoint()
    second = make_person(session, name="Người Giữ Hai", roles=("population-manager",))
    foreign = make_act(actor_of(second, roles=("population-manager",)))
    assert place.grant(act=foreign).reason == "population.not_custodian"
    assert last_event(session) == ("privilege:population:grant", "failure", "population.not_custodian")
    right = place.grant()
    assert rights.withdraw_right(session, code=right.code, reason="thử", act=foreign).reason == (
        "population.not_custodian"
    )
    assert isinstance(rights.withdraw_right(session, code=right.code, reason="thôi việc", act=place.as_keeper()), Allow)
    assert right.state == RightState.WITHDRAWN
    assert "thôi việc" not in str(entries(session)[-1]["vn"]["details"])


@pytest.mark.requirement("S0-22.2.a")
def test_nobody_appoints_themselves_and_a_custodian_who_leaves_ends(session, place):
    officer = place.house.officer
    refused = custody.appoint(
        session,
        person_login=officer.login,
        account_code=place.house.account.code,
        document_id=place.document().id,
        act=place.house.as_officer(),
    )
    assert refused.reason == "population.appoints_self"

    place.appoint()
    session.execute(update(Person).where(Person.id == place.keeper.id).values(state="suspended"))
    session.expire_all()
    assert end_unfit_access(session, act=system()) == 1
    assert custody.current_custodian(session) is None
    assert last_event(session)[0] == "privilege:population:dismiss"


@pytest.mark.requirement("S0-22.2.a")
def test_a_custodian_whose_document_is_over_does_nothing_before_the_job_ends_it(session, place):
    right = place.ready()
    over = custody.current_custodian(session).document_valid_to - NOON.date() + timedelta(days=1)
    later = make_act(actor_of(place.keeper, roles=("population-manager",)), now=NOON + over)

    refused = rights.withdraw_right(session, code=right.code, reason="thử", act=later)

    assert refused.reason == "population.document_not_in_force"
    assert last_event(session) == ("privilege:population:withdraw", "failure", "population.document_not_in_force")
    assert right.state == RightState.ACTIVE


@pytest.mark.requirement("S0-22.2.b")
def test_a_right_cites_its_proposal_and_ends_when_the_officer_leaves_the_unit(session, place):
    right = place.ready()
    entry = next(one for one in reversed(entries(session)) if one["event"]["action"] == "privilege:population:grant")
    assert entry["vn"]["document"]["number"] == right.document.number
    assert end_unfit_access(session, act=system()) == 0

    place.move(place.officer, "Phòng Cấp phép")
    session.expire_all()
    assert end_unfit_access(session, act=system()) == 1

    session.refresh(right)
    assert (right.state, right.withdrawn_reason) == ("withdrawn", "left-unit")
    assert last_event(session) == ("privilege:population:withdraw", "success", None)
    assert end_unfit_access(session, act=system()) == 0
    with refused_by(session, "ck_population_right_no_way_back"):
        session.execute(
            update(PopulationRight)
            .where(PopulationRight.id == right.id)
            .values(state="active", withdrawn_at=None, withdrawn_reason=None)
        )


def test_a_right_ends_with_the_person_and_with_its_proposal(session, place):
    right = place.ready()
    session.execute(update(Person).where(Person.id == place.officer.id).values(state="suspended"))
    session.expire_all()
    end_unfit_access(session, act=system())
    session.refresh(right)
    assert right.withdrawn_reason == "person-away"

    session.execute(update(Person).where(Person.id == place.officer.id).values(state="active"))
    session.expire_all()
    second = place.grant()
    end_unfit_access(session, act=system(NOON + timedelta(days=60)))  # the proposal is in force until 31/12
    session.refresh(second)
    assert second.withdrawn_reason == "proposal-over"


@pytest.mark.requirement("S3-15.4")
def test_a_right_whose_need_was_not_checked_within_a_quarter_is_suspended(session, place):
    place.appoint(valid_to=date(2027, 12, 31))
    place.paper(PaperKind.PERSON)
    place.register()
    right = place.grant(document=place.document(valid_to=date(2027, 12, 31)))
    assert right.need_due_on == date(2027, 2, 23)

    end_unfit_access(session, act=system(NOON + timedelta(days=92)))
    session.refresh(right)
    assert right.state == "active"
    end_unfit_access(session, act=system(NOON + timedelta(days=93)))
    session.refresh(right)
    assert (right.state, right.suspended_reason) == ("suspended", "need-overdue")
    assert last_event(session)[0] == "privilege:population:suspend"

    later = place.as_keeper(now=NOON + SYSTEM_LATER)
    assert isinstance(
        rights.confirm_need(session, code=right.code, reason="còn nhận hồ sơ", act=later, terms=terms()), Allow
    )
    session.refresh(right)
    assert (right.state, right.need_checked_on) == ("active", (NOON + SYSTEM_LATER).date())


@pytest.mark.requirement("S3-15.4")
def test_one_person_never_holds_two_rights(session, place):
    right = place.ready()

    assert place.grant().reason == "population.right_exists"
    copied = {c.name: getattr(right, c.name) for c in PopulationRight.__table__.columns if c.name != "id"}
    with refused_by(session, "ix_population_right_live"):
        session.add(PopulationRight(**copied))
        session.flush()


def test_papers_receipts_and_reports_never_change(session, place):
    right = place.ready()
    changes = (
        ("UPDATE population_registration SET police_number = 'khác'", "ck_population_registration_unchanged"),
        ("UPDATE population_right SET document_id = document_id + 1", "ck_population_right_unchanged"),
        ("UPDATE population_leak SET what = 'khác'", "ck_population_leak_unchanged"),
    )
    leaks.report_leak(session, codes=[right.code], what="lộ", act=place.as_keeper(), terms=terms())

    for statement, constraint in changes:
        with refused_by(session, constraint):
            session.execute(text(statement))
    for table in ("population_paper", "population_listed", "population_right", "population_run"):
        with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
            session.execute(text(f"DELETE FROM {table}"))


def test_a_leak_locks_right_person_and_sessions_in_one_step(session, place):
    right = place.ready()
    leak = leaks.report_leak(session, codes=[right.code], what="mật khẩu lộ", act=place.as_keeper(), terms=terms())

    session.refresh(right)
    assert (right.state, right.suspended_reason) == ("suspended", "leak")
    assert [lock.cause for lock in standing_locks(session, person_id=place.officer.id, now=NOON)] == ["leak"]
    assert leak.due_at == NOON + timedelta(hours=24)
    told = entries(session)[-1]
    assert told["event"]["action"] == "privilege:population:leak"
    assert "mật khẩu lộ" not in str(told["vn"]["details"])

    keeper = place.as_keeper()
    assert rights.resume_right(session, code=right.code, reason="xong", act=keeper).reason == "population.leak_open"
    assert leaks.settle_leak(session, code=leak.code, conclusion="xong", act=keeper).reason == "population.leak_own"
    assert isinstance(
        leaks.settle_leak(session, code=leak.code, conclusion="đã đổi mật khẩu", act=place.house.as_officer()), Allow
    )
    assert list(standing_locks(session, person_id=place.officer.id, now=NOON)) == []
    assert isinstance(rights.resume_right(session, code=right.code, reason="xong", act=keeper), Allow)
    with pytest.raises(InvalidInput):
        leaks.report_leak(session, codes=["DC-9999"], what="x", act=keeper, terms=terms())
