"""The approver's page: what changes if I approve, and the decision itself."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Decision, Deny
from control.frame.formats import short_moment
from control.frame.i18n import language
from control.people.stepup import Ask, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import faults_of, refused_page, sentence_of
from control.privilege.documents.domain import covers
from control.privilege.fields import Fields
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.service import facts_of as grant_facts
from control.privilege.grants.service import live_grants_of_person
from control.privilege.requests import confirming, domain, service
from control.privilege.requests.domain import Decider, Verdict
from control.privilege.requests.models import PrivilegeRequest
from control.privilege.requests.routes import blueprint
from control.privilege.threads import request_stations
from policies import RULES_ZONE

__all__ = ["blueprint"]

REASON_CHARACTERS = 500


@blueprint.get("/requests/<code>/approval")
@requires(Permission.PRIVILEGE_REQUEST_APPROVE)
@not_audited(because="reading what one is asked to decide; the decision is recorded")
def decision(code: str) -> ResponseReturnValue:
    """Show what would change."""
    return _page(code, faults={}, form={})


@blueprint.post("/requests/<code>/approval")
@requires(Permission.PRIVILEGE_REQUEST_APPROVE)
@audited(Action.PRIVILEGE_REQUEST_APPROVE)
@steps_up
def decide(code: str) -> ResponseReturnValue:
    """Approve or reject exactly what was read, and confirmed with a second factor just now."""
    fields = Fields(request.form)
    verdict = fields.choice("verdict", among=tuple(Verdict))
    reason = fields.text("reason", maximum=REASON_CHARACTERS, is_required=verdict == Verdict.REJECT, has_lines=True)
    version, sha256 = fields.number("version"), fields.text("sha256", maximum=64)
    if fields.faults or version is None:
        page = _page(code, faults=faults_of(fields.faults), form={"reason": request.form.get("reason", "")})
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    choice = service.Choice(verdict=Verdict(verdict), reason=reason, read_version=version, read_sha256=sha256)
    with unit_of_work() as session:
        row = service.load_request(session, code=code, viewer=g.actor)
        matter = confirming.deciding(row, choice=choice, decider=_decider(choice), now=g.now)
        proof = demand(session, matter) if matter else None
        if not isinstance(proof, Ask):
            outcome = service.decide_request(session, code=code, choice=choice, act=proof.act if proof else g.act)
    if matter and isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(outcome, Deny):
        return _refused(outcome, code)
    flash(_told(choice.verdict, code), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


def _decider(choice: service.Choice) -> Decider:
    return Decider(
        id=g.actor.id,
        is_security=domain.SECURITY_ROLE in g.actor.roles,
        second_factor_at=g.actor.second_factor_at,
        read_version=choice.read_version,
        read_sha256=choice.read_sha256,
    )


def _refused(outcome: Deny, code: str) -> ResponseReturnValue:
    ways = [
        (gettext("Read the request again"), url_for(".decision", code=code)),
        (gettext("Back to the queue"), url_for(".queue")),
    ]
    return refused_page(outcome, title=gettext("Your decision on %(code)s was refused", code=code), ways=ways)


def _told(verdict: Verdict, code: str) -> str:
    if verdict is Verdict.REJECT:
        return str(gettext("%(code)s is rejected.", code=code))
    return str(gettext("You approved %(code)s.", code=code))


def _page(code: str, *, faults: dict[str, str], form: dict[str, str]) -> str:
    with unit_of_work() as session:
        row = service.load_request(session, code=code, viewer=g.actor)
        held = live_grants_of_person(session, person_id=row.holder_id, now=g.now)
        grant = service.grant_of(session, row)
    facts = service.facts_of(row)
    allowed = domain.may_decide(facts, _reader(row), now=g.now, verdict=Verdict.APPROVE)
    return render_template(
        "requests/decide.html",
        row=row,
        faults=faults,
        form=form,
        decision=allowed,
        objection=sentence_of(allowed) if isinstance(allowed, Deny) else None,
        missing_after=row.approvals_needed - len(facts.approved_by) - 1,
        lines=_difference(row, held),
        checked=_checks(row, allowed),
        stations=request_stations(row, grant, here="approval"),
    )


def _reader(row: PrivilegeRequest) -> Decider:
    return Decider(
        id=g.actor.id,
        is_security=domain.SECURITY_ROLE in g.actor.roles,
        second_factor_at=g.actor.second_factor_at,
        read_version=row.version,
        read_sha256=row.body_sha256,
    )


def _difference(row: PrivilegeRequest, held: tuple[PrivilegeGrant, ...]) -> list[tuple[str, str]]:
    """Return the holder's rights line by line: what stays, and what approval adds."""
    kept = [(" ", _line(grant)) for grant in held]
    if not kept:
        kept = [(" ", gettext("no privilege at present"))]
    if row.state != "submitted":
        return kept
    added = gettext(
        "%(account)s, from %(first)s until %(last)s, on %(document)s",
        account=row.account.code,
        first=_short(max(row.starts_at, g.now)),
        last=_short(row.ends_at),
        document=row.document.number,
    )
    return [*kept, ("+", added)]


def _line(grant: PrivilegeGrant) -> str:
    facts = grant_facts(grant)
    return str(
        gettext(
            "%(account)s, from %(first)s until %(last)s, on %(document)s",
            account=grant.account.code,
            first=_short(facts.starts_at),
            last=_short(facts.ends_at),
            document=f"{grant.document.number} ({grant.code})",
        )
    )


def _short(at: datetime) -> str:
    return short_moment(at, now=g.now, language=language())


def _checks(row: PrivilegeRequest, allowed: Decision) -> list[dict[str, str]]:
    """Return what the rules found, good or bad, in words."""
    within = covers(
        row.document_valid_from,
        row.document_valid_to,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        today=g.now.astimezone(RULES_ZONE).date(),
        number=row.document.number,
        withdrawn_from=row.document.withdrawn_from,
    )
    eyes = not (isinstance(allowed, Deny) and allowed.rule == domain.FOUR_EYES)
    open_ = domain.state_at(row.state, decide_by=row.decide_by, now=g.now) == "submitted"
    found = [
        (not isinstance(within, Deny), gettext("the document is in force on every day of the window")),
        (eyes, gettext("you are neither who asked, nor who filed, nor the holder")),
        (open_, gettext("the request is open and its last moment has not passed")),
        (row.account.state == "active", gettext("the account is open")),
    ]
    return [
        {"kind": "ok" if good else "bad", "icon": "ok" if good else "bad", "text": str(text)} for good, text in found
    ]
