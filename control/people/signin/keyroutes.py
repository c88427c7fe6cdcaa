"""The pages of sign-in that are not password or code: keys, recovery codes, the enrolment code, and what to do when all
is lost. They join the blueprint of routes.py, and this module hands it on complete.

Invariant: a key is only ever asked for by a form that was sent; the page works without JavaScript, by code.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

from flask import g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue

from control.access import audited, not_audited, public
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotProven
from control.people.circumstances import present_rules, relying_party
from control.people.citizens.circumstances import fresh, present_keys, present_sms_rules, say, send_now
from control.people.citizens.smscodes import send_code
from control.people.factors.keys import Asker, ask_for_answer
from control.people.factors.webauthn import CHALLENGE_BYTES
from control.people.sessions.service import end_own_session
from control.people.signin import proving
from control.people.signin.domain import TOKEN_FORM, local_path
from control.people.signin.routes import (
    HALF,
    STEP_COOKIE,
    TOKEN_BYTES,
    enrolment_page,
    first_page,
    half_now,
    second_page,
    set_cookie,
    signed_in,
    signin,
    start_again,
)
from control.people.signin.service import Result, Step
from control.services import services

__all__ = ["signin"]

KEY_COOKIE = "__Host-vonglau-key"
KEY_REFUSED = "sign-in.key_refused"


def _asker(purpose: str, holder: str) -> Asker:
    return Asker(purpose=purpose, holder=holder, life=present_rules().sign_in.pending_life, party=relying_party())


@signin.post("/sign-in/key/options")
@public(because=HALF)
@not_audited(because="a random question; the answer to it is recorded")
def ask_key() -> ResponseReturnValue:
    """Put a question to the keys of the person whose password was right."""
    half = half_now()
    if half is None:
        raise NotProven("sign-in.no_password_step")
    with unit_of_work() as session:
        options = ask_for_answer(
            session,
            person_id=half.person.id,
            challenge=secrets.token_bytes(CHALLENGE_BYTES),
            asker=_asker("sign-in", request.cookies.get(STEP_COOKIE, "")),
            act=g.act,
        )
    return jsonify(options)


@signin.post("/sign-in/key")
@public(because=HALF)
@audited(Action.SIGN_IN_KEY_CHECK)
def check_key() -> ResponseReturnValue:
    """Check the answer of a key and start the session."""
    session_token = secrets.token_urlsafe(TOKEN_BYTES)
    step_token = request.cookies.get(STEP_COOKIE, "")
    with unit_of_work() as session:
        result = proving.prove_by_key(
            session,
            token=step_token,
            text=request.form.get("key", ""),
            session_token=session_token,
            asker=_asker("sign-in", step_token),
            rules=present_rules(),
            act=g.act,
        )
        if result.step is Step.SIGNED_IN and g.actor.id:
            end_own_session(session, code=g.actor.session_id or "", reason="replaced", act=g.act)
    return _after_second_step(result, session_token, fault=KEY_REFUSED)


@signin.post("/sign-in/recovery")
@public(because=HALF)
@audited(Action.SIGN_IN_RECOVERY_CHECK)
def check_recovery() -> ResponseReturnValue:
    """Use a recovery code up and start the session."""
    session_token = secrets.token_urlsafe(TOKEN_BYTES)
    with unit_of_work() as session:
        result = proving.prove_by_recovery(
            session,
            token=request.cookies.get(STEP_COOKIE, ""),
            text=request.form.get("recovery", ""),
            session_token=session_token,
            rules=present_rules(),
            act=g.act,
        )
        if result.step is Step.SIGNED_IN and g.actor.id:
            end_own_session(session, code=g.actor.session_id or "", reason="replaced", act=g.act)
    return _after_second_step(result, session_token, fault="sign-in.recovery_refused")


def _after_second_step(result: Result, session_token: str, *, fault: str) -> ResponseReturnValue:
    if result.step is Step.SIGNED_IN:
        return signed_in(result, session_token)
    half = half_now() if result.step is Step.REFUSED else None
    return start_again() if half is None else second_page(half, fault=fault, status=HTTPStatus.UNAUTHORIZED)


@signin.post("/sign-in/sms/send")
@public(because=HALF)
@audited(Action.SIGN_IN_SMS_SEND)
def send_sms() -> ResponseReturnValue:
    """Send a code to the phone of whoever's password was right, so many an hour and no more."""
    half = half_now()
    if half is None or half.is_enrolment:
        with unit_of_work() as session:
            wrong = Deny(rule=proving.TWO_STEPS, reason="sign-in.no_password_step")
            g.act.refuse(session, Action.SIGN_IN_SMS_SEND, wrong)
        return start_again()
    with unit_of_work() as session:
        key = send_code(
            session,
            person_id=half.person.id,
            body=say("outbox.sign_in", organisation=services().settings.organisation, code="{code}"),
            random=fresh(48),
            rules=present_sms_rules(),
            keys=present_keys(),
            act=g.act,
        )
    send_now(key)
    return second_page(half, fault=None if key else "sign-in.sms_enough", is_sent=key is not None)


