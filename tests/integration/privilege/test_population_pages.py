"""Pages of the link, papers, rights, comparisons, usage and leaks, walked by people with different roles."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, text, update

from control.assurance.findings.detectors import Seen, Window, concerning
from control.assurance.findings.domain import RUNBOOKS, Kind, Rules, Sighting
from control.assurance.findings.models import Finding
from control.assurance.findings.service import note
from control.cases import dossiers_of
from control.operations.jobs.population import ask_population_health, compare_population
from control.operations.jobs.privileges import end_due_privileges
from control.people import standing_locks
from control.people.models import Person
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.documents.withdrawing import withdraw_document
from control.privilege.population.domain import PaperKind
from control.privilege.population.models import PopulationPaper, PopulationRight
from control.privilege.population.registrations import begun_rows, file_registration
from control.privilege.population.service import sample_last_month
from control.privilege.population.terms import Terms
from control.privilege.population.uses import PopulationMismatch, PopulationRun
from tests.factories.cases import make_case
from tests.factories.operations import make_context
from tests.factories.population import KEY, UNIT, PopulationHouse, terms
from tests.factories.privilege import NOON, actor_of, make_act
from tests.factories.signing import authority, plain_pdf, signed_pdf, turned
from tests.integration.privilege.test_pages import Browser
from tests.integration.privilege.test_population_lookups import SCREEN as LOOKUP
from tests.integration.privilege.test_population_lookups import Sitting, entries, look_up
from tests.simulators.population.service import PopulationDatabase

BASE = "/privilege/population"


@pytest.fixture
def national(clock):
    with PopulationDatabase(key=KEY, clock=lambda: clock.now) as running:
        yield running


@pytest.fixture
def world(make_app, national, tmp_path):
    """Everybody at their own browser; nothing is registered yet."""
    (tmp_path / "tin-cay.pem").write_bytes(authority().root.public_bytes(Encoding.PEM))
    app = make_app(
        VONGLAU_POPULATION_URL=national.url,
        VONGLAU_POPULATION_KEY=KEY,
        VONGLAU_SIGNATURE_TRUST_DIR=str(tmp_path),
    )
    held = app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        place = PopulationHouse(session)
        document = place.document()
    browsers = {
        "keeper": Browser(app, actor_of(place.keeper, roles=("population-manager",))),
        "inspector": Browser(app, actor_of(place.inspector, roles=("police-inspector",))),
        "officer": Sitting(app, actor_of(place.officer, roles=("case-officer",))),
        "guard": Browser(app, actor_of(place.house.officer, roles=("security-officer",))),
        "admin": Browser(app, actor_of(place.house.admin, roles=("administrator",))),
    }
    return SimpleNamespace(app=app, held=held, place=place, document=document, national=national, **browsers)


@pytest.fixture
def ready(world):
    """The officer has the right, and looked somebody up for a case."""
    with world.held.database.unit_of_work() as session:
        place = world.place.in_session(session)
        world.right = place.ready()
        world.case = make_case(session, unit=UNIT)
    world.national.register(world.place.officer.login, UNIT)
    return world


def within(world):
    return world.held.database.unit_of_work()


def file_paper(world, content, *, status=303, **changes):
    fields = {
        "kind": "06",
        "number": "12/CK",
        "signed_on": "20/11/2026",
        "unit": UNIT,
        "people": world.place.officer.login,
        "file": (io.BytesIO(content), "mau-06.pdf"),
        **changes,
    }
    return world.keeper.post(f"{BASE}/papers", on=f"{BASE}/papers/new", status=status, **fields)


def test_each_role_is_led_to_its_own_page(world):
    for who, place in (("keeper", "link"), ("officer", "lookup"), ("inspector", "usage"), ("guard", "link")):
        answer = getattr(world, who).client.get(BASE)
        assert (answer.status_code, answer.location) == (302, f"{BASE}/{place}")
    assert world.admin.client.get(BASE, follow_redirects=True).status_code == 403


@pytest.mark.requirement("S3-29.4.c")
def test_the_police_role_reads_the_usage_report_and_nothing_else(ready):
    look_up(ready)

    page = ready.inspector.get(f"{BASE}/usage")

    assert UNIT in page
    assert "<svg" in page
    assert ready.place.officer.display_name not in page
    assert ready.case.code not in page
    csv = ready.inspector.get(f"{BASE}/usage?month=2026-11&format=csv")
    assert f"2026-11,{UNIT},1,1,1,0,0,0" in csv
    paper = ready.inspector.client.get(f"{BASE}/usage?format=pdf")
    assert paper.data.startswith(b"%PDF-")
    assert paper.headers["Content-Disposition"].endswith("khai-thac-dan-cu-2026-11.pdf")
    assert f"2026-10,{UNIT}" not in ready.inspector.get(f"{BASE}/usage?month=2026-10&format=csv")
    for path in ("link", "papers", "registrations", "rights", "queries", "checks", "leaks", "lookup"):
        ready.inspector.get(f"{BASE}/{path}", status=403)
    ready.officer.get(f"{BASE}/usage", status=403)
    ready.inspector.get("/people", status=403)
    assert ready.inspector.client.get(f"{BASE}/usage?month=2026-13").status_code == 422


@pytest.mark.requirement("S0-11.1")
@pytest.mark.requirement("S3-29.4.a")
def test_the_link_cites_its_agreement_and_shows_what_is_current(world, clock, tmp_path):
    assert "Chưa ghi hồ sơ kết nối" in world.keeper.get(f"{BASE}/link")
    form = {
        "document": str(world.document.id),
        "conditions": "Mạng riêng, hai lớp tường lửa",
        "responsible": world.place.keeper.login,
        "technical": world.place.house.admin.login,
        "police_unit": "Phòng Cảnh sát QLHC về TTXH",
        "police_contact": "Cao Văn Kiểm",
        "police_phone": "0000 000 113",
    }
    world.keeper.post(f"{BASE}/link", on=f"{BASE}/link/new", **form)

    page = world.guard.get(f"{BASE}/link")
    for wanted in (world.document.number, "Mạng riêng", "Ngô Thị Giữ", "Cao Văn Kiểm", "0000 000 113"):
        assert wanted in page
    assert "Chưa ai giữ tài khoản quản trị cao nhất" in page
    assert page.count("chưa đạt") == 2, "the sentence above, and the point that nobody keeps the top account"
    assert page.count("không rõ") >= 3, "no check, no certificate, no exchange yet"

    with within(world) as session:
        place = world.place.in_session(session)
        place.appoint()
    world.keeper.post(f"{BASE}/link/checks", on=f"{BASE}/link", checked_on="23/11/2026", result="kept", note="đã xem")
    context = make_context(
        world.held.settings.database_url,
        tmp_path,
        clock=clock,
        population_url=world.national.url,
        population_key=KEY,
    )
    ask_population_health(context)
    context.database.engine.dispose()

    page = world.guard.get(f"{BASE}/link")
    assert "Kết nối vững: mọi điểm đều" in page
    assert "30/06" in page, "the certificate's own end, as the link told it"
    clock.now += timedelta(days=200)
    page = world.guard.get(f"{BASE}/link")
    assert "Kết nối vững" not in page
    assert "không rõ" in page


def test_a_link_without_its_people_and_a_check_of_tomorrow_are_refused(world, owner_engine):
    world.keeper.post(f"{BASE}/link", on=f"{BASE}/link/new", status=422, document=str(world.document.id))
    future = {"checked_on": "24/11/2026", "result": "kept", "note": "x"}
    world.keeper.post(f"{BASE}/link/checks", on="/privilege/documents", status=404, **future)
    world.admin.get(f"{BASE}/link/new", status=403)
    (refused,) = entries(owner_engine, "privilege:population:link")
    assert refused["event"]["reason_code"] == "input.required"


@pytest.mark.requirement("S0-22.2.a")
def test_the_top_account_has_a_named_custodian_who_proves_each_act(world, owner_engine):
    form = {
        "person": world.place.keeper.login,
        "account": world.place.house.account.code,
        "document": str(world.document.id),
    }
    world.keeper.get(f"{BASE}/custodian/new", status=403)
    question = world.guard.post(f"{BASE}/custodian", on=f"{BASE}/custodian/new", status=401, **form)
    assert "Nobody" not in question.text
    world.guard.post(f"{BASE}/custodian", on=f"{BASE}/custodian/new", **form)

    assert "Ngô Thị Giữ" in world.keeper.get(f"{BASE}/link")
    (named,) = [
        body for body in entries(owner_engine, "privilege:population:appoint") if body["event"]["outcome"] == "success"
    ]
    assert named["user"]["target"]["id"] == f"person:{world.place.keeper.id}"
    assert named["vn"]["account"]["id"] == world.place.house.account.code
    grant = {"person": world.place.officer.login, "document": str(world.document.id)}
    world.keeper.post(f"{BASE}/rights", on=f"{BASE}/rights/new", status=401, **grant)
    refused = world.keeper.post(f"{BASE}/rights", on=f"{BASE}/rights/new", status=403, **grant)
    assert "mẫu 06" in refused.text


@pytest.mark.requirement("S3-15.3")
def test_a_paper_is_taken_with_a_good_signature_and_refused_with_the_reason_else(world, owner_engine):
    assert "không có chữ ký số" in file_paper(world, plain_pdf(), status=422).text
    assert "bị sửa sau khi ký" in file_paper(world, turned(signed_pdf()), status=422).text
    with within(world) as session:
        assert session.scalar(select(PopulationPaper.id)) is None

    content = signed_pdf()
    file_paper(world, content)

    reasons = [body["event"].get("reason_code") for body in entries(owner_engine, "privilege:population:file")]
    assert reasons == ["document.signature.none", "document.signature.changed", None]
    page = world.guard.get(f"{BASE}/papers")
    assert "Lê Ví Dụ" in page
    paper = re.search(r"/papers/(\d+)/file", page)[1]
    assert world.guard.client.get(f"{BASE}/papers/{paper}/file").data == content
    assert "06,12/CK" in world.guard.get(f"{BASE}/papers?format=csv")
    world.officer.get(f"{BASE}/papers", status=403)


@pytest.mark.requirement("S0-22.3.a")
@pytest.mark.requirement("S3-15.1")
def test_from_commitment_to_a_right_in_force_on_the_pages(world):
    """A signed commitment on file, the unit's papers, both receipts: only then the right opens the look-up."""
    officer = authority().officer("Lê Ví Dụ")
    for kind in ("06", "07", "08"):
        file_paper(world, officer.sign(plain_pdf(), field=f"Ky{kind}"), kind=kind, number=f"{kind}/CK")
    with within(world) as session:
        papers = {row.kind: row.id for row in session.scalars(select(PopulationPaper))}
        place = world.place.in_session(session)
        place.appoint()
    world.keeper.post(f"{BASE}/registrations", on=f"{BASE}/registrations", commitment=str(papers["07"]),
                      list=str(papers["08"]))  # fmt: skip
    show = re.search(r"/registrations/\d+", world.keeper.get(f"{BASE}/registrations"))[0]
    world.keeper.post(f"{BASE}/rights", on=f"{BASE}/rights/new", person=world.place.officer.login,
                      document=str(world.document.id))  # fmt: skip
    right = re.search(r"/rights/(DC-\d+)", world.keeper.get(f"{BASE}/rights"))[1]

    assert "chờ hai nơi ghi nhận" in world.guard.get(f"{BASE}/rights/{right}")
    assert "chờ hai nơi" in world.officer.get(LOOKUP)
    for office, number in (("centre", "1/TN"), ("police", "2/TN")):
        world.keeper.post(f"{BASE}{show}/receipts", on=f"{BASE}{show}", office=office, number=number,
                          received_on="22/11/2026")  # fmt: skip
    assert "Cả hai nơi đã ghi nhận" in world.keeper.get(f"{BASE}{show}")
    page = world.guard.get(f"{BASE}/rights/{right}")
    assert "hiệu lực" in page
    assert world.document.number in page
    assert "06/CK" in page
    world.admin.get(f"{BASE}/rights/{right}", status=403)
    reason = {"reason": "còn nhu cầu"}
    world.keeper.post(f"{BASE}/rights/{right}/need", on=f"{BASE}/rights/{right}", **reason)
    world.keeper.post(f"{BASE}/rights/{right}/resumption", on=f"{BASE}/rights/{right}", status=403, **reason)
    world.keeper.post(f"{BASE}/rights/{right}/withdrawal", on=f"{BASE}/rights/{right}", **reason)
    assert right in world.guard.get(f"{BASE}/rights?state=withdrawn")
    assert f"{right},{world.place.officer.login}" in world.guard.get(f"{BASE}/rights?format=csv")


