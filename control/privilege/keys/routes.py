"""Pages of connection keys: list, one key with its use, issuing, rotating, blocking and revoking."""

from __future__ import annotations

import secrets
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput
from control.frame.forms import kept
from control.frame.tables import ListingRules, csv_response
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.answers import faults_of, named, refused_page
from control.privilege.documents.service import documents_in_force
from control.privilege.fields import Fields
from control.privilege.keys import service, watching
from control.privilege.keys.domain import SCOPES, STATES_BEFORE, TOKEN_START, KeyStep, Token
from control.privilege.keys.forms import NAMES, read_key
from control.privilege.keys.models import ApiKey
from control.privilege.keys.service import KeyTerms, NewKey
from control.requests import current_language
from control.services import services
from control.titles import title_of_permission
from policies import RULES_ZONE

blueprint = Blueprint("privilege_keys", __name__, url_prefix="/privilege/keys", template_folder="templates")
LISTING = ListingRules(sorts={"id": "-"}, default="-id", filters=("q", "state"))
SEEN = "which systems hold a key and how often they call; no secret and nobody's data is shown"
REASON_CHARACTERS = 500


@blueprint.get("")
@requires(Permission.PRIVILEGE_KEY_READ)
@not_audited(because=SEEN)
def index() -> ResponseReturnValue:
    """List the keys with today's use."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_keys(session, listing=listing, now=g.now)
        used = service.calls_today(session, key_ids=[row.id for row in page.rows], now=g.now)
    if listing.wants_csv:
        header = ("code", "system", "holder_unit", "focal_unit", "document", "scopes", "ranges", "quota_per_minute",
                  "starts_at", "expires_at", "state", "calls_today", "refused_today", "last_used_at")  # fmt: skip
        rows = (
            (k.code, k.system, k.holder_unit, k.focal_unit, k.document.number, " ".join(k.scopes), " ".join(k.ranges),
             k.quota_per_minute, k.starts_at, k.expires_at, state_of(k, g.now), *used.get(k.id, (0, 0)), k.last_used_at)
            for k in page.rows
        )  # fmt: skip
        return csv_response("keys.csv", header, rows)
    return render_template("keys/list.html", page=page, listing=listing, used=used, state_of=state_of, now=g.now)


@blueprint.get("/new")
@requires(Permission.PRIVILEGE_KEY_MANAGE)
@not_audited(because="an empty form")
def new() -> ResponseReturnValue:
    """Show the empty form."""
    terms = KeyTerms.of(services().policies)
    form = {"quota_per_minute": str(terms.quota_default), "document": request.args.get("document", "")}
    return _form_page(form, scopes=[], faults={})


@blueprint.post("")
@requires(Permission.PRIVILEGE_KEY_MANAGE)
@audited(Action.PRIVILEGE_KEY_ISSUE)
@steps_up
def create() -> ResponseReturnValue:
    """Issue a key and show its secret, this once; or show every fault beside its field."""
    terms, scopes = KeyTerms.of(services().policies), request.form.getlist("scopes")
    fields = Fields(request.form)
    asked = read_key(fields, scopes=scopes, terms=terms)
    faults = list(fields.faults)
    if asked is not None:
        matter = matter_of(asked)
        try:
            with unit_of_work() as session:
                proof = demand(session, matter)
                if not isinstance(proof, Ask):
                    key, token = service.issue_key(session, new=asked, act=proof.act, terms=terms)
            return ask_page(matter, proof) if isinstance(proof, Ask) else _handed_out(key, token)
        except InvalidInput as fault:
            faults.append(fault)
    with unit_of_work() as session:
        refusal = Deny(rule="privilege.key.form", reason=faults[0].code)
        g.act.refuse(session, Action.PRIVILEGE_KEY_ISSUE, refusal)
    for told_fault in faults:
        told_fault.field = "expires_on" if told_fault.field == "expires_at" else told_fault.field
    told = faults_of(faults)
    return make_response(
        _form_page(kept(request.form, *NAMES), scopes=scopes, faults=told), HTTPStatus.UNPROCESSABLE_ENTITY
    )


@blueprint.get("/<code>")
@requires(Permission.PRIVILEGE_KEY_READ)
@not_audited(because=SEEN)
def show(code: str) -> ResponseReturnValue:
    """Show one key: holder, document, scopes, and its calls by hour."""
    return _page(code, faults={})


@blueprint.post("/<code>/rotation")
@requires(Permission.PRIVILEGE_KEY_MANAGE)
@audited(Action.PRIVILEGE_KEY_ROTATE)
@steps_up
def rotate(code: str) -> ResponseReturnValue:
    """Issue the successor of a key and show its secret, this once."""
    fields = Fields(request.form)
    form_token = fields.text("form_token", maximum=64)
    if fields.faults:
        return make_response(_page(code, faults=faults_of(fields.faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
    matter = rotation_of(code, form_token=form_token)
    with unit_of_work() as session:
        service.load_key(session, code)
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            outcome = service.rotate_key(
                session, code=code, form_token=form_token, act=proof.act, terms=KeyTerms.of(services().policies)
            )
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(outcome, Deny):
        return _refused(outcome, code)
    return _handed_out(*outcome)


@blueprint.post("/<code>/block")
@requires(Permission.PRIVILEGE_KEY_BLOCK)
@audited(Action.PRIVILEGE_KEY_BLOCK)
def block(code: str) -> ResponseReturnValue:
    """Stop a key at once; the next call is refused."""
    return _step(code, KeyStep.BLOCK, done=gettext("%(code)s is blocked.", code=code))


@blueprint.post("/<code>/unblock")
@requires(Permission.PRIVILEGE_KEY_MANAGE)
@audited(Action.PRIVILEGE_KEY_UNBLOCK)
@steps_up
def unblock(code: str) -> ResponseReturnValue:
    """Let a blocked key open again: it gives a right back, so it takes a proof."""
    return _step(code, KeyStep.UNBLOCK, done=gettext("%(code)s opens again.", code=code))


@blueprint.post("/<code>/revocation")
@requires(Permission.PRIVILEGE_KEY_MANAGE)
@audited(Action.PRIVILEGE_KEY_REVOKE)
def revoke(code: str) -> ResponseReturnValue:
    """End a key for good."""
    return _step(code, KeyStep.REVOKE, done=gettext("%(code)s is revoked.", code=code))


def state_of(key: ApiKey, now: datetime) -> str:
    """Return the state a person sees: an active key past its window has expired."""
    return "expired" if key.state == "active" and key.expires_at <= now else key.state


def _step(code: str, step: KeyStep, *, done: str) -> ResponseReturnValue:
    fields = Fields(request.form)
    reason = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    if fields.faults:
        return make_response(_page(code, faults=faults_of(fields.faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
    matter = unblocking_of(code, reason=reason)
    with unit_of_work() as session:
        service.load_key(session, code)
        proof = demand(session, matter) if step is KeyStep.UNBLOCK else None
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            decision = service.step_key(session, code=code, step=step, reason=reason, act=act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(decision, Deny):
        return _refused(decision, code)
    flash(done, "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


def _refused(decision: Deny, code: str) -> ResponseReturnValue:
    return refused_page(
        decision,
        title=gettext("Nothing was done to %(code)s", code=code),
        ways=[(gettext("Back to the key"), url_for(".show", code=code))],
    )


def _handed_out(key: ApiKey, token: Token) -> ResponseReturnValue:
    header = f"Authorization: Bearer {TOKEN_START}_…"
    page = render_template("keys/handed_out.html", key=key, token=token.text, header=header)
    return make_response(page, HTTPStatus.CREATED)


def rotation_of(code: str, *, form_token: str) -> Matter:
    """Return what replacing a key means."""
    return Matter(
        action=Action.PRIVILEGE_KEY_ROTATE,
        binds={"key": code, "form": form_token},
        lines=((gettext("Connection key"), code),),
        title=gettext("Replace key %(code)s by a new one", code=code),
        back=url_for("privilege_keys.show", code=code),
    )


def unblocking_of(code: str, *, reason: str) -> Matter:
    """Return what letting a blocked key open again means."""
    return Matter(
        action=Action.PRIVILEGE_KEY_UNBLOCK,
        binds={"key": code, "reason": reason},
        lines=((gettext("Connection key"), code), (gettext("Reason"), reason)),
        title=gettext("Let %(code)s open again", code=code),
        back=url_for("privilege_keys.show", code=code),
    )


def matter_of(asked: NewKey) -> Matter:
    """Return what issuing this key means, as the person reads and confirms it."""
    facts = (
        (gettext("System"), asked.system),
        (gettext("Holder"), asked.holder_unit),
        (gettext("May read"), " ".join(asked.scopes)),
        (gettext("From the addresses"), " ".join(str(network) for network in asked.ranges)),
        (gettext("Calls a minute"), str(asked.quota_per_minute)),
        (gettext("Until"), f"{asked.expires_at.astimezone(RULES_ZONE):%d/%m/%Y %H:%M}"),
    )
    return Matter(
        action=Action.PRIVILEGE_KEY_ISSUE,
        binds={
            "system": asked.system,
            "holder": asked.holder_unit,
            "scopes": " ".join(asked.scopes),
            "ranges": " ".join(str(network) for network in asked.ranges),
            "quota": str(asked.quota_per_minute),
            "document": str(asked.document_id),
            "expires_at": asked.expires_at.isoformat(),
            "form": asked.form_token,
        },
        lines=facts,
        title=gettext("Issue a connection key to %(system)s", system=asked.system),
        back=url_for("privilege_keys.new"),
    )


def _page(code: str, *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        key = service.load_key(session, code)
        hours = service.hours_of(session, key_id=key.id, now=g.now)
        flags = watching.flags_of(session, key_id=key.id)
    may = {
        KeyStep.BLOCK: Permission.PRIVILEGE_KEY_BLOCK,
        KeyStep.UNBLOCK: Permission.PRIVILEGE_KEY_MANAGE,
        KeyStep.REVOKE: Permission.PRIVILEGE_KEY_MANAGE,
    }
    return render_template(
        "keys/show.html",
        key=key,
        flags=flags,
        token_start=TOKEN_START,
        state=state_of(key, g.now),
        series=[
            {"label": f"{hour.start.astimezone(RULES_ZONE):%H}", "value": hour.calls, "mark": hour.refused}
            for hour in hours
        ],
        steps=[step for step in KeyStep if key.state in STATES_BEFORE[step] and may[step] in g.actor.permissions],
        may_rotate=Permission.PRIVILEGE_KEY_MANAGE in g.actor.permissions and state_of(key, g.now) == "active",
        form_token=secrets.token_urlsafe(24),
        faults=faults,
        reason=request.form.get("reason", ""),
        scope_titles={scope: title_of_permission(scope, current_language()) for scope in key.scopes},
    )


def _form_page(form: dict[str, str], *, scopes: list[str], faults: dict[str, str]) -> str:
    terms = KeyTerms.of(services().policies)
    with unit_of_work() as session:
        documents = [
            (str(row.id), f"{row.number}, {row.valid_from:%d/%m/%Y} – {row.valid_to:%d/%m/%Y}")
            for row in documents_in_force(session, act=g.act)
        ]
    return render_template(
        "keys/new.html",
        form=form,
        chosen=scopes,
        faults=faults,
        summary=named(faults),
        documents=[("", gettext("Choose…")), *documents],
        scopes=[(str(scope), title_of_permission(scope, current_language())) for scope in SCOPES],
        terms=terms,
        form_token=request.form.get("form_token") or secrets.token_urlsafe(24),
    )
