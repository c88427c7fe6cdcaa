"""Pruning, holds and erasure: what goes, what stays, and that every proof still holds afterwards."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

import audit
from audit import Query
from audit.bundle import export_bundle
from audit.checkpoint import prove
from audit.erase import HeldError, NothingToEraseError, carried_by, erase
from audit.holds import HoldReleasedError, holds, holds_on, lock_keeping, read_hold, release_hold
from audit.merkle import includes, inclusion_proof
from audit.prune import RootChangedError, bounds, preview, prune_class, write_prune
from audit.retentions import current_values, set_value, value_history
from audit.subjects import wrapping
from audit.tiles import TileNodes
from policies import load_retention
from tests.factories.audit import NOON, make_entry
from tests.factories.keeping import DAY, DAYS, FIRST, anchor_all, days_of, live, make_hold

CUTOFFS = load_retention().cutoffs(NOON)
# 93 days lie between an entry of day 7 and the last day; the margin asks for one day of the trail's own time more.
LAST_DUE = 6
PERSONAL = {"personal": {"citizen.name": "Trần Văn Thử"}, "subject": "citizen:7"}


@pytest.fixture
def kept(trail):
    """A hundred days, an entry a day, all sealed and anchored."""
    live(trail.engine, entries=days_of(**PERSONAL))
    anchor_all(trail.engine("vl_sequencer"), size=DAYS + 1)
    return trail


def prune(trail, *, now=NOON, retention="A3M", cutoffs=CUTOFFS, **options):
    with trail.engine("vl_pruner").begin() as connection:
        return prune_class(connection, retention=retention, cutoff=cutoffs[retention], now=now, **options)


def looked_at(trail, *, now=NOON, cutoffs=CUTOFFS, **options):
    with trail.engine("vl_web").connect() as connection:
        return preview(connection, cutoffs=cutoffs, now=now, **options)


def bodies(trail):
    with trail.engine("vl_reader").connect() as connection:
        return set(connection.scalars(text("SELECT seq FROM audit_journal WHERE body IS NOT NULL")))


def count(trail, table):
    with trail.engine("vl_owner").connect() as connection:
        return connection.scalar(text(f"SELECT count(*) FROM {table}"))


def every_proof_holds(trail, folder):
    """The journal verifies, the bundle verifies by its own script, each entry's inclusion proof leads to the root."""
    with trail.engine("vl_reader").connect() as connection:
        report = audit.verify_journal(connection)
        assert report.ok, report.problems
        journal = audit.Journal(connection)
        checkpoint = journal.checkpoint()
        for record in journal.iterate():
            steps = inclusion_proof(TileNodes(connection), record.sequence, checkpoint.size)
            assert includes(
                leaf=record.leaf, index=record.sequence, size=checkpoint.size, proof=steps, root=checkpoint.root
            )
            assert prove(connection, record, checkpoint).startswith(b"c2sp.org/tlog-proof@v1\n")
    for query in (Query(), Query(case_code="G99-050")):
        out = io.BytesIO()
        with trail.engine("vl_web").connect() as connection:
            export_bundle(connection, query=query, out=out)
        place = folder / f"bundle-{len(list(folder.iterdir()))}"
        with zipfile.ZipFile(out) as archive:
            archive.extractall(place)
        command = [sys.executable, "-I", "-S", str(place / "verify.py"), str(place), "--lang", "en"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    return report


@pytest.mark.fault(21)
def test_prune_and_erase_stop_at_a_hold_and_every_proof_still_holds(kept, tmp_path):
    hold = make_hold(kept.engine("vl_web"))

    seen, done = looked_at(kept), prune(kept)

    assert {one.month: (one.due, one.held) for one in seen.months} == {"2026.08": (LAST_DUE, 1)}
    assert (seen.due, seen.held, seen.holds) == (LAST_DUE, 1, {hold: 1})
    assert (done.first, done.last, done.emptied, done.held) == (0, LAST_DUE, LAST_DUE, 1)
    assert done.root_before == done.root_after
    assert bodies(kept) == {3, *range(LAST_DUE + 1, DAYS + 1)}
    assert (count(kept, "audit_opening"), count(kept, "audit_search")) == (DAYS + 1 - LAST_DUE,) * 2
    assert prune(kept) is None
    with kept.engine("vl_pruner").begin() as connection, pytest.raises(HeldError) as refused:
        erase(connection, "citizen:7", now=NOON)
    assert (refused.value.hold.id, refused.value.sequence) == (hold, 3)
    report = every_proof_holds(kept, tmp_path)
    assert report.checked == DAYS + 1 - LAST_DUE

    with kept.engine("vl_web").begin() as connection:
        found = audit.tokens(connection, "citizen:7", ["Trần Văn Thử"])
        release_hold(
            connection, hold, order_number="15/QĐ-TTr", requested_by="person:1", approved_by="person:2", now=NOON
        )
    assert prune(kept).emptied == 1
    with kept.engine("vl_pruner").begin() as connection:
        erased = erase(connection, "citizen:7", now=NOON)

    assert (erased.keys, erased.openings) == (1, DAYS - LAST_DUE)
    with kept.engine("vl_web").connect() as connection:
        assert audit.tokens(connection, "citizen:7", ["Trần Văn Thử"]) == ()
        assert audit.openings(connection, connection.scalars(text("SELECT id FROM audit_journal")).all()) == {}
        # What stands in the copies is the old token; nobody can make it again, so it means nothing.
        assert connection.scalar(text("SELECT count(*) FROM audit_search WHERE tokens @> :t"), {"t": list(found)})
    assert every_proof_holds(kept, tmp_path).size == DAYS + 1


@pytest.mark.fault(12)
def test_a_clock_that_jumped_forward_takes_nothing_early(trail):
    live(trail.engine, entries=days_of(days=2))
    anchor_all(trail.engine("vl_sequencer"), size=3)
    a_year_on = FIRST + 365 * DAY
    cutoffs = load_retention().cutoffs(a_year_on)

    # The calendar says all of them are old; the trail has seen two days pass and then silence.
    seen = looked_at(trail, now=a_year_on, cutoffs=cutoffs)

    assert (seen.due, seen.waiting) == (0, {"A3M": 3})
    assert prune(trail, now=a_year_on, cutoffs=cutoffs) is None

    # Nor when the wrong clock went on sealing for some days, and somebody approves on it.
    live(trail.engine, entries=days_of(first=a_year_on, days=3))
    anchor_all(trail.engine("vl_sequencer"), size=7, at=a_year_on)
    assert prune(trail, now=a_year_on + 4 * DAY, cutoffs=load_retention().cutoffs(a_year_on + 4 * DAY)) is None
    assert len(bodies(trail)) == 7


@pytest.mark.fault(12)
def test_a_clock_that_went_back_makes_nothing_older(trail):
    long_ago = NOON - 1000 * DAY
    entries = [make_entry(at=long_ago), *days_of(first=NOON - 3 * DAY, days=3)]
    live(trail.engine, entries=entries)
    anchor_all(trail.engine("vl_sequencer"), size=len(entries))

    assert prune(trail) is None
    assert looked_at(trail).waiting == {"A3M": 1}


def test_nothing_is_taken_that_is_not_sealed_and_known_outside(trail):
    live(trail.engine, entries=days_of())

    assert prune(trail) is None
    assert (looked_at(trail).bounds.anchored, looked_at(trail).waiting) == (0, {"A3M": LAST_DUE + 2})

    anchor_all(trail.engine("vl_sequencer"), size=4)
    assert prune(trail).last == 3
    assert bodies(trail) == set(range(4, DAYS + 1))


def test_a_longer_class_stays_and_a_tampered_body_is_not_pruned_away(trail):
    entries = [
        make_entry(at=FIRST, retention="EMC3Y", action="emc:connection:end"),
        make_entry(at=FIRST),
        make_entry(at=FIRST),
        *days_of(first=FIRST + DAY, days=DAYS - 1),
    ]
    live(trail.engine, entries=entries)
    anchor_all(trail.engine("vl_sequencer"), size=len(entries))
    trail.tamper(
        "UPDATE audit_journal SET body = replace(encode(body, 'escape'), 'TK-0001', 'TK-0009')::bytea WHERE seq = 2"
    )

    seen = looked_at(trail)
    done = prune(trail, most=2)

    assert [(one.retention, one.due, one.altered) for one in seen.months] == [("A3M", LAST_DUE + 1, 1)]
    assert done.emptied == 2
    assert prune(trail, retention="EMC3Y") is None
    assert {0, 2} < bodies(trail)
    assert 1 not in bodies(trail)
    assert looked_at(trail, most=1).is_whole is False


def test_nothing_is_taken_from_a_tree_that_is_not_the_signed_one(kept):
    kept.tamper("UPDATE audit_journal SET leaf = decode(repeat('00', 32), 'hex') WHERE seq = 50")

    with pytest.raises(RootChangedError):
        prune(kept)
    assert len(bodies(kept)) == DAYS + 1


def test_a_prune_and_a_hold_wait_for_each_other(kept):
    with kept.engine("vl_pruner").begin() as pruning:
        lock_keeping(pruning)
        with kept.engine("vl_web").begin() as placing:
            placing.execute(text("SET LOCAL lock_timeout = '200ms'"))
            with pytest.raises(DBAPIError, match="lock timeout"):
                lock_keeping(placing)


def test_the_keys_of_visitors_go_with_their_only_entry(trail):
    entries = [make_entry(at=FIRST, actor_id=None, user_agent="x"), *days_of(first=FIRST + DAY, days=DAYS - 1)]
    live(trail.engine, entries=entries)
    anchor_all(trail.engine("vl_sequencer"), size=len(entries))

    prune(trail)

    with trail.engine("vl_pruner").connect() as connection:
        visitors = connection.execute(
            text("SELECT key, destroyed_at FROM audit_subject WHERE subject LIKE 'entry:%'")
        ).all()
    assert visitors == [(None, NOON)]


SCOPES = [
    ("case", "G1", {"case_code": "G1"}),
    ("account", "TK-7", {"account_id": "TK-7"}),
    ("grant", "CQ-7", {"grant_id": "CQ-7"}),
    ("document", "214/QĐ-BMH", {"document_number": "214/QĐ-BMH"}),
    ("actor", "person:9", {}),
    ("period", None, {}),
]


def test_a_hold_covers_what_its_scope_says_and_nothing_beside_it(trail):
    for scope, value, about in SCOPES:
        trail.write(make_entry(about=audit.About(**about), actor_id=value if scope == "actor" else None))
    trail.write(make_entry(at=NOON + DAY, about=audit.About(case_code="G1"), actor_id="person:9"))
    trail.settle()
    span = {"since": NOON, "until": NOON + timedelta(hours=1)}
    for scope, value, _ in SCOPES:
        make_hold(trail.engine("vl_web"), scope=scope, value=value, **span)

    with trail.engine("vl_web").connect() as connection:
        found = holds_on(audit.Journal(connection).iterate(), holds(connection))

    alone = {place + 1: [place] for place in range(len(SCOPES) - 1)}
    assert found == alone | {len(SCOPES): list(range(len(SCOPES)))}


def test_what_cannot_be_read_may_be_about_anything_and_is_held(trail):
    with trail.engine("vl_web").begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_outbox (id, at, retention, body, search_text, tokens) "
                "VALUES (gen_random_uuid(), :at, 'A3M', 'not json', '', '')"
            ),
            {"at": NOON},
        )
    trail.settle()
    make_hold(trail.engine("vl_web"))

    with trail.engine("vl_web").connect() as connection:
        assert holds_on(audit.Journal(connection).iterate(), holds(connection)) == {1: [0]}


