"""The pages of a forgotten password: the number, the two proofs, the new password.

Not for: deciding. Invariants: every number, and every reason why nothing was sent, gets the same page after the same
time; messages leave by a job, so that no gateway is waited for here.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from time import monotonic, sleep

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from control.access import audited, not_audited, public
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotAllowed
from control.people.circumstances import present_closed_rule, present_number, present_rules
from control.people.citizens.circumstances import fresh, present_keys, say
from control.people.citizens.public import TOKEN_BYTES
from control.people.local.domain import RULE as PASSWORD_RULE
from control.people.local.domain import LocalRules, judge_new
from control.people.recoveries import service
from control.people.recoveries.domain import OVER, REFUSED, RULE, RecoveryRules, Second
from control.people.signin.domain import address_digest, rest_of_answer
from control.people.signin.routes import drop_cookie, sentence, set_cookie
from control.people.signin.throttle import reserve_counted_try
from control.people.ways import CLOSED, Way
from control.requests import current_language, reference_number
from control.services import services

COOKIE = "__Host-vonglau-recovery"
NUMBER_CHARACTERS = 64
NOBODY = "–"  # no login stands in a password that is judged by its form alone
FORGOT = "whoever forgot a password cannot sign in to say so"
BROWSER = "the next step belongs to whoever began in this browser; a token there says who"
recovering = Blueprint("recovering", __name__, template_folder="templates")


@recovering.get("/sign-in/forgotten")
@public(because=FORGOT)
@not_audited(because="an empty form; what is sent with it is recorded")
def ask() -> ResponseReturnValue:
    """Ask for the number, or say that passwords no longer count for anybody outside the house."""
    return _first_page()


@recovering.post("/sign-in/forgotten")
@public(because=FORGOT)
@audited(Action.PEOPLE_PASSWORD_FORGET)
def begin() -> ResponseReturnValue:
    """Begin, whoever is named; codes go out when there is somebody to send them to."""
    began = monotonic()
    if not _open_kinds():
        return _closed_way()
    typed = request.form.get("number", "")
    number = re.sub(r"\s", "", typed).upper()
    if not number or len(number) > NUMBER_CHARACTERS:
        return _first_page(fault="recovery.number", status=HTTPStatus.UNPROCESSABLE_ENTITY)
    _count()
    token, organisation = secrets.token_urlsafe(TOKEN_BYTES), services().settings.organisation
    with unit_of_work() as session:
        service.begin_recovery(
            session,
            typed=typed,
            number=number,
            token=token,
            random=fresh(80),
            words=service.Words(
                subject=say("outbox.subject", organisation=organisation),
                code=say("outbox.recovery_code", organisation=organisation, code="{code}"),
                closed=say("outbox.recovery_closed", organisation=organisation),
            ),
            way_closed=_way_closed(),
            rules=_rules(),
            act=g.act,
        )
        services().ports["send_soon"](session)
    _wait(began)
    response = make_response(redirect(url_for(".ask_proofs"), HTTPStatus.SEE_OTHER))
    set_cookie(response, COOKIE, token, max_age=int(_rules().life.total_seconds()))
    return response


@recovering.get("/sign-in/forgotten/proofs")
@public(because=BROWSER)
@not_audited(because="an empty form; what is sent with it is recorded")
def ask_proofs() -> ResponseReturnValue:
    """Ask for the two proofs."""
    return _proofs_page()


@recovering.post("/sign-in/forgotten/proofs")
@public(because=BROWSER)
@audited(Action.PEOPLE_PASSWORD_PROVE)
def prove() -> ResponseReturnValue:
    """Check the two proofs."""
    began, form = monotonic(), request.form
    proofs = service.Proofs(sms=form.get("sms", ""), second=form.get("second", ""), text=form.get("proof", ""))
    with unit_of_work() as session:
        judged = service.prove(
            session,
            token=request.cookies.get(COOKIE, ""),
            proofs=proofs,
            factor_rules=present_rules().factor,
            rules=_rules(),
            act=g.act,
        )
    if isinstance(judged, Deny):
        _wait(began)
        if judged.reason == OVER:
            return _start_again()
        return _proofs_page(fault=REFUSED, status=HTTPStatus.UNAUTHORIZED)
    return redirect(url_for(".ask_password"), HTTPStatus.SEE_OTHER)


@recovering.get("/sign-in/forgotten/password")
@public(because=BROWSER)
@not_audited(because="an empty form; what is sent with it is recorded")
def ask_password() -> ResponseReturnValue:
    """Ask for the new password of whoever proved two things."""
    with unit_of_work() as session:
        row = service.open_recovery(session, token=request.cookies.get(COOKIE, ""), act=g.act)
    if row is None:
        return _start_again()
    return _password_page({}) if row.proved_at else redirect(url_for(".ask_proofs"), HTTPStatus.SEE_OTHER)


@recovering.post("/sign-in/forgotten/password")
@public(because=BROWSER)
@audited(Action.PEOPLE_PASSWORD_SET)
def choose() -> ResponseReturnValue:
    """Set the new password; sign-in asks for both proofs as ever."""
    text, rules = request.form.get("password", ""), present_rules()
    faults = _faults(text, rules=rules.local)
    with unit_of_work() as session:
        if faults:
            wrong = next(iter(faults.values()))
            g.act.refuse(session, Action.PEOPLE_PASSWORD_SET, wrong)
        else:
            judged = service.choose_password(
                session,
                token=request.cookies.get(COOKIE, ""),
                text=text,
                way_closed=_way_closed(),
                words=_changed_words(),
                random=fresh(64),
                local=rules.local,
                sign_in=rules.sign_in,
                rules=_rules(),
                act=g.act,
            )
            faults = {"password": judged} if isinstance(judged, Deny) else {}
            services().ports["send_soon"](session)
    if any(wrong.reason == OVER for wrong in faults.values()):
        return _start_again()
    if faults:
        return _password_page({place: _told(wrong) for place, wrong in faults.items()}, HTTPStatus.UNPROCESSABLE_ENTITY)
    flash(_("The new password is set and every session has ended. Sign in with it."), "ok")
    response = make_response(redirect(url_for("signin.ask"), HTTPStatus.SEE_OTHER))
    drop_cookie(response, COOKIE)
    return response


def _faults(text: str, *, rules: LocalRules) -> dict[str, Deny]:
    """Return what is wrong with what was typed, whoever's it is to become."""
    faults = {}
    judged = judge_new(text, kind="citizen", login=NOBODY, rules=rules)
    if isinstance(judged, Deny):
        faults["password"] = judged
    if text != request.form.get("again", ""):
        faults["again"] = Deny(rule=PASSWORD_RULE, reason="password.not_same")
    return faults