@pytest.mark.requirement("S3-15.2.c")
def test_rights_and_the_approved_list_are_compared_each_day_and_differences_told(ready, clock, tmp_path, owner_engine):
    context = make_context(ready.held.settings.database_url, tmp_path, clock=clock)
    compare_population(context)
    compare_population(context)
    with within(ready) as session:
        (run, _) = session.scalars(select(PopulationRun).order_by(PopulationRun.id)).all()
        assert (run.kind, run.period, run.looked, run.found) == ("comparison", "2026-11-23", 1, 0)
    assert "khớp với danh sách" in ready.guard.get(f"{BASE}/checks")

    with within(ready) as session:
        place = ready.place.in_session(session)
        place.register(ready.place.house.leader)  # a new list without the officer, with somebody who has no right
    clock.now += timedelta(days=1)
    compare_population(context)
    context.database.engine.dispose()

    told = entries(owner_engine, "privilege:population:differ")
    assert [(one["vn"]["details"]["fault"], one["user"]["target"]["id"]) for one in told] == [
        ("granted-not-listed", f"person:{ready.place.officer.id}"),
        ("listed-not-granted", f"person:{ready.place.house.leader.id}"),
    ]
    page = ready.guard.get(f"{BASE}/checks")
    assert "<b>2 điểm khác</b>" in page
    run_path = re.search(r"/privilege/population/checks/\d+", page)[0]
    shown = ready.guard.get(run_path)
    assert "có quyền, không có trong danh sách đã duyệt" in shown
    assert "granted-not-listed" in ready.guard.get(f"{run_path}?format=csv")
    ready.keeper.post(f"{BASE}/checks", on=f"{BASE}/checks")
    ready.officer.get(run_path, status=403)


