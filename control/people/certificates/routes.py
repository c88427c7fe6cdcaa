"""Signing in by certificate, reporting one lost, and the officers' page where two of them bind one to a person.

Not for: judging a certificate (domain.py). Invariants: every failure of signing in reads the same; binding takes two
officers with fresh proofs; taking away is at once and needs no proof, because it protects.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

import audit
from control.access import applicants, audited, not_audited, public, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotAllowed, NotFound
from control.people.boxes import NONCE_BYTES
from control.people.certificates import binding
from control.people.certificates.domain import CertificateRefused, Holder, judge, parse
from control.people.certificates.models import ClientCertificate
from control.people.certificates.present import present_trust, presented_certificate, refuse_forged_header
from control.people.certificates.proving import Newcomers, bind_by_certificate, sign_in_by_certificate
from control.people.circumstances import present_rules
from control.people.citizens.circumstances import fresh
from control.people.citizens.domain import KINDS, Elsewhere
from control.people.citizens.registering import refuse_way
from control.people.directory.models import Person
from control.people.directory.service import people_by_id, person_named
from control.people.sessions.service import end_own_session
from control.people.signin.domain import local_path
from control.people.signin.routes import TOKEN_BYTES, first_page
from control.people.signin.routes import signed_in as enter
from control.people.signin.service import Result, Step
from control.people.signing.offers import may_register_by, present_vouching, registration_ways
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.people.ways import Way
from control.permissions import Permission
from control.requests import current_language, reference_number
from control.services import services
from control.text import nfc

LOGIN_BYTES = 5
OPEN_TO_ALL = "whoever has no account yet registers one"
DOCUMENT_CHARACTERS = 60
LOST = ("lost", "stolen", "replaced", "left")
certificates = Blueprint("certificates", __name__, template_folder="templates")
certificates.before_app_request(refuse_forged_header)


@certificates.post("/sign-in/certificate")
@public(because="this is where people become known")
@audited(Action.SIGN_IN_CERTIFICATE_CHECK)
def sign_in() -> ResponseReturnValue:
    """Sign in by the certificate that the proxy saw: possession, and the PIN its token asked for."""
    target = local_path(request.form.get("next", ""))
    result, session_token = _present(target=target, kind=None)
    if result.step is Step.SIGNED_IN:
        return enter(result, session_token)
    return first_page(next_path=target, fault="certificate.refused", status=HTTPStatus.UNAUTHORIZED)


@certificates.get("/register/<kind>/signing-usb")
@public(because=OPEN_TO_ALL)
@not_audited(because="a form with one button; a closed way is refused and recorded")
def ask_registration(kind: str) -> ResponseReturnValue:
    """Say what registering by a signing USB does."""
    _refuse_closed(kind)
    return _registration_page(kind)


@certificates.post("/register/<kind>/signing-usb")
@public(because=OPEN_TO_ALL)
@audited(Action.SIGN_IN_CERTIFICATE_CHECK)
def register(kind: str) -> ResponseReturnValue:
    """Register whom the certificate names, once it is validated (S4-9.2.c, S0-15.2); its holder is signed in then."""
    _refuse_closed(kind)
    result, session_token = _present(target="", kind=kind)
    if result.step is Step.SIGNED_IN:
        return enter(result, session_token)
    return _registration_page(kind, fault=result.reason or "certificate.refused", status=HTTPStatus.UNAUTHORIZED)


def _present(*, target: str, kind: str | None) -> tuple[Result, str]:
    """Take the certificate the proxy saw; return what came of it, and the token of the session if one started."""
    session_token = secrets.token_urlsafe(TOKEN_BYTES)
    trust = present_trust()
    newcomers = Newcomers(
        kinds=frozenset(one for one, way in registration_ways() if way is Elsewhere.SIGNING_USB),
        login=f"ct-{secrets.token_hex(LOGIN_BYTES)}",
        random=fresh(NONCE_BYTES),
        rules=present_vouching(),
        asked=kind,
    )
    with unit_of_work() as session:
        result = sign_in_by_certificate(
            session,
            certificate=presented_certificate(),
            trust=trust,
            session_token=session_token,
            next_path=target or "/",
            newcomers=newcomers,
            rules=present_rules(),
            act=g.act,
        )
        if result.step is Step.SIGNED_IN and g.actor.id:
            end_own_session(session, code=g.actor.session_id or "", reason="replaced", act=g.act)
    return result, session_token


def _refuse_closed(kind: str) -> None:
    """Stop at a closed way, which is an entry. Raises NotAllowed, NotFound for a kind there is not."""
    if kind not in KINDS:
        raise NotFound("kind", kind)
    judged = may_register_by(Elsewhere.SIGNING_USB, kind=kind)
    if isinstance(judged, Deny):
        with unit_of_work() as session:
            refuse_way(session, judged, way=Elsewhere.SIGNING_USB, kind=kind, act=g.act)
        raise NotAllowed(judged)


def _registration_page(
    kind: str, *, fault: str | None = None, status: HTTPStatus = HTTPStatus.OK
) -> ResponseReturnValue:
    page = render_template(
        "certificates/register.html",
        kind=kind,
        faults={"": services().messages.render(fault, current_language())} if fault else {},
        reference=reference_number(),
    )
    return make_response(page, status)


@certificates.post("/account/signing-usb")
@applicants(because="an applicant looks after the signing devices of one's own account")
@audited(Action.SIGN_IN_CERTIFICATE_CHECK)
def bind_own_device() -> ResponseReturnValue:
    """Bind the signing USB in this browser to one's own account, whose number its certificate has to name."""
    vouch, trust, certificate = present_vouching(), present_trust(), presented_certificate()
    closed = present_rules().closed(Way.CERTIFICATE, kind=g.actor.kind)
    outcome: ClientCertificate | Deny
    with unit_of_work() as session:
        outcome = bind_by_certificate(
            session, certificate=certificate, trust=trust, vouch=vouch, closed=closed, rules=present_rules(), act=g.act
        )
    if isinstance(outcome, Deny):
        raise NotAllowed(outcome)
    flash(_("The signing USB is bound to this account."), "ok")
    return redirect(url_for("own_account.show"), HTTPStatus.SEE_OTHER)


