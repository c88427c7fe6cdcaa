"""Pages of grants: list, one grant on its thread, and the three steps a person may take.

Invariant: what ends or stops a grant is done at once; what lets it hold again takes a fresh proof.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Allow, Deny
from control.frame.tables import ListingRules, csv_response
from control.people import people_by_id
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import faults_of, refused_page
from control.privilege.fields import Fields
from control.privilege.grants import service
from control.privilege.grants.domain import PHASES_BEFORE, Step, may_extend, warning
from control.privilege.grants.drawing import life_of
from control.privilege.grants.ending import steps_of
from control.privilege.grants.proof import proof_of
from control.privilege.grants.uses import uses_of
from control.privilege.threads import request_stations
from control.services import services

blueprint = Blueprint("privilege_grants", __name__, url_prefix="/privilege/grants", template_folder="templates")
LISTING = ListingRules(sorts={"code": "-"}, default="-code", filters=("phase",))
OWN = "a holder sees their own grants; those of others need privilege:grant:read, on the object"
REASON_CHARACTERS = 500
REFERENCE_CHARACTERS = 80


@blueprint.get("")
@signed_in(because=OWN)
@not_audited(because="codes, officers and states; the entries of the acts stand in the trail")
def index() -> ResponseReturnValue:
    """List the grants."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_grants(session, listing=listing, act=g.act)
    phases = {row.id: service.facts_of(row).phase(g.now) for row in page.rows}
    minutes = services().policies.parameter("grant_warning_minutes").value
    warned = [
        (row, left)
        for row in page.rows
        if row.person_id == g.actor.id and (left := warning(service.facts_of(row), minutes=minutes, now=g.now))
    ]
    if listing.wants_csv:
        header = ("code", "request", "account", "holder", "document", "from", "until", "phase")
        rows = (
            (r.code, f"YC-{r.request_id:04d}", r.account.code, r.person.login, r.document.number, r.span.lower,
             r.span.upper, phases[r.id])
            for r in page.rows
        )  # fmt: skip
        return csv_response("grants.csv", header, rows)
    return render_template("grants/list.html", page=page, listing=listing, phases=phases, warned=warned)


@blueprint.get("/<code>")
@signed_in(because=OWN)
@not_audited(because="what officers may do; the entries of the acts stand in the trail")
def show(code: str) -> ResponseReturnValue:
    """Show one grant on its thread."""
    return _page(code, faults={})


def _page(code: str, *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        grant = service.load_grant(session, code=code, viewer=g.actor)
        steps = steps_of(session, grant_id=grant.id)
        uses = uses_of(session, grant_id=grant.id)
        people = people_by_id(session, person_ids={number for step in steps for number in _numbers(step.approvers)})
    facts = service.facts_of(grant)
    phase = facts.phase(g.now)
    return render_template(
        "grants/show.html",
        grant=grant,
        phase=phase,
        faults=faults,
        reason=request.form.get("reason", ""),
        reference=request.form.get("reference", ""),
        history=[
            (step, ", ".join(people[one].display_name for one in _numbers(step.approvers) if one in people))
            for step in steps
        ],
        uses=uses,
        slowest=max((use.cut_ms for use in uses if use.cut_ms is not None), default=grant.cut_ms),
        is_cut=all(use.closed_at is not None for use in uses),
        life=life_of(
            facts,
            granted_at=grant.granted_at,
            steps=[(step.step, step.at) for step in steps],
            ended_at=grant.ended_at,
            now=g.now,
        ),
        warned=warning(facts, minutes=services().policies.parameter("grant_warning_minutes").value, now=g.now),
        may_extend=isinstance(may_extend(facts, actor_id=g.actor.id, now=g.now), Allow),
        steps=[step for step in Step if phase in PHASES_BEFORE[step]],
        proof=proof_of(grant),
        stations=request_stations(grant.request, grant, here="grant"),
    )


def _numbers(approvers: str) -> list[int]:
    """Return whom a step names as `person:N`, in order."""
    return [int(one.removeprefix("person:")) for one in approvers.split() if one.startswith("person:")]


@blueprint.post("/<code>/revocation")
@requires(Permission.PRIVILEGE_GRANT_REVOKE)
@audited(Action.PRIVILEGE_GRANT_REVOKE)
def revoke(code: str) -> ResponseReturnValue:
    """End a grant now."""
    return _step(code, Step.REVOKE, done=gettext("%(code)s is revoked.", code=code))


@blueprint.post("/<code>/suspension")
@requires(Permission.PRIVILEGE_GRANT_REVOKE)
@audited(Action.PRIVILEGE_GRANT_SUSPEND)
def suspend(code: str) -> ResponseReturnValue:
    """Stop a grant for the time being."""
    return _step(code, Step.SUSPEND, done=gettext("%(code)s is suspended.", code=code))


@blueprint.post("/<code>/resumption")
@requires(Permission.PRIVILEGE_GRANT_REVOKE)
@audited(Action.PRIVILEGE_GRANT_RESUME)
@steps_up
def resume(code: str) -> ResponseReturnValue:
    """Let a suspended grant hold again: it gives a right back, so it takes a proof."""
    return _step(code, Step.RESUME, done=gettext("%(code)s is in force again.", code=code))


def _step(code: str, step: Step, *, done: str) -> ResponseReturnValue:
    fields = Fields(request.form)
    reason = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    reference = fields.text("reference", maximum=REFERENCE_CHARACTERS, is_required=False)
    if fields.faults:
        return make_response(_page(code, faults=faults_of(fields.faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
    matter = resumption_of(code, reason=reason, reference=reference)
    with unit_of_work() as session:
        service.load_grant(session, code=code, viewer=g.actor)
        proof = demand(session, matter) if step is Step.RESUME else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            decision = service.step_grant(session, code=code, step=step, reason=reason, reference=reference, act=act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    address = url_for(".show", code=code)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("Nothing was done to %(code)s", code=code),
            ways=[(gettext("Back to the grant"), address)],
        )
    flash(done, "ok")
    return redirect(address, HTTPStatus.SEE_OTHER)


def resumption_of(code: str, *, reason: str, reference: str) -> Matter:
    """Return what letting a grant hold again means."""
    return Matter(
        action=Action.PRIVILEGE_GRANT_RESUME,
        binds={"grant": code, "reason": reason, "reference": reference},
        lines=((gettext("Grant"), code), (gettext("Reason"), reason)),
        title=gettext("Let %(code)s hold again", code=code),
        back=url_for("privilege_grants.show", code=code),
    )