@pytest.mark.requirement("S0-22.3.b")
def test_look_ups_are_compared_with_case_files_each_month(ready, clock, owner_engine):
    look_up(ready)
    look_up(ready, number="999000000009")
    clock.now += timedelta(days=10)
    act = make_act(actor_of(ready.place.keeper), now=clock.now)
    with within(ready) as session:
        for _ in range(2):
            sample_last_month(session, seed="mầm", dossiers=dossiers_of, act=act, terms=terms())
        (run,) = session.scalars(select(PopulationRun)).all()
        (found,) = session.scalars(select(PopulationMismatch)).all()

    assert (run.kind, run.period, run.looked, run.found) == ("sample", "2026-11", 2, 1)
    assert found.kind == "other-person"
    (told,) = entries(owner_engine, "privilege:population:mismatch")
    assert told["vn"]["details"]["query"] == "TC-0002"
    shown = ready.guard.get(f"{BASE}/checks/{run.id}")
    assert "không phải người nộp hồ sơ" in shown
    assert "TC-0002" in shown
    assert f"2026-11,{UNIT},1,2,2,0,0,1" in ready.inspector.get(f"{BASE}/usage?month=2026-11&format=csv")
    listed = ready.guard.get(f"{BASE}/queries?q={ready.case.code}")
    assert "TC-0002" in listed
    assert "999000000009" not in listed


