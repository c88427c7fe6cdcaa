"""What was tampered with is found and named; what was not is left in peace."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.chain import verify_journal
from audit.checkpoint import Checkpointer
from audit.journal import Journal, genesis_link, link_hash
from audit.merkle import Tree, inclusion_proof, leaf_hash, root
from audit.notes import SigningKey, open_note, read_checkpoint
from audit.signer import RefusedError, Signer
from audit.tiles import TileNodes, store_tiles
from tests.factories.audit import NOON, ORIGIN, SignerHere, make_entry, make_writer


@pytest.fixture
def signer(trail, tmp_path):
    key = SigningKey(name=ORIGIN, seed=bytes(range(32)))
    return Signer(engine=trail.engine("vl_signer"), key=key, state_file=tmp_path / "signed.json")


@pytest.fixture
def checkpoint(trail, signer):
    """Make a checkpoint of everything, now."""

    def make(now=NOON):
        checkpointer = Checkpointer(engine=trail.engine("vl_sequencer"), signer=SignerHere(signer))
        return checkpointer.run_once(now=now, force=True)

    return make


def report_of(trail, **options):
    with trail.engine("vl_reader").connect() as connection:
        return verify_journal(connection, **options)


def kinds(report):
    return [(one.kind, one.sequence) for one in report.problems]


def rebuild_chain(trail):
    """Do what somebody with the owner's password can: give every row a new hash and link, and mend the head."""
    with trail.engine("vl_owner").connect() as connection:
        records = list(Journal(connection).iterate())
    link = genesis_link(ORIGIN)
    for record in records:
        leaf = leaf_hash(record.body)
        link = link_hash(link, leaf)
        trail.tamper(
            "UPDATE audit_journal SET leaf = %(leaf)s, link = %(link)s WHERE seq = %(seq)s",
            leaf=leaf,
            link=link,
            seq=record.sequence,
        )
    trail.tamper("UPDATE audit_head SET link = %(link)s, size = %(size)s", link=link, size=len(records))


REPLACE = (
    "UPDATE audit_journal SET body = convert_to(replace(convert_from(body, 'UTF8'), 'CQ-0001', 'CQ-9999'), 'UTF8')"
    " WHERE seq = 4"
)


def test_a_whole_journal_is_whole_and_its_root_is_the_signed_one(trail, checkpoint):
    trail.fill(20)
    made = checkpoint()

    report = report_of(trail)

    assert report.ok
    assert (report.size, report.checked) == (20, 20)
    assert report.root.encode() in made.note


def test_an_empty_journal_is_whole(trail):
    assert report_of(trail).ok


@pytest.mark.fault(17)
@pytest.mark.tamper(1)
def test_a_changed_body_is_named(trail):
    trail.fill(8)
    trail.tamper(REPLACE)

    assert kinds(report_of(trail)) == [("altered", 4)]


@pytest.mark.fault(17)
@pytest.mark.tamper(2)
def test_a_changed_body_with_the_whole_chain_made_anew_is_caught_by_the_checkpoint(trail, checkpoint):
    trail.fill(8)
    checkpoint()
    trail.tamper(REPLACE)
    rebuild_chain(trail)

    assert kinds(report_of(trail)) == [("checkpoint", 7)]


def test_a_removed_row_is_named(trail):
    trail.fill(8)
    trail.tamper("DELETE FROM audit_journal WHERE seq = 3")

    assert ("missing", 3) in kinds(report_of(trail))


@pytest.mark.fault(17)
@pytest.mark.tamper(3)
def test_a_removed_row_with_the_rest_moved_up_and_made_anew_is_caught(trail, checkpoint):
    trail.fill(8)
    checkpoint()
    trail.tamper("DELETE FROM audit_journal WHERE seq = 3")
    for number in range(4, 8):
        trail.tamper("UPDATE audit_journal SET seq = seq - 1 WHERE seq = %(seq)s", seq=number)
    rebuild_chain(trail)

    found = kinds(report_of(trail))
    assert ("shorter", 7) in found
    assert ("writer-gap", 3) in found


