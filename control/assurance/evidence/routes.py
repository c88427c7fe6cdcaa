"""The page that makes an evidence bundle, and the download.

Not for: what a bundle is (audit/bundle.py). The bundle leaves only after its entry is written.
"""

from __future__ import annotations

from flask import Blueprint, Response, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control.access import audited, not_audited, requires
from control.actions import Action
from control.assurance.compliance.domain import Standing
from control.assurance.compliance.service import posture_at
from control.assurance.evidence import service
from control.assurance.trail import forms
from control.assurance.trail.service import resolved
from control.db import unit_of_work
from control.errors import NotFound
from control.permissions import Permission
from control.services import services

evidence = Blueprint("evidence", __name__, url_prefix="/trail/bundle", template_folder="templates")

MAXIMUM_REASON = 500


@evidence.get("")
@requires(Permission.ASSURANCE_EVIDENCE_READ)
@not_audited(because="an empty form; the export is the entry")
def form() -> ResponseReturnValue:
    """Ask what the bundle shall hold, for whom and why."""
    asked = forms.read(request.args, now=g.now)
    requirements = services().policies.requirements
    claimed = {claim.requirement for check in requirements.checks for claim in check.claims}
    return render_template(
        "evidence/bundle.html",
        listing=asked.listing,
        used=[(name, asked.listing.filters[name]) for name in asked.used],
        choices=[
            (catalogue, requirement)
            for catalogue in requirements.catalogues
            for requirement in catalogue.requirements
            if requirement.id in claimed
        ],
        chosen=request.args.get("requirement", ""),
    )


@evidence.post("")
@requires(Permission.ASSURANCE_EVIDENCE_EXPORT)
@audited(Action.AUDIT_BUNDLE_EXPORT)
def export() -> ResponseReturnValue:
    """Make the bundle, record it, and send it."""
    asked = forms.read(request.form, now=g.now)
    about = {
        name: value
        for name in ("recipient", "reason")
        if (value := request.form.get(name, "").strip()[:MAXIMUM_REASON])
    }
    about |= {"by": g.actor.ref, "request": g.request_id}
    chosen = request.form.get("thread", "")
    with unit_of_work() as session:
        standing = _standing(session, chosen) if chosen else None
        query = resolved(session, asked, keys=services().writer.keys)
        bundle = service.make_bundle(session, query=query, about=about, act=g.act, standing=standing)
    answer = Response(bundle.content, content_type=service.MEDIA_TYPE)
    name = f"vonglau-{bundle.exported.digest[:12]}.zip"
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _standing(session: Session, requirement: str) -> Standing:
    requirements = services().policies.requirements
    for catalogue in requirements.catalogues:
        if any(one.id == requirement for one in catalogue.requirements):
            posture = posture_at(session, requirements, catalogue=catalogue, as_of=g.now)
            return next(one for one in posture.standings if one.requirement.id == requirement)
    raise NotFound("requirement", requirement)
