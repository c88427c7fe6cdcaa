"""The pages of a grant's life: asking for a longer time, the warning before the end, the history, the rights."""

# ruff: noqa: F811
from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.factories.privilege import NOON, actor_of
from tests.integration.privilege.test_pages import Browser, admin, approve, file, holder, house, leader  # noqa: F401


@pytest.fixture
def officer(app, house):
    return Browser(app, actor_of(house.officer, roles=("security-officer",)))


@pytest.fixture
def grant(admin, leader, house):
    code = file(admin, house)
    approve(leader, code)
    return re.search(r"CQ-\d{4}", leader.get(f"/privilege/requests/{code}"))[0]


@pytest.mark.requirement("S0-8.1.c")
def test_a_change_of_rights_shows_its_proposal_its_approver_and_the_rights_before_and_after(
    grant,
    admin,
    officer,
    holder,
    house,
):
    without = admin.post(
        "/privilege/requests", on="/privilege/requests/new", status=422, account=house.account.code,
        holder=house.holder.login, starts_at="24/11/2026 12:00", ends_at="24/11/2026 16:00", purpose="Không văn bản",
    )  # fmt: skip
    page = f"/privilege/grants/{grant}"
    officer.post(f"{page}/revocation", on=page, reason="Chuyển công tác", reference="15/CV-TT")
    shown = holder.get(page)

    assert 'id="f-document-error"' in without.text
    rows = re.findall(r'<tr><th scope="row" class="nw">.*?</tr>', shown, re.DOTALL)
    granted = next(row for row in rows if "được cấp" in row)
    revoked = next(row for row in rows if "thu hồi" in row)
    right = f"{grant}:{house.account.code}"
    assert house.document.number in granted
    assert house.leader.display_name in granted
    assert granted.index("không có") < granted.index(right)
    assert "15/CV-TT" in revoked
    assert house.officer.display_name in revoked
    assert revoked.index(right) < revoked.index("không có")
    assert "phần nghìn giây" in shown


@pytest.mark.parametrize(("minutes_left", "words"), [(16, None), (14, "15 phút"), (4, "5 phút"), (1, "1 phút")])
def test_a_holder_is_warned_before_the_end(grant, holder, admin, clock, minutes_left, words):
    clock.now = NOON + timedelta(hours=4) - timedelta(minutes=minutes_left)

    for page in (f"/privilege/grants/{grant}", "/privilege/grants"):
        shown = holder.get(page)
        assert (words is not None and f"trong vòng {words}" in shown) or (words is None and "trong vòng" not in shown)
    assert "trong vòng" not in admin.get("/privilege/grants"), "only the holder is warned on the list"


@pytest.mark.attack("E13")
def test_e13_the_holder_asks_for_longer_and_only_another_person_gives_it(
    app,
    grant,
    holder,
    leader,
    admin,
    house,
):
    page = f"/privilege/grants/{grant}/extension"
    assert "Xin gia hạn" in holder.get(f"/privilege/grants/{grant}")
    faulty = holder.post(page, on=page, status=422, ends_at="hôm nào đó", purpose="")
    asked = holder.post(page, on=page, ends_at="23/11/2026 18:00", purpose="Chưa xong").location.rsplit("/", 1)[1]

    assert 'id="f-ends_at-error"' in faulty.text
    assert 'id="f-purpose-error"' in faulty.text
    assert "Chỉ người được cấp quyền" in admin.get(page)
    assert "16:00" in holder.get(f"/privilege/grants/{grant}"), "nothing has changed yet"
    Browser(app, actor_of(house.holder, roles=("case-officer", "approver")))
    approve(leader, asked)
    longer = re.findall(r"CQ-\d{4}", leader.get(f"/privilege/requests/{asked}"))
    shown = holder.get(f"/privilege/grants/{max(longer)}")
    assert "Gia hạn cho" in shown
    assert grant in shown


def test_a_stranger_finds_no_extension_page(app, grant, house):
    stranger = Browser(app, actor_of(house.owner, roles=("case-officer",)))

    stranger.get(f"/privilege/grants/{grant}/extension", status=404)


def test_the_pages_of_a_grant_speak_english(grant, holder):
    assert "What happened to it" in holder.get(f"/privilege/grants/{grant}?lang=en")
    assert "Longest stretch of its class" in holder.get(f"/privilege/grants/{grant}/extension?lang=en")
