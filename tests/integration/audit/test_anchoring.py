"""Checkpoints are taken outside; what happens there is written down, and stops nobody who writes entries."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from audit.anchorer import Anchorer
from audit.anchors import Anchors
from audit.chain import Outside, verify_journal
from audit.checkpoint import Checkpointer
from audit.journal import Journal, genesis_link, link_hash
from audit.keyfile import load_or_make_key
from audit.merkle import leaf_hash
from audit.notes import COSIGNATURE, SigningKey, cosignature_of, open_note, read_checkpoint, split_note
from audit.projection import read_body
from audit.run import Trail as TrailProcess
from audit.signer import Signer
from audit.stamp import Stamp, Stamper, StampError, holds
from audit.witness import Witness
from audit.witnessclient import WitnessClient
from audit.witnessserver import make_server
from tests.factories.audit import NOON, ORIGIN, SignerHere, make_entry
from tests.simulators.time_stamp.service import TimeStampAuthority

LOG = SigningKey(name=ORIGIN, seed=b"\1" * 32)
WITNESS = SigningKey(name="witness.test/w1", seed=b"\7" * 32, algorithm=COSIGNATURE)
HOUR = timedelta(hours=1)


class Outdoors:
    """A log with its signer, and a witness behind a real HTTP server."""

    def __init__(self, trail, folder):
        self.trail, self.folder, self.now = trail, folder, NOON
        (folder / "witness").mkdir()
        (folder / "log.key").write_text(LOG.private_text())
        (folder / "log.key").chmod(0o600)
        self.witness = Witness(key=WITNESS, folder=folder / "witness", logs=[LOG.verifier()])
        self.server = None
        self.port = 0
        self.signer = self.start_signer()

    def start_signer(self):
        key_file = self.folder / "log.key"
        key = load_or_make_key(key_file, name=ORIGIN)
        engine, state_file = self.trail.engine("vl_signer"), self.folder / "signed.json"
        self.signer = Signer(engine=engine, key=key, state_file=state_file, key_file=key_file)
        return self.signer

    @contextmanager
    def serving(self):
        self.server = make_server(self.witness, address=("127.0.0.1", self.port), clock=lambda: self.now)
        self.port = self.server.server_address[1]
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()

    def anchorer(self, *, key=WITNESS, every=timedelta(), stamper=None):
        client = WitnessClient(url=f"http://127.0.0.1:{self.port}", key=key.verifier(), timeout_seconds=2)
        engine = self.trail.engine("vl_sequencer")
        return Anchorer(engine=engine, witnesses=(client,), stamper=stamper, every=every)

    def checkpoint(self, entries=0):
        if entries:
            self.trail.fill(entries)
        checkpointer = Checkpointer(engine=self.trail.engine("vl_sequencer"), signer=SignerHere(self.signer))
        return checkpointer.run_once(now=self.now, force=True)

    def state(self, kind="witness"):
        with self.trail.engine("vl_reader").connect() as connection:
            return next(one for one in Anchors(connection).states() if one.kind == kind)

    def read(self, look):
        with self.trail.engine("vl_reader").connect() as connection:
            return look(Anchors(connection))

    def told(self):
        """What the journal tells of anchors, in order."""
        self.trail.settle()
        with self.trail.engine("vl_reader").connect() as connection:
            bodies = [read_body(record.body) for record in Journal(connection).iterate()]
        actions = [body["event"]["action"] for body in bodies]
        return [action.rpartition(":")[2] for action in actions if action.startswith("audit:anchor:")]


@pytest.fixture
def outdoors(trail, tmp_path):
    made = Outdoors(trail, tmp_path)
    with made.serving():
        yield made


def test_a_checkpoint_gets_its_cosignature_and_the_journal_keeps_it(outdoors):
    anchorer = outdoors.anchorer()
    for count in (5, 3):
        outdoors.checkpoint(count)
        anchorer.run_once(now=NOON)

    (found,) = outdoors.read(lambda anchors: anchors.cosignatures(8))
    whole = outdoors.witness.latest(ORIGIN)
    assert cosignature_of(whole, WITNESS.verifier())[1] == found.cosigned_at == NOON
    assert whole.endswith(found.line)
    state = outdoors.state()
    assert (state.name, state.size, state.is_good, state.confirmed_at) == ("witness.test/w1", 8, True, NOON)
    with outdoors.trail.engine("vl_reader").connect() as connection:
        assert [(kind, size) for _, kind, size in Journal(connection).vkeys()] == [("log", 5), ("witness", 5)]
        assert verify_journal(connection).ok
    assert outdoors.told() == []


def test_a_witness_is_asked_by_the_hour_and_at_each_export(outdoors, trail):
    anchorer = outdoors.anchorer(every=HOUR)
    asked = []
    for minutes in (0, 30, 59, 61, 62):
        outdoors.now = NOON + timedelta(minutes=minutes)
        outdoors.checkpoint(1)
        anchorer.run_once(now=outdoors.now)
        asked.append(outdoors.state().size)
    assert asked == [1, 1, 1, 4, 4]

    trail.fill(1, action="audit:bundle:export")
    outdoors.checkpoint()
    anchorer.run_once(now=outdoors.now)

    assert outdoors.state().size == 6


def test_a_witness_that_is_away_is_asked_again_and_its_return_is_told(outdoors, trail):
    anchorer = outdoors.anchorer()
    outdoors.checkpoint(2)
    outdoors.server.shutdown()
    outdoors.server.server_close()
    for seconds in (0, 5, 31):
        anchorer.run_once(now=NOON + timedelta(seconds=seconds))
    gone = outdoors.state()
    assert (gone.stalled_since, gone.asked_at, gone.refused) == (NOON, NOON + timedelta(seconds=31), False)
    assert "does not answer" in gone.last_error

    with outdoors.serving():
        outdoors.now = NOON + timedelta(seconds=62)
        anchorer.run_once(now=outdoors.now)

    assert outdoors.state().is_good
    assert outdoors.told() == ["stall", "resume"]


def test_a_witness_that_hangs_holds_up_no_entry(outdoors, trail):
    hung = threading.Event()
    server = make_server(outdoors.witness, address=("127.0.0.1", 0), clock=lambda: hung.wait() and NOON)
    outdoors.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    process = TrailProcess(
        engine=trail.engine("vl_sequencer"),
        origin=ORIGIN,
        clock=lambda: datetime.now(UTC),
        signer=SignerHere(outdoors.signer),
        anchorer=outdoors.anchorer(),
    )
    thread = threading.Thread(target=process.run, daemon=True)
    thread.start()
    for _ in range(3):
        trail.write(make_entry())
        size = until(lambda: size_of(trail) if not waiting(trail) else 0)
    until(lambda: outdoors.signer._frontier.size)

    hung.set()
    process.stop.set()
    thread.join(30)
    server.shutdown()
    server.server_close()
    assert size >= 3


def test_a_witness_whose_answer_is_not_its_cosignature_is_not_believed(outdoors):
    outdoors.checkpoint(2)
    other = SigningKey(name=WITNESS.name, seed=b"\x08" * 32, algorithm=COSIGNATURE)

    outdoors.anchorer(key=other).run_once(now=NOON)

    assert "not its cosignature" in outdoors.state().last_error
    assert outdoors.read(lambda anchors: anchors.newest_cosigned()) is None


def test_a_witness_whose_clock_is_wrong_is_not_believed(outdoors):
    outdoors.checkpoint(2)
    outdoors.now = NOON + HOUR

    outdoors.anchorer().run_once(now=NOON)

    assert "far from ours" in outdoors.state().last_error
    assert outdoors.read(lambda anchors: anchors.newest_cosigned()) is None


def test_an_answer_that_was_lost_is_made_good(outdoors, trail):
    anchorer = outdoors.anchorer()
    outdoors.checkpoint(4)
    anchorer.run_once(now=NOON)
    trail.tamper("DELETE FROM audit_anchor_state")
    trail.tamper("DELETE FROM audit_cosignature")
    outdoors.checkpoint(3)

    anchorer.run_once(now=NOON)

    assert (outdoors.state().size, outdoors.state().is_good) == (7, True)


def test_a_witness_follows_a_key_that_took_over(outdoors, trail):
    anchorer = outdoors.anchorer()
    outdoors.checkpoint(2)
    anchorer.run_once(now=NOON)
    statement = outdoors.signer.rotate()
    trail.fill(1, action="audit:key:rotate", details={"statement": statement.decode()})
    outdoors.checkpoint()
    outdoors.checkpoint(1)

    anchorer.run_once(now=NOON)

    assert (outdoors.state().size, outdoors.state().last_error) == (4, None)
    with trail.engine("vl_reader").connect() as connection:
        assert verify_journal(connection).ok


def rebuild(trail):
    """Give every row a new hash and link, and mend the head, as somebody with the owner's password can."""
    with trail.engine("vl_owner").connect() as connection:
        records = list(Journal(connection).iterate())
    link = genesis_link(ORIGIN)
    for number, record in enumerate(records):
        leaf = leaf_hash(record.body)
        link = link_hash(link, leaf)
        trail.tamper(
            "UPDATE audit_journal SET seq = %(new)s, leaf = %(leaf)s, link = %(link)s WHERE seq = %(seq)s",
            new=number,
            leaf=leaf,
            link=link,
            seq=record.sequence,
        )
    trail.tamper("UPDATE audit_head SET link = %(link)s, size = %(size)s", link=link, size=len(records))