def test_one_person_neither_places_nor_releases_a_hold_nor_is_it_changed(trail):
    web = trail.engine("vl_web")
    with pytest.raises(IntegrityError, match="four_eyes"):
        make_hold(web, approved_by="person:1")
    with pytest.raises(IntegrityError, match="scope_value"):
        make_hold(web, value=None)
    hold = make_hold(web)
    release = {"order_number": "15/QĐ", "requested_by": "person:3", "now": NOON}
    with pytest.raises(IntegrityError, match="release_four_eyes"), web.begin() as connection:
        release_hold(connection, hold, approved_by="person:3", **release)
    for statement in (
        "UPDATE audit_hold SET value = 'G99-004'",
        "UPDATE audit_hold SET placed_at = now()",
        "DELETE FROM audit_hold",
        "UPDATE audit_hold SET release_order_number = 'x'",
    ):
        for role in ("vl_web", "vl_pruner", "vl_owner"):
            with pytest.raises(DBAPIError), trail.engine(role).begin() as connection:
                connection.execute(text(statement))

    with web.begin() as connection:
        release_hold(connection, hold, approved_by="person:4", **release)
        with pytest.raises(HoldReleasedError):
            release_hold(connection, hold, approved_by="person:4", **release)
        assert holds(connection) == ()
        assert read_hold(connection, hold).release_approved_by == "person:4"
    with pytest.raises(DBAPIError, match="only released"), trail.engine("vl_owner").begin() as connection:
        connection.execute(text("UPDATE audit_hold SET released_at = NULL, release_order_number = NULL, "
                                "release_requested_by = NULL, release_approved_by = NULL"))  # fmt: skip