@pytest.mark.fault(17)
@pytest.mark.tamper(4)
def test_two_rows_that_changed_places_are_caught(trail, checkpoint):
    trail.fill(8)
    checkpoint()
    for old, new in ((2, 90), (5, 2), (90, 5)):
        trail.tamper("UPDATE audit_journal SET seq = %(new)s WHERE seq = %(old)s", old=old, new=new)
    assert ("link", 2) in kinds(report_of(trail))

    rebuild_chain(trail)

    assert ("checkpoint", 7) in kinds(report_of(trail))


@pytest.mark.fault(17)
@pytest.mark.tamper(5)
def test_a_tail_cut_off_is_shorter_than_what_was_signed(trail, checkpoint):
    trail.fill(8)
    checkpoint()
    trail.tamper("DELETE FROM audit_journal WHERE seq >= 6")
    rebuild_chain(trail)

    assert ("shorter", 6) in kinds(report_of(trail))


@pytest.mark.fault(17)
@pytest.mark.tamper(8)
@pytest.mark.parametrize("column", ["body", "leaf", "link"])
def test_one_bit_of_a_body_or_a_hash_is_named(trail, column):
    trail.fill(5)
    trail.tamper(f"UPDATE audit_journal SET {column} = set_bit({column}, 7, 1 - get_bit({column}, 7)) WHERE seq = 2")

    assert ("link" if column == "link" else "altered", 2) in kinds(report_of(trail))


@pytest.mark.fault(17)
@pytest.mark.tamper(9)
def test_one_bit_of_a_note_is_caught(trail, checkpoint):
    trail.fill(5)
    checkpoint()
    trail.tamper("UPDATE audit_checkpoint SET note = set_bit(note, 700, 1 - get_bit(note, 700))")

    assert [kind for kind, _ in kinds(report_of(trail))] == ["checkpoint"]


@pytest.mark.fault(17)
@pytest.mark.tamper(9)
def test_one_bit_of_a_tile_is_named_and_nothing_more_is_signed(trail, checkpoint):
    trail.fill(300)
    checkpoint()
    trail.tamper("UPDATE audit_tile SET hashes = set_bit(hashes, 700, 1 - get_bit(hashes, 700))")
    trail.fill(1)

    assert [kind for kind, _ in kinds(report_of(trail))] == ["tile"]
    trail.tamper("UPDATE audit_tile SET root = set_bit(root, 7, 1 - get_bit(root, 7))")
    with pytest.raises(RefusedError, match="inconsistent"):
        checkpoint()


def test_a_row_whose_time_is_not_that_of_its_body_is_named(trail):
    trail.fill(3)
    trail.tamper("UPDATE audit_journal SET at = at + interval '1 day' WHERE seq = 1")

    assert kinds(report_of(trail)) == [("columns", 1)]


def test_a_row_beyond_the_head_is_named(trail):
    trail.fill(3)
    trail.tamper("UPDATE audit_head SET size = 2")

    assert ("head", 2) in kinds(report_of(trail))


def test_a_walk_from_the_middle_checks_what_follows(trail, checkpoint):
    trail.fill(10)
    checkpoint()

    report = report_of(trail, first=6)
    assert report.ok
    assert report.checked == 4

    trail.tamper(REPLACE.replace("seq = 4", "seq = 8"))
    assert kinds(report_of(trail, first=6))[0] == ("altered", 8)


def test_a_key_known_from_elsewhere_is_the_one_that_counts(trail, checkpoint):
    trail.fill(3)
    checkpoint()
    other = SigningKey(name=ORIGIN, seed=b"\2" * 32).verifier()

    assert [kind for kind, _ in kinds(report_of(trail, keys=[other]))] == ["checkpoint"]


def test_pruned_bodies_leave_every_check_of_the_rest_good(trail, checkpoint):
    trail.fill(6)
    checkpoint()
    with trail.engine("vl_pruner").begin() as connection:
        connection.exec_driver_sql(
            "UPDATE audit_journal SET body = NULL, search_text = NULL, tokens = NULL WHERE seq < 4"
        )

    report = report_of(trail)

    assert report.ok
    assert report.checked == 2


