"""Make checkpoints: store the tree's tiles, ask the signer, keep the note; and prove entries against it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert as upsert

from audit import tables
from audit.journal import Checkpoint, Journal, Record
from audit.merkle import inclusion_proof, root
from audit.notes import VerifierKey, open_note, read_checkpoint, tlog_proof
from audit.tiles import TileNodes, store_tiles

EVERY_ENTRIES = 1000
EVERY = timedelta(seconds=10)


class Signs(Protocol):
    """What can sign a tree: the client of the signing process."""

    def vkey(self) -> VerifierKey:
        """Return the public key."""
        ...

    def sign(self, *, size: int, root: bytes) -> bytes:
        """Return the signed note of this tree."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointer:
    """Makes a checkpoint every 1000 entries, or after ten seconds when there is anything new."""

    engine: Engine
    signer: Signs

    def run_once(self, *, now: datetime, force: bool = False) -> Checkpoint | None:
        """Make a checkpoint when one is due. Raises RefusedError, SignerGoneError, BadNoteError."""
        with self.engine.begin() as connection:
            journal = Journal(connection)
            head, last = journal.head(), journal.checkpoint()
            new = head.size - (last.size if last else 0) if head else 0
            is_due = last is None or new >= EVERY_ENTRIES or now - last.at >= EVERY
            if head is None or new <= 0 or not (is_due or force):
                return None
            store_tiles(connection, size=head.size)
            size, tree_root = head.size, root(TileNodes(connection), head.size)
        # No transaction stays open while the signer reads: it works from the same committed rows.
        key, note = self.signer.vkey(), self.signer.sign(size=size, root=tree_root)
        if read_checkpoint(open_note(note, [key]))[1:] != (size, tree_root):
            raise ValueError("the signer answered with another tree")
        made = Checkpoint(size=size, root=tree_root, note=note, at=now)
        with self.engine.begin() as connection:
            _store(connection, made, key)
        return made


def prove(connection: Connection, record: Record, checkpoint: Checkpoint) -> bytes:
    """Return the tlog-proof of one entry against a checkpoint that covers it. Raises LookupError when it does not."""
    steps = inclusion_proof(TileNodes(connection), record.sequence, checkpoint.size)
    return tlog_proof(index=record.sequence, proof=steps, note=checkpoint.note)


def _store(connection: Connection, made: Checkpoint, key: VerifierKey) -> None:
    if connection.scalar(select(tables.key.c.vkey).where(tables.key.c.vkey == str(key))) is None:
        connection.execute(
            upsert(tables.key)
            .values(vkey=str(key), kind="log", since_size=made.size, at=made.at)
            .on_conflict_do_nothing()
        )
    connection.execute(
        upsert(tables.checkpoint)
        .values(size=made.size, root=made.root, note=made.note, at=made.at)
        .on_conflict_do_nothing()
    )
