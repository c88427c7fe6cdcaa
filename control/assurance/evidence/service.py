"""Choose the entries of an evidence bundle and make it.

Not for: the format (audit/bundle.py). Invariants: the export is an entry of the trail before anything leaves; a
bundle of a requirement holds the entries of its whole thread, not only those a filter happened to name.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from sqlalchemy.orm import Session

import audit
from audit.bundle import Exported, NothingToExportError, export_bundle, matching
from control.actions import Action
from control.acts import Act
from control.assurance.compliance.domain import Standing, Witness
from control.assurance.trail.domain import line_of_record
from control.errors import Conflict

MEDIA_TYPE = "application/zip"
# The identifier of the trail that finds the entries about a witness of this kind.
FOUND_BY: Mapping[str, str] = {
    "account": "account_id",
    "account-request": "request_id",
    "alert": "alert_id",
    "approval": "request_id",
    "document": "document_number",
    "evidence": "evidence_id",
    "grant": "grant_id",
    "request": "request_id",
    "run": "run_id",
    "session": "session_id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The bytes of one bundle and what it holds."""

    content: bytes
    exported: Exported


def make_bundle(
    session: Session,
    *,
    query: audit.Query,
    about: Mapping[str, str],
    act: Act,
    standing: Standing | None = None,
) -> Bundle:
    """Make the bundle of what matches, or of the thread behind one requirement, and record the export.

    Raises Conflict(`evidence.bundle.empty`) when nothing is selected that is sealed already.
    """
    out = io.BytesIO()
    sequences = thread_of(session, standing) if standing is not None else None
    try:
        exported = export_bundle(session.connection(), query=query, out=out, sequences=sequences, about=about)
    except NothingToExportError as error:
        raise Conflict("evidence.bundle.empty") from error
    act.record(
        session,
        Action.AUDIT_BUNDLE_EXPORT,
        about=audit.About(requirement_id=standing.requirement.id if standing else None),
        details={"digest": exported.digest, "entries": exported.entries, "size": exported.size},
    )
    return Bundle(content=out.getvalue(), exported=exported)


def thread_of(session: Session, standing: Standing) -> list[int]:
    """Return the numbers of every entry about what a requirement's claims rest on, ascending.

    From an entry that opened a case file the thread goes on to its grant, its session and the case itself.
    """
    connection = session.connection()
    found: set[int] = set()
    for claim in standing.claims:
        if claim.observation is None:
            continue
        witnesses = (*claim.observation.witnesses, Witness(kind="evidence", code=claim.observation.code))
        found |= set(_entries_about(connection, witnesses))
    return sorted(found | _beside(session, found & _openings(standing)))


def _entries_about(connection: object, witnesses: Iterable[Witness]) -> Iterable[int]:
    known = {one.name for one in fields(audit.Query)}
    for witness in witnesses:
        if witness.kind == "entry" and witness.code.isdigit():
            yield int(witness.code)
        name = FOUND_BY.get(witness.kind)
        if name in known:
            yield from matching(connection, audit.Query(**{name: witness.code}))  # type: ignore[arg-type]  # one text field


def _openings(standing: Standing) -> set[int]:
    """The entries that the claims name themselves: the acts that were judged."""
    return {
        int(witness.code)
        for claim in standing.claims
        if claim.observation is not None and claim.check.collector == "authority"
        for witness in claim.observation.witnesses
        if witness.kind == "entry" and witness.code.isdigit()
    }


def _beside(session: Session, sequences: set[int]) -> set[int]:
    connection = session.connection()
    journal = audit.Journal(connection)
    found: set[int] = set()
    for sequence in sequences:
        record = journal.read(sequence)
        if record is None:
            continue
        subjects = line_of_record(record).subjects
        for kind, name in (("case", "case_code"), ("grant", "grant_id"), ("session", "session_id")):
            if kind in subjects:
                found |= set(matching(connection, audit.Query(**{name: subjects[kind]})))  # type: ignore[arg-type]
    return found