@certificates.get("/people/me/certificates")
@signed_in(because="everybody may look after the certificates of their own")
@not_audited(because="a person's own certificates, shown to nobody else")
def mine() -> ResponseReturnValue:
    """Show which certificates are me here, and what to do when one is lost."""
    with unit_of_work() as session:
        held = binding.certificates_of(session, person_id=g.actor.id)
    return render_template("certificates/mine.html", held=held)


@certificates.post("/people/me/certificates/<int:certificate_id>/loss")
@signed_in(because="everybody may report the loss of a certificate of their own")
@audited(Action.FACTOR_CERTIFICATE_REVOKE)
def report_loss(certificate_id: int) -> ResponseReturnValue:
    """Report the signing device lost: the certificate opens nothing from this moment on, and every session ends."""
    with unit_of_work() as session:
        row = session.get(ClientCertificate, certificate_id) if certificate_id < 2**63 else None
        if row is None or row.person_id != g.actor.id:
            raise NotFound("certificate", certificate_id)
        binding.revoke_certificate(session, certificate_id=certificate_id, reason="lost", act=g.act)
    flash(
        _("The certificate opens nothing any more, and all your sessions have ended. Two officers bind a new one."),
        "ok",
    )
    return redirect(url_for("signin.ask"), HTTPStatus.SEE_OTHER)


@certificates.get("/people/<login>/certificates")
@requires(Permission.PEOPLE_FACTOR_READ)
@audited(Action.PEOPLE_PERSON_SHOW)
def show(login: str) -> ResponseReturnValue:
    """Show the certificates of a person, those that wait and those that were taken away too."""
    with unit_of_work() as session:
        person = person_named(session, login)
        g.act.record(session, Action.PEOPLE_PERSON_SHOW, about=_about(person), details={"part": "certificates"})
    return _page(login)


