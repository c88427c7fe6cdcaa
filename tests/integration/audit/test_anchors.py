"""What stands outside the journal is read as it was stored, and nobody changes it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import ProgrammingError

from audit import anchors
from audit.anchors import Anchors, printable_line, with_cosignatures
from tests.factories.audit import NOON, ORIGIN

ROOT = bytes(range(32))


def store(trail, table, **values):
    with trail.engine("vl_sequencer").begin() as connection:
        connection.execute(insert(table).values(**values))


def make_cosignature(trail, *, size, witness="w1", after=0):
    moment = NOON + timedelta(seconds=after)
    line = f"— {witness} AAAA\n".encode()
    vkey = f"{witness}+00000000+AAAA"
    store(trail, anchors.cosignature, size=size, vkey=vkey, witness=witness, line=line, cosigned_at=moment, at=moment)


def make_anchor(trail, *, kind="stamp", size=5, day=date(2026, 11, 23)):
    store(
        trail,
        anchors.anchor,
        kind=kind,
        size=size,
        root=ROOT,
        source="",
        token=b"token",
        asserted_at=NOON,
        at=NOON,
        day=day,
    )


def test_cosignatures_are_read_by_size_and_newest_first(trail):
    for size, witness in ((5, "w1"), (5, "w2"), (9, "w1")):
        make_cosignature(trail, size=size, witness=witness)

    with trail.engine("vl_reader").connect() as connection:
        found = Anchors(connection)

        assert [one.witness for one in found.cosignatures(5)] == ["w1", "w2"]
        assert found.cosignatures(6) == []
        assert (found.newest_cosigned(), found.newest_cosigned(up_to=8)) == (9, 5)
        assert [one.size for one in found.history(limit=2)] == [9, 5]
        assert [one.size for one in found.history(before=9)] == [5, 5]
        assert (
            with_cosignatures(b"note\n", found.cosignatures(5)) == b"note\n\xe2\x80\x94 w1 AAAA\n\xe2\x80\x94 w2 AAAA\n"
        )


def test_stamps_and_lines_are_read_with_their_bytes(trail):
    make_anchor(trail)
    make_anchor(trail, size=7)
    make_anchor(trail, kind="line", size=8)

    with trail.engine("vl_web").connect() as connection:
        found = Anchors(connection)
        first, second = found.anchors("stamp")
        assert (first.size, second.size, first.token, first.root, first.certificates) == (7, 5, b"token", ROOT, None)
        assert [one.size for one in found.anchors("stamp", before=first.id)] == [5]
        assert found.line_of(date(2026, 11, 23)).size == 8
        assert found.line_of(date(2026, 11, 24)) is None


def test_the_state_of_anchors_is_read_in_the_order_of_their_worth(trail):
    for name, kind in (("line", "line"), ("https://tsa.test", "stamp"), ("w1", "witness")):
        store(
            trail,
            anchors.state,
            name=name,
            kind=kind,
            address="",
            size=3,
            asked_at=NOON,
            refused=kind == "witness",
            stalled_since=NOON if kind == "stamp" else None,
        )

    with trail.engine("vl_worker").connect() as connection:
        states = Anchors(connection).states()

    assert [(one.kind, one.is_good) for one in states] == [("witness", False), ("stamp", False), ("line", True)]


@pytest.mark.parametrize("table", ["audit_cosignature", "audit_anchor"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET size = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_nobody_changes_an_anchor(trail, table, statement):
    make_cosignature(trail, size=5)
    make_anchor(trail)

    for role in ("vl_web", "vl_sequencer", "vl_owner"):
        with trail.engine(role).connect() as connection, pytest.raises(ProgrammingError):
            connection.exec_driver_sql(statement.format(table))


@pytest.mark.parametrize("role", ["vl_web", "vl_signer", "vl_pruner", "vl_reader"])
def test_only_the_process_of_the_trail_adds_an_anchor(trail, role):
    with trail.engine(role).connect() as connection, pytest.raises(ProgrammingError):
        connection.exec_driver_sql(
            "INSERT INTO audit_cosignature VALUES (1, 'v', 'w', '', now(), now())",
        )


def test_the_line_of_a_day_is_what_is_printed():
    assert (
        printable_line(origin=ORIGIN, size=7, root=ROOT) == f"{ORIGIN} 7 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    )
