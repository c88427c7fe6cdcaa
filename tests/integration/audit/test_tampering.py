"""The nine tamperings of docs/faults.md, each caught at the level promised for it, and no level before.

Three levels: the chain alone, the signed checkpoints as well, and what somebody outside remembers as well. Whoever
tampers here is the owner of the database with the triggers off; everything is rolled back after each test.
"""

from __future__ import annotations

import pytest
from sqlalchemy import text

from audit.chain import Outside, verify_journal
from audit.checkpoint import Checkpointer
from audit.journal import Journal, genesis_link, link_hash
from audit.merkle import Tree, leaf_hash, root
from audit.notes import SigningKey, checkpoint_text
from audit.signer import Signer
from tests.factories.audit import NOON, ORIGIN, SignerHere

KEY = SigningKey(name=ORIGIN, seed=bytes(range(32)))
FIRST, SIZE = 100, 270  # two checkpoints, the second beyond a full tile
SIGNED = {"checkpoint", "shorter", "tile"}  # what only signed checkpoints and the tiles under them can tell
OUTSIDE = "witness.test/w1"

pytestmark = pytest.mark.fault(17)


@pytest.fixture(scope="module")
def sealed(new_trail, tmp_path_factory):
    """270 entries under two checkpoints, and the tree a witness remembers."""
    with new_trail() as trail:
        state_file = tmp_path_factory.mktemp("signer") / "signed.json"
        signer = Signer(engine=trail.engine("vl_signer"), key=KEY, state_file=state_file)
        checkpointer = Checkpointer(engine=trail.engine("vl_sequencer"), signer=SignerHere(signer))
        trail.fill(FIRST)
        checkpointer.run_once(now=NOON, force=True)
        trail.fill(SIZE - FIRST)
        made = checkpointer.run_once(now=NOON, force=True)
        yield trail, Outside(source=OUTSIDE, size=made.size, root=made.root)


class Tampered:
    """What the owner does in one transaction, and what the verifier says of it at each level."""

    def __init__(self, connection, outside):
        self.connection, self.outside = connection, outside

    def do(self, statement, **values):
        self.connection.execute(text(statement), values)

    def found(self, *, outside=False):
        """Return (kind, first entry) of every problem."""
        known = [self.outside] if outside else []
        report = verify_journal(self.connection, keys=[KEY.verifier()], outside=known)
        return [(one.kind, one.sequence) for one in report.problems if not one.kind.startswith("writer-")]

    def chain(self):
        return [one for one in self.found() if one[0] not in SIGNED]

    def signed(self):
        return [one for one in self.found() if one[0] in SIGNED]

    def edit(self, sequence):
        self.do(
            "UPDATE audit_journal SET body = convert_to(replace(convert_from(body, 'UTF8'), 'CQ-0001', 'CQ-9999'), "
            "'UTF8') WHERE seq = :seq",
            seq=sequence,
        )

    def rebuild(self):
        """Renumber, hash and link every row anew, and mend the head."""
        records = list(Journal(self.connection).iterate())
        link, rows = genesis_link(ORIGIN), []
        for number, record in enumerate(records):
            leaf = leaf_hash(record.body)
            link = link_hash(link, leaf)
            rows.append({"new": number, "leaf": leaf, "link": link, "seq": record.sequence})
        statement = text("UPDATE audit_journal SET seq = :new, leaf = :leaf, link = :link WHERE seq = :seq")
        self.connection.execute(statement, rows)
        self.do("UPDATE audit_head SET link = :link, size = :size", link=link, size=len(records))

    def rebuild_tiles(self):
        self.do("DELETE FROM audit_tile")

    def sign_again(self):
        """Sign every checkpoint anew with the stolen key."""
        leaves = [record.leaf for record in Journal(self.connection).iterate()]
        tree = Tree(leaves)
        for size in (FIRST, SIZE):
            forged = root(tree, size)
            note = KEY.sign(checkpoint_text(origin=ORIGIN, size=size, root=forged))
            self.do(
                "UPDATE audit_checkpoint SET root = :root, note = :note WHERE size = :size",
                root=forged,
                note=note,
                size=size,
            )


@pytest.fixture
def tampered(sealed):
    trail, outside = sealed
    with trail.engine("vl_owner").connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield Tampered(connection, outside)
        connection.rollback()


def test_nothing_is_found_where_nothing_was_touched(tampered):
    assert tampered.found(outside=True) == []


