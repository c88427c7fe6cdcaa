"""The pages of an applicant: one's own account, its pause, its end, its correction, and complaints about it."""

from __future__ import annotations

from http import HTTPStatus

import flask
from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from control.access import applicants, audited, not_audited
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidForm, InvalidInput, NotAllowed, NotFound
from control.frame.forms import kept, sentences
from control.levels import Level, highest
from control.people.boxes import open_box
from control.people.circumstances import present_rules, present_vouched
from control.people.citizens import checking, holding
from control.people.citizens.circumstances import fresh, present_issue_rules, present_keys, present_registration_rules
from control.people.citizens.domain import Elsewhere, Standing, Way, may_file
from control.people.citizens.forms import IDENTITY_FIELDS, TEXT_CHARACTERS, lines, read_identity
from control.people.citizens.models import CitizenAccount
from control.people.citizens.registering import bound_to, unpack
from control.people.directory.domain import parse_password
from control.people.issues.models import ISSUE_KINDS, AccountIssue
from control.people.issues.service import Report, code_of, report_issue
from control.people.local.hashing import check_local_password
from control.people.local.service import local_identity
from control.people.oidc.models import ExternalIdentity
from control.people.sessions.service import live_sessions
from control.people.signin.domain import address_digest, name_digest
from control.people.signin.throttle import reserve_code_try, settle_try
from control.people.signing.domain import WAYS
from control.people.signing.offers import is_set_up, open_service
from control.people.signing.own import devices_of
from control.people.ways import Way as SignIn
from control.requests import SESSION_COOKIE, current_language, reference_number
from control.services import services
from policies import RULES_ZONE

own_account = Blueprint("own_account", __name__, template_folder="templates")
OWN = "an applicant sees and changes one's own account, and nobody else's"


@own_account.get("/account")
@applicants(because=OWN)
@not_audited(because="a person's own account, shown to nobody else")
def show() -> ResponseReturnValue:
    """Show one's own account, what it may do now, and what it may not and why."""
    return _page()


@own_account.post("/account/pause")
@applicants(because=OWN)
@audited(Action.PEOPLE_PERSON_LOCK)
def pause() -> ResponseReturnValue:
    """Pause the account; it is taken up again by signing in on purpose."""
    with unit_of_work() as session:
        holding.pause(session, act=g.act)
    return _leave(_("The account is paused. Take it up again whenever you want."))


