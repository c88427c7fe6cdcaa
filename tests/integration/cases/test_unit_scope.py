"""An officer of one unit does not open or change what belongs to another; lists, pages and acts agree on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from control.cases.assignments.models import CaseAssignment
from control.cases.assignments.service import Order, assign, end_assignment
from control.cases.files.domain import Purpose
from control.cases.files.routes import LISTING
from control.cases.files.service import list_cases, load_case, open_file
from control.decisions import Allow, Deny
from control.errors import NotFound, NotVisible
from control.people.scope.models import Unit
from control.people.scope.service import unit_for
from control.privilege import active_grant
from tests.factories.cases import make_case
from tests.factories.privilege import NOON, actor_of, entries, last_event, law, make_act, make_person

A, B = "Bộ phận Một cửa", "Phòng Cấp phép"
DAY = timedelta(days=1)


class Units:
    """A case of unit A, its head, an officer of each unit, and a contact for procedures of A."""

    def __init__(self, session) -> None:
        self.session = session
        self.case = make_case(session, unit=A)
        self.head = make_person(session, name="Tô Đầu Tàu", roles=("unit-leader",), unit=A)
        self.own = make_person(session, roles=("case-officer",), unit=A)
        self.other = make_person(session, roles=("case-officer",), unit=B)
        self.contact = make_person(session, roles=("procedure-contact",), unit=A)

    def act(self, person, role, now=NOON):
        return make_act(actor_of(person, roles=(role,)), now=now)

    def assign(self, person, *, by=None, until=NOON + DAY, now=NOON):
        order = Order(login=person.login, document="45/PC-BMH", until=until)
        return assign(
            self.session,
            case=self.case,
            order=order,
            roles=law().roles,
            longest=timedelta(days=30),
            act=by or self.act(self.head, "unit-leader", now),
        )

    def sees(self, person, role="case-officer", now=NOON):
        """Whether list and single case, which must agree, show the case."""
        act = self.act(person, role, now)
        listed = self.case.code in [
            row.code for row in list_cases(self.session, listing=LISTING.read({}), act=act).rows
        ]
        try:
            load_case(self.session, self.case.code, act=act)
            loaded = True
        except NotFound:
            loaded = False
        assert listed is loaded
        return loaded


@pytest.fixture
def units(session):
    return Units(session)


@pytest.mark.requirement("S3-14.1.b")
def test_only_the_unit_of_a_case_sees_it(units):
    assert units.sees(units.own)
    assert units.sees(units.head, "unit-leader")
    assert not units.sees(units.other)


@pytest.mark.requirement("S3-29.2.e")
def test_the_contact_for_procedures_reads_the_unit_and_no_other(units):
    assert units.sees(units.contact, "procedure-contact")
    elsewhere = make_case(units.session, unit=B)

    with pytest.raises(NotVisible):
        load_case(units.session, elsewhere.code, act=units.act(units.contact, "procedure-contact"))


def test_without_a_unit_or_a_role_nobody_sees_a_case(units):
    nobody = make_person(units.session, roles=("case-officer",), unit="")
    officer = make_person(units.session, roles=("security-officer",), unit=A)

    assert not units.sees(nobody)
    assert not units.sees(officer, "security-officer")


def test_a_case_of_no_unit_is_nobodys(units):
    units.case.unit_id = None
    units.session.flush()

    assert not units.sees(units.own)


@pytest.mark.requirement("S3-14.1.b")
def test_an_assignment_lets_in_for_its_time_and_is_on_record(units):
    assert isinstance(units.assign(units.other), Allow)

    entry = entries(units.session)[-1]
    assert entry["event"]["action"] == "cases:assignment:make"
    assert entry["vn"]["case"]["code"] == units.case.code
    assert units.sees(units.other)
    assert not units.sees(units.other, now=NOON - timedelta(seconds=1))
    assert not units.sees(units.other, now=NOON + DAY)
    assert not units.sees(units.other, role="administrator")


def test_an_assignment_ended_early_lets_nobody_in(units):
    units.assign(units.other)
    row = units.session.scalars(select(CaseAssignment)).one()

    end_assignment(units.session, case=units.case, assignment_id=row.id, act=units.act(units.head, "unit-leader"))

    assert not units.sees(units.other)
    assert last_event(units.session)[0] == "cases:assignment:end"
    with pytest.raises(NotFound):
        end_assignment(units.session, case=units.case, assignment_id=row.id, act=units.act(units.head, "unit-leader"))


@pytest.mark.parametrize(
    ("who", "until", "reason"),
    [
        ("own", NOON + DAY, "assignment.of_the_unit"),
        ("head", NOON + DAY, "assignment.yourself"),
        ("auditor", NOON + DAY, "assignment.no_case_role"),
        ("other", NOON + timedelta(days=31), "assignment.too_long"),
        ("other", NOON, "assignment.too_long"),
    ],
)
def test_what_may_not_be_assigned_is_refused_and_recorded(units, who, until, reason):
    units.auditor = make_person(units.session, roles=("auditor",), unit=B)

    decision = units.assign(getattr(units, who), until=until)

    assert isinstance(decision, Deny)
    assert last_event(units.session) == ("cases:assignment:make", "failure", reason)
    assert units.session.scalars(select(CaseAssignment)).all() == []


def test_the_head_of_another_unit_assigns_nobody(units):
    stranger = make_person(units.session, roles=("unit-leader",), unit=B)

    decision = units.assign(units.other, by=units.act(stranger, "unit-leader"))

    assert isinstance(decision, Deny)
    assert decision.reason == "assignment.not_your_unit"


def test_a_second_assignment_beside_one_that_stands_is_refused_by_the_database(units):
    units.assign(units.other)

    decision = units.assign(units.other)

    assert isinstance(decision, Deny)
    assert decision.reason == "assignment.stands_already"


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"assigned_by_id": "person_id"}, "four_eyes"),
        ({"document": "''"}, "has_document"),
        ({"span": "tstzrange(now(), NULL)"}, "span"),
        ({"ended_at": "now()"}, "ended_by"),
    ],
)
def test_the_database_refuses_a_lawless_assignment(units, changes, constraint):
    units.assign(units.other)
    values = ", ".join(f"{column} = {value}" for column, value in changes.items())

    with pytest.raises(IntegrityError, match=f"ck_case_assignment_{constraint}"):
        units.session.execute(text(f"UPDATE case_assignment SET {values}"))


@pytest.mark.requirement("S3-14.1.b")
def test_a_grant_on_case_files_does_not_open_a_case_of_another_unit(units, house):
    house.grant()
    elsewhere = make_case(units.session, unit=B)

    with pytest.raises(NotVisible):
        open_file(
            units.session, code=elsewhere.code, purpose=Purpose.APPRAISAL, lookup=active_grant, act=house.as_holder()
        )


def test_a_unit_keeps_its_row_when_it_is_renamed_or_gets_a_key(session):
    first = unit_for(session, key="", title="Phòng Một", now=NOON)
    keyed = unit_for(session, key="p1", title="Phòng Một", now=NOON)
    renamed = unit_for(session, key="p1", title="Phòng Thứ Nhất", now=NOON)
    by_title = unit_for(session, key="", title="Phòng Thứ Nhất", now=NOON)

    assert first == keyed == renamed == by_title
    assert session.get(Unit, first).title == "Phòng Thứ Nhất"
    assert unit_for(session, key="", title="", now=NOON) is None
    assert unit_for(session, key="không hợp lệ!", title="Phòng Một", now=NOON) != first