def restore(outdoors, trail, *, size):
    """Put an old backup of everything on the host back: rows, checkpoints, what the signer and the anchors knew."""
    for table, column in (("journal", "seq"), ("search", "seq")):
        trail.tamper(f"DELETE FROM audit_{table} WHERE {column} >= {size}")
    trail.tamper(f"DELETE FROM audit_checkpoint WHERE size > {size}")
    for table in ("anchor_state", "cosignature", "anchor"):
        trail.tamper(f"DELETE FROM audit_{table} WHERE size > {size}")
    (outdoors.folder / "signed.json").unlink()
    rebuild(trail)
    outdoors.start_signer()


def report_of(trail, **options):
    with trail.engine("vl_reader").connect() as connection:
        return [(one.kind, one.sequence) for one in verify_journal(connection, **options).problems]


def remembered(outdoors):
    """What the witness remembers, as `vonglau audit verify` asks for it."""
    _, size, root = read_checkpoint(split_note(outdoors.witness.latest(ORIGIN))[0])
    return [Outside(source=WITNESS.name, size=size, root=root)]


@pytest.mark.fault(18)
@pytest.mark.tamper(6)
def test_an_old_backup_put_back_is_refused_by_the_witness_and_named_by_the_verifier(outdoors, trail):
    anchorer = outdoors.anchorer()
    for count in (4, 4):
        outdoors.checkpoint(count)
        anchorer.run_once(now=NOON)
    restore(outdoors, trail, size=4)
    assert report_of(trail) == []  # inside the house nothing is wrong

    assert report_of(trail, outside=remembered(outdoors)) == [("shorter", 4)]
    outdoors.checkpoint(1)
    outdoors.now = NOON + timedelta(minutes=1)
    anchorer.run_once(now=outdoors.now)

    state = outdoors.state()
    assert state.refused
    assert "cosigned 8 entries, the journal has 5" in state.last_error
    assert outdoors.told() == ["refuse"]
    outdoors.checkpoint(9)
    outdoors.now += timedelta(minutes=1)
    anchorer.run_once(now=outdoors.now)
    assert outdoors.state().last_error.startswith("422")
    assert {one["kind"] for one in outdoors.witness.proofs_of_misbehaviour} == {"smaller", "fork"}


