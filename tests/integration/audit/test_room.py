"""The room on the disks of the trail: what is known of it, who may say so."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import audit
from tests.factories.audit import NOON

MEASURED = (
    "INSERT INTO audit_disk (volume, level, total_bytes, free_bytes, ballast_bytes, since, at) "
    "VALUES ('journal', 'warning', 1000, 150, 64, :at, :at)"
)


def test_pages_read_the_room_and_the_segments_as_the_trail_left_them(trail):
    with trail.engine("vl_reader").connect() as connection:
        assert audit.disk_states(connection) == ()
        assert audit.segment_state(connection) is None
    trail.fill(3)
    with trail.engine("vl_sequencer").begin() as connection:
        connection.execute(text(MEASURED), {"at": NOON})
        connection.execute(
            text("INSERT INTO audit_ship (target, upto, at, stopped) VALUES ('segments', 1, :at, false)"), {"at": NOON}
        )

    with trail.engine("vl_reader").connect() as connection:
        (disk,) = audit.disk_states(connection)
        segments = audit.segment_state(connection)

    assert (disk.volume, disk.level, disk.used_percent) == ("journal", audit.Level.WARNING, 85.0)
    assert (segments.upto, segments.behind, segments.stopped) == (1, 2, False)


@pytest.mark.parametrize("role", ["vl_web", "vl_worker", "vl_reader", "vl_signer", "vl_pruner"])
def test_only_the_process_of_the_trail_says_how_full_a_disk_is(trail, role):
    with pytest.raises(DBAPIError) as error, trail.engine(role).begin() as connection:
        connection.execute(text(MEASURED), {"at": NOON})

    assert error.value.orig.sqlstate == "42501"
