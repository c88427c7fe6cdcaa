"""An administrator has to be named by the register of accounts: the list says by whom, and others call people."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import policies
from control.assurance.findings.domain import Kind, Rules
from control.assurance.findings.jobs import look
from control.assurance.findings.models import Finding
from control.db import Database
from control.operations.models import Alert
from control.people.models import Person
from control.privilege.accounts.entering import UNREGISTERED_ALERT
from control.privilege.accounts.models import PrivilegedAccount
from tests.factories.audit import settle
from tests.factories.people import make_act
from tests.factories.privilege import make_account

ADMIN = "minhhoa.pm"


@pytest.fixture
def alerts(work):
    def read() -> list[str]:
        with work() as session:
            query = select(Alert.labels["subject"].astext).where(
                Alert.name == UNREGISTERED_ALERT, Alert.ends_at.is_(None)
            )
            return list(session.scalars(query))

    return read


def register(session: Session, login: str, **changes) -> PrivilegedAccount:
    owner = session.scalars(select(Person).where(Person.login == login)).one()
    values = {"kind": "personal", "category": "software-admin"} | changes
    return make_account(session, owner=owner, asset="vong-lau", name=login, **values)


def is_flagged(browser, trail, login: str = ADMIN) -> bool:
    before = len(trail("privilege:account:flag"))
    browser.sign_in(login)
    return len(trail("privilege:account:flag")) > before


@pytest.mark.requirement("S0-8.1.a")
def test_the_list_names_holders_and_an_administrator_it_does_not_name_raises_an_alert(
    browser, make_browser, work, alerts, trail, clean_database, role_engine
):
    with work() as session:
        register(session, ADMIN)
        nobody = register(session, "khoa.kt", owner_id=None, state="orphan")
        orphan = nobody.code
    auditor = make_browser("10.20.4.31")
    auditor.sign_in("giadinh.v")

    assert not is_flagged(browser, trail)
    assert alerts() == []
    page = auditor.get("/privilege/accounts?category=software-admin")
    faulty = auditor.get("/privilege/accounts?fault=ownerless")
    assert "Phạm Minh Hoạ" in page.text
    assert orphan.replace(".", " · ", 1) in faulty.text
    assert "Phạm Minh Hoạ" not in faulty.text

    other = make_browser("10.20.4.32")
    assert is_flagged(other, trail, "khoa.kt")  # the role is there, the account names nobody

    (entry,) = trail("privilege:account:flag")
    assert entry["vn"]["details"]["permissions"] == "privilege:key:manage"
    assert alerts() == ["khoa.kt"]
    assert other.get("/people/me").status_code == 200  # nobody is shut out: people decide

    settle(role_engine("vl_sequencer"))
    database = Database(clean_database.url("vl_worker"), pool_size=1)
    look(database, rules=Rules.of(policies.load()), act=make_act(now=browser.clock.now + timedelta(minutes=1)))
    database.engine.dispose()
    with work() as session:
        found = session.scalars(select(Finding).where(Finding.kind == Kind.ADMIN_SIGN_IN)).one()
        person = session.get_one(Person, found.person_id)
        assert (person.login, found.severity, found.state) == ("khoa.kt", "high", "open")


@pytest.mark.parametrize(
    "changes",
    [{"state": "locked"}, {"state": "retired"}, {"category": "infrastructure"}, {"kind": "break-glass"}],
    ids=lambda changes: next(iter(changes.values())),
)
def test_what_is_not_in_force_or_no_such_account_names_nobody(browser, work, alerts, trail, changes):
    with work() as session:
        register(session, ADMIN, **changes)

    assert is_flagged(browser, trail)
    assert alerts() == [ADMIN]


def test_people_without_rights_of_administration_are_not_asked_for_an_account(make_browser, alerts, trail):
    assert not is_flagged(make_browser(), trail, "tap.dt")
    assert not is_flagged(make_browser(), trail, "mau.nt")
    assert alerts() == []
