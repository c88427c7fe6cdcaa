"""A new key takes over by an entry that both keys signed; a stolen old one gets nobody to believe it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert

from audit import tables
from audit.checkpoint import Checkpointer
from audit.keyfile import load_or_make_key
from audit.keys import KeyHistory, Rotation, rotation_statement
from audit.notes import BadNoteError, SigningKey, checkpoint_text, open_note, read_checkpoint, split_note
from audit.signer import RefusedError, Signer
from tests.factories.audit import NOON, ORIGIN, SignerHere

THIEF = SigningKey(name=ORIGIN, seed=b"\4" * 32)


class Desk:
    """A signer with its files, and the checkpoints it makes."""

    def __init__(self, trail, folder):
        self.trail, self.folder = trail, folder
        self.key_file, self.state_file = folder / "log.key", folder / "signed.json"
        self.signer = self.start()

    def start(self):
        """Start the signer from what its files say."""
        key = load_or_make_key(self.key_file, name=ORIGIN)
        engine = self.trail.engine("vl_signer")
        self.signer = Signer(engine=engine, key=key, state_file=self.state_file, key_file=self.key_file)
        return self.signer

    def checkpoint(self, minutes=0):
        checkpointer = Checkpointer(engine=self.trail.engine("vl_sequencer"), signer=SignerHere(self.signer))
        return checkpointer.run_once(now=NOON + timedelta(minutes=minutes), force=True)

    def write_down(self, statement):
        """Put the statement into the journal, as the command does."""
        self.trail.fill(1, action="audit:key:rotate", details={"statement": statement.decode()})

    def history(self):
        with self.trail.engine("vl_reader").connect() as connection:
            return KeyHistory.stored(connection)


@pytest.fixture
def desk(trail, tmp_path):
    made = Desk(trail, tmp_path)
    trail.fill(5)
    made.checkpoint()
    return made


def names_of_keys(note, *keys):
    return [[key.verifier().made(one) for key in keys].index(True) for one in split_note(note)[1]]


def test_the_change_is_signed_by_both_and_afterwards_only_the_new_key_signs(desk, trail):
    old = desk.signer.key
    statement = desk.signer.rotate()
    new = desk.signer.next_key
    trail.fill(1)
    before = desk.checkpoint()
    desk.write_down(statement)
    change = desk.checkpoint()
    trail.fill(1)
    after = desk.checkpoint()

    assert [names_of_keys(one.note, old, new) for one in (before, change, after)] == [[0, 1], [0, 1], [1]]
    assert Rotation.read(statement).size == 5
    assert (desk.signer.key, desk.signer.next_key) == (new, None)
    history = desk.history()
    assert history.rows() == [(str(old.verifier()), None), (str(new.verifier()), statement)]
    for made in (before, change, after):
        assert history.open_checkpoint(made.note)[1] == made.size
    assert desk.key_file.read_text() == new.private_text()
    assert [path.name for path in desk.folder.iterdir() if old.private_text() in path.read_text()] == []


def test_asking_again_gives_the_same_statement_until_the_journal_holds_it(desk):
    statement = desk.signer.rotate()

    assert desk.signer.rotate() == statement
    assert desk.start().rotate() == statement
    desk.write_down(statement)
    desk.checkpoint()
    assert desk.signer.rotate() != statement


@pytest.mark.parametrize("moment", ["asked", "written", "signed", "before-the-file"])
def test_a_change_cut_short_anywhere_is_finished_at_the_next_start(desk, trail, moment):
    statement = desk.signer.rotate()
    new = desk.signer.next_key
    old_text = desk.key_file.read_text()
    if moment != "asked":
        desk.write_down(statement)
    if moment in {"signed", "before-the-file"}:
        desk.checkpoint()
    if moment == "before-the-file":
        desk.key_file.with_name("log.key.next").write_text(desk.key_file.read_text())
        desk.key_file.with_name("log.key.next").chmod(0o600)
        desk.key_file.write_text(old_text)
    desk.start()
    if moment == "asked":
        desk.write_down(statement)
    trail.fill(1)
    desk.checkpoint()

    assert (desk.signer.key, desk.signer.next_key) == (new, None)
    assert desk.key_file.read_text() == new.private_text()


def test_two_changes_follow_each_other(desk, trail):
    for _ in range(2):
        desk.write_down(desk.signer.rotate())
        desk.checkpoint()
    trail.fill(1)
    made = desk.checkpoint()

    history = desk.history()
    assert len(history.keys) == 3
    assert history.open_checkpoint(made.note)[1] == made.size


def test_nothing_takes_over_before_anything_was_signed(trail, tmp_path):
    with pytest.raises(RefusedError, match="nothing was signed yet"):
        Desk(trail, tmp_path).signer.rotate()


def test_a_thief_of_the_old_key_signs_nothing_that_counts_after_the_change(desk, trail):
    stolen = desk.signer.key
    desk.write_down(desk.signer.rotate())
    change = desk.checkpoint()
    history = desk.history()
    forged = stolen.sign(checkpoint_text(origin=ORIGIN, size=change.size + 3, root=b"\0" * 32))

    with pytest.raises(BadNoteError, match="a key that was replaced signed"):
        history.open_checkpoint(forged)

    # A statement of the thief's own does not lead away from the log either: the key already has a successor.
    own = rotation_statement(stolen, THIEF, size=change.size, root=change.root)
    with pytest.raises(BadNoteError):
        KeyHistory.of([*history.rows(), (str(THIEF.verifier()), own)])


def test_a_thief_who_gives_the_signer_a_statement_of_his_own_moves_nothing(desk):
    stolen = desk.signer.key
    desk.signer.rotate()
    honest = desk.signer.next_key
    desk.write_down(rotation_statement(stolen, THIEF, size=5, root=desk.signer._frontier.root()))
    desk.checkpoint()

    assert (desk.signer.key, desk.signer.next_key) == (stolen, honest)


def test_a_signer_that_lost_its_memory_finds_the_history_again(desk, trail):
    desk.write_down(desk.signer.rotate())
    desk.checkpoint()
    desk.state_file.unlink()
    trail.fill(1)
    desk.start()
    made = desk.checkpoint()

    assert desk.history().open_checkpoint(made.note)[1] == 7
    assert desk.signer.history == desk.history()


def test_a_signer_that_lost_its_memory_during_the_change_finishes_it(desk, trail):
    statement = desk.signer.rotate()
    new = desk.signer.next_key
    trail.fill(1)
    desk.checkpoint()
    desk.write_down(statement)
    desk.state_file.unlink()
    desk.start()
    made = desk.checkpoint()

    assert desk.history().open_checkpoint(made.note)[1] == 7
    assert (desk.signer.key, desk.signer.next_key) == (new, None)


def test_an_old_key_put_back_is_told_that_another_took_over(desk, trail):
    old_text = desk.key_file.read_text()
    desk.write_down(desk.signer.rotate())
    desk.checkpoint()
    trail.fill(1)
    desk.key_file.write_text(old_text)

    with pytest.raises(BadNoteError, match="another key"):
        desk.start()
    desk.state_file.unlink()
    desk.start()
    with pytest.raises(RefusedError, match="another key took over"):
        desk.checkpoint()


def test_a_key_row_without_a_statement_is_no_history(desk, trail):
    with trail.engine("vl_sequencer").begin() as connection:
        connection.execute(insert(tables.key).values(vkey=str(THIEF.verifier()), kind="log", since_size=6, at=NOON))

    with pytest.raises(BadNoteError, match="no statement"):
        desk.history()


def test_a_memory_of_an_earlier_release_is_read(desk, trail):
    state = json.loads(desk.state_file.read_text())
    state.pop("keys")
    desk.state_file.write_text(json.dumps(state))
    trail.fill(1)
    desk.start()
    made = desk.checkpoint()

    assert read_checkpoint(open_note(made.note, [desk.signer.key.verifier()]))[1] == 6
