"""The steps of a request as a person takes them: papers, sending, taking up, deciding, carrying out, printing."""

from __future__ import annotations

import time
from datetime import datetime
from http import HTTPStatus

from flask import flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

import audit
from control.access import audited, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Decision, Deny
from control.errors import NotFound
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import refused_page
from control.privilege.documents.routes import uploaded
from control.privilege.documents.signatures import Trust, judge_signature
from control.privilege.fields import Fields
from control.privilege.lifecycle import filing, forms, handover, listing, working
from control.privilege.lifecycle.domain import FORMS_OF, Form, Kind
from control.privilege.lifecycle.papers import filled_form, reply_paper
from control.privilege.lifecycle.routes import OWN, blueprint, fault_page, pdf_answer, terms
from control.privilege.lifecycle.table import read_rights
from control.services import services
from policies import RULES_ZONE

__all__ = ["blueprint"]


@blueprint.post("/<code>/papers")
@requires(Permission.PRIVILEGE_LIFECYCLE_FILE)
@audited(Action.PRIVILEGE_LIFECYCLE_ATTACH)
def attach(code: str) -> ResponseReturnValue:
    """Attach one signed form; its signature is judged before anything is stored."""
    _seen(code)
    held, fields = terms(), Fields(request.form)
    content = uploaded("file", maximum_mib=held.maximum_mib)
    now: datetime = g.now
    paper = forms.read_paper(
        fields, content=content, today=now.astimezone(RULES_ZONE).date(), maximum_mib=held.maximum_mib
    )
    if paper is None:
        return fault_page(code, fields.faults)
    verdict = judge_signature(content, trust=Trust.read(services().settings.signature_trust_dir), now=now)
    new = filing.NewPaper(
        form=paper.form,
        number=paper.number,
        signed_on=paper.signed_on,
        signer=paper.signer,
        is_copy=paper.is_copy,
        signature=str(verdict.state),
        signature_by=verdict.signer,
        file=content,
    )
    with unit_of_work() as session:
        listing.load_for(session, code, act=g.act)
        decision = filing.attach_paper(session, code=code, paper=new, act=g.act)
    return _answer(decision, code, done=gettext("The form is attached."))


@blueprint.post("/<code>/lines/<int:position>/rights")
@requires(Permission.PRIVILEGE_LIFECYCLE_FILE)
@audited(Action.PRIVILEGE_LIFECYCLE_FILE)
def ask_rights(code: str, position: int) -> ResponseReturnValue:
    """Say which rights a line of a draft asks for."""
    fields = Fields(request.form)
    rights = read_rights(fields, "rights")
    if fields.faults:
        return fault_page(code, fields.faults)
    with unit_of_work() as session:
        listing.load_for(session, code, act=g.act)
        decision = filing.set_draft_rights(session, code=code, position=position, rights=rights, act=g.act)
    return _answer(decision, code, done=gettext("The rights asked for are kept."))


@blueprint.post("/<code>/submission")
@requires(Permission.PRIVILEGE_LIFECYCLE_FILE)
@audited(Action.PRIVILEGE_LIFECYCLE_SUBMIT)
@steps_up
def submit(code: str) -> ResponseReturnValue:
    """Send a draft: from now on its clocks run."""
    fields = Fields(request.form)
    received_at = forms.read_received(fields, now=g.now)
    if Permission.PRIVILEGE_LIFECYCLE_EXECUTE not in g.actor.permissions:
        received_at = g.now  # only who receives letters on paper says when one came
    if fields.faults:
        return fault_page(code, fields.faults)
    matter = _matter(
        code,
        Action.PRIVILEGE_LIFECYCLE_SUBMIT,
        title=gettext("Send request %(code)s", code=code),
        bound=request.form.get("received_at", ""),
    )
    with unit_of_work() as session:
        listing.load_for(session, code, act=g.act)
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            decision = filing.submit_request(session, code=code, received_at=received_at, act=proof.act, terms=terms())
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    return _answer(decision, code, done=gettext("%(code)s is sent; its legal dates stand below.", code=code))


@blueprint.post("/<code>/withdrawal")
@requires(Permission.PRIVILEGE_LIFECYCLE_FILE)
@audited(Action.PRIVILEGE_LIFECYCLE_WITHDRAW)
def withdraw(code: str) -> ResponseReturnValue:
    """Take a request back before it is decided."""
    with unit_of_work() as session:
        listing.load_for(session, code, act=g.act)
        decision = filing.withdraw_request(session, code=code, act=g.act)
    return _answer(decision, code, done=gettext("%(code)s is withdrawn.", code=code))


@blueprint.post("/<code>/taking")
@requires(Permission.PRIVILEGE_LIFECYCLE_EXECUTE)
@audited(Action.PRIVILEGE_LIFECYCLE_TAKE)
def take(code: str) -> ResponseReturnValue:
    """Take a sent request into work; its letter becomes the document that every change cites."""
    with unit_of_work() as session:
        decision = working.take_up(session, code=code, act=g.act, terms=terms())
    return _answer(decision, code, done=gettext("%(code)s is taken up.", code=code))


