"""Findings and integrity in a real browser, when they are full: no fault narrow and dark, wide and light.

They are looked at full: a finding of every kind, one explained, one overdue; anchors, copies, disks and dead letters.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

import policies
from control.acts import Actor
from control.assurance.findings import service
from control.assurance.findings.domain import Explanation, Kind, Rules, Sighting
from control.assurance.integrity import service as integrity
from control.people.models import Person
from control.permissions import Permission
from control.stand.postgres import DATABASE
from control.stand.roles import OWNER
from tests.factories.people import make_act

ROWS = (
    (
        "INSERT INTO audit_anchor_state (name, kind, address, size, confirmed_at, asked_at, stalled_since, refused, "
        "last_error) VALUES ('nc-01', 'witness', '', 9, :now, :now, NULL, false, NULL), "
        "('nc-02', 'witness', '', 3, :now, :now, :now, true, 'đã thấy một quá khứ khác'), "
        "('tsa', 'stamp', '', 0, NULL, :now, :now, false, 'time-out')"
    ),
    (
        "INSERT INTO audit_dead (target, seq, event_id, status, reason, attempts, at) "
        "VALUES ('elasticsearch', 1, gen_random_uuid(), 400, 'mapper_parsing_exception: failed to parse', 1, :now)"
    ),
    (
        "INSERT INTO audit_disk (volume, level, total_bytes, free_bytes, ballast_bytes, since, at) VALUES "
        "('journal', 'warning', 200000000, 30000000, 1, :now, :now), "
        "('segments', 'ok', 200000000, 190000000, 1, :now, :now)"
    ),
    (
        "INSERT INTO audit_reconcile (target, started_at, finished_at, first_seq, last_seq, checked, missing, extra, "
        "altered, dead, pruned, sample) VALUES ('elasticsearch', :now, :now, 0, 9, 9, 2, 1, 0, 0, 0, '[]'), "
        "('postgresql', :now, :now, 0, 9, 9, 0, 0, 0, 0, 0, '[]')"
    ),
    (
        "INSERT INTO audit_ship (target, upto, at, stalled_since, stopped, last_error) VALUES "
        "('elasticsearch', 0, :now, :now, true, '403 security_exception') ON CONFLICT DO NOTHING"
    ),
    (
        "INSERT INTO audit_key (vkey, kind, since_size, at) VALUES "
        "('vonglau/audit+5c1e0b7a+AVk3c3RhbmQtaW4tZm9yLWEta2V5LW9mLTMyLWJ5dGVz', 'log', 0, :now)"
    ),
)
EMPTIED = (
    "audit_anchor_state", "audit_dead", "audit_disk", "audit_reconcile", "audit_ship", "audit_key", "trail_measure",
    "trail_check_run", "finding_step", "finding_occurrence", "finding", "alert",
)  # fmt: skip


@pytest.fixture
def full(site, migrated):
    """Everything the pages can show, and afterwards nothing of it."""
    engine, database = (
        create_engine(migrated.url(OWNER, database=f"{DATABASE}_journeys")),
        site.app.extensions["vonglau"].database,
    )
    rules, now = Rules.of(policies.load()), site.app.extensions["vonglau"].clock()
    with engine.begin() as connection:
        for row in ROWS:
            connection.execute(text(row), {"now": now})
    with database.unit_of_work() as session:
        person = session.scalars(select(Person.id).order_by(Person.id)).first()
        sightings = [
            Sighting(kind=kind, subject=f"person:{person}" if kind is Kind.REFUSALS else f"{kind}:{'x' * 40}",
                     key=f"{kind}:{place}", at=now, sequence=None if kind is Kind.CLOCK else place,
                     person_id=person if kind is Kind.REFUSALS else None,
                     facts={"reason": "Từ chối", "numbers": "3-5"})
            for kind in Kind for place in range(3)
        ]  # fmt: skip
        codes = service.note(session, sightings, rules=rules, act=make_act(now=now - timedelta(days=2))).raised
        service.escalate(session, act=make_act(now=now))
        act = make_act(site_actor(person), now=now)
        why = Explanation(document_number="12/BC-BMH", document_date=date(2026, 11, 20), text="Diễn tập theo kế hoạch")
        service.assign(session, code=codes[0], owner_id=person, act=act)
        service.explain(session, code=codes[1], explanation=why, act=act)
        for hours in range(5):
            integrity.measure(session, now=now - timedelta(hours=hours))
        integrity.ask(session, kind="reconcile", target="elasticsearch", act=act)
    yield codes
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in EMPTIED:
            connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()


def site_actor(person: int) -> Actor:
    return Actor(id=person, login="mau.nt", name="Nguyễn Thị Mẫu", permissions=frozenset(Permission))


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (320, "dark")])
def test_findings_and_integrity_have_no_fault_when_they_are_full(look, site, full, width, scheme, shots):
    faults = {}
    for name, path in {
        "findings": "/trail/findings",
        "finding-assigned": f"/trail/findings/{full[0]}",
        "finding-explained": f"/trail/findings/{full[1]}",
        "integrity": "/trail/integrity",
        "line": "/trail/integrity/line",
    }.items():
        seen = look(f"{site.url}{path}", width=width, scheme=scheme, cookies=site.cookies)
        shots(seen.page, f"{name}-{width}-{scheme}")
        if found := seen.faults():
            faults[path] = found

    assert faults == {}


@pytest.fixture
def shots():
    """Keep pictures of the pages where a folder for them is named."""
    folder = os.environ.get("VONGLAU_SHOTS")

    def shoot(page, name: str) -> None:
        if folder:
            page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)

    return shoot