def test_a_checkpoint_is_made_when_it_is_due_and_not_before(trail, signer):
    checkpointer = Checkpointer(engine=trail.engine("vl_sequencer"), signer=SignerHere(signer))
    assert checkpointer.run_once(now=NOON) is None
    trail.fill(1)
    assert checkpointer.run_once(now=NOON).size == 1
    trail.fill(1)
    assert checkpointer.run_once(now=NOON + timedelta(seconds=9)) is None
    assert checkpointer.run_once(now=NOON + timedelta(seconds=10)).size == 2
    assert checkpointer.run_once(now=NOON + timedelta(hours=1)) is None
    trail.fill(1000)
    assert checkpointer.run_once(now=NOON + timedelta(seconds=11)).size == 1002


def test_stored_tiles_give_the_same_proofs_as_the_whole_tree(trail):
    for count in (255, 2, 300, 1000):
        trail.fill(count)
        with trail.engine("vl_sequencer").begin() as connection:
            size = Journal(connection).head().size
            store_tiles(connection, size=size)
            tree, nodes = Tree(), TileNodes(connection)
            for record in Journal(connection).iterate():
                tree.add(record.leaf)
            assert root(nodes, size) == root(tree, size)
            for index in {0, 1, 254, 255, 256, size // 2, size - 1} & set(range(size)):
                assert inclusion_proof(nodes, index, size) == inclusion_proof(tree, index, size)


def test_the_signer_signs_only_a_tree_it_came_to_itself(trail, signer):
    trail.fill(3)

    with pytest.raises(RefusedError, match="inconsistent"):
        signer.sign(size=3, root=b"\0" * 32)
    with pytest.raises(RefusedError, match="smaller"):
        signer.sign(size=4, root=b"\0" * 32)
    assert not signer.state_file.exists()


def test_the_signer_refuses_rows_whose_hash_is_not_theirs(trail, signer):
    trail.fill(3)
    trail.tamper("UPDATE audit_journal SET body = body || ' '::bytea WHERE seq = 1")

    with pytest.raises(RefusedError, match="altered: the body of entry 1"):
        signer.sign(size=3, root=b"\0" * 32)


def test_the_signer_refuses_a_smaller_tree_and_another_past(trail, signer, checkpoint):
    trail.fill(5)
    first = checkpoint()
    again = Signer(engine=signer.engine, key=signer.key, state_file=signer.state_file)
    with pytest.raises(RefusedError, match="smaller"):
        again.sign(size=4, root=b"\0" * 32)
    assert again.sign(size=5, root=first.root) == first.note

    trail.tamper("UPDATE audit_journal SET body = body || ' '::bytea WHERE seq = 1")
    rebuild_chain(trail)
    trail.fill(1)

    with pytest.raises(RefusedError, match="inconsistent"):
        checkpoint()


def test_a_signer_that_lost_its_memory_agrees_with_its_last_note_first(trail, signer, checkpoint):
    trail.fill(5)
    checkpoint()
    signer.state_file.unlink()
    trail.tamper("UPDATE audit_journal SET body = body || ' '::bytea WHERE seq = 1")
    rebuild_chain(trail)
    trail.fill(1)
    forgetful = Signer(engine=signer.engine, key=signer.key, state_file=signer.state_file)
    checkpointer = Checkpointer(engine=trail.engine("vl_sequencer"), signer=SignerHere(forgetful))

    with pytest.raises(RefusedError, match="the tree of 5 entries was signed with another root"):
        checkpointer.run_once(now=NOON, force=True)


def test_a_signer_without_memory_goes_on_when_nothing_was_changed(trail, signer, checkpoint):
    trail.fill(5)
    checkpoint()
    signer.state_file.unlink()
    trail.fill(2)
    forgetful = Signer(engine=signer.engine, key=signer.key, state_file=signer.state_file)
    checkpointer = Checkpointer(engine=trail.engine("vl_sequencer"), signer=SignerHere(forgetful))

    made = checkpointer.run_once(now=NOON, force=True)

    assert read_checkpoint(open_note(made.note, [signer.key.verifier()]))[1] == 7


def test_a_number_that_comes_twice_is_named(trail):
    writer, other = make_writer(boot="same"), make_writer(boot="same")
    trail.write(make_entry(writer=writer), make_entry(writer=other))
    trail.settle()

    assert kinds(report_of(trail)) == [("writer-repeat", 1)]
