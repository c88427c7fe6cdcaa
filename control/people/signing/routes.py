"""Ask for a signature on a phone and take it: to sign in, to register, to bind a device, to raise a session's level.

Not for: deciding. Invariants: the service is asked outside any transaction; looking changes nothing but when it was
looked; what a signature does happens by a form of ours, in the browser that asked; before somebody is known every
refusal that could tell about accounts reads the same.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from http import HTTPStatus

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from control.access import applicants, audited, not_audited, public, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed, NotFound
from control.exchange import NotAnswered
from control.frame.forms import kept, sentences
from control.people.boxes import NONCE_BYTES
from control.people.certificates.binding import revoke_certificate
from control.people.certificates.models import ClientCertificate
from control.people.certificates.present import present_trust
from control.people.circumstances import present_rules
from control.people.citizens.circumstances import fresh, present_keys
from control.people.citizens.domain import KINDS, Elsewhere
from control.people.citizens.registering import refuse_way
from control.people.sessions.service import end_own_session
from control.people.signin.domain import address_digest, local_path
from control.people.signin.routes import TOKEN_BYTES, drop_cookie, first_page, sentence, set_cookie
from control.people.signin.routes import signed_in as enter
from control.people.signin.service import Result
from control.people.signing import service
from control.people.signing.client import SigningService
from control.people.signing.concluding import Circumstances, conclude
from control.people.signing.domain import OF_NOBODY, WAYS, Answer, State
from control.people.signing.forms import read_number, read_subject
from control.people.signing.messages import MESSAGES
from control.people.signing.offers import (
    may_register_by,
    open_service,
    present_signing_rules,
    present_vouching,
    registration_ways,
)
from control.people.signing.own import reach_of
from control.people.signing.service import Asked, Question
from control.requests import current_language, reference_number
from control.services import services

COOKIE = "__Host-vonglau-signing"
LOGIN_BYTES, KEY_BYTES = 5, 16
BROWSER = "a token in the browser says which question it asked; what comes of it is recorded"
OPEN_TO_ALL = "whoever has no account yet registers one"
OWN = "an applicant looks after the signing devices of one's own account"
REFUSED = "signing.refused"
TOLD = frozenset(
    {"signing.refused_by_holder", "signing.silent", "signing.timed_out", "signing.too_many", "signing.waiting"}
)
signing = Blueprint("signing", __name__, template_folder="templates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A question that is on its way to the phone; `token` is what the browser holds."""

    question: Question
    token: str


