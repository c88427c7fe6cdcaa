"""A new key takes over by a statement of both, and an old one is believed no further than that."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit.keys import KeyHistory, Rotation, rotation_statement
from audit.notes import (
    COSIGNATURE,
    BadNoteError,
    SigningKey,
    VerifierKey,
    checkpoint_text,
    cosignature_of,
    open_note,
    sign_note,
)

ORIGIN = "vonglau.test/audit"
FIRST, SECOND, THIRD, THIEF = (SigningKey(name=ORIGIN, seed=bytes([seed]) * 32) for seed in (1, 2, 3, 4))
WITNESS = SigningKey(name="witness.test/w1", seed=b"\7" * 32, algorithm=COSIGNATURE)
ROOT = bytes(range(32))
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


def vkey(key):
    return str(key.verifier())


def note(size, *keys):
    return sign_note(checkpoint_text(origin=ORIGIN, size=size, root=ROOT), keys)


def statement(old, new, size=10):
    return rotation_statement(old, new, size=size, root=ROOT)


@pytest.fixture
def history():
    """The second key took over after ten entries, the third after twenty."""
    return KeyHistory.of(
        [(vkey(FIRST), None), (vkey(SECOND), statement(FIRST, SECOND)), (vkey(THIRD), statement(SECOND, THIRD, 20))]
    )


def test_each_key_counts_for_the_trees_it_was_in_force_for(history):
    for size, key in ((1, FIRST), (10, FIRST), (11, SECOND), (20, SECOND), (21, THIRD), (10**9, THIRD)):
        assert history.in_force(size) == key.verifier()
        assert history.open_checkpoint(note(size, key)) == (ORIGIN, size, ROOT)
    assert history.open_checkpoint(note(12, FIRST, SECOND))[1] == 12
    assert (history.current, history.origin) == (THIRD.verifier(), ORIGIN)


def test_a_stolen_old_key_is_refused_for_every_larger_tree(history):
    for size, stolen in ((11, FIRST), (21, SECOND), (21, FIRST)):
        with pytest.raises(BadNoteError, match="a key that was replaced"):
            history.open_checkpoint(note(size, stolen))
    with pytest.raises(BadNoteError, match="no known key"):
        history.open_checkpoint(note(5, THIEF))


def test_a_key_that_comes_later_does_not_sign_the_past(history):
    with pytest.raises(BadNoteError, match="a key that was replaced"):
        history.open_checkpoint(note(10, SECOND))


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(vkey(WITNESS), None)],
        [(vkey(FIRST), None), (vkey(SECOND), None)],
        [(vkey(FIRST), None), (vkey(THIEF), statement(FIRST, SECOND))],
        [(vkey(FIRST), None), (vkey(THIRD), statement(SECOND, THIRD))],
        [(vkey(FIRST), None), (vkey(SECOND), statement(FIRST, SECOND, 9)), (vkey(THIRD), statement(SECOND, THIRD, 8))],
        [(vkey(FIRST), None), (vkey(SECOND), note(10, FIRST, SECOND))],
    ],
)
def test_a_history_that_does_not_hang_together_is_none(rows):
    with pytest.raises(BadNoteError):
        KeyHistory.of(rows)


def test_a_statement_needs_both_signatures():
    whole = statement(FIRST, SECOND)
    text = open_note(whole, [FIRST.verifier()])

    assert Rotation.read(whole) == Rotation(size=10, root=ROOT, old=FIRST.verifier(), new=SECOND.verifier())
    for signers in ((FIRST,), (SECOND,), (FIRST, THIEF), (THIEF, SECOND)):
        with pytest.raises(BadNoteError):
            Rotation.read(sign_note(text, signers))


@pytest.mark.parametrize(("old", "new"), [("vonglau.test/audit", "other.test/audit"), ("other.test/audit", "vonglau")])
def test_a_statement_stays_within_one_log(old, new):
    with pytest.raises(BadNoteError):
        Rotation.read(statement(SigningKey(name=old, seed=b"\1" * 32), SigningKey(name=new, seed=b"\2" * 32)))
    with pytest.raises(BadNoteError):
        Rotation.read(statement(FIRST, FIRST))


def test_a_statement_is_never_taken_for_a_checkpoint(history):
    with pytest.raises(BadNoteError):
        history.open_checkpoint(statement(FIRST, SECOND))


def test_a_history_is_found_again_from_statements_in_any_order_and_forged_ones_are_left_out(history):
    forged = sign_note(open_note(statement(THIEF, THIRD), [THIEF.verifier()]), [THIEF])
    statements = [statement(SECOND, THIRD, 20), forged, b"nonsense", statement(FIRST, SECOND)]

    assert KeyHistory.ending_at(THIRD.verifier(), statements=statements) == history
    assert KeyHistory.ending_at(FIRST.verifier(), statements=[]).rows() == [(vkey(FIRST), None)]


def test_statements_in_a_circle_end():
    with pytest.raises(BadNoteError):
        KeyHistory.ending_at(FIRST.verifier(), statements=[statement(FIRST, SECOND), statement(SECOND, FIRST, 20)])


def test_a_cosignature_carries_its_time_and_is_no_signature_of_a_log():
    text = checkpoint_text(origin=ORIGIN, size=7, root=ROOT)
    cosigned = FIRST.sign(text) + WITNESS.cosignature(text, at=NOON).line

    signature, at = cosignature_of(cosigned, WITNESS.verifier())

    assert (at, signature.name) == (NOON, "witness.test/w1")
    assert open_note(cosigned, [FIRST.verifier(), WITNESS.verifier()]) == text
    assert VerifierKey.parse(vkey(WITNESS)).is_witness
    assert SigningKey.parse(WITNESS.private_text()) == WITNESS
    as_log = SigningKey(name=WITNESS.name, seed=WITNESS.seed)
    with pytest.raises(BadNoteError):
        open_note(cosigned, [as_log.verifier()])
    with pytest.raises(BadNoteError):
        cosignature_of(FIRST.sign(text), WITNESS.verifier())


def test_a_cosignature_with_another_time_does_not_hold():
    text = checkpoint_text(origin=ORIGIN, size=7, root=ROOT)
    line = WITNESS.cosignature(text, at=NOON)
    later = type(line)(
        name=line.name, key_id=line.key_id, value=(int.from_bytes(line.value[:8]) + 1).to_bytes(8) + line.value[8:]
    )

    with pytest.raises(BadNoteError):
        cosignature_of(FIRST.sign(text) + later.line, WITNESS.verifier())
