"""Open the sealed values of one entry: the entry of doing so is committed first, then the values are read.

Invariants: a refusal is recorded like an opening; a value is shown only when it gives the commitment in the body; a
value whose key was destroyed is said to be erased, never guessed.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

import audit
from audit.journal import Record
from audit.projection import read_body
from audit.subjects import commitment
from control.actions import Action
from control.acts import Act
from control.assurance.reveals.domain import Basis, may_reveal
from control.assurance.reveals.models import PersonalReveal
from control.assurance.trail.domain import Line, line_of_record
from control.cases.files.models import CaseFile
from control.decisions import Deny
from control.errors import InvalidForm, InvalidInput, NotFound, Unavailable

HOUR = timedelta(hours=1)
SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One sealed value: `clear` is None once it was erased; `is_true` says whether it gives the commitment."""

    path: str
    clear: str | None = field(default=None, repr=False)
    is_true: bool = False


def read(session: Session, *, sequence: int) -> tuple[Record, Line]:
    """Return one entry. Raises NotFound."""
    record = audit.Journal(session.connection()).read(sequence)
    if record is None:
        raise NotFound("entry", sequence)
    return record, line_of_record(record)


def check_basis(session: Session, basis: Basis) -> None:
    """Refuse a case that does not exist. Raises InvalidForm."""
    if basis.kind == "case" and session.scalar(select(CaseFile.id).where(CaseFile.code == basis.number)) is None:
        raise InvalidForm((InvalidInput("reveal.basis.invalid", field="basis"),))


def earlier(session: Session, *, sequence: int) -> Sequence[PersonalReveal]:
    """Return who opened the values of an entry before, the newest first."""
    table = PersonalReveal
    return session.scalars(
        select(table)
        .options(joinedload(table.person))
        .where(table.sequence == sequence)
        .order_by(table.id.desc())
        .limit(SHOWN)
    ).all()


def allow(session: Session, *, most: int, act: Act) -> Deny | None:
    """Decide whether the actor may open one more now; a refusal is recorded."""
    table, actor = PersonalReveal, act.actor
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("personal_reveal"), actor.id % 2**31)))
    done = session.scalar(
        select(func.count()).select_from(table).where(table.person_id == actor.id, table.revealed_at > act.now - HOUR)
    )
    decision = may_reveal(done_this_hour=done or 0, most=most)
    if isinstance(decision, Deny):
        act.refuse(session, Action.TRAIL_PERSONAL_REVEAL, decision)
        return decision
    return None


def note(session: Session, *, record: Record, line: Line, basis: Basis, act: Act) -> None:
    """Write that the values of an entry are opened now, in the transaction that must be committed before they are."""
    session.add(
        PersonalReveal(
            person_id=act.actor.id,
            sequence=record.sequence,
            entry_id=record.id,
            purpose=basis.purpose.value,
            basis_kind=basis.kind,
            basis=basis.number,
            revealed_at=act.now,
        )
    )
    session.flush()
    concerned = line.actor if line.actor and line.actor.startswith("person:") else line.subjects.get("person")
    act.for_purpose(basis.purpose.value).record(
        session,
        Action.TRAIL_PERSONAL_REVEAL,
        about=audit.About(
            person_id=concerned,
            case_code=basis.number if basis.kind == "case" else None,
            document_number=basis.number if basis.kind == "document" else None,
        ),
        details={"sequence": record.sequence, "values": len(line.committed)},
    )


def open_values(session: Session, *, record: Record, keys: audit.SubjectKeys) -> tuple[Value, ...]:
    """Return every sealed value of an entry. Raises Unavailable(`trail.keys.unavailable`)."""
    try:
        opened = audit.openings(session.connection(), [record.id], keys=keys).get(record.id, {})
    except audit.SubjectKeyError as error:
        raise Unavailable("trail.keys.unavailable") from error
    found = []
    for path, stated in sorted(_commitments(record).items()):
        salt, clear = opened.get(path, (b"", None))
        is_true = clear is not None and hmac.compare_digest(commitment(salt, path, clear), stated)
        found.append(Value(path=path, clear=clear, is_true=is_true))
    return tuple(found)


def _commitments(record: Record) -> Mapping[str, str]:
    """Return the commitments of a body by the path their values are sealed under."""
    tree: dict[str, Any] = read_body(record.body)
    places = {
        "user.name": tree.get("user", {}).get("name"),
        "source.ip": tree.get("source", {}).get("ip"),
        "user_agent.original": tree.get("user_agent", {}).get("original"),
    }
    personal = tree.get("vn", {}).get("personal", {})
    if isinstance(personal, dict):
        places |= {f"vn.personal.{name}": value for name, value in personal.items()}
    return {
        path: value["c"]
        for path, value in places.items()
        if isinstance(value, dict) and isinstance(value.get("c"), str)
    }
