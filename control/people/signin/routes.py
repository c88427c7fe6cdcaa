"""The pages of sign-in: name and password, then the code, or the QR drawing for somebody new.

Not for: deciding. Invariants: every failure of the first step reads the same and takes the same time; a session's
cookie and the form's secret are new after every sign-in.
"""

from __future__ import annotations

import re
import secrets
from http import HTTPStatus
from time import monotonic, sleep

import flask
import segno
from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from control.access import audited, not_audited, public
from control.actions import Action
from control.db import unit_of_work
from control.errors import Unavailable
from control.people.circumstances import present_closed_rule, present_directory, present_rules
from control.people.citizens.circumstances import present_keys
from control.people.citizens.numbers import approved_token
from control.people.citizens.registering import login_of_number
from control.people.directory.domain import Verdict, parse_login, parse_password
from control.people.factors.domain import SECRET_BYTES, in_groups, provisioning_uri
from control.people.factors.notices import unread
from control.people.factors.sealing import NONCE_BYTES
from control.people.factors.service import secret_of
from control.people.local.hashing import check_local_password
from control.people.local.service import LocalIdentity, local_identity
from control.people.oidc.offers import offers
from control.people.sessions.service import end_own_session
from control.people.signin import service
from control.people.signin.devices import remember
from control.people.signin.domain import local_path, rest_of_answer
from control.people.signin.service import Half, Result, Step, Typed
from control.people.signing.offers import sign_in_ways
from control.people.ways import Way
from control.requests import SESSION_COOKIE, current_language, reference_number
from control.security import allow_form_to
from control.services import services

STEP_COOKIE = "__Host-vonglau-step"
DEVICE_COOKIE = "__Host-vonglau-device"
HALF = "the second step belongs to whoever passed the first; a token in their browser says who"
TOKEN_BYTES = 32
NAME_KEPT = 64
QR_SCALE = 5
QR_DARK, QR_LIGHT = "#16264a", "#ffffff"
signin = Blueprint("signin", __name__, template_folder="templates")


@signin.get("/sign-in")
@public(because="this is where people become known")
@not_audited(because="an empty form; what is sent with it is recorded")
def ask() -> ResponseReturnValue:
    """Show the first step; somebody signed in already is led on."""
    target = local_path(request.args.get("next", ""))
    if g.actor.id:
        return redirect(target or "/", HTTPStatus.SEE_OTHER)
    return first_page(next_path=target)


@signin.post("/sign-in")
@public(because="this is where people become known")
@audited(Action.SIGN_IN_PASSWORD_CHECK)
def check_password() -> ResponseReturnValue:
    """Check name and password with the directory, and open the second step."""
    began = monotonic()
    rules = present_rules()
    text, target = request.form.get("login", ""), local_path(request.form.get("next", ""))
    typed = Typed(text=text, login=parse_login(text))
    password = parse_password(request.form.get("password", ""))
    with unit_of_work() as session:
        typed = _known_by_number(session, typed)
        device = request.cookies.get(DEVICE_COOKIE, "")
        try_id = service.open_try(session, typed=typed, device=device, rules=rules, act=g.act)
    result = Result(step=Step.REFUSED)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    if try_id is not None:
        try:
            result = _check(typed, password, try_id=try_id, token=token, target=target)
        except Unavailable as error:
            if error.code != "directory.unavailable":
                raise
            with unit_of_work() as session:
                service.close_unanswered(session, try_id=try_id, typed=typed, act=g.act)
            return first_page(next_path=target, login=text, fault=error.code, status=error.status)
    if result.step is Step.UNANSWERED:
        return first_page(
            next_path=target,
            login=text,
            fault="directory.unavailable",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        )
    if result.step is Step.REFUSED:
        jitter = secrets.randbelow(1000) / 1000
        sleep(rest_of_answer(monotonic() - began, rules=rules.sign_in, jitter=jitter))
        return first_page(next_path=target, login=text, fault="sign-in.refused", status=HTTPStatus.UNAUTHORIZED)
    if result.step is Step.MUST_CHANGE:
        return make_response(render_template("signin/must_change.html"), HTTPStatus.FORBIDDEN)
    page = ".show_enrolment" if result.step is Step.ENROL else ".ask_code"
    response = make_response(redirect(url_for(page), HTTPStatus.SEE_OTHER))
    life = int(rules.sign_in.pending_life.total_seconds())
    set_cookie(response, STEP_COOKIE, token, max_age=life)
    return response


def _known_by_number(session: Session, typed: Typed) -> Typed:
    """Return the account's name for whoever typed their number: both are counted as one (C3)."""
    if not services().settings.applicant_key:
        return typed  # no applicants in this house
    number = re.sub(r"\s", "", typed.text).upper()
    login = login_of_number(session, number=number, keys=present_keys())
    return Typed(text=typed.text, login=login) if login is not None else typed


