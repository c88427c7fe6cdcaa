"""Put the question on a page, with the form kept, and read the answer out of the form that comes back.

Not for: deciding what needs a proof; a route that needs one is marked `@steps_up` and calls `demand`. Invariant: the
page holds everything the first form held, works without JavaScript, and sends it to the same address again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Blueprint, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control.access import not_audited, signed_in
from control.db import unit_of_work
from control.errors import NotProven, Unavailable
from control.people.certificates.present import present_trust, presented_certificate
from control.people.factors.keys import ask_for_answer
from control.people.factors.webauthn import CHALLENGE_BYTES
from control.people.stepup import service
from control.people.stepup.domain import (
    CERTIFICATE_FIELD,
    CODE_FIELD,
    FIELD,
    KEY_FIELD,
    OWN_FIELDS,
    Ask,
    Given,
    Matter,
    Proven,
)
from control.people.stepup.rules import rules_of
from control.requests import current_language, reference_number, wants_json
from control.services import services
from policies import RULES_ZONE

TOKEN_BYTES = 32
step_up = Blueprint("step_up", __name__, template_folder="templates")
View = TypeVar("View", bound=Callable[..., Any])


def steps_up(view: View) -> View:
    """Mark an endpoint as one that acts only after `demand`; a test walks the marks."""
    view.steps_up = True  # type: ignore[attr-defined]  # a mark beside those of control.access
    return view


def demand(session: Session, matter: Matter, *, file: bytes = b"", given: Given | None = None) -> Proven | Ask:
    """Return the proof that came with the present form, or the question to put; see `control.people.stepup`.

    Call it in the transaction of the act, after the form's own faults were told and before anything is done. `file` is
    an upload of the form, which waits with the question; `kept_upload` gives it back. A program's proof comes with its
    JSON and is `given` by the route that read it.
    """
    return service.prove_or_ask(
        session,
        matter=matter,
        given=given or _given(),
        token=secrets.token_urlsafe(TOKEN_BYTES),
        rules=present_rules(),
        act=g.act,
        file=file,
    )


def kept_upload(session: Session) -> bytes:
    """Return the upload that waits with the question the present form answers; empty when there is none."""
    given = _given()
    return service.kept_file(session, given=given, act=g.act) if given.token else b""


def ask_page(matter: Matter, ask: Ask, *, instead: Mapping[str, str] | None = None) -> ResponseReturnValue:
    """Show what is confirmed and ask for the proof (401: nothing was done yet). Raises NotProven for a program.

    `instead` is kept in place of what was typed in these fields: what must not stand on a page a second time.
    """
    if wants_json():
        raise NotProven(ask.fault or "step-up.required")
    other = instead or {}
    kept = [(name, other.get(name, value)) for name, value in request.form.items(multi=True) if name not in OWN_FIELDS]
    page = render_template(
        "stepup/confirm.html",
        matter=matter,
        ask=ask,
        kept=kept,
        target=request.full_path.rstrip("?"),
        fault=services().messages.render(ask.fault, current_language()) if ask.fault else None,
        reference=reference_number(),
        names={"token": FIELD, "code": CODE_FIELD, "key": KEY_FIELD, "certificate": CERTIFICATE_FIELD},
    )
    return make_response(page, HTTPStatus.UNAUTHORIZED)


def present_rules() -> service.Rules:
    """Return what confirming one act needs, as it stands at the present request."""
    held = services()
    try:
        trust = present_trust()
    except Unavailable:  # the files of authorities are broken: codes and keys go on
        trust = None
    rules = rules_of(held.policies, settings=held.settings, on=g.now.astimezone(RULES_ZONE).date(), trust=trust)
    return replace(rules, factor=replace(rules.factor, second_clock=held.ports["second_clock"]))


@step_up.post("/step-up/options")
@signed_in(because="a question is put to the keys of whoever was asked to confirm")
@not_audited(because="a random question; the answer to it is recorded with the act it confirms")
def ask_key() -> ResponseReturnValue:
    """Put a question to the person's keys, bound to the act they are about to confirm."""
    token = _given().token
    with unit_of_work() as session:
        row = service.question_of(session, token=token, act=g.act)
        options = (
            ask_for_answer(
                session,
                person_id=g.actor.id,
                challenge=secrets.token_bytes(CHALLENGE_BYTES),
                asker=service.asker_of(token, rules=present_rules()),
                act=g.act,
            )
            if row is not None
            else None
        )
    if options is None:
        raise NotProven("step-up.over")
    return jsonify(options)


def _given() -> Given:
    form = request.form
    by_certificate = form.get(CERTIFICATE_FIELD) == "1"
    return Given(
        token=form.get(FIELD, ""),
        code=form.get(CODE_FIELD, ""),
        key=form.get(KEY_FIELD, ""),
        by_certificate=by_certificate,
        certificate=presented_certificate() if by_certificate else None,
    )
