"""The pages of access reviews, walked by who opens, who decides, who looks."""

# ruff: noqa: F811
from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import text

from control.operations.jobs.domain import JobContext
from control.operations.jobs.reviews import keep_reviews
from tests.factories.audit import make_writer
from tests.factories.privilege import NOON, actor_of, law
from tests.integration.privilege.test_pages import Browser, admin, approve, file, holder, house, leader  # noqa: F401


@pytest.fixture
def officer(app, house):
    return Browser(app, actor_of(house.officer, roles=("security-officer",)))


@pytest.fixture
def owner(app, house):
    return Browser(app, actor_of(house.owner))


@pytest.fixture
def campaign(admin, leader, officer, house):
    approve(leader, file(admin, house))
    answer = officer.post(
        "/privilege/reviews", on="/privilege/reviews/new", scope="owner", owner=house.owner.login,
        kinds=["account", "grant"], days="30",
    )  # fmt: skip
    return answer.location.rsplit("/", 1)[1]


def own_items(browser, campaign):
    return re.findall(rf"/privilege/reviews/{campaign}/items/(\d+)", browser.get("/privilege/reviews/mine"))


def test_an_owner_finds_what_waits_decides_it_and_the_campaign_closes(campaign, owner, officer, admin, house):
    assert "chờ bạn quyết định" in owner.get("/privilege/reviews")
    account, grant = own_items(owner, campaign)
    page = f"/privilege/reviews/{campaign}/items/{grant}"

    faulty = owner.post(page, on=page, status=422, verdict="", reason="")
    asked = owner.post(page, on=page, status=401, verdict="remove", reason="không còn cần")
    assert "Thu hồi" in asked.text
    assert own_items(owner, campaign) == [account, grant]  # nothing is taken away without the second factor
    owner.post(page, on=page, verdict="remove", reason="không còn cần")
    other = f"/privilege/reviews/{campaign}/items/{account}"
    owner.post(other, on=other, verdict="keep", reason="đang dùng")

    assert 'id="f-verdict-error"' in faulty.text
    assert 'id="f-reason-error"' in faulty.text
    shown = officer.get(f"/privilege/reviews/{campaign}")
    assert "cấp quyền đã kết thúc" in shown
    assert campaign in officer.get("/privilege/reviews?state=closed")
    ended = re.search(r"/privilege/grants/(CQ-\d+)", admin.get("/privilege/grants"))[0]
    assert "theo quyết định của đợt rà soát" in admin.get(ended)
    assert own_items(owner, campaign) == []


def test_who_may_open_look_and_take_the_evidence(app, campaign, officer, owner, holder, admin, house):
    auditor = Browser(app, actor_of(house.leader, roles=("auditor",)))

    for stranger in (holder, owner, admin, auditor):
        stranger.get("/privilege/reviews/new", status=403)
    holder.get(f"/privilege/reviews/{campaign}", status=404)
    assert campaign not in holder.get("/privilege/reviews")
    assert campaign in auditor.get("/privilege/reviews")
    page = f"/privilege/reviews/{campaign}"
    asked = auditor.post(f"{page}/evidence", on=page, status=401)
    assert "mã" in asked.text
    answer = auditor.post(f"{page}/evidence", on=page, status=200)
    with zipfile.ZipFile(io.BytesIO(answer.data)) as made:
        assert made.namelist() == ["MANIFEST.sha256", "README.txt", "items.csv", "review.json", "review.pdf"]
        assert made.read("review.pdf").startswith(b"%PDF-")
    owner_token = re.search(
        r'name="csrf_token" value="([^"]+)"', owner.get(f"{page}/items/{own_items(owner, campaign)[0]}")
    )
    refused = owner.client.post(f"{page}/evidence", data={"csrf_token": owner_token[1]})
    assert refused.status_code == 403


def test_lists_filter_download_and_refuse_what_they_did_not_make(campaign, officer, owner):
    assert campaign in officer.get("/privilege/reviews?state=open")
    assert campaign not in officer.get("/privilege/reviews?state=closed")
    assert campaign in officer.get("/privilege/reviews?format=csv")
    assert "grant" in officer.get(f"/privilege/reviews/{campaign}?format=csv&kind=grant")
    assert "Không có quyền nào khớp" in officer.get(f"/privilege/reviews/{campaign}?decision=remove")
    assert campaign in owner.get("/privilege/reviews/mine?format=csv")
    officer.get("/privilege/reviews?sort=evil", status=422)
    officer.get(f"/privilege/reviews/{campaign}/items/99999999999999999999", status=404)


def test_every_fault_of_the_form_stands_beside_its_field(officer):
    answer = officer.post(
        "/privilege/reviews", on="/privilege/reviews/new", status=422, scope="unit", unit="", days="0"
    )
    empty = officer.post(
        "/privilege/reviews", on="/privilege/reviews/new", status=422, scope="unit", unit="Không có", kinds="role",
        days="10",
    )  # fmt: skip

    for field in ("unit", "kinds", "days"):
        assert f'id="f-{field}-error"' in answer.text
    assert "Không có quyền nào trong phạm vi này" in empty.text


def test_the_pages_speak_english(campaign, officer, owner):
    assert "Access reviews" in officer.get("/privilege/reviews?lang=en")
    assert "As it stood when the campaign opened" in owner.get(
        f"/privilege/reviews/{campaign}/items/{own_items(owner, campaign)[0]}?lang=en"
    )


def test_the_job_suspends_what_is_overdue_and_its_alert_ends_with_the_campaign(app, campaign, owner, clock):
    held = app.extensions["vonglau"]
    context = JobContext(
        settings=held.settings,
        database=held.database,
        writer=make_writer(),
        policy_digest=law().digest,
        clock=clock,
        worker="test",
        random_hex=lambda size: "0" * size,
    )
    clock.now = NOON + timedelta(days=30, minutes=1)

    keep_reviews(context)
    keep_reviews(context)
    with held.database.unit_of_work() as session:
        burning = session.execute(text("SELECT name, summary FROM alert WHERE ends_at IS NULL")).all()
    for item in own_items(owner, campaign):
        page = f"/privilege/reviews/{campaign}/items/{item}"
        asked = owner.post(page, on=page, status=401, verdict="keep", reason="vẫn cần")
        assert "Mở lại" in asked.text  # what a date suspended is not opened again without the second factor
        owner.post(page, on=page, verdict="keep", reason="vẫn cần")
    keep_reviews(context)

    assert [row.name for row in burning] == ["ReviewOverdue"]
    assert campaign in burning[0].summary
    with held.database.unit_of_work() as session:
        assert session.execute(text("SELECT 1 FROM alert WHERE ends_at IS NULL")).all() == []
