"""Account requests in a real browser: the dates follow what is typed, and full pages have no fault."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text

from control.privilege.lifecycle.domain import Kind, Mode
from control.privilege.lifecycle.listing import load
from control.privilege.lifecycle.urgent import UrgentLock, lock_now
from control.stand.postgres import DATABASE
from control.stand.roles import OWNER
from tests.factories.lifecycle import Unit, terms, tick

BASE = "/privilege/account-requests"
EMPTIED = (
    "account_notice", "account_handover", "account_request_paper", "account_request_line", "account_request",
    "account_right", "account_process_step", "account_process", "privilege_account_change", "person_lock",
    "privilege_account",
)  # fmt: skip


@pytest.fixture
def full(site, migrated):
    """Requests in every state of their life, and afterwards nothing of them."""
    database = site.app.extensions["vonglau"].database
    with database.unit_of_work() as session:
        unit = Unit(session)
        account = unit.account()
        codes = [
            unit.drawn(Kind.CREATE, unit.new_line(unit.clerk)).code,
            unit.taken(Kind.LOCK, unit.line(account=account.code)).code,
            unit.done(Kind.CREATE, unit.new_line(unit.person("canbo.hai", "Cao Bộ Hai"))).code,
        ]
        order = UrgentLock(
            mode=Mode.EMERGENCY, accounts=(unit.account(unit.guard).code,), reason="Lộ mật khẩu", incident="SC-0001",
            caller="Trưởng phòng", channel="phone",
        )  # fmt: skip
        locked = lock_now(session, order=order, act=unit.act(unit.admin), terms=terms(), ticks=tick)
        codes.append(load(session, locked.code).code)
    yield codes
    engine = create_engine(migrated.url(OWNER, database=f"{DATABASE}_journeys"))
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in EMPTIED:
            connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()


WINDOWS = ((1440, "light", "vi"), (320, "dark", "en"))


def test_requests_have_no_fault_and_their_dates_follow_the_hand(look, window, site, full):
    others = (f"{BASE}?state=any", "/privilege/notices", "/privilege/notices/TB-0001",
              "/privilege/processes/QT-CAP-PHEP", "/privilege/personnel", f"{BASE}/new?kind=lock")  # fmt: skip
    faults = {}
    for width, scheme, language in WINDOWS:
        seen = look(f"{site.url}/keyboard", context=window(width=width, scheme=scheme), cookies=site.cookies)
        for path in (*(f"{BASE}/{code}" for code in full), *others):
            seen.open(f"{site.url}{path}{'&' if '?' in path else '?'}lang={language}", status=None)
            found = seen.faults()
            if seen.status != 200:
                found.append(f"status {seen.status}")
            if found:
                faults[path, width] = found
    assert faults == {}

    before = seen.page.inner_text("#dates")
    seen.page.fill("[name=line-1-account]", "xu-ly.canbo.mot")
    seen.page.fill("[name=line-1-wanted_at]", "01/12/2026 08:00")
    seen.page.locator("[name=line-1-reason]").focus()
    seen.page.wait_for_function("before => document.querySelector('#dates').innerText !== before", arg=before)
    assert "xu-ly.canbo.mot" in seen.page.inner_text("#dates")
