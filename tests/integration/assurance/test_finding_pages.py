"""The inbox of findings as people use it: list, filter, CSV, one finding, assign, explain, close."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import policies
from audit.projection import read_body
from control.assurance.findings import service
from control.assurance.findings.domain import Kind, Rules, Sighting
from control.permissions import Permission
from tests.factories.people import make_act, make_person
from tests.integration.conftest import NOON

ALL = (
    Permission.ASSURANCE_FINDING_READ,
    Permission.ASSURANCE_FINDING_ASSIGN,
    Permission.ASSURANCE_FINDING_EXPLAIN,
    Permission.ASSURANCE_FINDING_CLOSE,
)
WHY = {"number": "12/BC-BMH", "signed_on": "23/11/2026", "text": "Diễn tập theo kế hoạch số 4"}
HOSTILE = "=cmd|'/c calc'!A1\n</script>\u202egnp"


@pytest.fixture
def people(app, role_engine) -> list[int]:
    with Session(role_engine("vl_web")) as session:
        found = [make_person(session, f"nguoi{place}.nv", name=f"Người {place}").id for place in range(3)]
        session.commit()
    return found


@pytest.fixture
def raised(app, people) -> list[str]:
    """Three findings: one about the third person, a gap, and one of a low severity with a hostile subject."""
    rules = Rules.of(policies.load())
    sightings = [
        Sighting(kind=Kind.SHARED, subject=f"person:{people[2]}", key="1", at=NOON, person_id=people[2]),
        Sighting(kind=Kind.GAP, subject="writer:b", key="2", at=NOON, sequence=3, facts={"boot": "b", "numbers": "2"}),
        Sighting(kind=Kind.OFF_HOURS, subject=HOSTILE, key="3", at=NOON, facts={"user_agent": HOSTILE}),
    ]
    with app.extensions["vonglau"].database.unit_of_work() as session:
        return list(service.note(session, sightings, rules=rules, act=make_act(now=NOON)).raised)


def outcomes(role_engine) -> list[tuple[str, str]]:
    with role_engine("vl_owner").connect() as connection:
        bodies = [bytes(row[0]) for row in connection.execute(text("SELECT body FROM audit_outbox ORDER BY oid"))]
    events = [read_body(body)["event"] for body in bodies]
    return [(event["action"], event.get("reason_code") or event["outcome"]) for event in events]


def test_the_inbox_says_what_is_open_and_each_look_is_recorded(client, sign_in, raised, people, role_engine):
    sign_in(*ALL, person=people[0])

    shown = client.get("/trail/findings").text
    one = client.get(f"/trail/findings/{raised[1]}").text

    assert "<b>3 phát hiện mở</b>" in shown
    assert [code in shown for code in raised] == [True] * 3
    assert "Khoảng trống" in one
    assert 'href="/trail/3"' in one
    assert "/operations/runbooks/trail-gap" in one
    assert outcomes(role_engine)[-2:] == [
        ("assurance:finding:list", "success"),
        ("assurance:finding:read", "success"),
    ]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("state=overdue", []),
        ("state=closed", []),
        ("kind=gap", [1]),
        ("severity=low", [2]),
        ("severity=high", [0, 1]),
        ("owner=nobody", [0, 1, 2]),
        ("owner=me", []),
        ("q=nguoi+2", [0]),
        ("kind=no-such-kind&state=no", [0, 1, 2]),
        ("sort=due", [0, 1, 2]),
    ],
)
def test_the_inbox_is_filtered(client, sign_in, raised, people, query, wanted):
    sign_in(*ALL, person=people[0])

    shown = client.get(f"/trail/findings?{query}").text

    assert [place for place, code in enumerate(raised) if code in shown] == wanted


@pytest.mark.fault(25)
def test_what_somebody_wrote_into_an_entry_is_shown_as_text_in_page_and_csv(client, sign_in, raised, people):
    sign_in(*ALL, person=people[0])

    pages = [client.get("/trail/findings").text, client.get(f"/trail/findings/{raised[2]}").text]
    table = client.get("/trail/findings?format=csv&state=all")

    for page in pages:
        assert "</script>\u202e" not in page
        assert "&lt;/script&gt;" in page
    assert table.mimetype == "text/csv"
    assert ",'=cmd|" in table.text or "\"'=cmd|" in table.text
    assert len(re.findall(r"^PT-", table.text, re.MULTILINE)) == 3


def test_a_finding_is_assigned_explained_and_closed_by_two_people(
    client, sign_in, submit, raised, people, role_engine, clock
):
    code = raised[0]
    page = f"/trail/findings/{code}"
    sign_in(*ALL, person=people[0])

    assert submit(f"{page}/closure", on=page).status_code == 403
    assert submit(f"{page}/assignment", on=page, owner=str(people[2])).status_code == 403
    assert submit(f"{page}/assignment", on=page, owner=str(people[0])).status_code == 303
    bad = submit(f"{page}/explanation", on=page, number="", signed_on="45/13/2026", text="")
    assert bad.status_code == 422
    assert bad.text.count('class="fault"') == 3
    future = submit(f"{page}/explanation", on=page, **(WHY | {"signed_on": "24/11/2026"}))
    assert (future.status_code, "ở tương lai" in future.text) == (422, True)
    assert submit(f"{page}/explanation", on=page, **WHY).status_code == 303
    alone = submit(f"{page}/closure", on=page)
    assert (alone.status_code, "Người giải trình không tự đóng" in alone.text) == (403, True)
    sign_in(*ALL, person=people[2])
    assert "nói về chính bạn" in submit(f"{page}/closure", on=page).text
    sign_in(*ALL, person=people[1])
    assert submit(f"{page}/closure", on=page).status_code == 303

    closed = client.get(page).text
    assert "Đã đóng bởi <b>Người 1</b>" in closed
    assert WHY["number"] in closed
    refused = [reason for action, reason in outcomes(role_engine) if reason.startswith("finding.")]
    assert refused == [
        "finding.not_explained",
        "finding.owner_is_concerned",
        "finding.closer_explained",
        "finding.closer_is_concerned",
    ]


def test_without_the_permission_only_what_concerns_a_person_is_found(client, sign_in, submit, raised, people):
    sign_in(person=people[2])
    own, other = (f"/trail/findings/{code}" for code in raised[:2])

    shown = client.get("/trail/findings").text

    assert [code in shown for code in raised] == [True, False, False]
    assert client.get(other).status_code == 404
    assert submit(f"{own}/explanation", on=own, **WHY).status_code == 303
    for step in ("closure", "assignment"):
        assert submit(f"{own}/{step}", on=own, owner="1").status_code == 403
    sign_in(person=people[1])
    assert client.get(own).status_code == 404


def test_what_is_overdue_says_so_and_leads_to_its_alert(client, sign_in, app, raised, people, clock):
    clock.now = NOON + timedelta(days=20)
    with app.extensions["vonglau"].database.unit_of_work() as session:
        service.escalate(session, act=make_act(now=clock.now))
    sign_in(*ALL, Permission.OPERATIONS_ALERT_READ, person=people[0])

    shown = client.get("/trail/findings?state=overdue").text
    page = client.get(f"/trail/findings/{raised[0]}").text

    assert "<b>3 quá hạn</b>" in shown
    alert = re.search(r"/operations/alerts/(CB-\d{4})", page)
    assert alert is not None
    assert raised[0] in client.get(alert[0]).text