def test_a_sample_of_a_size_is_drawn_by_its_seed(ready, clock):
    for _ in range(3):
        look_up(ready)
    clock.now += timedelta(days=10)
    act = make_act(actor_of(ready.place.keeper), now=clock.now)
    two = replace(Terms.of(ready.held.policies), sample=2)
    with within(ready) as session:
        sample_last_month(session, seed="s", dossiers=dossiers_of, act=act, terms=two)
        assert session.scalar(select(PopulationRun.looked)) == 2


def test_the_worker_withdraws_what_left_and_a_leaver_loses_the_right(ready, clock, tmp_path):
    context = make_context(ready.held.settings.database_url, tmp_path, clock=clock)
    with within(ready) as session:
        session.execute(update(Person).where(Person.id == ready.place.officer.id).values(state="left", left_at=NOON))
    end_due_privileges(context)
    context.database.engine.dispose()

    with within(ready) as session:
        assert session.scalar(select(PopulationRight.state)) == "withdrawn"


def test_a_leak_is_reported_in_one_step_and_settled_by_another(ready, owner_engine):
    ready.officer.get(f"{BASE}/leaks", status=403)
    ready.keeper.post(f"{BASE}/leaks", on=f"{BASE}/leaks", status=422, what="lộ mật khẩu")
    ready.keeper.post(f"{BASE}/leaks", on=f"{BASE}/leaks", what="lộ mật khẩu", rights=ready.right.code)

    with within(ready) as session:
        assert session.scalar(select(PopulationRight.state)) == "suspended"
        assert standing_locks(session, person_id=ready.place.officer.id, now=NOON)
    page = ready.keeper.get(f"{BASE}/leaks")
    code = re.search(r"LO-\d{4}", page)[0]
    assert "tạm ngừng" in look_up(ready, status=403).text
    settle = f"{BASE}/leaks/{code}/conclusion"
    ready.keeper.post(settle, on=f"{BASE}/leaks", status=403, conclusion="xong")
    ready.guard.post(settle, on=f"{BASE}/leaks", status=422, conclusion="")
    ready.guard.post(settle, on=f"{BASE}/leaks", conclusion="đã đổi mật khẩu")
    ready.keeper.post(f"{BASE}/rights/{ready.right.code}/resumption", on=f"{BASE}/rights/{ready.right.code}",
                      reason="đã xử lý")  # fmt: skip
    look_up(ready)
    assert "lộ mật khẩu" not in str(entries(owner_engine, "privilege:population:leak"))