def _check(typed: Typed, password: str | None, *, try_id: int, token: str, target: str) -> Result:
    """Ask whoever keeps the password, outside any transaction: slow work must not hold the database.

    A wrong password costs one hash and one question to the directory, whichever of the two keeps the name, or neither.
    """
    identity = None
    with unit_of_work() as session:
        if typed.login is None or password is None:
            return service.refuse_form(session, try_id=try_id, typed=typed, act=g.act)
        identity = local_identity(session, login=typed.login)
    if identity is not None:
        return _check_here(typed, password, identity=identity, try_id=try_id, token=token, target=target)
    cost = present_rules().local.cost
    try:
        answer = present_directory().authenticate(typed.login, password)
    except Unavailable:
        check_local_password(None, password, cost=cost)
        raise
    if answer.verdict is not Verdict.RIGHT:
        check_local_password(None, password, cost=cost)
    with unit_of_work() as session:
        return service.finish_password(
            session,
            try_id=try_id,
            typed=typed,
            answer=answer,
            token=token,
            secret_random=secrets.token_bytes(SECRET_BYTES + NONCE_BYTES),
            next_path=target or "/",
            rules=present_rules(),
            act=g.act,
        )


def _check_here(
    typed: Typed, password: str, *, identity: LocalIdentity, try_id: int, token: str, target: str
) -> Result:
    """Check a password that is kept here; the directory may be down, and only a wrong one asks it at all."""
    rules = present_rules()
    is_right = check_local_password(identity.encoded, password, cost=rules.local.cost)
    is_silent = False
    if not is_right:
        try:
            present_directory().authenticate(typed.login or "", password)
        except Unavailable:
            is_silent = True  # what an unknown name is told now; the try counts all the same
    with unit_of_work() as session:
        result = service.finish_local_password(
            session,
            try_id=try_id,
            typed=typed,
            identity=identity,
            password=password if is_right else None,
            token=token,
            secret_random=secrets.token_bytes(SECRET_BYTES + NONCE_BYTES),
            next_path=target or "/",
            rules=rules,
            act=g.act,
            resumes=request.form.get("resume") == "1",
        )
    return Result(step=Step.UNANSWERED) if is_silent else result


@signin.get("/sign-in/code")
@public(because=HALF)
@not_audited(because="an empty form; what is sent with it is recorded")
def ask_code() -> ResponseReturnValue:
    """Show the second step."""
    half = half_now()
    if half is None:
        return start_again()
    if half.is_enrolment:
        return redirect(url_for(".show_enrolment"), HTTPStatus.SEE_OTHER)
    return second_page(half)


@signin.post("/sign-in/code")
@public(because=HALF)
@audited(Action.SIGN_IN_CODE_CHECK)
def check_code() -> ResponseReturnValue:
    """Check the code and start the session."""
    return _prove(is_enrolment=False)


@signin.get("/sign-in/enrol")
@public(because="somebody without a second factor enrols one after a right password, never before")
@not_audited(because="shows the key made when the password was checked; enrolling it is recorded")
def show_enrolment() -> ResponseReturnValue:
    """Show the QR drawing of a new factor, or ask for the code that was handed over."""
    half = half_now()
    if half is None:
        return start_again()
    if not half.is_enrolment:
        return redirect(url_for(".ask_code"), HTTPStatus.SEE_OTHER)
    return enrolment_page(half)


@signin.post("/sign-in/enrol")
@public(because="somebody without a second factor enrols one after a right password, never before")
@audited(Action.SIGN_IN_CODE_CHECK)
def enrol() -> ResponseReturnValue:
    """Check the first code of a new factor, activate it and start the session."""
    return _prove(is_enrolment=True)


def _prove(*, is_enrolment: bool) -> ResponseReturnValue:
    session_token = secrets.token_urlsafe(TOKEN_BYTES)
    with unit_of_work() as session:
        result = service.prove(
            session,
            token=request.cookies.get(STEP_COOKIE, ""),
            text=request.form.get("code", ""),
            session_token=session_token,
            is_enrolment=is_enrolment,
            rules=present_rules(),
            act=g.act,
        )
        if result.step is Step.SIGNED_IN and g.actor.id:
            # The same browser signed in again: the session it had must not go on beside the new one.
            end_own_session(session, code=g.actor.session_id or "", reason="replaced", act=g.act)
    if result.step is Step.SIGNED_IN:
        return signed_in(result, session_token)
    half = half_now() if result.step is Step.REFUSED else None
    if half is None:
        return start_again()
    page = enrolment_page if is_enrolment else second_page
    return page(half, fault="sign-in.code_refused", status=HTTPStatus.UNAUTHORIZED)


def signed_in(result: Result, session_token: str) -> Response:
    """Give the browser its session, remember the browser, and tell what the person has to learn."""
    flask.session.clear()  # the form secret of before sign-in must not work after it
    response = make_response(redirect(_first_page_of(result), HTTPStatus.SEE_OTHER))
    if result.actor is not None:
        life = present_rules().device_life
        with unit_of_work() as session:
            fresh = remember(
                session,
                person_id=result.actor.id,
                token=request.cookies.get(DEVICE_COOKIE, ""),
                fresh_token=secrets.token_urlsafe(TOKEN_BYTES),
                life=life,
                now=g.now,
            )
            notices = unread(session, person_id=result.actor.id)
            own = approved_token(session, person_id=result.actor.id) if result.actor.is_applicant else None
            if own is not None:
                join = services().ports["join_cases"]
                join(session, person_id=result.actor.id, number_token=own, act=g.act.as_actor(result.actor))
        if fresh is not None:
            set_cookie(response, DEVICE_COOKIE, fresh, max_age=int(life.total_seconds()))
        for notice in notices[:1]:
            flash(sentence(notice.code) or "", "warn")
    set_cookie(response, SESSION_COOKIE, session_token)
    drop_cookie(response, STEP_COOKIE)
    return response


