"""Read one entry with its neighbours, its proof and what may be taken away of it.

Not for: drawing. Invariant: what is downloaded is what is stored, byte for byte, and its entry is written first.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from audit import tables
from audit.bundle import Exported, NothingToExportError, export_bundle
from audit.checkpoint import prove
from audit.journal import Checkpoint, Record
from audit.merkle import inclusion_proof
from audit.tiles import TileNodes
from control.assurance.entries.domain import Proof, body_leaf, climb, signatures_of, signed_tree
from control.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """One numbered entry and the newest seal that covers it, None while it waits for one.

    `note` is the seal with the lines of the witnesses that cosigned it.
    """

    record: Record
    checkpoint: Checkpoint | None
    note: bytes = b""


def read_sealed(session: Session, *, sequence: int) -> Sealed:
    """Return one entry and the seal over it: one that a witness cosigned, if there is any. Raises NotFound."""
    connection = session.connection()
    journal, anchors = audit.Journal(connection), audit.Anchors(connection)
    record = journal.read(sequence)
    if record is None:
        raise NotFound("entry", sequence)
    checkpoint = journal.checkpoint(at_least=sequence + 1)
    cosigned = anchors.newest_cosigned()
    if checkpoint is not None and cosigned is not None and cosigned > sequence:
        checkpoint = _checkpoint_of(session, cosigned) or checkpoint
    if checkpoint is None:
        return Sealed(record=record, checkpoint=None)
    note = audit.with_cosignatures(checkpoint.note, anchors.cosignatures(checkpoint.size))
    return Sealed(record=record, checkpoint=checkpoint, note=note)


def size_of(session: Session) -> int:
    """Return how many entries are numbered."""
    head = audit.Journal(session.connection()).head()
    return head.size if head else 0


def proof_of(session: Session, sealed: Sealed) -> Proof | None:
    """Recompute the way from the bytes of an entry to the signed root; None while no seal covers it."""
    checkpoint, record = sealed.checkpoint, sealed.record
    if checkpoint is None:
        return None
    connection = session.connection()
    path = inclusion_proof(TileNodes(connection), record.sequence, checkpoint.size)
    leaf = body_leaf(record.body)
    stated = signed_tree(sealed.note)
    vkeys = [vkey for vkey, _, _ in audit.Journal(connection).vkeys()]
    vkeys += [one.vkey for one in audit.Anchors(connection).cosignatures(checkpoint.size)]
    is_stated = stated is not None and stated[0] == checkpoint.size
    return Proof(
        index=record.sequence,
        size=checkpoint.size,
        stored_leaf=record.leaf,
        body_leaf=leaf,
        steps=climb(leaf=leaf or record.leaf, index=record.sequence, size=checkpoint.size, path=path),
        # The root is the one in the signed note: a row beside it can be changed by whoever writes the table.
        root=stated[1] if stated is not None and is_stated else b"",
        note=sealed.note.decode("utf-8", "replace"),
        signatures=signatures_of(sealed.note, vkeys) if is_stated else (),
    )


def _checkpoint_of(session: Session, size: int) -> Checkpoint | None:
    table = tables.checkpoint
    row = session.connection().execute(select(table).where(table.c.size == size)).one_or_none()
    if row is None:
        return None
    return Checkpoint(size=row.size, root=bytes(row.root), note=bytes(row.note), at=row.at)


def tlog_proof_of(session: Session, sealed: Sealed) -> bytes:
    """Return the C2SP tlog-proof of an entry. Raises Conflict(`entry.not_sealed`)."""
    if sealed.checkpoint is None:
        raise Conflict("entry.not_sealed")
    proof = prove(session.connection(), sealed.record, sealed.checkpoint)
    return proof.removesuffix(sealed.checkpoint.note) + sealed.note


def body_of(sealed: Sealed) -> bytes:
    """Return the exact bytes of an entry. Raises Conflict(`entry.body_removed`) once retention took them away."""
    if sealed.record.body is None:
        raise Conflict("entry.body_removed")
    return sealed.record.body


def bundle_of(session: Session, sealed: Sealed, *, about: Mapping[str, str]) -> tuple[bytes, Exported]:
    """Return the evidence bundle of this one entry. Raises Conflict(`entry.not_sealed`)."""
    out = io.BytesIO()
    try:
        exported = export_bundle(
            session.connection(), query=audit.Query(), out=out, sequences=[sealed.record.sequence], about=about
        )
    except NothingToExportError as error:
        raise Conflict("entry.not_sealed") from error
    return out.getvalue(), exported