@pytest.mark.requirement("S0-22.3.a")
@pytest.mark.requirement("S0-22.3.b")
def test_each_sign_becomes_a_finding_about_the_person_with_its_runbook():
    """Shared use, a list that differs, an unmatched look-up, a leak: each is somebody's to explain."""
    wanted = {
        "privilege:population:collide": Kind.POPULATION_SHARED,
        "privilege:population:suspect": Kind.POPULATION_SHARED,
        "privilege:population:differ": Kind.POPULATION_LIST,
        "privilege:population:mismatch": Kind.POPULATION_QUERY,
        "privilege:population:leak": Kind.POPULATION_LEAK,
    }
    seen = tuple(
        Seen(sequence=place, at=NOON, action=action, target="person:7", details={"sign": "two-addresses"})
        for place, action in enumerate([*wanted, "privilege:population:ask"])
    )

    found = list(concerning(Window(now=NOON, entries=seen), None))  # type: ignore[arg-type]

    assert [one.kind for one in found] == list(wanted.values())
    assert {one.person_id for one in found} == {7}
    assert {RUNBOOKS[one.kind] for one in found} == {"population-account", "population-checks"}


def test_a_withdrawn_proposal_takes_the_right_with_it(ready):
    with within(ready) as session:
        number = ready.right.document_id
        withdraw_document(
            session, document_id=number, withdrawn_from=NOON.date(), reason="thu hồi", act=ready.place.house.as_admin()
        )
        right = session.get(PopulationRight, ready.right.id)
        assert (right.state, right.withdrawn_reason) == ("withdrawn", "proposal-over")
        place = ready.place.in_session(session)
        document = session.get(AuthorisingDocument, right.document_id)
        assert place.grant(document=document).reason == "population.document_not_in_force"


