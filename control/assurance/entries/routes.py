"""Pages of one entry: what it says and hangs on, its proof step by step, and what may be taken away.

Not for: computing (domain.py, service.py). Every look, verification and download is recorded before it is answered.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, render_template
from flask.typing import ResponseReturnValue

import audit
from control.access import audited, requires
from control.actions import Action
from control.assurance import places
from control.assurance.entries import service
from control.assurance.trail import service as trail_service
from control.assurance.trail import speech
from control.assurance.trail.domain import Line, line_of_record
from control.assurance.trail.lineage import lineage
from control.db import unit_of_work
from control.permissions import Permission
from control.requests import current_language
from control.services import services
from control.titles import title_of

entries = Blueprint("entries", __name__, url_prefix="/trail", template_folder="templates")

BYTES = "application/octet-stream"
ZIP = "application/zip"


@entries.get("/<int:sequence>")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_ENTRY_READ)
def show(sequence: int) -> ResponseReturnValue:
    """Show one entry: what it says, what it hangs on, its exact bytes, and its place in the chain."""
    with unit_of_work() as session:
        line, inclusion = trail_service.read_entry(session, sequence=sequence)
        names = trail_service.names_of(session, [line])
        neighbours = lineage(session, line)
        size = service.size_of(session)
        g.act.record(session, Action.AUDIT_ENTRY_READ, details={"sequence": sequence})
    sealed = [("seal", str(inclusion.sealed_by.size))] if inclusion.sealed_by else []
    return render_template(
        "entries/entry.html",
        line=line,
        inclusion=inclusion,
        names=names,
        size=size,
        sentence=_sentence(line, names),
        stations=places.stations(
            [*neighbours.found, *sealed], here=("entry", str(line.sequence)), expected=neighbours.expected
        ),
        title_of=title_of,
        sentence_of=_reason,
        address=places.address,
        follow=places.follow,
        may_reveal=Permission.ASSURANCE_PERSONAL_REVEAL in g.actor.permissions,
        may_export=Permission.ASSURANCE_EVIDENCE_EXPORT in g.actor.permissions,
    )


@entries.get("/<int:sequence>/verification")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_ENTRY_VERIFY)
def verification(sequence: int) -> ResponseReturnValue:
    """Recompute the way from the bytes of an entry to the signed root, and show every step."""
    with unit_of_work() as session:
        sealed = service.read_sealed(session, sequence=sequence)
        proof = service.proof_of(session, sealed)
        line = line_of_record(sealed.record)
        names = trail_service.names_of(session, [line])
        g.act.record(
            session,
            Action.AUDIT_ENTRY_VERIFY,
            details={"sequence": sequence, **({"holds": proof.holds} if proof else {})},
            outcome=audit.Outcome.SUCCESS if proof is None or proof.holds else audit.Outcome.FAILURE,
        )
    return render_template(
        "entries/verification.html",
        line=line,
        proof=proof,
        checkpoint=sealed.checkpoint,
        sentence=_sentence(line, names),
        title_of=title_of,
        may_export=Permission.ASSURANCE_EVIDENCE_EXPORT in g.actor.permissions,
    )


@entries.get("/<int:sequence>/body")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_ENTRY_EXPORT)
def body(sequence: int) -> ResponseReturnValue:
    """Send the exact bytes that were hashed, nothing else."""
    with unit_of_work() as session:
        content = service.body_of(service.read_sealed(session, sequence=sequence))
        g.act.record(session, Action.AUDIT_ENTRY_EXPORT, details={"sequence": sequence, "part": "body"})
    return _download(content, name=f"entry-{sequence}.json", kind=BYTES)


@entries.get("/<int:sequence>/proof")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_ENTRY_EXPORT)
def proof(sequence: int) -> ResponseReturnValue:
    """Send the tlog-proof (C2SP) that ties the entry to the newest checkpoint."""
    with unit_of_work() as session:
        content = service.tlog_proof_of(session, service.read_sealed(session, sequence=sequence))
        g.act.record(session, Action.AUDIT_ENTRY_EXPORT, details={"sequence": sequence, "part": "proof"})
    return _download(content, name=f"entry-{sequence}.tlog-proof", kind=BYTES)


@entries.post("/<int:sequence>/bundle")
@requires(Permission.ASSURANCE_EVIDENCE_EXPORT)
@audited(Action.AUDIT_BUNDLE_EXPORT)
def bundle(sequence: int) -> ResponseReturnValue:
    """Send the evidence bundle of this one entry, which a stranger checks offline."""
    about = {"by": g.actor.ref or "", "request": g.request_id}
    with unit_of_work() as session:
        content, exported = service.bundle_of(session, service.read_sealed(session, sequence=sequence), about=about)
        g.act.record(
            session,
            Action.AUDIT_BUNDLE_EXPORT,
            details={
                "digest": exported.digest,
                "entries": exported.entries,
                "size": exported.size,
                "sequence": sequence,
            },
        )
    return _download(content, name=f"vonglau-{exported.digest[:12]}.zip", kind=ZIP)


def _download(content: bytes, *, name: str, kind: str) -> Response:
    answer = Response(content, content_type=kind)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _sentence(line: Line, names: dict[str, str]) -> str:
    return speech.sentence(line, names=names, messages=services().messages, language=current_language())


def _reason(code: str | None) -> str:
    return speech.reason(code, messages=services().messages, language=current_language())
