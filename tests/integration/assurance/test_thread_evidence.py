"""What a requirement rests on, and the bundle a stranger checks: real grants, real entries, a real seal."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.orm import Session

import audit
from audit.checkpoint import Checkpointer
from audit.notes import SigningKey
from audit.signer import Signer
from control.assurance.compliance.authority import acts_and_their_authority
from control.assurance.compliance.collectors import alert_run
from control.assurance.compliance.domain import Result
from control.operations.models import Alert, Run
from control.permissions import Permission
from control.stand.demo.proof import entries_in, prove
from tests.factories.audit import ORIGIN, SignerHere
from tests.factories.privilege import House
from tests.integration.conftest import NOON

CASE = "G99-261122-0001"


@pytest.fixture
def committed(role_engine, clean_database):
    with Session(role_engine("vl_web"), expire_on_commit=False) as session:
        yield session


@pytest.fixture
def seal(role_engine, tmp_path):
    key = SigningKey(name=ORIGIN, seed=bytes(range(32)))

    def run():
        signer = Signer(engine=role_engine("vl_signer"), key=key, state_file=tmp_path / "signed.json")
        return Checkpointer(engine=role_engine("vl_sequencer"), signer=SignerHere(signer)).run_once(
            now=NOON, force=True
        )

    return run


def open_under(write, grant, *, actor, at=NOON, **about):
    write(
        at=at,
        actor_id=actor,
        session_id="PH-0001",
        about=audit.About(case_code=CASE, grant_id=grant, **about),
    )


def look(role_engine, collector, now=NOON + timedelta(minutes=1)):
    with Session(role_engine("vl_reader")) as session:
        return collector(session, now)


answered_in_time = partial(alert_run, answer_minutes=15)


def kinds(sight):
    return {one.kind: one.code for one in sight.witnesses}


@pytest.fixture
def granted(committed):
    house = House(committed)
    grant = house.grant()
    committed.commit()
    return house, grant


def test_an_opening_under_a_live_grant_leads_back_to_its_document(granted, write, number, role_engine):
    house, grant = granted
    open_under(write, grant.code, actor=f"person:{house.holder.id}")
    number(NOON)

    sight = look(role_engine, acts_and_their_authority)

    assert sight.result is Result.PASS, sight.facts
    assert kinds(sight)["document"] == house.document.number
    assert kinds(sight)["grant"] == grant.code
    assert kinds(sight)["session"] == "PH-0001"


@pytest.mark.parametrize(
    ("grant_code", "actor_of", "at"),
    [
        ("CQ-9999", lambda house: house.holder.id, NOON),  # no such grant
        (None, lambda house: house.holder.id, NOON),  # none named
        ("own", lambda house: house.leader.id, NOON),  # somebody else's
        ("own", lambda house: house.holder.id, NOON - timedelta(hours=1)),  # before it began
        ("own", lambda house: house.holder.id, NOON + timedelta(hours=5)),  # after it ended
    ],
)
def test_an_opening_without_its_authority_fails_the_check(
    granted, write, number, role_engine, grant_code, actor_of, at
):
    house, grant = granted
    open_under(write, grant.code if grant_code == "own" else grant_code, actor=f"person:{actor_of(house)}", at=at)
    number(NOON)

    sight = look(role_engine, acts_and_their_authority, now=NOON + timedelta(hours=6))

    assert sight.result is Result.FAIL
    assert sight.facts["acts_bad"] == 1


def test_a_refused_opening_is_no_act_without_authority(granted, write, number, role_engine):
    write(at=NOON, outcome=audit.Outcome.FAILURE, denied=True, about=audit.About(case_code=CASE))
    number(NOON)

    assert look(role_engine, acts_and_their_authority).result is Result.NOTHING


def make_alert(session, *, starts_at=NOON) -> Alert:
    alert = Alert(
        fingerprint="f", starts_at=starts_at, name="PortalLinkDown", severity="page", source="alertmanager", labels={},
        summary="mất liên thông", summary_en="link down", search_text="", runbook="portal-link-down",
        received_at=starts_at, seen_at=starts_at, deliveries=1,
    )  # fmt: skip
    session.add(alert)
    session.flush()
    return alert


def make_run(session, alert, *, state="done") -> Run:
    run = Run(
        token="0" * 31 + str(alert.id), playbook="collect_diagnostics", playbook_digest="d" * 64, risk="read-only",
        params={}, params_digest="p" * 64, state=state, requested_at=NOON, alert_id=alert.id, ended_at=NOON,
        refused_deliveries=0, events=0, counts={}, findings={}, swept=0, result_digest="e" * 64,
    )  # fmt: skip
    session.add(run)
    session.flush()
    return run


def test_a_run_that_the_trail_does_not_know_fails_the_check(committed, role_engine, write, number):
    run = make_run(committed, make_alert(committed))
    committed.commit()
    assert look(role_engine, acts_and_their_authority).result is Result.FAIL

    write(at=NOON, action="operations:run:request", about=audit.About(run_id=run.code))
    number(NOON)

    sight = look(role_engine, acts_and_their_authority)
    assert sight.result is Result.PASS
    assert kinds(sight)["alert"] == "CB-0001"


def test_an_alert_may_wait_a_quarter_of_an_hour_for_its_run_and_no_longer(committed, role_engine):
    alert = make_alert(committed)
    committed.commit()

    assert look(role_engine, answered_in_time, now=NOON + timedelta(minutes=14)).result is Result.NOTHING
    assert look(role_engine, answered_in_time, now=NOON + timedelta(minutes=16)).result is Result.FAIL
    make_run(committed, alert)
    committed.commit()
    assert look(role_engine, answered_in_time, now=NOON + timedelta(minutes=16)).result is Result.PASS


@pytest.fixture
def auditor(sign_in):
    sign_in(*(one for one in Permission if one.value.startswith("assurance:")))


def export(submit, **fields):
    return submit("/trail/bundle", on="/trail/bundle", **fields)


def test_the_bundle_of_a_requirement_holds_its_whole_thread_and_a_stranger_finds_a_flipped_byte(
    granted, write, number, seal, submit, auditor, clock, tmp_path
):
    house, grant = granted
    open_under(write, grant.code, actor=f"person:{house.holder.id}", document_number=house.document.number)
    write(at=NOON, action="people:person:list", actor_id="person:99")
    number(NOON)
    clock.now = NOON + timedelta(minutes=1)
    submit("/compliance/checks", on="/compliance")
    number(clock.now)
    seal()

    answer = export(submit, thread="ch.1.3.2", recipient="Thanh tra", reason="Kiểm tra năm")
    held = entries_in(answer.data)
    folder = tmp_path / "bundle"
    folder.mkdir()
    proof = prove(answer.data, folder=folder, entry=held[-1])

    assert answer.mimetype == "application/zip"
    assert {0, 1, 2, 3} <= set(held)  # document, request, approval, grant
    assert 5 not in held  # somebody else's list of people is not on this thread
    assert (proof.good, proof.bad, proof.names_the_entry) == (0, 1, True)


def test_an_export_is_an_entry_before_it_leaves(write, number, seal, submit, auditor, role_engine):
    write(at=NOON)
    number(NOON)
    seal()

    export(submit)
    number(NOON)

    with role_engine("vl_reader").connect() as connection:
        newest = audit.Journal(connection).read(1)
    assert newest is not None
    assert b'"action":"audit:bundle:export"' in (newest.body or b"")


def test_nothing_sealed_gives_a_sentence_and_no_file(submit, auditor):
    answer = export(submit)

    assert answer.status_code == 409
    assert "không có gói nào được xuất" in answer.text


def test_without_the_permission_nothing_is_exported(sign_in, submit, write, number, seal):
    sign_in(Permission.ASSURANCE_EVIDENCE_READ)
    write(at=NOON)
    number(NOON)
    seal()

    assert export(submit).status_code == 403


def test_a_requirement_nobody_knows_is_not_found(submit, auditor):
    assert export(submit, thread="ch.9.9.9").status_code == 404
