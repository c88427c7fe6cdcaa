"""The copies are compared with the journal, both ways, and what was found is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from audit import reconciliations
from audit.reconciliations import Difference, Kind, Reconciliation
from tests.factories.audit import NOON

EQUAL = Reconciliation(
    target="elasticsearch",
    started_at=NOON,
    finished_at=NOON + timedelta(seconds=3),
    first=0,
    last=12,
    checked=12,
    missing=0,
    extra=0,
    altered=0,
    dead=1,
    pruned=2,
)
ALTERED = replace(
    EQUAL,
    altered=1,
    sample=(Difference(kind=Kind.ALTERED, sequence=3, id="x", where="audit-a3m-2026.11", detail="event.original"),),
)


def test_what_was_found_is_read_back_newest_first_and_never_changed(trail):
    with trail.engine("vl_sequencer").begin() as connection:
        for found in (EQUAL, ALTERED, replace(EQUAL, target="postgresql")):
            reconciliations.write(connection, found)

    with trail.engine("vl_reader").connect() as connection:
        newest = reconciliations.newest(connection, "elasticsearch")
        runs = reconciliations.recent(connection)
        nothing = reconciliations.newest(connection, "nowhere")

    assert replace(newest, id=None) == ALTERED
    assert (newest.is_equal, runs[0].is_equal, nothing) == (False, True, None)
    assert [one.target for one in runs] == ["postgresql", "elasticsearch", "elasticsearch"]
    for role, statement in (
        ("vl_sequencer", "UPDATE audit_reconcile SET altered = 0"),
        ("vl_owner", "UPDATE audit_reconcile SET altered = 0"),
        ("vl_owner", "DELETE FROM audit_reconcile"),
        ("vl_owner", "TRUNCATE audit_reconcile"),
        ("vl_web", "INSERT INTO audit_reconcile (target) VALUES ('x')"),
    ):
        with pytest.raises(DBAPIError) as refused, trail.engine(role).begin() as connection:
            connection.exec_driver_sql(statement)
        assert refused.value.orig.sqlstate == "42501"
