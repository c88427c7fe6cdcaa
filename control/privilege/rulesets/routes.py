"""The page of the account rules: which are in force, by which article, who approved them, and what is proposed."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import faults_of, refused_page
from control.privilege.fields import Fields
from control.privilege.lifecycle.words import named_faults
from control.privilege.rulesets import domain, service
from control.services import services

blueprint = Blueprint(
    "privilege_rulesets", __name__, url_prefix="/privilege/account-rules", template_folder="templates"
)
REASON = 500


@blueprint.get("")
@requires(Permission.PRIVILEGE_LIFECYCLE_READ)
@not_audited(because="the rules everybody is held to, and who approved them")
def index() -> ResponseReturnValue:
    """Show the rules in force and the versions."""
    return _page({})


@blueprint.post("")
@requires(Permission.PRIVILEGE_LIFECYCLE_EXECUTE)
@audited(Action.PRIVILEGE_RULESET_PROPOSE)
def propose() -> ResponseReturnValue:
    """Propose other values of the operator's own."""
    fields = Fields(request.form)
    inactive, warn = fields.number(domain.INACTIVE), fields.number(domain.WARN)
    reason = fields.text("reason", maximum=REASON, has_lines=True)
    if fields.faults or inactive is None or warn is None:
        return make_response(_page(faults_of(fields.faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
    held = services()
    with unit_of_work() as session:
        made = service.propose(
            session,
            inactive=inactive,
            warn=warn,
            reason=reason,
            law=held.policies,
            profile=held.settings.profile,
            act=g.act,
        )
    if isinstance(made, Deny):
        return refused_page(
            made, title=gettext("Nothing was proposed"), ways=[(gettext("Back to the rules"), url_for(".index"))]
        )
    flash(gettext("Version %(version)s waits for another person's approval.", version=made.version), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


@blueprint.post("/<int:version>/approval")
@requires(Permission.PRIVILEGE_LIFECYCLE_APPROVE)
@audited(Action.PRIVILEGE_RULESET_APPROVE)
@steps_up
def approve(version: int) -> ResponseReturnValue:
    """Put a proposed version into force."""
    return _decide(version, is_approved=True)


@blueprint.post("/<int:version>/refusal")
@requires(Permission.PRIVILEGE_LIFECYCLE_APPROVE)
@audited(Action.PRIVILEGE_RULESET_REFUSE)
@steps_up
def refuse(version: int) -> ResponseReturnValue:
    """Refuse a proposed version."""
    return _decide(version, is_approved=False)


def _decide(version: int, *, is_approved: bool) -> ResponseReturnValue:
    verb = gettext("Approve version %(version)s", version=version)
    if not is_approved:
        verb = gettext("Refuse version %(version)s", version=version)
    with unit_of_work() as session:
        row = next((one for one in service.versions(session) if one.version == version), None)
        matter = Matter(
            action=Action.PRIVILEGE_RULESET_APPROVE if is_approved else Action.PRIVILEGE_RULESET_REFUSE,
            binds={"version": str(version), "sha256": row.body_sha256 if row else ""},
            lines=((gettext("Version"), str(version)),),
            title=verb,
            back=url_for(".index"),
        )
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            decision = service.decide(session, version=min(version, 2**31 - 1), is_approved=is_approved, act=proof.act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("Nothing was decided on version %(version)s", version=version),
            ways=[(gettext("Back to the rules"), url_for(".index"))],
        )
    flash(gettext("Version %(version)s is decided.", version=version), "ok")
    return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)


def _page(faults: dict[str, str]) -> str:
    held = services()
    with unit_of_work() as session:
        current = service.in_force(session)
        rules = service.rules_now(session, law=held.policies, profile=held.settings.profile)
        shown = service.versions(session)
    shipped = domain.shipped_set(
        held.policies,
        profile=held.settings.profile,
        changed={name: rules.days(name) for name in domain.CHANGEABLE},
    )
    changes = {
        row.version: domain.differences(rules, domain.read_set(row.body)) for row in shown if row.state == "proposed"
    }
    return render_template(
        "rulesets/index.html",
        current=current,
        rules=rules,
        versions=shown,
        changes=changes,
        drift=domain.differences(rules, shipped),
        inactive=domain.INACTIVE,
        warn=domain.WARN,
        faults=faults,
        summary=named_faults(faults),
        form=request.form,
        may_propose=Permission.PRIVILEGE_LIFECYCLE_EXECUTE in g.actor.permissions,
        may_approve=Permission.PRIVILEGE_LIFECYCLE_APPROVE in g.actor.permissions,
    )
