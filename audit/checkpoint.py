"""Make checkpoints: store the tree's tiles, ask the signer, keep the note; and prove entries against it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert as upsert

from audit import tables
from audit.journal import Checkpoint, Journal, Record
from audit.keys import KeyHistory
from audit.merkle import inclusion_proof, root
from audit.notes import tlog_proof
from audit.tiles import TileNodes, store_tiles

EVERY_ENTRIES = 1000
EVERY = timedelta(seconds=10)


class Signs(Protocol):
    """What can sign a tree: the client of the signing process."""

    def history(self) -> KeyHistory:
        """Return all keys of the log, the one that signs now last."""
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
        note, history = self.signer.sign(size=size, root=tree_root), self.signer.history()
        if history.open_checkpoint(note)[1:] != (size, tree_root):
            raise ValueError("the signer answered with another tree")
        made = Checkpoint(size=size, root=tree_root, note=note, at=now)
        with self.engine.begin() as connection:
            _store(connection, made, history)
        return made


def prove(connection: Connection, record: Record, checkpoint: Checkpoint) -> bytes:
    """Return the tlog-proof of one entry against a checkpoint that covers it. Raises LookupError when it does not."""
    steps = inclusion_proof(TileNodes(connection), record.sequence, checkpoint.size)
    return tlog_proof(index=record.sequence, proof=steps, note=checkpoint.note)


def _store(connection: Connection, made: Checkpoint, history: KeyHistory) -> None:
    known = set(connection.scalars(select(tables.key.c.vkey)))
    for place, one in enumerate(history.keys):
        if str(one.key) not in known:
            # A key that is first seen was in use before this checkpoint only when it took over from another.
            since = one.after + 1 if place else made.size
            row = {"vkey": str(one.key), "kind": "log", "since_size": since, "at": made.at, "rotation": one.rotation}
            connection.execute(upsert(tables.key).values(row).on_conflict_do_nothing())
    connection.execute(
        upsert(tables.checkpoint)
        .values(size=made.size, root=made.root, note=made.note, at=made.at)
        .on_conflict_do_nothing()
    )
