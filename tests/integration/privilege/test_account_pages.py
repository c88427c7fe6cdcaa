"""Lists of accounts: filters, faults, everything as a file, what leavers left, one's own, and panels of others."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from control.acts import Actor
from control.frame.tables import write_cursor
from control.permissions import Permission
from control.privilege import wiring
from control.privilege.accounts import listing as lists
from control.privilege.accounts.listing import LISTING, Terms
from control.privilege.accounts.panels import Panel
from tests.factories.privilege import NOON, House, actor_of, law, make_account, make_person
from tests.integration.privilege.test_pages import Browser

HOUSE = frozenset(Permission)


@pytest.fixture
def kept(app):
    """A house, and accounts with every kind of fault, committed."""
    with app.extensions["vonglau"].database.unit_of_work() as session:
        house = House(session, asset="case-files")
        house.account.document_id = house.document.id
        house.account.last_used_at = NOON - timedelta(days=1)
        gone = make_person(session, name="Đào Đã Nghỉ", login="nghi.dd")
        gone.state = "suspended"
        make_account(session, owner=gone, asset="csdl-01", name="postgres", use="Quản trị cơ sở dữ liệu")
        make_account(session, owner=gone, asset="csdl-01", name="la", owner_id=None, state="orphan")
        make_account(
            session, owner=house.holder, asset="case-files", name="tap.dt", category="officer", kind="personal",
            person_id=house.holder.id, document_id=house.document.id, created_at=NOON - timedelta(days=400),
        )  # fmt: skip
        make_account(session, owner=house.owner, asset="csdl-01", name="cu", state="retired")
    return house


@pytest.fixture
def admin(app, kept):
    return Browser(app, actor_of(kept.admin, roles=("administrator",)))


def found(page):
    return sorted({name for name in ("postgres", "la", "tap.dt", "cu", "root") if f"· {name}</a>" in page})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["cu", "la", "postgres", "root", "tap.dt"]),
        ("fault=ownerless", ["la", "postgres"]),
        ("state=ownerless", ["la", "postgres"]),
        ("fault=undocumented", ["la", "postgres"]),
        ("fault=dormant", ["tap.dt"]),
        ("category=officer", ["tap.dt"]),
        ("state=retired", ["cu"]),
        ("owner=nghi.dd", ["postgres"]),
        ("owner=dao+da+nghi", ["postgres"]),
        ("owner=nobody", []),
        ("asset=csdl-01&kind=shared&class=normal", ["cu", "la", "postgres"]),
        ("asset=nowhere", []),
        ("fault=strange", ["cu", "la", "postgres", "root", "tap.dt"]),
        ("q=csdl-01", ["cu", "la", "postgres"]),
    ],
)
def test_each_filter_finds_its_accounts(admin, query, expected):
    assert found(admin.get(f"/privilege/accounts?{query}")) == expected


def test_the_list_names_who_answers_for_each_account_and_shows_where_nobody_does(admin, kept):
    page = admin.get("/privilege/accounts")
    sheet = list(
        csv.DictReader(io.StringIO(admin.client.get("/privilege/accounts?format=csv").data.decode("utf-8-sig")))
    )

    named = {row["code"]: (row["owner"], row["faults"]) for row in sheet}
    assert named["case-files.root"] == (kept.owner.login, "")
    assert named["csdl-01.postgres"] == ("nghi.dd", "ownerless undocumented")
    assert named["csdl-01.la"] == ("", "ownerless undocumented")
    assert named["case-files.tap.dt"] == (kept.holder.login, "dormant")
    assert "<b>2</b> tài khoản không có người" in page or "<b>2</b>" in page
    assert "cần chủ mới" in page


def test_the_file_holds_everything_the_filter_finds_not_only_the_page(app, admin, kept):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        for number in range(60):
            make_account(session, owner=kept.owner, asset="ung-dung-01", name=f"tk-{number:02d}")

    sheet = admin.client.get("/privilege/accounts?asset=ung-dung-01&format=csv").data.decode("utf-8-sig")
    page = admin.get("/privilege/accounts?asset=ung-dung-01")

    assert len(list(csv.DictReader(io.StringIO(sheet)))) == 60
    assert "25 trên 60" in page


def test_pages_follow_each_other_without_a_gap_in_both_orders(session):
    house = House(session)
    for number in range(60):
        make_account(session, owner=house.owner, asset="day", name=f"tk-{number:02d}")
    terms = Terms.of(law())
    viewer = Actor(id=0, login="x", name="x", permissions=HOUSE, house=HOUSE)
    for sort in ("code", "-code", "owner", "-owner"):
        seen, after = [], ""
        while after is not None:
            page = lists.list_accounts(
                session, listing=LISTING.read({"asset": "day", "sort": sort, "after": after}), viewer=viewer,
                terms=terms, now=NOON,
            )  # fmt: skip
            seen += [row.name for row in page.rows]
            after = page.older

        assert sorted(seen) == [f"tk-{number:02d}" for number in range(60)]
        assert len(seen) == 60


def test_what_is_counted_has_a_bound(session, monkeypatch):
    house = House(session)
    for number in range(4):
        make_account(session, owner=house.owner, asset="day", name=f"tk-{number}")
    monkeypatch.setattr(lists, "COUNTED_AT_MOST", 3)
    viewer = Actor(id=0, login="x", name="x", permissions=HOUSE, house=HOUSE)
    listing = LISTING.read({"asset": "day"})

    page = lists.list_accounts(session, listing=listing, viewer=viewer, terms=Terms.of(law()), now=NOON)

    assert (len(page.rows), page.total) == (4, None)


def test_the_database_and_the_page_call_the_same_accounts_faulty(session):
    house = House(session)
    accounts = [house.account, make_account(session, owner=house.owner, name="la", owner_id=None, state="orphan")]
    accounts.append(make_account(session, owner=house.owner, name="cu", created_at=NOON - timedelta(days=99)))
    accounts.append(make_account(session, owner=house.owner, name="xong", owner_id=None, state="orphan"))
    terms = Terms.of(law())
    viewer = Actor(id=0, login="x", name="x", permissions=HOUSE, house=HOUSE)

    for fault in lists.FAULTS:
        by_database = set()
        for batch in lists.every_account(
            session, listing=LISTING.read({"fault": fault}), viewer=viewer, terms=terms, now=NOON
        ):
            by_database |= {row.code for row in batch if fault in lists.faults_of(row, terms=terms, now=NOON)}
            assert all(fault in lists.faults_of(row, terms=terms, now=NOON) for row in batch)
        loaded = {account.code for account in accounts}
        assert by_database & loaded or fault == lists.DORMANT


@pytest.mark.requirement("S0-27.3.g")
def test_accounts_of_who_is_away_are_listed_for_a_new_owner(admin, kept):
    nobodys = admin.get("/privilege/accounts/handover")
    left = admin.get("/privilege/accounts/handover?person=nghi.dd")

    assert "csdl-01 · la" in nobodys
    assert "Đào Đã Nghỉ" in nobodys
    assert "csdl-01 · postgres" in left
    assert "csdl-01 · la" not in left
    assert "csdl-01 · cu" not in left
    assert "không có gì" in admin.get("/privilege/accounts/handover?person=khong.co")


def test_a_holder_sees_their_own_and_nothing_else(app, kept):
    holder = Browser(app, actor_of(kept.holder, roles=("case-officer",)))

    page = holder.get("/privilege/mine")

    assert "case-files.tap.dt" in page
    assert "csdl-01" not in page
    holder.get("/privilege/accounts", status=403)
    holder.get("/privilege/accounts/handover", status=403)


def test_another_capability_hangs_its_panel_on_the_page(admin, kept, monkeypatch):
    told = []

    def panel(session, *, account, viewer, now):
        told.append((account.code, viewer.login, now))
        return Panel(key="thu", title="Kho bí mật thử", template="documents/words.html", meta="7 bản")

    def silent(session, *, account, viewer, now):
        return None

    monkeypatch.setitem(wiring.PORTS, "account_panel:thu", panel)
    monkeypatch.setitem(wiring.PORTS, "account_panel:khac", silent)

    page = admin.get(f"/privilege/accounts/{kept.account.code}")

    assert "Kho bí mật thử" in page
    assert "7 bản" in page
    assert told == [(kept.account.code, kept.admin.login, NOON)]


def test_the_page_of_an_account_tells_its_document_changes_and_trail(app, admin, kept):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        kept.session = session
        kept.account = session.merge(kept.account, load=True)
        kept.move_account("suspended", incident="SC-0012")

    page = admin.get(f"/privilege/accounts/{kept.account.code}")

    assert "SC-0012" in page
    assert kept.document.number in page
    assert f"/trail/follow/account/{kept.account.code}" in page
    assert "tạm dừng" in page


def test_a_cursor_of_another_order_is_told_as_bad_input(admin):
    admin.get(f"/privilege/accounts?after={write_cursor((1, 2))}", status=422)
    admin.get(f"/privilege/accounts?sort=owner&after={write_cursor(('x',))}", status=422)