@signin.post("/sign-in/sms")
@public(because=HALF)
@audited(Action.SIGN_IN_SMS_CHECK)
def check_sms() -> ResponseReturnValue:
    """Check the code of a short message and start the session."""
    session_token = secrets.token_urlsafe(TOKEN_BYTES)
    with unit_of_work() as session:
        result = proving.prove_by_sms(
            session,
            token=request.cookies.get(STEP_COOKIE, ""),
            text=request.form.get("sms", ""),
            session_token=session_token,
            keys=present_keys(),
            rules=present_rules(),
            act=g.act,
        )
        if result.step is Step.SIGNED_IN and g.actor.id:
            end_own_session(session, code=g.actor.session_id or "", reason="replaced", act=g.act)
    return _after_second_step(result, session_token, fault="sign-in.code_refused")


@signin.get("/sign-in/resume")
@public(because="a paused account is taken up again by signing in on purpose")
@not_audited(because="an empty form; what is sent with it is recorded")
def resume() -> ResponseReturnValue:
    """Show the first step for whoever paused their own account and wants it back."""
    return first_page(resumes=True)


@signin.post("/sign-in/enrolment")
@public(because=HALF)
@audited(Action.SIGN_IN_ENROLMENT_CHECK)
def check_enrolment_code() -> ResponseReturnValue:
    """Check the code that was handed over in person, then show the drawing."""
    with unit_of_work() as session:
        result = proving.allow_enrolment(
            session,
            token=request.cookies.get(STEP_COOKIE, ""),
            text=request.form.get("enrolment", ""),
            rules=present_rules(),
            act=g.act,
        )
    half = half_now() if result.step is not Step.AGAIN else None
    if half is None:
        return start_again()
    if result.step is Step.ENROL:
        return enrolment_page(half)
    return enrolment_page(half, fault="sign-in.enrolment_refused", status=HTTPStatus.UNAUTHORIZED)


@signin.post("/sign-in/first/options")
@public(because="whoever has a key of ours may say so; the question names nobody")
@not_audited(because="a random question; the answer to it is recorded")
def ask_first() -> ResponseReturnValue:
    """Put a question that any of our keys may answer; the browser keeps a token that binds the answer to it."""
    held = request.cookies.get(KEY_COOKIE, "")
    token = held if TOKEN_FORM.fullmatch(held) else secrets.token_urlsafe(TOKEN_BYTES)
    with unit_of_work() as session:
        options = ask_for_answer(
            session,
            person_id=None,
            challenge=secrets.token_bytes(CHALLENGE_BYTES),
            asker=_asker("sign-in-first", token),
            act=g.act,
        )
    response = make_response(jsonify(options))
    set_cookie(response, KEY_COOKIE, token)
    return response


@signin.post("/sign-in/first")
@public(because="this is where people become known")
@audited(Action.SIGN_IN_KEY_CHECK)
def check_first() -> ResponseReturnValue:
    """Sign in by a key alone: possession, and the PIN or finger it asked for."""
    session_token = secrets.token_urlsafe(TOKEN_BYTES)
    target = local_path(request.form.get("next", ""))
    with unit_of_work() as session:
        result = proving.sign_in_by_key(
            session,
            text=request.form.get("key", ""),
            session_token=session_token,
            next_path=target or "/",
            asker=_asker("sign-in-first", request.cookies.get(KEY_COOKIE, "")),
            rules=present_rules(),
            act=g.act,
        )
        if result.step is Step.SIGNED_IN and g.actor.id:
            end_own_session(session, code=g.actor.session_id or "", reason="replaced", act=g.act)
    if result.step is Step.SIGNED_IN:
        return signed_in(result, session_token)
    return first_page(next_path=target, fault=KEY_REFUSED, status=HTTPStatus.UNAUTHORIZED)


@signin.get("/sign-in/lost")
@public(because="somebody who lost everything cannot sign in to read what to do")
@not_audited(because="the same page for everybody")
def lost() -> ResponseReturnValue:
    """Say what to do when a device is lost, and that two officers are needed."""
    return render_template("signin/lost.html")
