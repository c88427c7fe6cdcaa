"""Registration, for everyone: which ways are open, what one says of oneself, and the code that comes back.

Not for: deciding. Invariants: a way that policies close is not shown, and its address refuses and is an entry; the page
reads the same whether a number has an account already.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from control.access import audited, not_audited, public
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Allow, Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed, NotFound
from control.exchange import NotAnswered
from control.frame.forms import kept, sentences
from control.people.circumstances import present_closed_rule, present_number, present_rules
from control.people.citizens import registering
from control.people.citizens.circumstances import fresh, present_registration_rules, say, send_now
from control.people.citizens.domain import PORTAL_CLOSED, Identity, Way, may_register, open_ways, portal_closed
from control.people.citizens.forms import IDENTITY_FIELDS, read_identity
from control.people.directory.domain import parse_password
from control.people.local.domain import judge_new
from control.people.local.hashing import make_hash
from control.people.oidc.identities import is_linked_number
from control.people.oidc.offers import offers, present_provider_rules
from control.people.signin.domain import address_digest
from control.people.signin.throttle import reserve_counted_try
from control.people.signing.offers import registration_ways
from control.people.ways import Way as SignIn
from control.people.ways import ways_for
from control.requests import current_language, reference_number
from control.services import services
from control.sms import InsuranceDesk, SmsGateway
from policies import RULES_ZONE

registration = Blueprint("registration", __name__, template_folder="templates")
COOKIE = "__Host-vonglau-register"
TOKEN_BYTES = 32
OPEN_TO_ALL = "whoever has no account yet registers one"
DESKS = {Way.PHONE: "subscriber", Way.INSURANCE: "insurance"}


@registration.get("/register")
@public(because=OPEN_TO_ALL)
@not_audited(because="which ways are open, the same for everyone")
def ways() -> ResponseReturnValue:
    """Show the ways that are open today; where none is, say where to go instead, or lead there (S0-15.3)."""
    held = services()
    closed = portal_closed(held.policies, profile=held.settings.profile, on=g.now.astimezone(RULES_ZONE).date())
    if closed is not None and held.settings.national_portal_page:
        return redirect(held.settings.national_portal_page, HTTPStatus.SEE_OTHER)
    found = open_ways(held.policies, profile=held.settings.profile, on=g.now.astimezone(RULES_ZONE).date())
    return render_template(
        "citizens/ways.html",
        ways=found,
        signed=registration_ways(),
        vouched=_vouched(),
        closed=present_closed_rule(),
    )


@registration.get("/register/<kind>/<way>")
@public(because=OPEN_TO_ALL)
@not_audited(because="an empty form; a closed way is refused and recorded")
def ask(kind: str, way: str) -> ResponseReturnValue:
    """Show the form of one way."""
    chosen = _opened(kind, way)
    return _form(kind, chosen, {}) if isinstance(chosen, Way) else chosen


@registration.post("/register/<kind>/<way>")
@public(because=OPEN_TO_ALL)
@audited(Action.PEOPLE_APPLICANT_REGISTER)
def begin(kind: str, way: str) -> ResponseReturnValue:
    """Keep what was said until its code comes back, and send the code."""
    chosen = _opened(kind, way)
    if not isinstance(chosen, Way):
        return chosen
    _count()
    faults: list[InvalidInput] = []
    identity = read_identity(request.form, kind=kind, way=chosen, faults=faults)
    password = _password(kind, faults)
    if identity is None or faults:
        return _form(
            kind,
            chosen,
            sentences(InvalidForm(tuple(faults)), messages=services().messages, language=current_language()),
            HTTPStatus.UNPROCESSABLE_ENTITY,
        )
    _vouch(chosen, identity, kind=kind)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    organisation = services().settings.organisation
    with unit_of_work() as session:
        key = registering.begin_registration(
            session,
            identity=identity,
            kind=kind,
            way=chosen,
            password_hash=make_hash(password, cost=present_rules().local.cost),
            channel="mail" if request.form.get("channel") == "mail" and identity.email else "sms",
            token=token,
            random=fresh(64),
            words=(
                say("outbox.subject", organisation=organisation),
                say("outbox.code", organisation=organisation, code="{code}"),
                say("outbox.taken", organisation=organisation),
                say("outbox.taken_elsewhere", organisation=organisation),
            ),
            is_elsewhere=kind == "citizen" and _is_elsewhere(session, identity.number),
            rules=present_registration_rules(chosen),
            act=g.act,
        )
    send_now(key)
    response = make_response(redirect(url_for(".ask_code"), HTTPStatus.SEE_OTHER))
    response.set_cookie(COOKIE, f"{token}.{chosen}", secure=True, httponly=True, samesite="Strict", path="/")
    return response


@registration.get("/register/code")
@public(because="whoever began a registration finishes it; a token in their browser says which")
@not_audited(because="an empty form; what is sent with it is recorded")
def ask_code() -> ResponseReturnValue:
    """Ask for the code that was sent."""
    return _code_page()


@registration.post("/register/code")
@public(because="whoever began a registration finishes it; a token in their browser says which")
@audited(Action.PEOPLE_APPLICANT_CONFIRM)
def confirm() -> ResponseReturnValue:
    """Check the code; the account then waits for its check."""
    token, _dot, way = request.cookies.get(COOKIE, "").partition(".")
    rules = present_registration_rules(Way(way) if way in set(Way) else Way.PORTAL)
    with unit_of_work() as session:
        outcome = registering.confirm_registration(
            session,
            token=token,
            text=request.form.get("code", ""),
            random=fresh(32),
            is_elsewhere=_is_elsewhere,
            rules=rules,
            act=g.act,
        )
    if isinstance(outcome, Deny):
        status = HTTPStatus.UNAUTHORIZED
        return _code_page({"code": services().messages.render(outcome.reason, current_language())}, status)
    flash(_("The account is registered. Sign in by your number; you can file once an officer has checked it."), "ok")
    response = make_response(redirect(url_for("signin.ask"), HTTPStatus.SEE_OTHER))
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Strict", path="/")
    return response


def _vouched() -> tuple[str, ...]:
    """Return which kinds get their account by coming in with an electronic identity; it registers by that alone."""
    held, today = services(), g.now.astimezone(RULES_ZONE).date()
    with unit_of_work() as session:
        is_offered = any(offer.key == SignIn.EID for offer in offers(session))
    is_open = SignIn.EID in ways_for(held.policies, kind="citizen", settings=held.settings, on=today)
    return ("citizen",) if is_offered and is_open else ()


def _opened(kind: str, way: str) -> Way | ResponseReturnValue:
    """Return the way when it is open; a closed one is refused, and that is an entry. Raises NotAllowed, NotFound.

    Once the whole portal is closed, whoever comes is led on to the national one.
    """
    held = services()
    if kind not in {"citizen", "organisation"} or way not in set(Way):
        raise NotFound("way", way)
    judged = may_register(
        way, kind=kind, law=held.policies, profile=held.settings.profile, on=g.now.astimezone(RULES_ZONE).date()
    )
    if isinstance(judged, Allow):
        return Way(way)
    with unit_of_work() as session:
        registering.refuse_way(session, judged, way=way, kind=kind, act=g.act)
    if judged.reason == PORTAL_CLOSED and held.settings.national_portal_page:
        return redirect(held.settings.national_portal_page, HTTPStatus.SEE_OTHER)
    raise NotAllowed(judged)


def _count() -> None:
    """Count a registration from this address; so many a day and no more. Raises NotAllowed."""
    rules, most = present_rules().sign_in, present_number("registrations_a_day")
    address = address_digest(g.act.source_ip, rules=rules)
    with unit_of_work() as session:
        is_free = reserve_counted_try(session, address=address, kind="registration", most=most, now=g.now)
        if is_free:
            return
        judged = Deny(rule="citizens.registrations_a_day", reason="citizen.too_many")
        g.act.refuse(session, Action.PEOPLE_APPLICANT_REGISTER, judged)
    raise NotAllowed(judged)


def _password(kind: str, faults: list[InvalidInput]) -> str:
    text = request.form.get("password", "")
    judged = judge_new(
        text, kind=kind, login=request.form.get("number", "").strip() or "–", rules=present_rules().local
    )
    if isinstance(judged, Deny):
        fault = InvalidInput(judged.reason, field="password")
        fault.context = dict(judged.params)
        faults.append(fault)
    elif text != request.form.get("again", ""):
        faults.append(InvalidInput("password.not_same", field="again"))
    return parse_password(text) or ""


def _is_elsewhere(session: Session, number: str) -> bool:
    """Whether somebody of this number came here by an identity that a provider vouches for."""
    rules = present_provider_rules()
    token = rules.number_digest(number) if rules.number_links else None
    return token is not None and is_linked_number(session, number_digest=token)


def _vouch(way: Way, identity: Identity, *, kind: str) -> None:
    """Ask the desk that vouches for this way, if there is one; no answer is no. Raises NotAllowed."""
    if way not in DESKS:
        return
    held, key = services(), secrets.token_hex(16)
    gateway, desk = SmsGateway.of(held.settings), InsuranceDesk.of(held.settings)
    vouched: bool | None = None
    try:
        if way is Way.PHONE and gateway is not None:
            vouched = gateway.is_subscriber(phone=identity.phone, identity_number=identity.number, key=key, now=g.now)
        elif way is Way.INSURANCE and desk is not None:
            vouched = desk.is_insured(
                insurance_number=identity.insurance, identity_number=identity.number, key=key, now=g.now
            )
    except NotAnswered:
        vouched = None
    judged = registering.judge_identity(is_vouched=vouched, way=way)
    if isinstance(judged, Deny):
        with unit_of_work() as session:
            registering.refuse_way(session, judged, way=way, kind=kind, act=g.act)
        raise NotAllowed(judged)


def _form(kind: str, way: Way, faults: dict[str, str], status: HTTPStatus = HTTPStatus.OK) -> Response:
    page = render_template(
        "citizens/register.html",
        kind=kind,
        way=way,
        form=kept(request.form, *IDENTITY_FIELDS, "channel"),
        faults=faults,
        minimum=present_rules().local.shortest_for(kind),
        reference=reference_number(),
    )
    return make_response(page, status)


def _code_page(faults: dict[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    page = render_template("citizens/code.html", faults=faults or {}, reference=reference_number())
    return make_response(page, status)