def _told(wrong: Deny) -> str:
    return services().messages.render(wrong.reason, current_language(), **wrong.params)


def _changed_words() -> tuple[str, str]:
    organisation = services().settings.organisation
    return say("outbox.subject", organisation=organisation), say("outbox.password_changed", organisation=organisation)


def _rules() -> RecoveryRules:
    return RecoveryRules(
        keys=present_keys(),
        life=timedelta(minutes=present_number("password_recovery_minutes")),
        of_account_a_day=present_number("password_recoveries_a_day"),
        of_address_a_day=present_number("password_recoveries_of_address_a_day"),
    )


def _open_kinds() -> list[str]:
    """Return the kinds of applicants whose passwords count today."""
    rules = present_rules()
    return [kind for kind in ("citizen", "organisation") if rules.closed(Way.LOCAL, kind=kind) is None]


def _way_closed() -> Callable[[str], str | None]:
    rules = present_rules()
    return lambda kind: rules.closed(Way.LOCAL, kind=kind)


def _closed_way() -> Response:
    judged = Deny(rule=RULE, reason=CLOSED)
    with unit_of_work() as session:
        g.act.refuse(session, Action.PEOPLE_PASSWORD_FORGET, judged)
    return _first_page(fault=CLOSED, status=HTTPStatus.FORBIDDEN)


def _count() -> None:
    """Count what comes from this address; so many a day and no more, whoever is named. Raises NotAllowed."""
    address = address_digest(g.act.source_ip, rules=present_rules().sign_in)
    most = _rules().of_address_a_day
    with unit_of_work() as session:
        if reserve_counted_try(session, address=address, kind="password-recovery", most=most, now=g.now):
            return
        judged = Deny(rule=RULE, reason="recovery.too_many")
        g.act.refuse(session, Action.PEOPLE_PASSWORD_FORGET, judged)
    raise NotAllowed(judged)


def _wait(began: float) -> None:
    """Answer after a whole step of time, whoever was named and whatever was wrong."""
    jitter = secrets.randbelow(1000) / 1000
    sleep(rest_of_answer(monotonic() - began, rules=present_rules().sign_in, jitter=jitter))


def _first_page(*, fault: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    page = render_template(
        "recoveries/forgotten.html",
        kinds=_open_kinds(),
        closed=present_closed_rule(),
        number=request.form.get("number", "")[:NUMBER_CHARACTERS],
        fault=sentence(fault),
        reference=reference_number(),
    )
    return make_response(page, status)


def _proofs_page(*, fault: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    second = request.form.get("second", Second.MAIL)
    page = render_template(
        "recoveries/proofs.html",
        second=second if second in tuple(Second) else Second.MAIL,
        minutes=present_number("password_recovery_minutes"),
        fault=sentence(fault),
        reference=reference_number(),
    )
    return make_response(page, status)


def _password_page(faults: dict[str, str], status: HTTPStatus = HTTPStatus.OK) -> Response:
    page = render_template(
        "recoveries/password.html",
        faults=faults,
        minimum=present_rules().local.shortest_for("citizen"),
        reference=reference_number(),
    )
    return make_response(page, status)


def _start_again() -> Response:
    return _first_page(fault=OVER, status=HTTPStatus.UNAUTHORIZED)
