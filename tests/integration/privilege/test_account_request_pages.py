"""The pages of account requests, walked by a unit's clerk, two administrators, a leader and the officer."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.lifecycle.handover import handovers_of_lines
from control.privilege.lifecycle.listing import lines_on, load
from control.privilege.lifecycle.models import AccountRequestPaper
from control.privilege.lifecycle.papers import reply_page
from control.privilege.notices.models import AccountNotice
from tests.factories.lifecycle import OTHER_UNIT, PROVINCE, Unit, pdf_of
from tests.factories.privilege import NOON, PDF, actor_of, make_person
from tests.factories.signing import authority, signed_pdf, turned
from tests.integration.privilege.test_pages import Browser

BASE = "/privilege/account-requests"
FORMS = {"create": ("01", "05"), "lock": ("02",), "activate": ("03",), "revoke": ("04",), "change-rights": ("letter",)}


@pytest.fixture
def app(make_app):
    return make_app(VONGLAU_PROFILE=PROVINCE)


@pytest.fixture
def world(app):
    held = app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        unit = Unit(session)
        unit.stranger = unit.person("vanthu.khac", "Văn Thư Khác", roles=("case-officer",), unit=OTHER_UNIT)
    roles = {"clerk": "case-officer", "admin": "administrator", "second": "administrator", "leader": "approver",
             "guard": "security-officer", "stranger": "case-officer"}  # fmt: skip
    browsers = {name: Browser(app, actor_of(getattr(unit, name), roles=(role,))) for name, role in roles.items()}
    return SimpleNamespace(app=app, unit=unit, held=held, officer=Browser(app, actor_of(unit.officer)), **browsers)


def database(world):
    return world.held.database.unit_of_work()


def account(world, person=None, **changes):
    with database(world) as session:
        world.unit.session = session
        return world.unit.account(person, **changes).code


def draw(world, kind, *, by=None, status=303, **fields):
    browser = by or world.clerk
    on = f"{BASE}/new?kind={kind}"
    values = {"kind": kind, "unit": "Sở Minh hoạ", "notice_mail": "vanthu@so.example.vn", "asset": "xu-ly"}
    answer = browser.post(BASE, on=on, status=status, **(values | fields))
    return answer.location.rpartition("/")[2] if status == 303 else answer.text


def row(number=1, **values):
    usual = {"reason": "Chuyển công tác", "wanted_at": "30/11/2026 08:00"}
    return {f"line-{number}-{name}": value for name, value in (usual | values).items()}


def new_row(person, number=1, **values):
    usual = {"login": person.login, "person_name": person.display_name, "title": "Chuyên viên", "unit": "Sở Minh hoạ",
             "rights": "tiep-nhan"}  # fmt: skip
    return {f"line-{number}-{name}": value for name, value in (usual | values).items()}


def attach(browser, code, form, *, status=303, **changes):
    values = {"form": form, "number": f"{code}-{form}", "signed_on": "20/11/2026", "signer": "Giám đốc Mẫu",
              "is_copy": "yes", "file": (io.BytesIO(pdf_of(f"{code}-{form}")), "mau.pdf")}  # fmt: skip
    return browser.post(f"{BASE}/{code}/papers", on=f"{BASE}/{code}", status=status, **(values | changes))


def send(world, kind, *, by=None, **fields):
    browser = by or world.clerk
    code = draw(world, kind, by=browser, **fields)
    for form in FORMS[kind]:
        attach(browser, code, form)
    browser.post(f"{BASE}/{code}/submission", on=f"{BASE}/{code}")
    return code


def step(browser, code, name, *, status=303, **fields):
    return browser.post(f"{BASE}/{code}/{name}", on=f"{BASE}/{code}", status=status, **fields)


def do(world, code, *, by=None, **rulings):
    browser = by or world.admin
    step(browser, code, "taking")
    step(browser, code, "ruling", **(rulings or {"verdict-1": "grant"}))
    step(browser, code, "execution")


def state(world, code):
    with database(world) as session:
        return session.scalar(select(PrivilegedAccount.state).where(PrivilegedAccount.code == code))


@pytest.mark.requirement("S3-9.1.a")
def test_one_request_carries_many_accounts_with_name_title_unit_and_rights(world):
    with database(world) as session:
        world.unit.session = session
        people = [world.unit.person(f"nguoi.{n:02d}", f"Người Thứ {n}") for n in range(1, 13)]
    table = new_row(people[0], 1) | new_row(people[1], 2)
    pasted = "Tên đăng nhập;Họ tên;Chức danh;Đơn vị;Quyền\n" + "\n".join(
        f"{who.login};{who.display_name};Chuyên viên;Sở Minh hoạ;tiep-nhan tham-dinh" for who in people[2:]
    )
    code = draw(world, "create", pasted=pasted, **table)
    page = world.clerk.get(f"{BASE}/{code}")
    for who in people:
        assert who.display_name in page
    assert page.count("tham-dinh") >= 10
    assert "Chuyên viên, Sở Minh hoạ" in page

    text = draw(world, "create", status=422, pasted="Tên đăng nhập;Họ tên\nx;y", **new_row(people[0], 1, title=""))
    assert "Dòng 1, Chức danh" in text
    assert "chuc danh" in text, "a column that is missing is named"


@pytest.mark.requirement("S3-9.2")
@pytest.mark.parametrize("kind", list(FORMS))
def test_each_kind_is_sent_with_its_forms_and_not_without(world, kind):
    code_of_account = "" if kind == "create" else account(world, state="locked" if kind == "activate" else "active")
    fields = new_row(world.unit.officer) if kind == "create" else row(account=code_of_account)
    if kind == "change-rights":
        fields |= {"line-1-rights": "tham-dinh"}
    code = draw(world, kind, **fields)
    assert "Còn thiếu" in world.clerk.get(f"{BASE}/{code}")
    refused = step(world.clerk, code, "submission", status=403)
    assert "Chưa gắn đủ biểu mẫu" in refused.text
    for form in FORMS[kind]:
        if form != "letter":
            printed = world.clerk.client.get(f"{BASE}/{code}/forms/{form}.pdf")
            assert printed.data.startswith(b"%PDF-")
        attach(world.clerk, code, form)
    step(world.clerk, code, "submission")
    assert "đã gửi" in world.clerk.get(f"{BASE}/{code}")
    foreign = draw(
        world,
        kind,
        by=world.admin,
        **(
            new_row(world.unit.clerk)
            if kind == "create"
            else row(account=account(world, world.unit.clerk, state="locked" if kind == "activate" else "active"))
            | ({"line-1-rights": "tham-dinh"} if kind == "change-rights" else {})
        ),
    )
    wrong = next(form for name, forms in FORMS.items() for form in forms if form not in FORMS[kind] and form != "05")
    assert "không thuộc loại yêu cầu" in attach(world.admin, foreign, wrong, status=403).text


@pytest.mark.requirement("S3-9.3")
def test_a_valid_digital_signature_is_verified_and_stored_and_one_of_a_changed_file_is_refused(make_app, tmp_path):
    (tmp_path / "ca.pem").write_bytes(authority().pem)
    app = make_app(VONGLAU_PROFILE=PROVINCE, VONGLAU_SIGNATURE_TRUST_DIR=str(tmp_path))
    held = app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        unit = Unit(session)
        unit.account()
    world = SimpleNamespace(clerk=Browser(app, actor_of(unit.clerk, roles=("case-officer",))), held=held, unit=unit)
    code = draw(world, "lock", **row(account="xu-ly.canbo.mot"))
    forged = (io.BytesIO(turned(signed_pdf("Mẫu số 02"))), "mau.pdf")
    assert "không còn đúng" in attach(world.clerk, code, "02", status=403, is_copy="", file=forged).text
    signed = (io.BytesIO(signed_pdf("Mẫu số 02")), "mau.pdf")
    attach(world.clerk, code, "02", is_copy="", file=signed)
    page = world.clerk.get(f"{BASE}/{code}")
    assert "chữ ký số hợp lệ" in page
    assert "chứng thư của Lê Ví Dụ" in page
    step(world.clerk, code, "submission")
    with database(world) as session:
        paper = session.scalars(select(AccountRequestPaper)).one()
        assert (paper.signature, paper.signature_by, paper.is_copy) == ("valid", "Lê Ví Dụ", False)


@pytest.mark.requirement("S3-9.3")
def test_the_signature_of_a_paper_is_judged_and_stored_and_a_bare_file_is_refused(world):
    code = draw(world, "lock", **row(account=account(world)))
    attach(world.clerk, code, "02", is_copy="")
    assert "không ký số" in world.clerk.get(f"{BASE}/{code}")
    refused = step(world.clerk, code, "submission", status=403)
    assert "không có chữ ký số hợp lệ" in refused.text
    attach(world.clerk, code, "02", is_copy="yes")
    step(world.clerk, code, "submission")
    broken = PDF.replace(b"<<>>", b"<</ByteRange [0 10 20 30]>>")
    second = draw(world, "lock", **row(account=account(world, world.unit.clerk)))
    refused = attach(world.clerk, second, "02", status=403, file=(io.BytesIO(broken), "mau.pdf"))
    assert "không còn đúng" in refused.text


@pytest.mark.requirement("S3-9.1.a-2")
def test_new_accounts_have_two_working_days_a_handover_paper_and_a_new_password(world, clock):
    code = send(world, "create", **new_row(world.unit.officer))
    page = world.clerk.get(f"{BASE}/{code}")
    assert "26/11 11:30" in page, "Monday noon + 2 working days; Tuesday is a holiday"
    do(world, code, **{"verdict-1": "grant", "rights-1": "tiep-nhan"})
    world.admin.post(f"{BASE}/{code}/lines/1/envelope", on=f"{BASE}/{code}", envelope="PB-0007")
    paper = reply_of(world, world.clerk, code)
    assert "xu-ly.canbo.mot" in paper
    assert "PB-0007" in paper
    assert "phải đổi ở lần đăng nhập đầu tiên" in paper

    refused = world.officer.post("/privilege/receipts/xu-ly.canbo.mot", on="/privilege/receipts", status=403)
    assert "chưa ghi nhận mật khẩu mới" in refused.text
    assert state(world, "xu-ly.canbo.mot") == "pending"
    clock.now += timedelta(hours=1)
    with database(world) as session:
        session.merge(world.unit.officer).password_changed_at = NOON + timedelta(minutes=30)
    world.officer.post("/privilege/receipts/xu-ly.canbo.mot", on="/privilege/receipts")
    assert state(world, "xu-ly.canbo.mot") == "active"


def reply_of(world, browser, code):
    """The words of the paper the page hands out, after it was seen to be a PDF."""
    assert browser.client.get(f"{BASE}/{code}/reply.pdf").data.startswith(b"%PDF-")
    with database(world) as session:
        found = load(session, code)
        handed = handovers_of_lines(session, line_ids=[line.id for line in found.lines])
        return reply_page(found, handovers=handed, organisation="Bộ Minh hoạ", today=NOON.date())


@pytest.mark.requirement("S1-14.4")
def test_a_new_account_is_inactive_until_its_officer_confirms(world, clock, owner_engine):
    code = send(world, "create", **new_row(world.unit.officer))
    do(world, code, **{"verdict-1": "grant", "rights-1": "tiep-nhan"})
    world.admin.post(f"{BASE}/{code}/lines/1/envelope", on=f"{BASE}/{code}", envelope="")
    world.admin.post("/privilege/receipts/xu-ly.canbo.mot", on="/privilege/receipts", status=404)
    assert state(world, "xu-ly.canbo.mot") == "pending"
    world.officer.post("/privilege/receipts/xu-ly.canbo.mot", on="/privilege/receipts")
    assert state(world, "xu-ly.canbo.mot") == "active"
    assert [entry["user"]["id"] for entry in entries_of(owner_engine, "privilege:lifecycle:confirm")] == [
        f"person:{world.unit.officer.id}"
    ]


def entries_of(owner_engine, action):
    import audit

    with owner_engine.connect() as connection:
        bodies = [
            audit.projection.read_body(bytes(body))
            for body in connection.scalars(select(audit.tables.outbox.c.body).order_by(audit.tables.outbox.c.oid))
        ]
    return [body for body in bodies if body["event"]["action"] == action and body["event"]["outcome"] == "success"]


@pytest.mark.requirement("S3-9.1.a-3")
def test_a_partial_grant_is_not_sent_without_its_reason(world):
    code = send(world, "create", **new_row(world.unit.officer, rights="tiep-nhan tham-dinh"))
    step(world.admin, code, "taking")
    fewer = {"verdict-1": "grant", "rights-1": "tiep-nhan"}
    refused = step(world.admin, code, "ruling", status=403, **fewer)
    assert "cho ít hơn đề nghị thì phải ghi lý do" in refused.text
    step(world.admin, code, "ruling", **fewer, **{"reason-1": "Đã đủ người thẩm định"})
    step(world.admin, code, "execution")
    with database(world) as session:
        (notice,) = session.scalars(select(AccountNotice)).all()
        assert "Đã đủ người thẩm định" in notice.body
    assert "xong một phần" in world.clerk.get(f"{BASE}/{code}")


@pytest.mark.requirement("S3-9.1.b")
def test_a_lock_asked_for_too_late_is_marked_and_not_refused_and_its_fields_are_needed(world):
    name = account(world)
    for missing in ("account", "reason", "wanted_at"):
        text = draw(world, "lock", status=422, **row(**({"account": name} | {missing: ""})))
        assert "is-bad" in text or 'class="fault"' in text
    code = send(world, "lock", **row(account=name, wanted_at="25/11/2026 08:00"))
    assert "đề nghị muộn" in world.clerk.get(f"{BASE}/{code}")
    other = send(world, "lock", **row(account=account(world, world.unit.clerk), wanted_at="30/11/2026 08:00"))
    assert "đề nghị muộn" not in world.clerk.get(f"{BASE}/{other}")


@pytest.mark.requirement("S3-9.1.b-3")
def test_a_written_lock_has_two_working_days_and_the_unit_is_told_when_it_is_done(world, clock):
    name = account(world)
    code = send(world, "lock", **row(account=name, wanted_at="23/11/2026 08:00"))
    assert "26/11 11:30" in world.clerk.get(f"{BASE}/{code}")
    clock.now += timedelta(days=4)
    assert "quá hạn" in world.admin.get(f"{BASE}?state=late")
    do(world, code)
    assert state(world, name) == "locked"
    with database(world) as session:
        (notice,) = session.scalars(select(AccountNotice)).all()
        assert (notice.request_code, notice.kind, name in notice.body) == (code, "done", True)
    listed = world.admin.client.get(f"{BASE}?state=any&format=csv").text
    assert re.search(rf"{code},lock,.*True", listed)


@pytest.mark.requirement("S3-9.1.b-2")
def test_an_emergency_lock_holds_at_once_and_stores_caller_channel_and_reason(world):
    name = account(world)
    on = f"{BASE}/urgent"
    call = {"accounts": name, "mode": "emergency", "caller": "Trưởng phòng Mẫu", "channel": "phone",
            "reason": "Lộ mật khẩu", "incident": "SC-0042"}  # fmt: skip
    for missing in ("caller", "channel", "reason", "incident", "accounts"):
        world.guard.post(on, on=on, status=422, **(call | {missing: ""}))
    assert state(world, name) == "active"
    world.clerk.get(on, status=403)
    answer = world.guard.post(on, on=on, **call)
    assert state(world, name) == "locked"
    page = world.guard.get(answer.location)
    for told in ("Trưởng phòng Mẫu", "qua điện thoại", "Lộ mật khẩu", "SC-0042", "ms"):
        assert told in page
    assert world.officer.client.get("/people/me").status_code in {200, 401}
    with database(world) as session:
        from control.people.locks.standing import standing_locks

        assert [lock.cause for lock in standing_locks(session, person_id=world.unit.officer.id, now=NOON)] == [
            "emergency"
        ]


@pytest.mark.requirement("S3-9.1.b-4")
def test_the_unit_is_told_within_five_working_hours_by_a_channel_on_record(world, clock):
    name = account(world)
    on = f"{BASE}/urgent"
    world.guard.post(on, on=on, accounts=name, mode="own-risk", reason="Dấu hiệu lạ", incident="PT-0007")
    with database(world) as session:
        (notice,) = session.scalars(select(AccountNotice)).all()
        code = notice.code
    page = world.guard.get(f"/privilege/notices/{code}")
    assert "25/11 08:30" in page, "Monday noon + 5 working hours: four in the afternoon, Tuesday is a holiday"
    told = f"/privilege/notices/{code}/telling"
    world.guard.post(told, on=f"/privilege/notices/{code}", status=422, channel="phone", note="")
    clock.now += timedelta(hours=2)
    world.guard.post(told, on=f"/privilege/notices/{code}", channel="phone", note="Gặp chánh văn phòng")
    page = world.guard.get(f"/privilege/notices/{code}")
    assert "qua điện thoại" in page
    assert "muộn" not in page
    csv = world.guard.client.get("/privilege/notices?format=csv").text
    assert re.search(rf"{code}.*phone.*False", csv)


@pytest.mark.requirement("S3-9.1.c")
def test_an_account_is_activated_again_only_with_account_reason_and_time(world):
    name = account(world, state="locked")
    for missing in ("account", "reason", "wanted_at"):
        draw(world, "activate", status=422, **row(**({"account": name} | {missing: ""})))
    code = draw(world, "activate", **row(account=name))
    attach(world.clerk, code, "03")
    attach(world.clerk, code, "05")
    step(world.clerk, code, "submission")
    step(world.admin, code, "taking")
    step(world.admin, code, "ruling", **{"verdict-1": "grant"})
    step(world.admin, code, "execution")
    assert state(world, name) == "locked", "the unit wants it on 30/11"


@pytest.mark.requirement("S3-10.3")
def test_activating_without_the_signed_commitment_is_refused(world):
    name = account(world, state="locked")
    code = send(world, "activate", **row(account=name, wanted_at="23/11/2026 08:00"))
    step(world.admin, code, "taking")
    step(world.admin, code, "ruling", **{"verdict-1": "grant"})
    refused = step(world.admin, code, "execution", status=403)
    assert "Chưa có bản cam kết đã ký" in refused.text
    assert state(world, name) == "locked"
    other = account(world, world.unit.clerk, state="locked")
    code = draw(world, "activate", **row(account=other, wanted_at="23/11/2026 08:00"))
    attach(world.clerk, code, "03")
    attach(world.clerk, code, "05")
    step(world.clerk, code, "submission")
    do(world, code)
    assert state(world, other) == "active"


@pytest.mark.requirement("S3-9.1.c-2")
@pytest.mark.parametrize(
    ("wanted", "due"),
    [("30/11/2026 08:00", "01/12 10:00"), ("30/11/2026 13:00", "01/12 10:00"), ("02/12/2026 10:00", "02/12 10:00")],
)
def test_the_table_of_activation_dates_stands_on_the_page(world, clock, wanted, due):
    clock.now = NOON + timedelta(days=7, hours=-2)  # Monday 30/11/2026, 10:00 in Hà Nội
    name = account(world, state="locked")
    answer = world.clerk.client.get(f"{BASE}/new?kind=activate")
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)[1]
    fields = {"csrf_token": token, "kind": "activate", "unit": "Sở Minh hoạ", "step": "dates"}
    shown = world.clerk.client.post(f"{BASE}/dates", data=fields | row(account=name, wanted_at=wanted))
    assert due in shown.text
    assert "<form" in shown.text
    live = world.clerk.client.post(
        f"{BASE}/dates", data=fields | row(account=name, wanted_at=wanted), headers={"HX-Request": "true"}
    )
    assert due in live.text
    assert "<form" not in live.text
    code = send(world, "activate", **row(account=name, wanted_at=wanted))
    assert due in world.clerk.get(f"{BASE}/{code}")


@pytest.mark.requirement("S3-9.1.d")
@pytest.mark.requirement("S3-9.1.d-2")
def test_a_revocation_needs_its_fields_and_lists_exactly_what_was_disabled(world):
    first, second = account(world), account(world, world.unit.clerk)
    for missing in ("account", "reason", "wanted_at"):
        draw(world, "revoke", status=422, **row(**({"account": first} | {missing: ""})))
    past = {"wanted_at": "23/11/2026 08:00"}
    code = send(world, "revoke", by=world.second, **row(1, account=first, **past), **row(2, account=second, **past))
    assert "26/11 11:30" in world.second.get(f"{BASE}/{code}")
    do(world, code, **{"verdict-1": "grant", "verdict-2": "refuse", "reason-2": "Còn nhiệm vụ"})
    assert (state(world, first), state(world, second)) == ("retired", "active")
    text = reply_of(world, world.second, code)
    done, fewer = text.split("Ít hơn đề nghị")
    assert first in done
    assert second not in done
    assert second in fewer
    assert "1 trên 2" in done


@pytest.mark.requirement("S0-8.1.b")
def test_each_change_cites_a_document_or_an_incident_and_is_refused_without(world):
    name = account(world)
    on = f"{BASE}/urgent"
    page = world.guard.post(on, on=on, status=422, accounts=name, mode="own-risk", reason="Dấu hiệu lạ", incident="")
    assert "Số hiệu sự vụ" in page.text
    code = send(world, "lock", **row(account=name, wanted_at="23/11/2026 08:00"))
    refused = step(world.clerk, code, "taking", status=403)
    assert refused.status_code == 403
    do(world, code)
    with database(world) as session:
        document = session.scalars(select(AuthorisingDocument).where(AuthorisingDocument.number == f"{code}-02")).one()
        from control.privilege.accounts.models import AccountChange

        change = session.scalars(select(AccountChange)).one()
        assert change.document_id == document.id
        assert document.filed_by_id == world.unit.admin.id


def test_who_filed_for_a_unit_does_not_carry_it_out(world):
    name = account(world)
    code = send(world, "lock", by=world.admin, **row(account=name, wanted_at="23/11/2026 08:00"))
    assert "không được tiếp nhận" in step(world.admin, code, "taking", status=403).text
    do(world, code, by=world.second)
    assert state(world, name) == "locked"


@pytest.mark.requirement("S1-14.1")
@pytest.mark.requirement("S1-14.3")
def test_rights_follow_the_process_and_an_extra_one_is_approved(world):
    code = send(world, "create", **new_row(world.unit.officer, rights="xem-bao-cao"))
    world.leader.post(f"{BASE}/{code}/lines/1/extra", on=f"{BASE}/{code}", status=303)
    step(world.admin, code, "taking")
    refused = step(world.admin, code, "ruling", status=403, **{"verdict-1": "grant", "rights-1": "xem-bao-cao"})
    assert "không được phân công vai trò nào" in refused.text
    step(world.admin, code, "ruling", **{"verdict-1": "refuse", "reason-1": "Chưa được phân công"})

    code = send(world, "create", **new_row(world.unit.officer, rights="tham-dinh xem-bao-cao"))
    step(world.admin, code, "taking")
    both = {"verdict-1": "grant", "rights-1": ["tham-dinh", "xem-bao-cao"]}
    refused = step(world.admin, code, "ruling", status=403, **both)
    assert "chưa được duyệt" in refused.text
    world.admin.post(f"{BASE}/{code}/lines/1/extra", on=f"{BASE}/{code}", status=403)
    world.leader.post(f"{BASE}/{code}/lines/1/extra", on=f"{BASE}/{code}")
    step(world.admin, code, "ruling", **both)
    step(world.admin, code, "execution")
    assert state(world, "xu-ly.canbo.mot") == "pending"


@pytest.mark.requirement("S3-16.4")
def test_a_process_is_not_activated_while_a_step_has_no_active_account_holder(world):
    on = "/privilege/processes/QT-CAP-PHEP"
    refused = world.admin.post(f"{on}/activation", on=on, status=403)
    assert "Tiếp nhận (tiep-nhan, Sở Minh hoạ)" in refused.text
    with database(world) as session:
        world.unit.session = session
        held = world.unit.account()
        world.unit.give(held, "tiep-nhan")
        other = world.unit.account(world.unit.clerk, state="pending")
        world.unit.give(other, "tham-dinh")
    refused = world.admin.post(f"{on}/activation", on=on, status=403)
    assert "Thẩm định" in refused.text
    assert "Tiếp nhận (" not in refused.text
    with database(world) as session:
        world.unit.session = session
        world.unit.give(session.merge(held), "tiep-nhan", "tham-dinh")
    world.admin.post(f"{on}/activation", on=on)
    assert "đang hoạt động" in world.admin.get(on)


@pytest.mark.attack("E15")
def test_e15_a_unit_sees_its_own_requests_only_and_a_guessed_code_is_nothing(world):
    code = draw(world, "lock", **row(account=account(world)))
    assert code in world.clerk.get(f"{BASE}?state=any")
    assert code not in world.stranger.get(f"{BASE}?state=any")
    world.stranger.get(f"{BASE}/{code}", status=404)
    for name in ("forms/02.pdf", "papers/02", "reply.pdf"):
        assert world.stranger.client.get(f"{BASE}/{code}/{name}").status_code == 404
    world.stranger.post(f"{BASE}/{code}/withdrawal", on=f"{BASE}/new", status=404)
    world.clerk.post(f"{BASE}/{code}/withdrawal", on=f"{BASE}/{code}")
    assert "đã rút" in world.clerk.get(f"{BASE}/{code}")


@pytest.mark.parametrize("path", ["/privilege/notices", "/privilege/processes", f"{BASE}", "/privilege/receipts"])
def test_the_lists_answer_empty_filtered_and_as_a_file(world, path):
    assert world.admin.get(path)
    assert world.admin.get(f"{path}?state=told&q=x")
    if path != "/privilege/receipts":
        assert world.admin.client.get(f"{path}?format=csv").headers["Content-Type"].startswith("text/csv")
    world.admin.get(f"{path}?sort=nonsense", status=422 if path != "/privilege/receipts" else 200)


def test_the_empty_table_for_a_spreadsheet_has_the_columns_the_form_reads(world):
    heads = world.clerk.client.get(f"{BASE}/template/create.csv").data.decode("utf-8-sig").strip()
    assert heads == "ten dang nhap,ho ten,chuc danh,don vi,quyen,thoi diem,ly do"
    world.clerk.get(f"{BASE}/template/nonsense.csv", status=404)
    page = world.admin.get(f"/privilege/accounts/{account(world)}")
    assert f"{BASE}/urgent?account=xu-ly.canbo.mot" in page


def test_what_is_typed_by_a_hostile_hand_is_a_fault_and_never_more(world):
    hostile = (
        "=cmd()",
        "<script>",
        "\x00",
        "'; DROP TABLE person; --",
        "x" * 5000,
        "31/02/2026 99:99",
        "١٢",
        "../../x",
    )
    for text in hostile:
        fields = dict.fromkeys(("line-1-account", "line-1-wanted_at", "line-1-reason", "unit", "notice_mail"), text)
        page = draw(world, "lock", by=world.admin, status=422, **fields)
        assert "<script>" not in page
    draw(world, "lock", status=422, pasted='"' + "x" * 100)
    draw(world, "lock", status=422, pasted="a;b\n" * 100)
    draw(world, "create", status=422, pasted="x" * 300_000)
    world.clerk.get(f"{BASE}/TK-99999999999999999999", status=404)
    world.clerk.get(f"{BASE}/TK-%00", status=404)


@pytest.mark.attack("E15")
@pytest.mark.requirement("S3-7.3")
def test_e15_the_form_names_no_account_of_another_unit_whatever_unit_is_typed(world):
    code = account(world, person=world.unit.officer)
    fields = {"kind": "lock", "unit": "Sở Minh hoạ", "notice_mail": "a@so.example.vn"}

    theirs = [
        world.stranger.post(path, on=f"{BASE}/new?kind=lock", status=status, **fields).text
        for path, status in ((f"{BASE}/dates", 200), (BASE, 422))
    ]
    ours = world.clerk.post(f"{BASE}/dates", on=f"{BASE}/new?kind=lock", status=200, **fields).text

    assert [code in page for page in theirs] == [False, False]
    assert code in ours


@pytest.mark.attack("E15")
@pytest.mark.requirement("S3-7.3")
def test_e15_a_process_shows_a_leader_the_accounts_of_their_own_unit_only(world):
    code = account(world)
    with database(world) as session:
        world.unit.session = session
        made = session.scalar(select(PrivilegedAccount).where(PrivilegedAccount.code == code))
        world.unit.give(made, "tiep-nhan")
        theirs = make_person(session, roles=("unit-leader",), unit=OTHER_UNIT)
        ours = make_person(session, roles=("unit-leader",), unit=world.unit.officer.unit)
        world.unit.session.merge(world.unit.officer).unit_id = ours.unit_id
    page = "/privilege/processes/QT-CAP-PHEP"

    stranger, leader = (Browser(world.app, actor_of(one, roles=("unit-leader",))).get(page) for one in (theirs, ours))

    assert code not in stranger
    assert "1 tài khoản của đơn vị khác" in stranger
    assert code in leader
    assert code in world.admin.get(page)


def test_the_page_of_an_account_shows_its_life_to_whoever_may_see_the_requests(world):
    code_of_account = account(world)
    code = send(world, "lock", **row(account=code_of_account))
    page = world.admin.get(f"/privilege/accounts/{code_of_account}")

    assert "Vòng đời tài khoản" in page
    assert f'href="{BASE}/{code}"' in page
    with database(world) as session:
        row_of_account = session.scalars(
            select(PrivilegedAccount).where(PrivilegedAccount.code == code_of_account)
        ).one()
        seen = [
            [one.code for one, _ in lines_on(session, account_id=row_of_account.id, viewer=browser.actor)]
            for browser in (world.admin, world.clerk, world.stranger)
        ]
    assert seen == [[code], [code], []]