def test_a_prune_by_one_person_is_not_written_down_and_so_not_done(kept):
    people = {"requested_by": "person:1", "approved_by": "person:1"}

    def prune_and_write():
        with kept.engine("vl_pruner").begin() as connection:
            done = prune_class(connection, retention="A3M", cutoff=CUTOFFS["A3M"], now=NOON)
            write_prune(connection, done, policy_digest="sha256:0", now=NOON, **people)

    with pytest.raises(IntegrityError, match="four_eyes"):
        prune_and_write()

    assert len(bodies(kept)) == DAYS + 1


def test_a_value_is_raised_by_one_person_and_lowered_by_two(trail):
    def put(value, approved_by=None):
        with trail.engine("vl_web").begin() as connection:
            set_value(
                connection, retention="A3M", value=value, reason="…", set_by="person:1", approved_by=approved_by,
                policy_digest="sha256:0", now=NOON,
            )  # fmt: skip

    put(12)
    put(24)
    with pytest.raises(DBAPIError, match="second person"):
        put(12)
    with pytest.raises(IntegrityError, match="four_eyes"):
        put(12, approved_by="person:1")
    put(6, approved_by="person:2")

    with trail.engine("vl_reader").connect() as connection:
        assert current_values(connection) == {"A3M": 6}
        assert [one.value for one in value_history(connection)] == [6, 24, 12]
    with pytest.raises(DBAPIError), trail.engine("vl_owner").begin() as connection:
        connection.execute(text("DELETE FROM audit_retention"))


