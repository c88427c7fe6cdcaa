"""The pages of the wing, walked by people with different roles."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from control.privilege import seed_demonstration
from control.privilege.seeding import ACCOUNTS
from control.requests import SESSION_COOKIE
from tests.factories.privilege import NOON, PDF, House, actor_of, make_act
from tests.factories.stepup import confirm, question


class Browser:
    """One signed-in person; forms are sent with the token of the page they stand on."""

    def __init__(self, app, actor):
        self.app, self.actor = app, actor
        held = app.extensions["vonglau"].ports
        held.setdefault("test_actors", {})
        held["test_actors"][actor.login] = actor
        # Signing in is another wing's; here a token stands for a session that was resumed.
        held["session_resume"] = lambda session, *, token, now, act: held["test_actors"].get(token)
        self.client = app.test_client()
        self.client.environ_base.update({"wsgi.url_scheme": "https", "HTTP_HOST": "localhost"})
        self.client.set_cookie(SESSION_COOKIE, actor.login, domain="localhost", secure=True)

    def get(self, path, *, status=200):
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path, *, on, status=303, **fields):
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(on))[1]
        answer = self.client.post(path, data={"csrf_token": token, **fields}, content_type="multipart/form-data")
        if answer.status_code == 401 and status != 401:
            answer = confirm(self.client, answer, app=self.app, person_id=self.actor.id)
        assert answer.status_code == status, answer.text
        return answer


@pytest.fixture
def house(app):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        return House(session, asset="case-files")


@pytest.fixture
def admin(app, house):
    return Browser(app, actor_of(house.admin, roles=("administrator",)))


@pytest.fixture
def leader(app, house):
    return Browser(app, actor_of(house.leader, roles=("approver",)))


@pytest.fixture
def holder(app, house):
    return Browser(app, actor_of(house.holder, roles=("case-officer",)))


def request_fields(house, **changes):
    return {
        "account": house.account.code,
        "holder": house.holder.login,
        "document": str(house.document.id),
        "starts_at": "23/11/2026 12:00",
        "ends_at": "23/11/2026 16:00",
        "purpose": "Thẩm định hồ sơ tồn",
        **changes,
    }


def new_document_fields(**changes):
    return {
        "document": "new",
        "number": "9/QĐ-BMH",
        "signed_on": "20/11/2026",
        "signer": "Bùi Diễn",
        "issuing_unit": "Bộ Minh hoạ",
        "subject": "Giao xử lý hồ sơ",
        "valid_from": "20/11/2026",
        "valid_to": "31/12/2026",
        "file": (io.BytesIO(PDF), "quyet-dinh.pdf"),
        **changes,
    }


def file(admin, house, **changes):
    answer = admin.post("/privilege/requests", on="/privilege/requests/new", **request_fields(house, **changes))
    return answer.location.rsplit("/", 1)[1]


def read_digest(browser, code):
    page = browser.get(f"/privilege/requests/{code}/approval")
    return {
        "version": re.search(r'name="version" value="(\d+)"', page)[1],
        "sha256": re.search(r'name="sha256" value="([0-9a-f]{64})"', page)[1],
    }


def approve(browser, code, *, status=303, **fields):
    page = f"/privilege/requests/{code}/approval"
    return browser.post(page, on=page, status=status, verdict="approve", **{**read_digest(browser, code), **fields})


def test_the_whole_way_from_form_to_grant(admin, leader, holder, house):
    code = file(admin, house, **new_document_fields())

    assert code in leader.get("/privilege")
    assert "Điều gì đổi nếu tôi duyệt" in leader.get(f"/privilege/requests/{code}/approval")
    approve(leader, code)

    page = holder.get(f"/privilege/requests/{code}")
    grant = re.search(r"CQ-\d{4}", page)[0]
    shown = holder.get(f"/privilege/grants/{grant}")
    assert "9/QĐ-BMH" in shown
    assert 'aria-current="step"' in shown
    assert "Đặng Thị Tập" in admin.get("/privilege/accounts")
    assert grant in admin.get(f"/privilege/accounts/{house.account.code}")


def test_every_fault_of_the_form_stands_beside_its_field_and_what_was_typed_stays(admin, house):
    answer = admin.post(
        "/privilege/requests",
        on="/privilege/requests/new",
        status=422,
        **request_fields(house, holder="", ends_at="hôm qua", purpose="", account="khong.co"),
    )

    for field in ("holder", "ends_at", "purpose", "account"):
        assert f'id="f-{field}-error"' in answer.text
    assert 'value="hôm qua"' in answer.text
    assert "4 mục cần sửa" in answer.text


def test_an_expired_document_is_refused_with_its_message(admin, house):
    answer = admin.post(
        "/privilege/requests",
        on="/privilege/requests/new",
        status=422,
        **request_fields(house, **new_document_fields(valid_to="21/11/2026")),
    )

    assert "Văn bản đã hết hiệu lực ngày 21/11/2026" in answer.text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"file": (io.BytesIO(b"MZ not a pdf"), "a.pdf")}, "không phải PDF"),
        ({"file": (io.BytesIO(PDF.replace(b"%%EOF", b"")), "a.pdf")}, "không phải PDF"),
        ({"file": (io.BytesIO(b""), "")}, "Chọn tệp PDF"),
        ({"valid_from": "31/12/2026", "valid_to": "01/12/2026"}, "kết thúc trước khi bắt đầu"),
        ({"signed_on": "24/11/2026"}, "Ngày ký ở tương lai"),
        ({"signed_on": "31/02/2026"}, "ngày/tháng/năm"),
        ({"number": "a\x00b"}, "ký tự điều khiển"),
        ({"number": ""}, "không được để trống"),
    ],
)
def test_a_faulty_document_is_told_in_words(admin, changes, sentence):
    answer = admin.post(
        "/privilege/documents", on="/privilege/documents/new", status=422, **new_document_fields(**changes)
    )

    assert sentence in answer.text


def test_a_document_is_filed_shown_with_its_digest_and_handed_out_as_it_came(admin):
    answer = admin.post("/privilege/documents", on="/privilege/documents/new", **new_document_fields())

    page = admin.get(answer.location)
    assert re.search(r"([0-9a-f]{8} ){7}[0-9a-f]{8}", page)
    assert admin.client.get(f"{answer.location}/file").data == PDF


def test_a_document_twice_is_refused(admin):
    admin.post("/privilege/documents", on="/privilege/documents/new", **new_document_fields())

    answer = admin.post("/privilege/documents", on="/privilege/documents/new", status=422, **new_document_fields())

    assert "9/QĐ-BMH cùng ngày ký" in answer.text


@pytest.mark.attack("E1")
def test_e1_the_approver_who_filed_reads_why_they_cannot_decide(app, house, admin):
    both = Browser(app, actor_of(house.admin, roles=("administrator", "approver")))
    code = file(admin, house)

    page = both.get(f"/privilege/requests/{code}/approval")
    answer = approve(both, code, status=403)

    assert "không được tự duyệt" in page
    assert "không được tự duyệt" in answer.text
    assert "privilege.four_eyes" in answer.text


@pytest.mark.attack("E6")
def test_e6_a_decision_on_what_was_amended_meanwhile_is_refused(admin, leader, house):
    code = file(admin, house)
    read = read_digest(leader, code)
    admin.post(
        f"/privilege/requests/{code}", on=f"/privilege/requests/{code}/edit", **request_fields(house, purpose="Khác")
    )

    answer = approve(leader, code, status=403, **read)

    assert "thành bản 2" in answer.text


@pytest.mark.attack("E7")
def test_e7_a_double_click_is_refused_the_second_time(admin, leader, house):
    code = file(admin, house)
    read = read_digest(leader, code)
    approve(leader, code)

    answer = approve(leader, code, status=403, **read)

    assert "chỉ quyết định một lần" in answer.text


@pytest.mark.fault(11)
def test_while_the_trail_has_little_room_nobody_gets_more_rights_but_rights_are_taken_away(
    admin, leader, house, role_engine
):
    code = file(admin, house)
    page = f"/privilege/requests/{code}/approval"

    def measure(level):
        with role_engine("vl_sequencer").begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO audit_disk (volume, level, total_bytes, free_bytes, ballast_bytes, since, at) "
                    "VALUES ('journal', :level, 100, 4, 0, now(), now()) "
                    "ON CONFLICT (volume) DO UPDATE SET level = excluded.level"
                ),
                {"level": level},
            )

    measure("refusing")
    refused = leader.post(page, on=page, status=503, verdict="approve", **read_digest(leader, code))
    still_waits = leader.get(page)
    measure("warning")
    approve(leader, code)
    grant = re.search(r"CQ-\d{4}", leader.get(f"/privilege/requests/{code}"))[0]
    measure("refusing")
    leader.post(f"/privilege/grants/{grant}/revocation", on=f"/privilege/grants/{grant}", reason="Xong việc")

    assert "Ổ đĩa của nhật ký kiểm toán gần đầy" in refused.text
    assert 'name="verdict"' in still_waits
    assert "đã thu hồi" in leader.get(f"/privilege/grants/{grant}")
    with role_engine("vl_owner").connect() as connection:
        found = connection.execute(text("SELECT convert_from(body, 'UTF8') FROM audit_outbox")).scalars().all()
    assert sum('"reason_code":"audit.room_is_low"' in body for body in found) == 1


def test_a_rejection_needs_a_reason(admin, leader, house):
    code = file(admin, house)
    page = f"/privilege/requests/{code}/approval"

    answer = leader.post(page, on=page, status=422, verdict="reject", reason="", **read_digest(leader, code))
    leader.post(page, on=page, verdict="reject", reason="Chưa đủ căn cứ", **read_digest(leader, code))

    assert 'id="f-reason-error"' in answer.text
    assert "Chưa đủ căn cứ" in leader.get(f"/privilege/requests/{code}")


@pytest.mark.parametrize("sent", [{"verdict": "both"}, {"version": "²"}, {"version": "9" * 40}, {"sha256": "x" * 65}])
def test_a_forged_form_is_bad_input_never_a_crash(admin, leader, house, sent):
    code = file(admin, house)
    page = f"/privilege/requests/{code}/approval"

    leader.post(page, on=page, status=422, **{**read_digest(leader, code), "verdict": "approve", **sent})


def test_a_grant_is_suspended_resumed_and_revoked_with_a_reason(admin, leader, house):
    code = file(admin, house)
    approve(leader, code)
    grant = re.search(r"CQ-\d{4}", leader.get(f"/privilege/requests/{code}"))[0]
    page = f"/privilege/grants/{grant}"

    leader.post(f"{page}/revocation", on=page, status=422, reason="")
    leader.post(f"{page}/suspension", on=page, reason="Kiểm tra")
    leader.post(f"{page}/resumption", on=page, status=401, reason="Đã kiểm tra")
    suspended = leader.get(page)
    leader.post(f"{page}/resumption", on=page, reason="Đã kiểm tra")
    leader.post(f"{page}/revocation", on=page, reason="Xong việc")
    again = leader.get(page)

    assert "tạm dừng" in suspended
    assert "đã thu hồi" in again
    assert "Xong việc" in again


def test_a_revoked_grant_is_not_revoked_again(admin, leader, house):
    code = file(admin, house)
    approve(leader, code)
    grant = re.search(r"CQ-\d{4}", leader.get(f"/privilege/requests/{code}"))[0]
    page = f"/privilege/grants/{grant}"
    leader.post(f"{page}/revocation", on=page, reason="Xong việc")
    other = file(admin, house, starts_at="24/11/2026 08:00", ends_at="24/11/2026 09:00")

    answer = leader.post(f"{page}/revocation", on=f"/privilege/requests/{other}/approval", status=403, reason="Lần nữa")

    assert "đã kết thúc rồi" in answer.text


@pytest.mark.attack("E15")
@pytest.mark.parametrize("path", ["/privilege/accounts", "/privilege/documents", "/privilege/documents/new"])
def test_e15_a_holder_without_the_permission_is_refused(holder, path):
    holder.get(path, status=403)


@pytest.mark.attack("E15")
@pytest.mark.parametrize(
    "path",
    ["/privilege/requests/YC-9999", "/privilege/requests/1", "/privilege/requests/YC-", "/privilege/grants/CQ-9999",
     "/privilege/requests/YC-99999999999999999999", "/privilege/grants/CQ-0001/x", "/privilege/requests/..%2f"],
)  # fmt: skip
def test_e15_a_guessed_code_leads_nowhere(holder, path):
    holder.get(path, status=404)


@pytest.mark.attack("E15")
def test_e15_the_request_of_somebody_else_is_not_found(app, house, admin):
    code = file(admin, house)
    stranger = Browser(app, actor_of(house.owner, roles=("case-officer",)))

    stranger.get(f"/privilege/requests/{code}", status=404)
    assert code not in stranger.get("/privilege/requests")
    assert code not in stranger.get("/privilege")


def test_the_account_list_filters_sorts_pages_and_downloads(app, admin, house):
    act = make_act(actor_of(house.admin))
    with app.extensions["vonglau"].database.unit_of_work() as session:
        first = seed_demonstration(session, act)
    with app.extensions["vonglau"].database.unit_of_work() as session:
        again = seed_demonstration(session, act)

    found = admin.get("/privilege/accounts?q=co so du lieu")
    by_owner = admin.get("/privilege/accounts?sort=-owner&state=orphan")
    sheet = admin.get("/privilege/accounts?format=csv&class=high")

    assert first == len(ACCOUNTS)
    assert again == 0
    assert "csdl-01 · postgres" in found
    assert "tuong-lua-01 ·" not in found
    assert "nha-thau-cu" in by_owner
    assert "csdl-01.postgres" in sheet
    admin.get("/privilege/accounts?sort=evil", status=422)
    admin.get("/privilege/accounts?after=broken", status=422)


def test_pages_speak_english_too(admin, leader, house):
    code = file(admin, house)

    assert "What changes if I approve" in leader.get(f"/privilege/requests/{code}/approval?lang=en")
    assert "Privileged accounts" in admin.get("/privilege/accounts?lang=en")


def test_a_list_page_asks_the_database_a_fixed_number_of_times(app, admin, house):
    counted = []
    engine = app.extensions["vonglau"].database.engine
    event.listen(engine, "before_cursor_execute", lambda *args: counted.append(args[2]))
    file(admin, house, starts_at="24/11/2026 08:00", ends_at="24/11/2026 09:00")
    counted.clear()
    admin.get("/privilege/requests")
    few = len(counted)
    for day in range(25, 29):
        file(admin, house, starts_at=f"{day}/11/2026 08:00", ends_at=f"{day}/11/2026 09:00")
    counted.clear()
    admin.get("/privilege/requests")

    assert len(counted) == few


def test_time_makes_a_scheduled_grant_active_and_ends_it(app, clock, admin, leader, holder, house):
    code = file(admin, house, starts_at="23/11/2026 13:00", ends_at="23/11/2026 14:00")
    approve(leader, code)
    grant = re.search(r"CQ-\d{4}", leader.get(f"/privilege/requests/{code}"))[0]

    before = holder.get(f"/privilege/grants/{grant}")
    clock.now = NOON + timedelta(hours=1)
    within = holder.get(f"/privilege/grants/{grant}")
    clock.now = NOON + timedelta(hours=2)
    after = holder.get(f"/privilege/grants/{grant}")

    assert "chờ đến giờ" in before
    assert "được dùng" in within
    assert "không được dùng" in after


@pytest.mark.attack("D8")
def test_d8_filing_and_deciding_need_a_fresh_proof_of_exactly_that(app, admin, leader, house):
    form = request_fields(house, **new_document_fields())
    asked = admin.post("/privilege/requests", on="/privilege/requests/new", status=401, **form)
    assert house.account.code in asked.text
    assert "YC-" not in admin.get("/privilege/requests")

    target, fields = question(asked)
    bent = confirm(admin.client, asked, app=app, person_id=house.admin.id, code="000000")
    assert bent.status_code == 401
    filed = confirm(admin.client, bent, app=app, person_id=house.admin.id)
    code = filed.location.rsplit("/", 1)[1]
    assert "9/QĐ-BMH" in admin.get(f"/privilege/requests/{code}"), "the file waited with the question"

    page = f"/privilege/requests/{code}/approval"
    asked = leader.post(page, on=page, status=401, verdict="reject", reason="Chưa đủ", **read_digest(leader, code))
    target, fields = question(asked)
    assert target == page
    fields["verdict"] = ["approve"]
    changed = leader.client.post(target, data={**fields, "step_up_code": "000000"})
    assert changed.status_code == 401
    assert "khác với điều bạn vừa được hỏi" in changed.text
    assert "chờ" in leader.get(f"/privilege/requests/{code}")


def test_a_document_is_withdrawn_on_its_page_and_its_signatures_looked_at_again(app, admin, leader, holder, house):
    page = f"/privilege/documents/{house.document.id}"
    code = file(admin, house)
    approve(leader, code)
    grant = re.search(r"CQ-\d{4,}", leader.get(f"/privilege/requests/{code}"))[0]

    admin.post(f"{page}/signature", on=page)
    faulty = leader.post(f"{page}/withdrawal", on=page, status=422, withdrawn_from="32/13/2026", reason="")
    leader.post(f"{page}/withdrawal", on=page, withdrawn_from="23/11/2026", reason="Cơ quan ban hành thu hồi")

    assert "không ký số" in admin.get(page)
    assert 'value="32/13/2026"' in faulty.text
    assert "Cơ quan ban hành thu hồi" in admin.get(page)
    assert "đã kết thúc" in admin.get(f"/privilege/grants/{grant}")
    assert str(house.document.number) in admin.get("/privilege/documents?state=withdrawn")
    holder.post(f"{page}/withdrawal", on="/privilege", status=403, withdrawn_from="23/11/2026", reason="x")