@pytest.mark.fault(19)
@pytest.mark.tamper(7)
def test_a_fork_with_the_copied_key_is_refused_and_both_notes_are_kept(outdoors, trail):
    anchorer = outdoors.anchorer()
    outdoors.checkpoint(6)
    anchorer.run_once(now=NOON)
    honest = outdoors.witness.latest(ORIGIN)
    trail.tamper(
        "UPDATE audit_journal SET body = convert_to(replace(convert_from(body, 'UTF8'), 'CQ-0001', 'CQ-9999'), 'UTF8')"
        " WHERE seq = 2"
    )
    rebuild(trail)
    trail.tamper("DELETE FROM audit_checkpoint")
    (outdoors.folder / "signed.json").unlink()
    outdoors.start_signer()
    forged = outdoors.checkpoint(2)
    assert report_of(trail) == []  # whoever holds the key makes everything agree

    anchorer.run_once(now=NOON)

    assert report_of(trail, outside=remembered(outdoors)) == [("outside", 5)]
    assert outdoors.state().refused
    (kept,) = outdoors.witness.proofs_of_misbehaviour
    assert (kept["kind"], kept["cosigned"].encode(), kept["refused"].encode()) == ("fork", honest, forged.note)
    for note in (kept["cosigned"], kept["refused"]):
        open_note(note.encode(), [LOG.verifier()])  # one key signed both: nobody else can have done it
    assert outdoors.told() == ["refuse"]