def test_one_opening_goes_alone(trail):
    first, second = trail.fill(2, actor_name="Đặng Thị Tập", **PERSONAL)

    with trail.engine("vl_pruner").begin() as connection:
        assert carried_by(connection, "citizen:7").entries == 2
        assert erase(connection, "citizen:7", sequence=0, now=NOON).openings == 1
        with pytest.raises(NothingToEraseError):
            erase(connection, "citizen:7", sequence=0, now=NOON)

    with trail.engine("vl_web").connect() as connection:
        found = audit.openings(connection, [first.id, second.id])
        assert set(found[first.id]) == {"user.name"}
        assert set(found[second.id]) == {"user.name", "vn.personal.citizen.name"}
        assert audit.verify_journal(connection).ok


def test_only_a_persons_values_are_erased(trail):
    trail.fill(1, source_ip="192.0.2.7", **PERSONAL)

    for subject in ("sources", "citizen:", "person:1'; --", "nobody", "system:x", "citizen:8"):
        with pytest.raises(NothingToEraseError), trail.engine("vl_pruner").begin() as connection:
            erase(connection, subject, now=NOON)
    assert count(trail, "audit_opening") == 2


def test_master_keys_are_taken_up_and_changed_while_writers_go_on(trail):
    old, new = b"o" * 32, b"n" * 32
    entry = trail.fill(1, **PERSONAL)[0]

    def opened(keys):
        with trail.engine("vl_web").connect() as connection:
            return audit.openings(connection, [entry.id], keys=keys)[entry.id]["vn.personal.citizen.name"][1]

    def rewrapped(keys):
        with trail.engine("vl_pruner").begin() as connection:
            return keys.rewrap(connection, limit=1)

    first, turning, second = (
        audit.SubjectKeys(master_key=old),
        audit.SubjectKeys(master_key=new, former=old),
        audit.SubjectKeys(master_key=new),
    )
    assert opened(first) == "Trần Văn Thử"  # an unwrapped key opens under any master
    assert (rewrapped(first), rewrapped(first)) == (1, 0)
    with pytest.raises(audit.SubjectKeyError):
        opened(second)
    with pytest.raises(audit.SubjectKeyError):
        rewrapped(second)
    assert opened(turning) == "Trần Văn Thử"
    assert (rewrapped(turning), rewrapped(turning)) == (1, 0)

    assert opened(second) == "Trần Văn Thử"
    with trail.engine("vl_pruner").connect() as connection:
        assert list(wrapping(connection).values()) == [1]
    with pytest.raises(ValueError, match="no master key"):
        rewrapped(audit.SubjectKeys())
    assert "n" * 32 not in repr(turning)
    trail.tamper("UPDATE audit_subject SET key = set_byte(key, 20, mod(get_byte(key, 20) + 1, 256))")
    with pytest.raises(audit.SubjectKeyError, match="altered"):
        opened(second)


def test_a_destroyed_key_never_comes_back(trail):
    trail.fill(1, **PERSONAL)
    with trail.engine("vl_pruner").begin() as connection:
        erase(connection, "citizen:7", now=NOON)

    for statement in (
        "UPDATE audit_subject SET key = 'x', destroyed_at = NULL",
        "UPDATE audit_subject SET subject = 'citizen:8'",
        "DELETE FROM audit_subject",
    ):
        for role in ("vl_pruner", "vl_owner"):
            with pytest.raises(DBAPIError), trail.engine(role).begin() as connection:
                connection.execute(text(statement))


def test_bounds_name_what_is_sealed_anchored_and_seen_to_pass(kept):
    with kept.engine("vl_web").connect() as connection:
        found = bounds(connection, cutoffs=CUTOFFS, now=NOON)

    assert (found.checkpoint, found.anchored) == (DAYS + 1, DAYS + 1)
    assert found.of("A3M") == LAST_DUE + 1
    assert found.of("EMC3Y") == 0