@own_account.post("/account/cancel")
@applicants(because=OWN)
@audited(Action.PEOPLE_APPLICANT_CANCEL)
def cancel() -> ResponseReturnValue:
    """Cancel the account for good, by its password or an identity vouched for just now; dossiers stay."""
    with unit_of_work() as session:
        identity = local_identity(session, login=g.actor.login)
        is_vouched = present_vouched(session)
    has_password = identity is not None and identity.encoded is not None and not is_vouched
    wrong = _wrong_password(Action.PEOPLE_APPLICANT_CANCEL) if has_password else None
    if wrong is not None:
        return _page(faults={"password": wrong}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        judged = holding.cancel(session, act=g.act)
    if isinstance(judged, Deny):
        raise NotAllowed(judged)
    return _leave(_("The account is cancelled. Its dossiers stay with the authority."))


@own_account.post("/account/correction")
@applicants(because=OWN)
@audited(Action.PEOPLE_APPLICANT_CORRECT)
def correct() -> ResponseReturnValue:
    """Correct what was returned; the number stays as it was registered."""
    with unit_of_work() as session:
        account = session.get(CitizenAccount, g.actor.id)
    if account is None:
        raise NotFound("account", g.actor.login)
    if account.way not in set(Way):  # its certificate vouched for it: nothing is ever returned
        wrong = Deny(rule=checking.RULE, reason="citizen.not_returned")
        with unit_of_work() as session:
            g.act.refuse(session, Action.PEOPLE_APPLICANT_CORRECT, wrong)
        raise NotAllowed(wrong)
    way = Way(account.way)
    identity = unpack(open_box(account.sealed, key=present_keys().seal, bound_to=bound_to(account.person_id)))
    faults: list[InvalidInput] = []
    form = {**request.form.to_dict(), "number": identity.number, "phone": identity.phone}
    fixed = read_identity(form, kind=account.person_kind, way=way, faults=faults)
    if fixed is None:
        told = sentences(InvalidForm(tuple(faults)), messages=services().messages, language=current_language())
        return _page(faults=told, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        judged = checking.correct(
            session,
            person_id=g.actor.id,
            identity=fixed,
            random=fresh(12),
            rules=present_registration_rules(way),
            act=g.act,
        )
    if isinstance(judged, Deny):
        raise NotAllowed(judged)
    flash(_("The correction is filed; an officer checks it again."), "ok")
    return redirect(url_for(".show"), HTTPStatus.SEE_OTHER)


@own_account.post("/account/issues")
@applicants(because=OWN)
@audited(Action.PEOPLE_ISSUE_REPORT)
def report() -> ResponseReturnValue:
    """Complain about one's own account: wrong data, or somebody else in one's name."""
    text, kind = lines(request.form, "text"), request.form.get("kind", "")
    faults: list[InvalidInput] = []
    if kind not in ISSUE_KINDS:
        faults.append(InvalidInput("input.not_a_choice", field="kind"))
    if not text:
        faults.append(InvalidInput("input.required", field="text"))
    if len(text) > TEXT_CHARACTERS:
        faults.append(InvalidInput("input.too_long", field="text", maximum=TEXT_CHARACTERS))
    if faults:
        told = sentences(InvalidForm(tuple(faults)), messages=services().messages, language=current_language())
        return _page(faults=told, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        issue = report_issue(
            session,
            report=Report(kind=kind, text=text),
            person_id=g.actor.id,
            random=fresh(12),
            rules=present_issue_rules(),
            act=g.act,
        )
    flash(_("Complaint %(code)s is taken; you hear from us by the date shown.", code=code_of(issue.id)), "ok")
    return redirect(url_for(".show"), HTTPStatus.SEE_OTHER)


def standing_of(session: Session, *, person_id: int) -> Standing | None:
    """Return what decides whether somebody may file, None without an account.

    Whoever came by an identity that a provider vouches for needs no check here; the session says how surely, also for
    an account registered before.
    """
    found = session.execute(
        select(CitizenAccount.state, CitizenAccount.level).where(CitizenAccount.person_id == person_id)
    ).one_or_none()
    is_vouched = g.actor.id == person_id and session.scalar(
        select(exists().where(ExternalIdentity.person_id == person_id, ExternalIdentity.unlinked_at.is_(None)))
    )
    asserted = g.actor.auth_level if is_vouched else Level.LOW
    if found is not None:
        return Standing(state=found[0], level=highest([Level(found[1]), asserted]))
    return Standing(state="approved", level=asserted) if is_vouched else None


def filing_guard(session: Session, *, person_id: int) -> Decision:
    """Answer the port `may_file`: whether this applicant may file a dossier at the present request."""
    held, on = services(), g.now.astimezone(RULES_ZONE).date()
    standing = standing_of(session, person_id=person_id)
    return may_file(standing, law=held.policies, profile=held.settings.profile, on=on)


def _wrong_password(action: Action) -> str | None:
    """Check the present password, counted like a code; return the sentence of what is wrong."""
    rules, password = present_rules(), parse_password(request.form.get("password", ""))
    with unit_of_work() as session:
        identity = local_identity(session, login=g.actor.login)
        tried = reserve_code_try(
            session,
            name=name_digest(g.actor.login, rules=rules.sign_in),
            address=address_digest(g.act.source_ip, rules=rules.sign_in),
            now=g.now,
            rules=rules.sign_in,
        )
    is_right = (
        identity is not None
        and password is not None
        and not isinstance(tried, Deny)
        and check_local_password(identity.encoded, password, cost=rules.local.cost)
    )
    with unit_of_work() as session:
        if not isinstance(tried, Deny):
            settle_try(session, try_id=tried, outcome="passed" if is_right else "failed")
        if is_right:
            return None
        wrong = tried if isinstance(tried, Deny) else Deny(rule=holding.RULE, reason="sign-in.password_wrong")
        g.act.refuse(session, action, wrong)
    return services().messages.render(wrong.reason, current_language())


def _page(*, faults: dict[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    keys = present_keys()
    with unit_of_work() as session:
        account = session.get(CitizenAccount, g.actor.id)
        identity = None
        if account is not None:
            identity = unpack(open_box(account.sealed, key=keys.seal, bound_to=bound_to(account.person_id)))
        guard = filing_guard(session, person_id=g.actor.id)
        live = live_sessions(session, person_id=g.actor.id, now=g.now)
        issues = session.scalars(
            select(AccountIssue).where(AccountIssue.person_id == g.actor.id).order_by(AccountIssue.id.desc()).limit(20)
        ).all()
        local = local_identity(session, login=g.actor.login)
        is_vouched = present_vouched(session)
        devices = devices_of(session, person_id=g.actor.id, now=g.now)
    said = None
    if account is not None and account.decision_sealed is not None and account.state in {"returned", "refused"}:
        said = open_box(account.decision_sealed, key=keys.seal, bound_to=f"decision {account.person_id}")
    page = render_template(
        "citizens/own.html",
        account=account,
        identity=identity,
        refusal=None
        if isinstance(guard, Allow)
        else services().messages.render(guard.reason, current_language(), **guard.params),
        said=said,
        live=live,
        devices=devices,
        takes_usb=is_set_up(Elsewhere.SIGNING_USB)
        and present_rules().closed(SignIn.CERTIFICATE, kind=g.actor.kind) is None,
        asks_password=local is not None and local.encoded is not None and not is_vouched,
        sets_password=local is not None
        and local.encoded is not None
        and present_rules().closed(SignIn.LOCAL, kind=g.actor.kind) is None,
        signing_ways=[way for way in WAYS if not isinstance(open_service(way, kind=g.actor.kind), Deny)],
        issues=[(code_of(issue.id), issue) for issue in issues],
        form=kept(request.form, *IDENTITY_FIELDS, "text", "kind"),
        faults=faults or {},
        reference=reference_number(),
    )
    return make_response(page, status)


def _leave(sentence: str) -> Response:
    flask.session.clear()
    flash(sentence, "ok")
    response = make_response(redirect(url_for("signin.ask"), HTTPStatus.SEE_OTHER))
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="Strict", path="/")
    return response