@blueprint.post("/<code>/ruling")
@requires(Permission.PRIVILEGE_LIFECYCLE_EXECUTE)
@audited(Action.PRIVILEGE_LIFECYCLE_RULE)
def rule(code: str) -> ResponseReturnValue:
    """Decide every line: what of it is granted, and why less."""
    with unit_of_work() as session:
        row = listing.load_for(session, code, act=g.act)
    fields = Fields(request.form)
    rulings = forms.read_rulings(
        fields,
        positions={line.position: line.rights_asked for line in row.lines},
        chosen={line.position: request.form.getlist(f"rights-{line.position}") for line in row.lines},
    )
    if fields.faults:
        return fault_page(code, fields.faults)
    with unit_of_work() as session:
        decision = working.rule_lines(session, code=code, rulings=rulings, act=g.act)
    return _answer(decision, code, done=gettext("%(code)s is decided.", code=code))


@blueprint.post("/<code>/execution")
@requires(Permission.PRIVILEGE_LIFECYCLE_EXECUTE)
@audited(Action.PRIVILEGE_LIFECYCLE_EXECUTE)
@steps_up
def execute(code: str) -> ResponseReturnValue:
    """Carry out what was granted; what the unit wants later takes effect by itself then."""
    matter = _matter(code, Action.PRIVILEGE_LIFECYCLE_EXECUTE, title=gettext("Carry out request %(code)s", code=code))
    with unit_of_work() as session:
        listing.load_for(session, code, act=g.act)
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            decision = working.arrange(session, code=code, act=proof.act, ticks=time.monotonic_ns)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    return _answer(decision, code, done=gettext("%(code)s is carried out.", code=code))


@blueprint.post("/<code>/lines/<int:position>/extra")
@requires(Permission.PRIVILEGE_LIFECYCLE_APPROVE)
@audited(Action.PRIVILEGE_LIFECYCLE_APPROVE)
@steps_up
def approve_extra(code: str, position: int) -> ResponseReturnValue:
    """Approve the rights of one line that no process gives."""
    matter = _matter(
        code,
        Action.PRIVILEGE_LIFECYCLE_APPROVE,
        title=gettext("Approve the extra rights of line %(line)s of %(code)s", line=position, code=code),
        bound=str(position),
    )
    with unit_of_work() as session:
        listing.load_for(session, code, act=g.act)
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            decision = working.approve_extra(session, code=code, position=position, act=proof.act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    return _answer(decision, code, done=gettext("The extra rights are approved."))


@blueprint.post("/<code>/lines/<int:position>/envelope")
@requires(Permission.PRIVILEGE_LIFECYCLE_EXECUTE)
@audited(Action.PRIVILEGE_LIFECYCLE_HAND)
def hand(code: str, position: int) -> ResponseReturnValue:
    """Take down the number of the sealed envelope of one new account."""
    fields = Fields(request.form)
    envelope = fields.text("envelope", maximum=forms.ENVELOPE, is_required=False)
    if fields.faults:
        return fault_page(code, fields.faults)
    with unit_of_work() as session:
        row = listing.load_for(session, code, act=g.act)
        line = next((line for line in row.lines if line.position == position), None)
        if line is None:
            raise NotFound("account-request-line", f"{code}/{position}")
        handover.note_envelope(session, line_id=line.id, envelope=envelope, act=g.act)
    flash(gettext("The handover is noted."), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


@blueprint.get("/<code>/forms/<form>.pdf")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_LIFECYCLE_PRINT)
def print_form(code: str, form: str) -> ResponseReturnValue:
    """Hand out one form of the request filled in, to be signed."""
    with unit_of_work() as session:
        row = listing.load_for(session, code, act=g.act)
        printable = {str(one) for one in FORMS_OF[Kind(row.kind)]} - {Form.LETTER.value}
        if form not in printable | ({"05"} if row.kind == Kind.ACTIVATE else set()):
            raise NotFound("paper", form)
        g.act.record(
            session,
            Action.PRIVILEGE_LIFECYCLE_PRINT,
            about=audit.About(request_id=row.code),
            details={"form": form, "what": "filled"},
        )
    content = filled_form(row, form=form, organisation=services().settings.organisation)
    return pdf_answer(content, name=f"{row.code}-mau-{form}.pdf")


@blueprint.get("/<code>/reply.pdf")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_LIFECYCLE_PRINT)
def print_reply(code: str) -> ResponseReturnValue:
    """Hand out the written reply: the hand-over paper of new accounts, the list of those revoked."""
    now: datetime = g.now
    with unit_of_work() as session:
        row = listing.load_for(session, code, act=g.act)
        if not any(line.executed_at or line.verdict == "refused" for line in row.lines):
            raise NotFound("reply", code)
        handed = handover.handovers_of_lines(session, line_ids=[line.id for line in row.lines])
        g.act.record(
            session,
            Action.PRIVILEGE_LIFECYCLE_PRINT,
            about=listing.about(row),
            details={"what": "reply", "done": sum(line.executed_at is not None for line in row.lines)},
        )
    content = reply_paper(
        row,
        handovers=handed,
        organisation=services().settings.organisation,
        today=now.astimezone(RULES_ZONE).date(),
    )
    return pdf_answer(content, name=f"{row.code}-tra-loi.pdf")


def _seen(code: str) -> None:
    with unit_of_work() as session:
        listing.load_for(session, code, act=g.act)


def _matter(code: str, action: Action, *, title: str, bound: str = "") -> Matter:
    return Matter(
        action=action,
        binds={"request": code, "bound": bound},
        lines=((gettext("Request"), code),),
        title=title,
        back=url_for(".show", code=code),
        about=audit.About(request_id=code),
    )


def _answer(decision: Decision, code: str, *, done: str) -> ResponseReturnValue:
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("Nothing was done to %(code)s", code=code),
            ways=[(gettext("Back to the request"), url_for(".show", code=code))],
        )
    flash(done, "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)
