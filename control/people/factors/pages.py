"""My second factors: what I can prove myself with, adding and taking away, each confirmed by a fresh proof.

Not for: other people's factors (resetting.py). Invariants: nobody is left without a factor by their own hand; a session
that rested on a factor that is gone has ended; keys and codes are shown once, on a page nothing keeps.
"""

from __future__ import annotations

import json
import secrets
from http import HTTPStatus

import segno
from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

import audit
from control.access import audited, not_audited, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Allow, Deny
from control.errors import NotFound
from control.people.circumstances import present_number, present_rules, relying_party
from control.people.directory.models import Person
from control.people.factors import keys, service
from control.people.factors.codes import CODE_BYTES
from control.people.factors.domain import SECRET_BYTES, in_groups, provisioning_uri
from control.people.factors.models import Factor
from control.people.factors.notices import mark_read, unread
from control.people.factors.recovery import codes_left, make_codes
from control.people.factors.sealing import NONCE_BYTES
from control.people.factors.webauthn import CHALLENGE_BYTES
from control.people.sessions.service import end_sessions
from control.people.signing.domain import WAYS
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.requests import current_language, reference_number
from control.services import services
from control.text import nfc

factors = Blueprint("factors", __name__, template_folder="templates")
OWN = "everybody may look after the factors of their own"
LABEL_CHARACTERS = 60
QR_SCALE, QR_DARK, QR_LIGHT = 5, "#16264a", "#ffffff"


@factors.get("/people/me/factors")
@signed_in(because=OWN)
@not_audited(because="a person's own factors, without any secret, shown to nobody else")
def mine() -> ResponseReturnValue:
    """Show what I can prove myself with, and what I have to learn."""
    return _page()


def _page(*, fault: str | None = None, label: str = "", status: HTTPStatus = HTTPStatus.OK) -> ResponseReturnValue:
    with unit_of_work() as session:
        held = service.active_factors(session, person_id=g.actor.id)
        left = codes_left(session, person_id=g.actor.id)
        notices = unread(session, person_id=g.actor.id)
    page = render_template(
        "factors/mine.html",
        totp=next((one for one in held if one.kind == "totp"), None),
        keys=[one for one in held if one.kind == "webauthn"],
        is_last=sum(one.kind != "recovery" for one in held) < 2,
        left=left,
        notices=[(notice, _sentence(notice.code)) for notice in notices],
        fault=_sentence(fault) if fault else None,
        label=label,
        most=keys.MOST_KEYS,
        reference=reference_number(),
    )
    return make_response(page, status)


@factors.post("/people/me/notices")
@signed_in(because=OWN)
@audited(Action.PEOPLE_NOTICE_READ)
def read_notices() -> ResponseReturnValue:
    """Mark what I was told as read."""
    with unit_of_work() as session:
        mark_read(session, act=g.act)
    return redirect(url_for(".mine"), HTTPStatus.SEE_OTHER)


@factors.post("/people/me/factors/keys/new")
@signed_in(because=OWN)
@audited(Action.FACTOR_KEY_ENROL)
@steps_up
def begin_key() -> ResponseReturnValue:
    """Confirm that a key of this name is to be added, then ask the browser to make it."""
    label = nfc(" ".join(request.form.get("label", "").split()))
    if not label or len(label) > LABEL_CHARACTERS or not label.isprintable():
        return _page(fault="factor.label", label=label[:LABEL_CHARACTERS], status=HTTPStatus.UNPROCESSABLE_ENTITY)
    matter = _matter(Action.FACTOR_KEY_ENROL, _("Add the key %(label)s", label=label), (_("Name of the key"), label))
    options = None
    with unit_of_work() as session:
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            options = keys.ask_for_new_key(
                session,
                person_id=g.actor.id,
                login=g.actor.login,
                name=g.actor.name,
                challenge=secrets.token_bytes(CHALLENGE_BYTES),
                asker=_asker(),
                rules=present_rules().factor,
                act=proof.act,
            )
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    return render_template("factors/key.html", options=json.dumps(options), label=label)


@factors.post("/people/me/factors/keys")
@signed_in(because=OWN)
@audited(Action.FACTOR_KEY_ENROL)
def add_key() -> ResponseReturnValue:
    """Store the key the browser made; its question was only put after a fresh proof."""
    label = nfc(" ".join(request.form.get("label", "").split()))[:LABEL_CHARACTERS] or _("Security key")
    with unit_of_work() as session:
        added = keys.enrol_key(
            session,
            person_id=g.actor.id,
            label=label if label.isprintable() else _("Security key"),
            text=request.form.get("key", ""),
            asker=_asker(),
            act=g.act,
        )
    if isinstance(added, Deny):
        return _page(fault=added.reason, status=HTTPStatus.FORBIDDEN)
    flash(_("The key %(label)s is enrolled. Use it at your next sign-in.", label=added.label), "ok")
    return redirect(url_for(".mine"), HTTPStatus.SEE_OTHER)


@factors.post("/people/me/factors/<int:factor_id>/removal")
@signed_in(because=OWN)
@audited(Action.FACTOR_KEY_REMOVE)
@steps_up
def remove(factor_id: int) -> ResponseReturnValue:
    """Take a key or the code application away; sessions that rested on it end, all but the present one."""
    with unit_of_work() as session:
        factor = _own(session, factor_id)
        name = factor.label or _("Code application (TOTP)")
        matter = _matter(
            Action.FACTOR_KEY_REMOVE, _("Remove %(name)s", name=name), (_("Factor"), name), factor=str(factor_id)
        )
        would = service.may_remove(service.active_factors(session, person_id=g.actor.id))
        proof = demand(session, matter) if isinstance(would, Allow) else None
        if not isinstance(proof, Ask):
            decision = service.remove_factor(session, factor=factor, act=proof.act if proof else g.act)
            if isinstance(decision, Allow):
                _end_others(session)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(decision, Deny):
        return _page(fault=decision.reason, status=HTTPStatus.FORBIDDEN)
    flash(_("%(name)s opens nothing any more.", name=name), "ok")
    return redirect(url_for(".mine"), HTTPStatus.SEE_OTHER)


