"""An account that rests on no document is a finding until it has one, or is retired by one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import policies
from control.assurance.findings.domain import Kind, Rules, Sighting
from control.assurance.findings.jobs import look
from control.assurance.findings.models import Finding
from control.assurance.findings.service import note
from control.db import Database
from control.decisions import Deny
from control.privilege.accounts.editing import Wanted, propose_edit
from tests.factories.people import make_act
from tests.factories.privilege import NOON, House, make_account

RULES = Rules.of(policies.load())


@pytest.fixture
def database(clean_database):
    held = Database(clean_database.url("vl_worker"), pool_size=1)
    yield held
    held.engine.dispose()


@pytest.fixture
def web(clean_database, role_engine):
    """A session of the web's role whose work is kept."""
    with Session(role_engine("vl_web"), expire_on_commit=False) as session:
        yield session


@pytest.fixture
def findings(database):
    """Look once more, and return what there is about accounts without a document."""

    def read(minutes: int) -> list[Finding]:
        look(database, rules=RULES, act=make_act(now=NOON + timedelta(minutes=minutes)))
        with database.unit_of_work() as session:
            found = session.scalars(select(Finding).where(Finding.kind == Kind.UNDOCUMENTED).order_by(Finding.subject))
            rows = list(found)
            session.expunge_all()
            return rows

    return read


def test_an_orphan_without_a_document_is_a_finding_until_a_document_is_given(web, findings):
    house = House(web)
    house.account.document_id = house.document.id
    orphan = make_account(web, owner=house.owner, asset="may-cu", name="nha-thau", owner_id=None, state="orphan")
    web.commit()

    (found,) = findings(1)
    assert (found.subject, found.severity, found.state, found.occurrences) == (orphan.code, "medium", "open", 1)
    assert found.facts == {"asset": "may-cu", "state": "orphan", "owner": "none"}
    (again,) = findings(2)
    assert again.occurrences == 1

    wanted = Wanted(
        owner_id=house.owner.id, use="Bảo trì máy cũ", class_="normal", document_id=house.document.id, reason="Nhận lại"
    )
    assert not isinstance(propose_edit(web, account=orphan, wanted=wanted, act=house.as_admin()), Deny)
    web.commit()

    (closed,) = findings(3)
    assert (closed.state, closed.closed_by, closed.document_number) == ("closed", None, house.document.number)
    assert closed.explained_by == house.admin.id


def test_one_that_is_retired_by_a_document_is_settled_too(web, findings):
    house = House(web)
    web.commit()
    assert [one.subject for one in findings(1)] == [house.account.code]

    assert not isinstance(house.move_account("retired"), Deny)
    web.commit()

    (closed,) = findings(2)
    assert (closed.state, closed.document_number) == ("closed", house.document.number)


def test_the_database_lets_nothing_else_be_closed_by_nobody(web, database, role_engine):
    house = House(web)
    web.commit()
    with database.unit_of_work() as session:
        sighting = Sighting(kind=Kind.REFUSALS, subject="person:1", key="1", at=NOON)
        note(session, [sighting], rules=RULES, act=make_act())
    closing = text(
        "UPDATE finding SET state = 'closed', closed_at = now(), explained_by = :who, explained_at = now(), "
        "document_number = '1/BC', document_date = '2026-11-20', explanation = 'x'"
    )

    with role_engine("vl_web").begin() as connection, pytest.raises(IntegrityError, match="closed_by_somebody"):
        connection.execute(closing, {"who": house.admin.id})
