"""A witness cosigns what continues, refuses what does not, and keeps both notes of a lie."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.keys import rotation_statement
from audit.merkle import Tree, consistency_proof, root
from audit.notes import COSIGNATURE, BadNoteError, SigningKey, checkpoint_text, cosignature_of, open_note
from audit.witness import Witness

ORIGIN = "vonglau.test/audit"
LOG, NEXT, THIEF = (SigningKey(name=ORIGIN, seed=bytes([seed]) * 32) for seed in (1, 2, 4))
KEY = SigningKey(name="witness.test/w1", seed=b"\7" * 32, algorithm=COSIGNATURE)
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


def tree_of(size, *, changed=None):
    return Tree(sha256(b"%d %d" % (number, number == changed)).digest() for number in range(size))


TREE = tree_of(40)
OTHER = tree_of(40, changed=2)  # the same log with its third entry rewritten


def note_of(size, *, tree=TREE, key=LOG, origin=ORIGIN):
    return key.sign(checkpoint_text(origin=origin, size=size, root=root(tree, size)))


def request(size, *, old, tree=TREE, proof=None, **options):
    steps = consistency_proof(tree, old, size) if proof is None and old <= size else proof or []
    lines = [f"old {old}", *(base64.b64encode(step).decode() for step in steps), "", ""]
    return "\n".join(lines).encode() + note_of(size, tree=tree, **options)


@pytest.fixture
def witness(tmp_path):
    return Witness(key=KEY, folder=tmp_path, logs=[LOG.verifier()])


def again(witness):
    """The same witness after a start from its files."""
    return Witness(key=KEY, folder=witness.folder, logs=[LOG.verifier()])


def ask(witness, size, *, now=NOON, **options):
    return witness.add_checkpoint(request(size, **options), now=now)


def test_what_continues_is_cosigned_with_the_time(witness):
    for old, size in ((0, 5), (5, 8), (8, 40)):
        answer = ask(witness, size, old=old, now=NOON + timedelta(hours=size))

        assert answer.status == 200
        whole = note_of(size) + answer.body
        assert cosignature_of(whole, KEY.verifier())[1] == NOON + timedelta(hours=size)
        assert witness.latest(ORIGIN) == whole
        assert open_note(whole, [LOG.verifier()])
    kept = [json.loads(line) for line in (witness.folder / "cosigned.jsonl").read_text().splitlines()]
    assert [one["size"] for one in kept] == [5, 8, 40]
    assert kept[-1]["note"].encode() == whole
    assert witness.proofs_of_misbehaviour == []


def test_the_same_tree_may_be_cosigned_again(witness):
    ask(witness, 5, old=0)

    assert ask(witness, 5, old=5, now=NOON + timedelta(hours=1)).status == 200


def test_a_wrong_old_size_is_answered_with_the_right_one(witness):
    ask(witness, 8, old=0)

    for old in (0, 5):
        answer = ask(witness, 9, old=old)
        assert (answer.status, answer.body, answer.content_type) == (409, b"8\n", "text/x.tlog.size")
    assert ask(witness, 9, old=10, proof=[]).status == 400


def test_a_smaller_tree_is_refused_and_kept(witness):
    ask(witness, 8, old=0)

    for old in (0, 5):
        assert ask(witness, 5, old=old).status == 409

    (kept,) = witness.proofs_of_misbehaviour
    assert (kept["kind"], kept["refused"].encode(), kept["cosigned"].encode()) == (
        "smaller",
        note_of(5),
        witness.latest(ORIGIN),
    )


@pytest.mark.parametrize(("size", "status"), [(8, 409), (9, 422), (40, 422)])
def test_another_past_is_refused_and_both_notes_are_kept_also_over_a_restart(witness, size, status):
    ask(witness, 8, old=0)
    before = witness.latest(ORIGIN)

    assert ask(witness, size, old=8, tree=OTHER).status == status
    assert ask(again(witness), size, old=8, tree=OTHER).status == status
    assert again(witness).latest(ORIGIN) == before

    (kept,) = again(witness).proofs_of_misbehaviour
    assert kept["kind"] == "fork"
    for name, tree, known in (("cosigned", TREE, 8), ("refused", OTHER, size)):
        assert open_note(kept[name].encode(), [LOG.verifier()]) == checkpoint_text(
            origin=ORIGIN, size=known, root=root(tree, known)
        )
    assert ask(again(witness), 9, old=8).status == 200  # the honest log goes on


def test_a_proof_that_does_not_hold_is_refused(witness):
    ask(witness, 5, old=0)
    good = consistency_proof(TREE, 5, 8)

    for proof in ([], good[:-1], [*good, b"\0" * 32], good[::-1]):
        assert ask(witness, 8, old=5, proof=proof).status == 422
    assert ask(witness, 5, old=5, proof=[b"\0" * 32]).status == 422
    assert ask(witness, 8, old=5).status == 200


def test_a_key_that_is_not_pinned_is_sent_away_and_a_log_that_is_not_known_too(witness):
    assert ask(witness, 5, old=0, key=THIEF).status == 403
    stranger = SigningKey(name="other.test/log", seed=b"\1" * 32)
    assert ask(witness, 5, old=0, key=stranger, origin="other.test/log").status == 404
    assert ask(witness, 5, old=0, origin="other.test/log").status == 404
    assert witness.latest(ORIGIN) is None
    assert witness.proofs_of_misbehaviour == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.binary(max_size=300), st.integers(0, 500)))
def test_any_bytes_get_an_answer_and_change_nothing(witness, junk):
    body = junk
    if isinstance(junk, int):
        whole = bytearray(request(8, old=0))
        whole[junk % len(whole)] ^= 1
        body = bytes(whole)

    assert witness.add_checkpoint(body, now=NOON).status in {400, 403, 404, 422, 409}
    assert 400 <= witness.add_rotation(body, now=NOON).status < 500
    assert witness.latest(ORIGIN) is None


def test_a_key_that_took_over_is_learnt_and_the_old_one_counts_no_more(witness):
    ask(witness, 5, old=0)
    statement = rotation_statement(LOG, NEXT, size=5, root=root(TREE, 5))
    assert ask(witness, 8, old=5, key=NEXT).status == 403

    for _ in range(2):
        assert witness.add_rotation(statement, now=NOON).status == 200

    for one in (witness, again(witness)):
        assert ask(one, 9, old=5, key=LOG).status == 403
    assert ask(again(witness), 8, old=5, key=NEXT).status == 200


def test_a_thief_of_the_old_key_cannot_give_it_another_successor(witness):
    ask(witness, 5, old=0)
    witness.add_rotation(rotation_statement(LOG, NEXT, size=5, root=root(TREE, 5)), now=NOON)
    own = rotation_statement(LOG, THIEF, size=5, root=root(TREE, 5))

    assert witness.add_rotation(own, now=NOON).status == 403
    assert ask(witness, 8, old=5, key=THIEF).status == 403

    (kept,) = witness.proofs_of_misbehaviour
    assert (kept["kind"], kept["refused"].encode()) == ("second-successor", own)


def test_a_statement_about_another_tree_is_refused(witness):
    ask(witness, 5, old=0)

    assert witness.add_rotation(rotation_statement(LOG, NEXT, size=5, root=b"\0" * 32), now=NOON).status == 403
    assert len(witness.proofs_of_misbehaviour) == 1


def test_a_memory_that_was_changed_is_not_believed(witness):
    ask(witness, 5, old=0)
    file = witness.folder / "witness.json"
    state = json.loads(file.read_text())
    state[ORIGIN]["note"] = state[ORIGIN]["note"].replace("\n5\n", "\n4\n")
    file.write_text(json.dumps(state))

    with pytest.raises(BadNoteError):
        again(witness)
    with pytest.raises(BadNoteError, match="other keys"):
        Witness(key=KEY, folder=witness.folder, logs=[THIEF.verifier()])


def test_a_witness_signs_with_a_key_of_its_own_kind(tmp_path):
    with pytest.raises(BadNoteError, match="own kind"):
        Witness(key=LOG, folder=tmp_path, logs=[LOG.verifier()])