@factors.post("/people/me/factors/recovery")
@signed_in(because=OWN)
@audited(Action.FACTOR_RECOVERY_MAKE)
@steps_up
def make_recovery() -> ResponseReturnValue:
    """Make ten codes in the place of the old ones and show them once, ready to print."""
    count = present_number("recovery_codes")
    matter = _matter(
        Action.FACTOR_RECOVERY_MAKE,
        _("Make new recovery codes"),
        (_("What changes"), _("%(count)s new codes; every old one is worth nothing", count=count)),
    )
    made: tuple[str, ...] = ()
    with unit_of_work() as session:
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            made = tuple(
                make_codes(
                    session,
                    person_id=g.actor.id,
                    random=secrets.token_bytes(count * CODE_BYTES),
                    count=count,
                    rules=present_rules().factor,
                    act=proof.act,
                )
            )
    return ask_page(matter, proof) if isinstance(proof, Ask) else render_template("factors/recovery.html", codes=made)


@factors.post("/people/me/factors/totp/new")
@signed_in(because=OWN)
@audited(Action.FACTOR_TOTP_ENROL)
@steps_up
def begin_totp() -> ResponseReturnValue:
    """Confirm that the code application moves to another device, then show the drawing."""
    matter = _matter(
        Action.FACTOR_TOTP_ENROL,
        _("Enrol a code application"),
        (_("What changes"), _("the application on the former device stops working once the new one is confirmed")),
    )
    factor = None
    with unit_of_work() as session:
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            random = secrets.token_bytes(SECRET_BYTES + NONCE_BYTES)
            factor = service.prepare_factor(
                session, person_id=g.actor.id, random=random, rules=present_rules().factor, act=proof.act
            )
    if isinstance(proof, Ask) or factor is None:
        return ask_page(matter, proof) if isinstance(proof, Ask) else _page()
    return _totp_page(factor)


@factors.post("/people/me/factors/totp/<int:factor_id>")
@signed_in(because=OWN)
@audited(Action.FACTOR_TOTP_ENROL)
def confirm_totp(factor_id: int) -> ResponseReturnValue:
    """Switch the new code application on with its first code; the former one and other sessions end."""
    with unit_of_work() as session:
        factor = session.get(Factor, factor_id if factor_id < 2**63 else 0, with_for_update=True)
        is_fresh = factor is not None and g.now - factor.created_at < present_rules().sign_in.pending_life
        if factor is None or factor.person_id != g.actor.id or factor.state != "pending" or not is_fresh:
            raise NotFound("factor", factor_id)
        code = request.form.get("code", "")
        is_right = service.replace_totp(session, factor=factor, code=code, rules=present_rules().factor, act=g.act)
        if is_right:
            _end_others(session)
        else:
            g.act.refuse(
                session,
                Action.FACTOR_TOTP_ENROL,
                Deny(rule="factors.totp", reason="sign-in.code_wrong"),
                about=audit.About(person_id=f"person:{g.actor.id}"),
            )
    if not is_right:
        return _totp_page(factor, fault="sign-in.code_refused", status=HTTPStatus.UNAUTHORIZED)
    flash(_("The code application is switched on."), "ok")
    return redirect(url_for(".mine"), HTTPStatus.SEE_OTHER)


def _totp_page(factor: Factor, *, fault: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> ResponseReturnValue:
    secret = service.secret_of(factor, rules=present_rules().factor)
    drawing = segno.make(provisioning_uri(secret, login=g.actor.login), error="m")
    page = render_template(
        "factors/totp.html",
        factor=factor,
        drawing=drawing.svg_data_uri(scale=QR_SCALE, dark=QR_DARK, light=QR_LIGHT),
        size=drawing.symbol_size(scale=QR_SCALE)[0],
        key=in_groups(secret),
        fault=_sentence(fault) if fault else None,
        reference=reference_number(),
    )
    return make_response(page, status)


def _matter(action: Action, title: str, *lines: tuple[str, str], **binds: str) -> Matter:
    return Matter(
        action=action,
        binds={
            "person": str(g.actor.id),
            **{f"line{place}": value for place, (_n, value) in enumerate(lines)},
            **binds,
        },
        lines=((_("Person"), f"{g.actor.name} ({g.actor.login})"), *lines),
        title=title,
        back=url_for("factors.mine"),
        about=audit.About(person_id=f"person:{g.actor.id}"),
    )


def _own(session: Session, factor_id: int) -> Factor:
    session.get_one(Person, g.actor.id, with_for_update=True)
    factor = session.get(Factor, factor_id if factor_id < 2**63 else 0, with_for_update=True)
    is_mine = factor is not None and factor.person_id == g.actor.id and factor.state == "active"
    if factor is None or not is_mine or factor.kind in {"recovery", "certificate", *WAYS}:
        raise NotFound("factor", factor_id)
    return factor


def _asker() -> keys.Asker:
    life = present_rules().sign_in.pending_life
    return keys.Asker(purpose="register", holder=g.actor.session_id or "", life=life, party=relying_party())


def _end_others(session: Session) -> None:
    end_sessions(session, person_id=g.actor.id, reason="factor-changed", act=g.act, except_code=g.actor.session_id)


def _sentence(code: str) -> str:
    return services().messages.render(code, current_language())