def _first_page_of(result: Result) -> str:
    """Return where somebody goes after sign-in: where they wanted to go, else an applicant to their own page."""
    if result.actor is not None and result.actor.is_applicant and result.next_path in {"", "/"}:
        return url_for("own_account.show")
    return result.next_path or "/"


def half_now() -> Half | None:
    """Return the sign-in that the present browser is half way through."""
    with unit_of_work() as session:
        return service.half_of(session, token=request.cookies.get(STEP_COOKIE, ""), now=g.now)


def start_again() -> Response:
    """Lead back to the first step; what was typed in the second one is worth nothing any more."""
    response = first_page(fault="sign-in.no_password_step", status=HTTPStatus.UNAUTHORIZED)
    drop_cookie(response, STEP_COOKIE)
    return response


def first_page(
    *,
    next_path: str = "",
    login: str = "",
    fault: str | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    resumes: bool = False,
) -> Response:
    """Show the first step with every way that is open, and what was wrong."""
    rules = present_rules()
    open_ways = frozenset(way for kind in ("staff", "citizen", "organisation") for way in rules.ways[kind])
    try:
        with unit_of_work() as session:
            offered = offers(session)
    except Unavailable:  # the page stands also while the database does not; what it offers then is password and key
        offered = ()
    for offer in offered:
        allow_form_to(offer.origin)
    page = render_template(
        "signin/password.html",
        ways=open_ways | rules.ways["break-glass"],
        closed=present_closed_rule(),
        takes_numbers=any(Way.LOCAL in rules.ways[kind] for kind in ("citizen", "organisation")),
        offers=offered,
        takes_certificates=_takes_certificates() and Way.CERTIFICATE in open_ways,
        signing_ways=sign_in_ways(),
        login=login[:NAME_KEPT],
        next_path=next_path,
        fault=sentence(fault),
        is_degraded=fault == "directory.unavailable",
        reference=reference_number(),
        resumes=resumes or request.form.get("resume") == "1",
    )
    return make_response(page, status)


def _takes_certificates() -> bool:
    """Whether certificates are set up: authorities to believe, and a proxy to hear of them from."""
    settings = services().settings
    return settings.client_ca_file is not None and settings.trusted_proxies > 0


def second_page(
    half: Half, *, fault: str | None = None, status: HTTPStatus = HTTPStatus.OK, is_sent: bool = False
) -> Response:
    """Show the second step, with every proof the person has."""
    page = render_template(
        "signin/code.html",
        half=half,
        stations=_stations(half),
        fault=sentence(fault),
        attempts=present_rules().sign_in.code_attempts,
        is_sent=is_sent,
        reference=reference_number(),
    )
    return make_response(page, status)


def enrolment_page(half: Half, *, fault: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Show the drawing of a new factor; without the code that was handed over, ask for that first."""
    if not half.may_enrol or half.factor is None:
        page = render_template(
            "signin/enrolment.html",
            half=half,
            stations=_stations(half),
            fault=sentence(fault),
            reference=reference_number(),
        )
        return make_response(page, status)
    secret = secret_of(half.factor, rules=present_rules().factor)
    drawing = segno.make(provisioning_uri(secret, login=half.person.login), error="m")
    page = render_template(
        "signin/enrol.html",
        half=half,
        stations=_stations(half),
        drawing=drawing.svg_data_uri(scale=QR_SCALE, dark=QR_DARK, light=QR_LIGHT),
        size=drawing.symbol_size(scale=QR_SCALE)[0],
        key=in_groups(secret),
        fault=sentence(fault),
        reference=reference_number(),
    )
    return make_response(page, status)


def _stations(half: Half) -> list[dict[str, object]]:
    return [
        {"kind": "directory", "text": half.person.login},
        {"kind": "password", "text": _("was right")},
        {"kind": "factors", "text": _("waits for you"), "state": "here"},
        {"kind": "session", "text": _("after step 2"), "state": "next"},
        {"kind": "entry", "text": _("every try")},
    ]


def sentence(code: str | None) -> str | None:
    """Return the sentence of a code in the language of the page."""
    return services().messages.render(code, current_language()) if code else None


def set_cookie(response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set a cookie of this host that no script reads and no other site sends."""
    response.set_cookie(name, value, max_age=max_age, secure=True, httponly=True, samesite="Strict", path="/")


def drop_cookie(response: Response, name: str) -> None:
    """Take such a cookie away."""
    response.delete_cookie(name, secure=True, httponly=True, samesite="Strict", path="/")