def test_the_line_is_kept_once_a_day_of_ha_noi(outdoors):
    anchorer = outdoors.anchorer()
    for hours in (0, 5, 12.5, 13):
        outdoors.now = NOON + timedelta(hours=hours)
        outdoors.checkpoint(1)
        anchorer.run_once(now=outdoors.now)

    lines = outdoors.read(lambda anchors: anchors.anchors("line"))

    assert [(str(one.day), one.size) for one in lines] == [("2026-11-24", 3), ("2026-11-23", 1)]
    assert lines[0].token.decode().startswith(f"{ORIGIN} 3 ")


def test_a_time_stamp_is_kept_as_it_came_and_one_that_lies_is_not(outdoors, tmp_path):
    with TimeStampAuthority(tmp_path / "tsa") as authority:
        stamper = Stamper(url=authority.url, ca_file=authority.ca_file, timeout_seconds=2)
        anchorer = outdoors.anchorer(stamper=stamper)
        moment = outdoors.now = datetime.now(UTC)
        first = outdoors.checkpoint(2)
        anchorer.run_once(now=moment)
        authority.mode = "replay"
        outdoors.checkpoint(2)
        anchorer.run_once(now=moment)

        (kept,) = outdoors.read(lambda anchors: anchors.anchors("stamp"))
        assert (kept.size, kept.certificates) == (2, authority.ca_file.read_bytes())
        assert holds(kept.token, first.note, ca_file=authority.ca_file)
        state = outdoors.state("stamp")
        assert (state.size, state.stalled_since, state.refused) == (2, moment, False)
        assert outdoors.state("witness").size == 4  # one anchor's trouble is not another's


def test_an_authority_that_fails_does_not_stop_the_rest(outdoors):
    class Broken:
        url, certificates = "http://tsa.test/", b""

        def stamp(self, note: bytes, *, now: datetime) -> Stamp:
            raise StampError("no")

    outdoors.checkpoint(2)

    assert outdoors.anchorer(stamper=Broken()).run_once(now=NOON) == 2
    assert [outdoors.state(kind).is_good for kind in ("witness", "stamp", "line")] == [True, False, True]


def until(look, seconds=30):
    deadline = threading.Event()
    for _ in range(int(seconds / 0.05)):
        found = look()
        if found:
            return found
        deadline.wait(0.05)
    raise AssertionError("it did not happen")


def size_of(trail):
    with trail.engine("vl_reader").connect() as connection:
        head = Journal(connection).head()
        return head.size if head else 0


def waiting(trail):
    with trail.engine("vl_reader").connect() as connection:
        return connection.exec_driver_sql("SELECT count(oid) FROM audit_outbox").scalar()