@certificates.post("/people/<login>/certificates")
@requires(Permission.PEOPLE_FACTOR_RESET)
@audited(Action.FACTOR_CERTIFICATE_REQUEST)
@steps_up
def record(login: str) -> ResponseReturnValue:
    """Record a certificate for a person by a document, once it is validated; a second officer has to confirm."""
    document = nfc(" ".join(request.form.get("document", "").split()))[:DOCUMENT_CHARACTERS]
    if not document or not document.isprintable():
        return _page(login, fault="certificate.document", status=HTTPStatus.UNPROCESSABLE_ENTITY)
    holder = _read(request.form.get("pem", ""))
    if isinstance(holder, str):
        with unit_of_work() as session:
            refused = Deny(rule=binding.RULE, reason=holder)
            about = _about(person_named(session, login))
            g.act.refuse(session, Action.FACTOR_CERTIFICATE_REQUEST, refused, about=about)
        return _page(login, fault=holder, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    outcome: ClientCertificate | Deny | None = None
    with unit_of_work() as session:
        person = person_named(session, login)
        lines = ((_("Certificate"), holder.subject), (_("Serial number"), holder.serial), (_("Document"), document))
        binds = {"sha256": holder.fingerprint.hex(), "document": document}
        matter = _matter(Action.FACTOR_CERTIFICATE_REQUEST, _("Record a certificate"), person, *lines, **binds)
        refused_before = binding.may_bind(session, person=person, holder=holder, act=g.act)
        proof = None if refused_before else demand(session, matter)
        if not isinstance(proof, Ask):
            act = proof.act if proof else g.act
            outcome = binding.record_certificate(
                session, person=person, holder=holder, document_number=document, act=act
            )
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(outcome, Deny):
        return _page(login, fault=outcome.reason, status=HTTPStatus.FORBIDDEN)
    flash(_("The certificate waits for a second officer."), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


@certificates.post("/people/<login>/certificates/<int:certificate_id>/confirmation")
@requires(Permission.PEOPLE_FACTOR_CONFIRM)
@audited(Action.FACTOR_CERTIFICATE_CONFIRM)
@steps_up
def confirm(login: str, certificate_id: int) -> ResponseReturnValue:
    """Be the second officer; the certificate is validated once more."""
    outcome: ClientCertificate | Deny | None = None
    with unit_of_work() as session:
        person = person_named(session, login)
        row = _of_person(session, person, certificate_id, state="requested")
        holder = _read(row.pem)
        if isinstance(holder, str):
            refused = Deny(rule=binding.RULE, reason=holder)
            g.act.refuse(session, Action.FACTOR_CERTIFICATE_CONFIRM, refused, about=_about(person))
            outcome, proof = refused, None
        else:
            lines = (
                (_("Certificate"), row.subject),
                (_("Serial number"), row.serial),
                (_("Document"), row.document_number),
            )
            binds = {"certificate": str(row.id), "sha256": row.fingerprint.hex()}
            matter = _matter(Action.FACTOR_CERTIFICATE_CONFIRM, _("Bind a certificate"), person, *lines, **binds)
            is_second = g.actor.id not in {person.id, row.requested_by_id}
            proof = demand(session, matter) if is_second else None
            if not isinstance(proof, Ask):
                act = proof.act if proof else g.act
                outcome = binding.confirm_certificate(session, certificate_id=certificate_id, act=act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(outcome, Deny):
        return _page(login, fault=outcome.reason, status=HTTPStatus.FORBIDDEN)
    flash(_("The certificate is bound: it proves who this person is, at level high."), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


@certificates.post("/people/<login>/certificates/<int:certificate_id>/end")
@requires(Permission.PEOPLE_FACTOR_RESET)
@audited(Action.FACTOR_CERTIFICATE_REVOKE)
def take_away(login: str, certificate_id: int) -> ResponseReturnValue:
    """Take a certificate away at once, or refuse one that waits."""
    reason = request.form.get("reason", "lost")
    with unit_of_work() as session:
        person = person_named(session, login)
        row = _of_person(session, person, certificate_id, state=None)
        if row.state == "requested":
            binding.refuse_certificate(session, certificate_id=certificate_id, act=g.act)
        else:
            binding.revoke_certificate(
                session, certificate_id=certificate_id, reason=reason if reason in LOST else "lost", act=g.act
            )
    flash(_("The certificate opens nothing any more."), "ok")
    return redirect(url_for(".show", login=login), HTTPStatus.SEE_OTHER)


def _read(text: str) -> Holder | str:
    """Return the holder of a valid certificate, or the code of what is wrong with it."""
    trust = present_trust()
    if trust is None:
        return "certificate.not_configured"
    try:
        return judge(parse(text.strip()), trust=trust, now=g.now)
    except CertificateRefused as error:
        return error.code


def _page(login: str, *, fault: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> ResponseReturnValue:
    with unit_of_work() as session:
        person = person_named(session, login)
        held = binding.certificates_of(session, person_id=person.id)
        officers = people_by_id(
            session, person_ids={n for row in held for n in (row.requested_by_id, row.confirmed_by_id) if n}
        )
    page = render_template(
        "certificates/theirs.html",
        person=person,
        held=held,
        officers=officers,
        is_self=person.id == g.actor.id,
        may_record=Permission.PEOPLE_FACTOR_RESET in g.actor.permissions,
        may_confirm=Permission.PEOPLE_FACTOR_CONFIRM in g.actor.permissions,
        fault=services().messages.render(fault, current_language()) if fault else None,
        reference=reference_number(),
    )
    return make_response(page, status)


def _of_person(session: Session, person: Person, certificate_id: int, *, state: str | None) -> ClientCertificate:
    row = session.get(ClientCertificate, certificate_id) if certificate_id < 2**63 else None
    if row is None or row.person_id != person.id or state not in {None, row.state}:
        raise NotFound("certificate", certificate_id)
    return row


def _matter(action: Action, title: str, person: Person, *lines: tuple[str, str], **binds: str) -> Matter:
    return Matter(
        action=action,
        binds={"person": str(person.id), **binds},
        lines=((_("Person"), f"{person.display_name} ({person.login})"), *lines),
        title=title,
        back=url_for("certificates.show", login=person.login),
        about=_about(person),
    )


def _about(person: Person) -> audit.About:
    return audit.About(person_id=f"person:{person.id}")
