"""The judgement of the fault tests finds each kind of wrong, or the tests that end with it would prove nothing."""

from __future__ import annotations

import re
import secrets
import uuid

import pytest
from sqlalchemy import text

from audit.journal import Journal
from tests.factories.audit import NOON, make_entry, make_writer
from tests.integration.faults.oracle import judge


def copy_of(trail):
    """What a faithful search server would hold."""
    with trail.engine("vl_reader").connect() as connection:
        return [
            {
                "_index": "audit-a3m-2026.11",
                "event": {
                    "sequence": record.sequence,
                    "id": str(record.id),
                    "hash": record.leaf.hex(),
                    "original": record.body.decode(),
                },
            }
            for record in Journal(connection).iterate()
        ]


@pytest.fixture(scope="module")
def trail(new_trail):
    with new_trail() as found:
        found.fill(4)
        yield found


def test_a_whole_trail_with_its_copy_passes(trail):
    with trail.engine("vl_reader").connect() as connection:
        ids = [record.id for record in Journal(connection).iterate()]

    assert judge(trail, acknowledged=ids, documents=copy_of(trail)) == 4


def test_what_was_acknowledged_and_is_not_there_is_named(trail):
    with pytest.raises(AssertionError, match=r"acknowledged and not in the journal: 1 \("):
        judge(trail, acknowledged=[uuid.uuid4()])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda found: found[:-1], "not in the copy: 1 (3)"),
        (lambda found: [*found, found[1]], "twice in the copy: 1 (1)"),
        (lambda found: [*found, {"event": found[0]["event"] | {"sequence": 9}}], "foreign in the copy: 1 (9)"),
        (lambda found: [{"event": found[0]["event"] | {"hash": "00" * 32}}, *found[1:]], "altered in the copy: 1 (0)"),
        (lambda found: [{"event": found[0]["event"] | {"original": "x"}}, *found[1:]], "altered in the copy: 1 (0)"),
    ],
)
def test_a_copy_that_differs_is_named(trail, harm, said):
    with pytest.raises(AssertionError, match=re.escape(said)):
        judge(trail, acknowledged=[], documents=harm(copy_of(trail)))


def test_alarms_must_be_those_expected_and_no_other(new_trail):
    with new_trail() as trail:
        writer = make_writer()
        trail.write(*(make_entry(writer=writer) for _ in range(3)), writer=writer)
        trail.tamper("DELETE FROM audit_outbox WHERE oid = 2")
        trail.settle()
        trail.tamper(
            "INSERT INTO audit_ship (target, upto, at, stalled_since, stopped) VALUES ('x', 0, %(at)s, %(at)s, true)",
            at=NOON,
        )

        judge(trail, acknowledged=[], alarms={"journal:writer-gap", "ship:stalled", "ship:stopped"})
        with pytest.raises(AssertionError, match=r"nobody expected: 3 \(journal:writer-gap, ship:stalled"):
            judge(trail, acknowledged=[])
        with pytest.raises(AssertionError, match=r"not raised: 1 \(the siren\)"):
            judge(trail, acknowledged=[], alarms={"journal:writer-gap", "ship:stalled", "ship:stopped", "the siren"})


def test_what_still_waits_and_an_altered_row_are_named(new_trail):
    with new_trail() as trail:
        trail.fill(2)
        trail.write(make_entry(session_id=secrets.token_hex(2)))
        with trail.engine("vl_owner").begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text("UPDATE audit_journal SET body = body || ' ' WHERE seq = 1"))

        with pytest.raises(AssertionError) as wrong:
            judge(trail, acknowledged=[])

    assert "still in the outbox: 1 (1)" in str(wrong.value)
    assert "journal:altered" in str(wrong.value)
