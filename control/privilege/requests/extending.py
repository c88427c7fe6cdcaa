"""Asking for a longer time: the holder's one page, which files an ordinary request that begins where the grant ends.

Not for: deciding it (deciding.py: another person does) or changing the grant (nobody can, pam.md E13).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput
from control.people.stepup import Ask, ask_page, demand, steps_up
from control.privilege.answers import faults_of, named, sentence_of
from control.privilege.fields import Fields
from control.privilege.grants.domain import may_extend
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.service import facts_of, load_grant
from control.privilege.requests import confirming, service
from control.privilege.requests.deciding import blueprint
from control.privilege.requests.domain import Terms
from control.privilege.requests.forms import PURPOSE_CHARACTERS, Draft
from control.privilege.requests.routes import MOMENT
from control.privilege.threads import request_stations
from control.services import services
from policies import RULES_ZONE

__all__ = ["blueprint"]

OWN = "a holder asks for more time for what they hold; anybody else is refused on the object"
USUAL_EXTENSION = timedelta(hours=1)


@blueprint.get("/grants/<code>/extension")
@signed_in(because=OWN)
@not_audited(because="an empty form about a grant the holder sees anyway")
def extension(code: str) -> ResponseReturnValue:
    """Show the form."""
    with unit_of_work() as session:
        grant = load_grant(session, code=code, viewer=g.actor)
    later = facts_of(grant).ends_at.astimezone(RULES_ZONE) + USUAL_EXTENSION
    return _page(grant, form={"ends_at": f"{later:{MOMENT}}", "purpose": ""}, faults={})


@blueprint.post("/grants/<code>/extension")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_REQUEST_FILE)
@steps_up
def extend(code: str) -> ResponseReturnValue:
    """File the request for a longer time, confirmed with a second factor."""
    terms = Terms.of(services().policies)
    with unit_of_work() as session:
        grant = load_grant(session, code=code, viewer=g.actor)
        draft = _draft(grant)
        matter = confirming.filing(session, draft=draft, act=g.act, terms=terms)
        if matter is not None:
            matter = replace(
                matter,
                title=gettext("Ask for a longer time for %(code)s", code=grant.code),
                back=url_for(".extension", code=grant.code),
            )
        proof = demand(session, matter) if matter else None
        if not isinstance(proof, Ask):
            filed = service.file_request(session, draft=draft, act=proof.act if proof else g.act, terms=terms)
    if matter and isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(filed, service.Refused):
        kept = {name: request.form.get(name, "") for name in ("ends_at", "purpose")}
        return make_response(_page(grant, form=kept, faults=_shown(filed.faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
    flash(gettext("Request %(code)s waits for approval.", code=filed.code), "ok")
    return redirect(url_for(".show", code=filed.code), HTTPStatus.SEE_OTHER)


def _draft(grant: PrivilegeGrant) -> Draft:
    fields = Fields(request.form)
    ends_at = fields.moment("ends_at")
    purpose = fields.text("purpose", maximum=PURPOSE_CHARACTERS, has_lines=True)
    return Draft(
        account_code=grant.account.code,
        holder_login=grant.person.login,
        requester_login="",
        document_id=grant.document_id,
        new_document=None,
        starts_at=facts_of(grant).ends_at,
        ends_at=ends_at,
        purpose=purpose,
        extends_id=grant.id,
        faults=tuple(fields.faults),
    )


def _shown(faults: tuple[InvalidInput, ...]) -> dict[str, str]:
    """Return the faults beside the two fields there are; what concerns the document or account stands at the end."""
    own = {"ends_at", "purpose"}
    moved = [
        one if one.field in own else InvalidInput(one.code, field="ends_at", citation=one.citation, **one.context)
        for one in faults
    ]
    return faults_of(moved)


def _page(grant: PrivilegeGrant, *, form: dict[str, str], faults: dict[str, str]) -> str:
    now: datetime = g.now
    terms = Terms.of(services().policies)
    allowed = may_extend(facts_of(grant), actor_id=g.actor.id, now=now)
    return render_template(
        "requests/extension.html",
        grant=grant,
        form=form,
        faults=faults,
        summary=named(faults),
        objection=sentence_of(allowed) if isinstance(allowed, Deny) else None,
        rule=allowed.rule,
        longest=terms.longest[grant.account.class_],
        example=f"{now.astimezone(RULES_ZONE):{MOMENT}}",
        stations=request_stations(grant.request, grant, here="grant"),
    )