@pytest.mark.tamper(1)
def test_a_body_that_was_edited_is_named_by_the_chain(tampered):
    tampered.edit(4)

    assert tampered.chain() == [("altered", 4)]


@pytest.mark.tamper(2)
def test_an_edit_with_the_chain_computed_anew_is_named_by_tile_and_checkpoint(tampered):
    tampered.edit(4)
    tampered.rebuild()
    assert tampered.chain() == []

    assert tampered.signed()[0] == ("tile", 4)  # the tile still knows which leaf it was
    tampered.rebuild_tiles()
    assert tampered.signed() == [("checkpoint", FIRST - 1)]  # else up to the first tree that was signed
    assert tampered.found(outside=True)[0] == ("checkpoint", FIRST - 1)


@pytest.mark.tamper(3)
def test_a_row_taken_out_and_the_rest_renumbered_is_named_by_the_checkpoints(tampered):
    tampered.do("DELETE FROM audit_journal WHERE seq = 3")
    tampered.rebuild()
    tampered.rebuild_tiles()
    assert tampered.chain() == []

    assert tampered.signed() == [("checkpoint", FIRST - 1), ("shorter", SIZE - 1)]


@pytest.mark.tamper(4)
def test_two_rows_swapped_are_named_by_the_checkpoints(tampered):
    for old, new in ((2, 9000), (5, 2), (9000, 5)):
        tampered.do("UPDATE audit_journal SET seq = :new WHERE seq = :old", old=old, new=new)
    tampered.rebuild()
    assert tampered.chain() == []

    assert tampered.signed()[0] == ("tile", 2)
    tampered.rebuild_tiles()
    assert tampered.signed() == [("checkpoint", FIRST - 1)]


@pytest.mark.tamper(5)
def test_a_tail_cut_off_is_shorter_than_what_was_signed(tampered):
    tampered.do("DELETE FROM audit_journal WHERE seq >= 250")
    tampered.rebuild()
    assert tampered.chain() == []

    assert ("shorter", 250) in tampered.signed()


@pytest.mark.tamper(6)
def test_a_tail_cut_off_with_its_checkpoints_is_known_outside_alone(tampered):
    tampered.do("DELETE FROM audit_journal WHERE seq >= :size", size=FIRST)
    tampered.do("DELETE FROM audit_checkpoint WHERE size > :size", size=FIRST)
    tampered.rebuild_tiles()
    tampered.rebuild()
    assert tampered.found() == []

    assert tampered.found(outside=True) == [("shorter", FIRST)]


@pytest.mark.tamper(7)
def test_a_fork_signed_with_the_stolen_key_is_known_outside_alone(tampered):
    tampered.edit(150)
    tampered.rebuild()
    tampered.rebuild_tiles()
    tampered.sign_again()
    assert tampered.found() == []

    assert tampered.found(outside=True) == [("outside", SIZE - 1)]


@pytest.mark.tamper(8)
@pytest.mark.parametrize(("column", "kind"), [("body", "altered"), ("leaf", "altered"), ("link", "link")])
def test_one_bit_of_a_body_leaf_or_link_is_named_by_the_chain(tampered, column, kind):
    tampered.do(f"UPDATE audit_journal SET {column} = set_bit({column}, 77, 1 - get_bit({column}, 77)) WHERE seq = 123")

    assert tampered.chain()[0] == (kind, 123)


@pytest.mark.tamper(9)
@pytest.mark.parametrize("bit", [0, 200, 700])
def test_one_bit_of_a_note_is_named(tampered, bit):
    tampered.do(
        "UPDATE audit_checkpoint SET note = set_bit(note, :bit, 1 - get_bit(note, :bit)) WHERE size = :size",
        bit=bit,
        size=FIRST,
    )
    assert tampered.chain() == []

    assert tampered.signed() == [("checkpoint", FIRST - 1)]


@pytest.mark.tamper(9)
@pytest.mark.parametrize(("column", "bit", "entry"), [("hashes", 8 * 32 * 201 + 5, 201), ("root", 9, 0)])
def test_one_bit_of_a_tile_is_named(tampered, column, bit, entry):
    tampered.do(f"UPDATE audit_tile SET {column} = set_bit({column}, :bit, 1 - get_bit({column}, :bit))", bit=bit)
    assert tampered.chain() == []

    assert tampered.signed() == [("tile", entry)]
