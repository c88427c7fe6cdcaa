"""One proposal: what would happen, by whose wish, what is held meanwhile, and the decision of another person."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from audit.erase import carried_by
from control.access import audited, not_audited, requires
from control.actions import Action
from control.assurance.keeping import domain, service
from control.assurance.keeping.answers import faults_of, refused_page, sentence_of
from control.assurance.keeping.domain import Decider, Kind, State, Verdict
from control.assurance.keeping.forms import REASON_CHARACTERS
from control.assurance.keeping.models import KeepingProposal
from control.assurance.keeping.routes import keeping
from control.assurance.keeping.survey import due
from control.db import unit_of_work
from control.decisions import Deny
from control.people import people_by_id
from control.permissions import Permission
from control.privilege.fields import Fields
from control.services import services

__all__ = ["keeping"]


@keeping.get("/proposals/<code>")
@requires(Permission.ASSURANCE_KEEPING_READ)
@not_audited(because="what is proposed, by codes and numbers; the decision is recorded")
def show(code: str) -> ResponseReturnValue:
    """Show one proposal and what would happen if it were carried out now."""
    return _page(code, faults={}, form={})


@keeping.post("/proposals/<code>/decision")
@requires(Permission.ASSURANCE_KEEPING_DECIDE)
@audited(Action.AUDIT_KEEPING_DECIDE)
def decide(code: str) -> ResponseReturnValue:
    """Approve or refuse exactly what was read."""
    fields = Fields(request.form)
    verdict = fields.choice("verdict", among=tuple(Verdict))
    reason = fields.text("reason", maximum=REASON_CHARACTERS, is_required=verdict == Verdict.REFUSE, has_lines=True)
    sha256 = fields.text("sha256", maximum=64)
    if fields.faults:
        page = _page(code, faults=faults_of(fields.faults), form={"reason": request.form.get("reason", "")})
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    choice = service.Choice(verdict=Verdict(verdict), reason=reason, read_sha256=sha256)
    with unit_of_work() as session:
        decision = service.decide(session, code, choice, act=g.act)
        state = State(service.load(session, code).state)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("Your decision on %(code)s was refused", code=code),
            ways=[
                (gettext("Read the proposal again"), url_for(".show", code=code)),
                (gettext("Back to retention"), url_for(".index")),
            ],
        )
    flash(_told(code, state), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


def _told(code: str, state: State) -> str:
    sentences = {
        State.OPEN: gettext("You approved %(code)s; one more person is needed.", code=code),
        State.APPROVED: gettext("%(code)s is approved; the pruning process carries it out.", code=code),
        State.DONE: gettext("%(code)s is approved and done.", code=code),
        State.REFUSED: gettext("%(code)s is refused.", code=code),
    }
    return str(sentences.get(state, gettext("%(code)s is decided.", code=code)))


def _page(code: str, *, faults: dict[str, str], form: dict[str, str]) -> str:
    with unit_of_work() as session:
        row = service.load(session, code)
        effect = _effect(session, row)
        what, facts = row.what, row.facts()
        wanted = service.names_in([row]) | facts.concerns
        names = people_by_id(session, person_ids=wanted)
    decider = Decider(id=g.actor.id, second_factor_at=g.actor.second_factor_at, read_sha256=row.body_sha256)
    decision = domain.may_decide(facts, decider, now=g.now)
    is_denied = isinstance(decision, Deny)
    return render_template(
        "keeping/proposal.html",
        row=row,
        what=what,
        facts=facts,
        effect=effect,
        names=names,
        state=State.LAPSED if facts.is_lapsed(g.now) else State(row.state),
        until=row.proposed_at + domain.OPEN_FOR,
        objection=sentence_of(decision) if isinstance(decision, Deny) else None,
        decision=decision if is_denied else None,
        missing_after=facts.needed - len(facts.approved_by) - 1,
        classes=services().policies.retention.classes,
        is_own=row.proposed_by_id is not None and row.proposed_by_id == g.actor.id,
        faults=faults,
        form=form,
        hold_code=service.hold_code,
    )


def _effect(session: Session, row: KeepingProposal) -> Any:
    """Return what carrying it out now would do: looked at now, and looked at again when it is done."""
    if row.state not in {State.OPEN, State.APPROVED}:
        return None
    if row.kind == Kind.PRUNE:
        cutoffs = {name: datetime.fromisoformat(text) for name, text in row.what["cutoffs"].items()}
        return due(session, services().policies.retention, now=g.now, cutoffs=cutoffs)
    if row.kind == Kind.ERASE:
        return carried_by(session.connection(), row.what["subject"], sequence=row.what["sequence"])
    return None