@signing.post("/sign-in/signing")
@public(because="this is where people become known")
@audited(Action.SIGN_IN_SIGNING_ASK)
def ask() -> ResponseReturnValue:
    """Ask the holder of a number or signing account to sign in by their phone."""
    target = local_path(request.form.get("next", ""))
    way = _way(request.form.get("way", ""))
    faults: list[InvalidInput] = []
    subject = read_subject(request.form, way=way, faults=faults)
    if subject is None:
        _refuse_ask(Deny(rule=service.RULE, reason=faults[0].code), way=way, purpose="sign-in")
        return first_page(next_path=target, fault=faults[0].code, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    asked = Asked(way=way, purpose="sign-in", subject=subject, next_path=target or "/")
    return _put(asked, opened=open_service(way))


@signing.get("/register/<kind>/signing-sim", defaults={"way": "signing-sim"})
@signing.get("/register/<kind>/remote-signing", defaults={"way": "remote-signing"})
@public(because=OPEN_TO_ALL)
@not_audited(because="an empty form; a closed way is refused and recorded")
def ask_registration(kind: str, way: str) -> ResponseReturnValue:
    """Show the form of one way."""
    _opened(kind, way)
    return _registration_form(kind, way, {})


@signing.post("/register/<kind>/signing-sim", defaults={"way": "signing-sim"})
@signing.post("/register/<kind>/remote-signing", defaults={"way": "remote-signing"})
@public(because=OPEN_TO_ALL)
@audited(Action.SIGN_IN_SIGNING_ASK)
def register(kind: str, way: str) -> ResponseReturnValue:
    """Ask for the signature that registers an account: its certificate is validated before anything is stored."""
    opened = _opened(kind, way)
    faults: list[InvalidInput] = []
    subject = read_subject(request.form, way=way, faults=faults)
    number = read_number(request.form, kind=kind, way=Elsewhere(way), faults=faults)
    if subject is None or number is None:
        _refuse_ask(Deny(rule=service.RULE, reason=faults[0].code), way=way, purpose="register")
        told = sentences(InvalidForm(tuple(faults)), messages=services().messages, language=current_language())
        return _registration_form(kind, way, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    asked = Asked(
        way=way, purpose="register", subject=subject, next_path=url_for("own_account.show"), kind=kind, number=number
    )
    return _put(asked, opened=opened)


@signing.post("/account/signing")
@applicants(because=OWN)
@audited(Action.SIGN_IN_SIGNING_ASK)
def bind() -> ResponseReturnValue:
    """Ask for the signature that binds a device to one's own account, which raises its assurance (S4-9.4)."""
    way = _way(request.form.get("way", ""))
    faults: list[InvalidInput] = []
    subject = read_subject(request.form, way=way, faults=faults)
    if subject is None:
        wrong = Deny(rule=service.RULE, reason=faults[0].code)
        _refuse_ask(wrong, way=way, purpose="bind")
        raise NotAllowed(wrong)
    asked = Asked(way=way, purpose="bind", subject=subject, next_path=url_for("own_account.show"))
    return _put(asked, opened=open_service(way, kind=g.actor.kind))


@signing.post("/account/signing/<int:certificate_id>/loss")
@applicants(because=OWN)
@audited(Action.FACTOR_CERTIFICATE_REVOKE)
def report_loss(certificate_id: int) -> ResponseReturnValue:
    """Report a signing device lost: it opens nothing from this moment on, and every session ends."""
    with unit_of_work() as session:
        row = session.get(ClientCertificate, certificate_id) if certificate_id < 2**63 else None
        if row is None or row.person_id != g.actor.id:
            raise NotFound("certificate", certificate_id)
        revoke_certificate(session, certificate_id=certificate_id, reason="lost", act=g.act)
    flash(_("The device opens nothing any more, and all your sessions have ended."), "ok")
    return redirect(url_for("signin.ask"), HTTPStatus.SEE_OTHER)


@signing.post("/people/me/level/signing")
@signed_in(because="everybody may raise the level of a session of their own", everyone=True)
@audited(Action.SIGN_IN_SIGNING_ASK)
def raise_by() -> ResponseReturnValue:
    """Ask the person's own device to raise the level of this session (S4-11.3-2)."""
    way = _way(request.form.get("way", ""))
    target = local_path(request.form.get("next", "")) or url_for("levels.show")
    with unit_of_work() as session:
        subject = reach_of(session, person_id=g.actor.id, way=way, keys=present_keys(), now=g.now)
    if subject is None:
        wrong = Deny(rule=service.RULE, reason="certificate.not_bound")
        _refuse_ask(wrong, way=way, purpose="raise")
        raise NotAllowed(wrong)
    asked = Asked(way=way, purpose="raise", subject=subject, next_path=target)
    return _put(asked, opened=open_service(way, kind=g.actor.kind))


@signing.get("/sign-in/signing/wait")
@public(because=BROWSER)
@not_audited(because="how one's own question stands; what the answer does is recorded when it is taken")
def wait() -> ResponseReturnValue:
    """Show the control code, and whether the phone has answered."""
    question = _question()
    if question is None and request.headers.get("HX-Request") == "true":
        return render_template("signing/standing.html", question=None, has_answered=False)  # and the page stops asking
    if question is None:
        return _over()
    return _wait_page(question, has_answered=_has_answered(question))


@signing.post("/sign-in/signing/answer")
@public(because=BROWSER)
@audited(Action.SIGN_IN_SIGNING_CHECK)
def answer() -> ResponseReturnValue:
    """Take the phone's answer, and do what it was asked for."""
    with unit_of_work() as session:
        question = _found(session, is_look=True)
        refused = (
            service.refuse_unasked(session, act=g.act)
            if question is None
            else service.count_look(session, question=question, rules=present_signing_rules(), act=g.act)
        )
    if question is None or refused is not None:
        return _over()
    opened = open_service(question.asked.way)
    if isinstance(opened, Deny):
        with unit_of_work() as session:
            service.refuse(session, question, reason=opened.reason, end="rejected", act=g.act)
        return _ended(question, opened.reason)
    said = _standing(opened, question)
    if said is None:
        with unit_of_work() as session:
            service.note_silence(session, question, act=g.act)
        return _wait_page(question, fault=service.SILENT, status=HTTPStatus.SERVICE_UNAVAILABLE)
    if said.state is not State.SIGNED:
        with unit_of_work() as session:
            refused = service.end_by(session, question, state=said.state, act=g.act)
        if said.state is State.PENDING:
            return _wait_page(question, fault=refused.reason, status=HTTPStatus.CONFLICT)
        return _ended(question, refused.reason)
    return _conclude(question, said)


def _conclude(question: Question, said: Answer) -> ResponseReturnValue:
    trust, vouch = present_trust(), present_vouching()
    session_token = secrets.token_urlsafe(TOKEN_BYTES)
    outcome: Result | Deny | None
    with unit_of_work() as session:
        again = _found(session, is_look=True)  # under the lock: of two that answer at once, one finds it over
        if again is None or trust is None or vouch is None:
            outcome = service.refuse_unasked(session, act=g.act)
        else:
            given = Circumstances(
                trust=trust,
                rules=present_rules(),
                vouch=vouch,
                session_token=session_token,
                login=f"ct-{secrets.token_hex(LOGIN_BYTES)}",
                random=fresh(2 * NONCE_BYTES),
                registers=frozenset((kind, str(way)) for kind, way in registration_ways()),
            )
            outcome = conclude(session, question=again, answer=said, given=given, act=g.act)
        if isinstance(outcome, Result) and g.actor.id:
            end_own_session(session, code=g.actor.session_id or "", reason="replaced", act=g.act)
    if isinstance(outcome, Deny):
        return _ended(question, outcome.reason)
    if isinstance(outcome, Result):
        return _dropped(enter(outcome, session_token))
    flash(_("The signature was taken; this session is at the level of the device."), "ok")
    return _dropped(redirect(question.asked.next_path, HTTPStatus.SEE_OTHER))


def _put(asked: Asked, *, opened: SigningService | Deny) -> ResponseReturnValue:
    """Store the question, have it shown on the phone, and lead the browser to the page that waits."""
    if isinstance(opened, Deny):
        _refuse_ask(opened, way=asked.way, purpose=asked.purpose)
        raise NotAllowed(opened)
    rules, token = present_signing_rules(), secrets.token_urlsafe(TOKEN_BYTES)
    with unit_of_work() as session:
        question = service.put_question(
            session,
            asked=asked,
            token=token,
            house=services().settings.base_url,
            address=address_digest(g.act.source_ip, rules=present_rules().sign_in),
            random=fresh(service.RANDOM_BYTES),
            rules=rules,
            keys=present_keys(),
            act=g.act,
        )
    if isinstance(question, Deny):
        raise NotAllowed(question)
    refused = _ring(opened, question)
    if refused is not None:
        return _ended(question, refused.reason)
    response = make_response(redirect(url_for(".wait"), HTTPStatus.SEE_OTHER))
    set_cookie(response, COOKIE, token, max_age=int(rules.life.total_seconds()))
    return response


def _ring(opened: SigningService, question: Question) -> Deny | None:
    """Have the question shown; what the service refuses at once ends it."""
    code = question.challenge.control_code
    display = MESSAGES[f"signing.display_{question.asked.purpose.replace('-', '_')}"].vi
    try:
        said = opened.ask(
            subject=question.asked.subject,
            challenge=question.challenge,
            display=display.format(organisation=services().settings.organisation, code=code),
            until=question.expires_at,
            key=secrets.token_hex(KEY_BYTES),
            now=g.now,
        )
    except NotAnswered:
        with unit_of_work() as session:
            return service.end_unanswered(session, question, act=g.act)
    with unit_of_work() as session:
        if said.state is State.PENDING:
            service.note_reference(session, question=question, reference=said.reference)
            return None
        if said.state is State.SIGNED:  # nobody can have confirmed before it was shown
            return service.refuse(session, question, reason="signing.not_ours", end="rejected", act=g.act)
        return service.end_by(session, question, state=said.state, act=g.act)


def _standing(opened: SigningService, question: Question) -> Answer | None:
    """Ask how a question stands; None when there is no answer one may rely on."""
    try:
        return opened.standing(reference=question.reference, key=secrets.token_hex(KEY_BYTES), now=g.now)
    except NotAnswered:
        return None


def _has_answered(question: Question) -> bool:
    """Look whether the phone has answered, at most once in a while."""
    opened = open_service(question.asked.way)
    if isinstance(opened, Deny):
        return False
    with unit_of_work() as session:
        may_look = service.may_look(session, question=question, rules=present_signing_rules(), now=g.now)
    said = _standing(opened, question) if may_look else None
    return said is not None and said.state is not State.PENDING


def _question() -> Question | None:
    with unit_of_work() as session:
        return _found(session)


def _found(session: Session, *, is_look: bool = False) -> Question | None:
    if not services().settings.applicant_key:
        return None
    return service.open_question(
        session,
        token=request.cookies.get(COOKIE, ""),
        house=services().settings.base_url,
        keys=present_keys(),
        act=g.act,
        is_look=is_look,
    )


def _way(text: str) -> str:
    if text not in WAYS:
        raise InvalidInput("input.not_a_choice", field="way")
    return text


def _opened(kind: str, way: str) -> SigningService:
    """Return the service of a way that registers a kind; a closed one is refused, and that is an entry."""
    if kind not in KINDS:
        raise NotFound("kind", kind)
    judged = may_register_by(Elsewhere(way), kind=kind)
    opened = open_service(way, kind=kind) if not isinstance(judged, Deny) else judged
    if isinstance(opened, Deny):
        with unit_of_work() as session:
            refuse_way(session, opened, way=way, kind=kind, act=g.act)
        raise NotAllowed(opened)
    return opened


def _refuse_ask(decision: Deny, *, way: str, purpose: str) -> None:
    with unit_of_work() as session:
        g.act.refuse(session, Action.SIGN_IN_SIGNING_ASK, decision, details={"way": way, "purpose": purpose})


def _registration_form(
    kind: str, way: str, faults: dict[str, str], status: HTTPStatus = HTTPStatus.OK
) -> ResponseReturnValue:
    page = render_template(
        "signing/register.html",
        kind=kind,
        way=way,
        form=kept(request.form, "subject", "number"),
        faults=faults,
        reference=reference_number(),
    )
    return make_response(page, status)


def _wait_page(
    question: Question, *, fault: str | None = None, has_answered: bool = False, status: HTTPStatus = HTTPStatus.OK
) -> ResponseReturnValue:
    page = render_template(
        "signing/wait.html",
        question=question,
        has_answered=has_answered,
        back=_back(question),
        fault=sentence(fault),
        reference=reference_number(),
    )
    return make_response(page, status)


def _ended(question: Question, reason: str) -> Response:
    """Say that a question let nobody in, and why as far as that may be told."""
    purpose = question.asked.purpose
    told = reason if reason in TOLD or purpose != "sign-in" else REFUSED
    status = HTTPStatus.SERVICE_UNAVAILABLE if reason == service.SILENT else HTTPStatus.UNAUTHORIZED
    if purpose == "sign-in":
        return _dropped(first_page(next_path=local_path(question.asked.next_path), fault=told, status=status))
    page = render_template(
        "signing/ended.html", fault=sentence(told), back=_back(question), purpose=purpose, reference=reference_number()
    )
    return _dropped(make_response(page, HTTPStatus.FORBIDDEN if purpose not in OF_NOBODY else status))


def _over() -> Response:
    """Lead whoever has no open question back to where one begins."""
    if g.actor.id:
        page = render_template(
            "signing/ended.html",
            fault=sentence(service.OVER),
            back=url_for("levels.show"),
            purpose="raise",
            reference=reference_number(),
        )
        return _dropped(make_response(page, HTTPStatus.CONFLICT))
    return _dropped(first_page(fault=service.OVER, status=HTTPStatus.UNAUTHORIZED))


def _back(question: Question) -> str:
    asked = question.asked
    if asked.purpose == "register":
        return url_for(".ask_registration", kind=asked.kind, way=asked.way)
    return asked.next_path if asked.purpose != "sign-in" else url_for("signin.ask")


def _dropped(response: ResponseReturnValue) -> Response:
    made = make_response(response)
    drop_cookie(made, COOKIE)
    return made