@pytest.mark.requirement("S3-15.2.a")
@pytest.mark.requirement("S3-15.2.b")
@pytest.mark.requirement("S3-15.2.c")
def test_the_page_that_gives_rights_names_the_paper_that_is_missing(world):
    """No commitment, not in the commitment of the unit, not on its list: each is refused with its own sentence."""
    with within(world) as session:
        place = world.place.in_session(session)
        place.appoint()
        other = place.house.leader
        place.move(other, UNIT)
        place.register(other)
    ask = {"person": world.place.officer.login, "document": str(world.document.id)}

    def refusal():
        return world.keeper.post(f"{BASE}/rights", on=f"{BASE}/rights/new", status=403, **ask).text

    assert "bản cam kết cá nhân (mẫu 06)" in refusal()
    with within(world) as session:
        place = world.place.in_session(session)
        place.paper(PaperKind.PERSON)
    assert "(mẫu 07) không có người này" in refusal()
    with within(world) as session:
        place = world.place.in_session(session)
        unit, list_ = place.paper(PaperKind.UNIT, world.place.officer, other), place.paper(PaperKind.LIST, other)
        file_registration(session, commitment_id=unit.id, list_id=list_.id, act=place.as_keeper())
    assert "(mẫu 08) không có người này" in refusal()
    with within(world) as session:
        place = world.place.in_session(session)
        place.register(world.place.officer, other)
    world.keeper.post(f"{BASE}/rights", on=f"{BASE}/rights/new", **ask)
    with within(world) as session:
        assert session.scalar(select(PopulationRight.state)) == "active"


def test_forms_of_a_unit_begin_with_its_officers_who_committed(world):
    assert world.keeper.client.get(f"{BASE}/forms/08.pdf?unit={UNIT}").status_code == 404
    with within(world) as session:
        world.place.in_session(session).paper(PaperKind.PERSON)

    assert "Biểu mẫu để ký" in world.keeper.get(f"{BASE}/registrations")
    for form in ("07", "08"):
        answer = world.keeper.client.get(f"{BASE}/forms/{form}.pdf?unit={UNIT}")
        assert answer.data.startswith(b"%PDF-")
    with within(world) as session:
        (row,) = begun_rows(session, kind=PaperKind.LIST, unit=UNIT)
        assert (row["name"], row["account"]) == ("Đặng Thị Tra", world.place.officer.login)
        (row,) = begun_rows(session, kind=PaperKind.UNIT, unit=UNIT)
        assert row["committed_on"] == "20/11/2026"
    assert world.keeper.client.get(f"{BASE}/forms/01.pdf?unit={UNIT}").status_code == 404
    world.officer.get(f"{BASE}/forms/08.pdf?unit={UNIT}", status=403)


def test_what_was_seen_is_kept_as_findings_with_their_severity(world):
    rules = Rules.of(world.held.policies)
    sightings = [
        Sighting(kind=kind, subject="person:1", key=str(kind), at=NOON)
        for kind in Kind
        if kind.startswith("population-")
    ]
    with within(world) as session:
        noted = note(session, sightings, rules=rules, act=world.place.as_keeper())
        kept = {row.kind: row.severity for row in session.scalars(select(Finding))}

    assert len(noted.raised) == 4
    assert kept == {
        "population-leak": "high",
        "population-list": "high",
        "population-query": "medium",
        "population-shared": "high",
    }


def test_only_the_papers_of_one_unit_make_a_registration(world):
    with within(world) as session:
        place = world.place.in_session(session)
        unit = place.paper(PaperKind.UNIT)
        foreign = place.paper(PaperKind.LIST, unit="Phòng Cấp phép")
    page = world.keeper.post(f"{BASE}/registrations", on=f"{BASE}/registrations", status=422, commitment=str(unit.id),
                             list=str(foreign.id)).text  # fmt: skip
    assert "của chính đơn vị" in page
    with world.held.database.engine.connect() as connection:
        refused = None
        try:
            connection.execute(
                text(
                    "INSERT INTO population_registration (unit, commitment_id, list_id, filed_by_id, filed_at) "
                    "SELECT unit, id, :list, filed_by_id, filed_at FROM population_paper WHERE id = :unit"
                ),
                {"unit": unit.id, "list": foreign.id},
            )
        except Exception as error:  # noqa: BLE001  # the constraint is what is looked at
            refused = error.orig.diag.constraint_name
        connection.rollback()
    assert refused == "ck_population_registration_papers"
