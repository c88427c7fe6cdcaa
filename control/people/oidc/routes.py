"""The way to an identity provider and back: to sign in, to link an identity, to raise the level of a session.

Not for: deciding. Invariants: going there is a form of ours; coming back shows a page of ours whose form, sent from
here, does the rest, so that nothing changes by a link of another site and the strict cookies are there again; the
person reads one sentence for every refusal.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

import audit
from control.access import audited, not_audited, public, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotAllowed, Unavailable
from control.levels import Level, reaches
from control.people.circumstances import present_rules
from control.people.citizens.circumstances import warn_applicant
from control.people.directory.models import Person
from control.people.factors.domain import SECRET_BYTES
from control.people.factors.sealing import NONCE_BYTES
from control.people.oidc import service
from control.people.oidc.client import Addresses, ProviderClient
from control.people.oidc.domain import (
    Assertion,
    AssertionRefused,
    Provider,
    ProviderRules,
    key_id_of,
    nonce_of,
    published_key,
    read_assertion,
)
from control.people.oidc.identities import identities_of_person, unlink
from control.people.oidc.joining import was_joined
from control.people.oidc.offers import NAMES, offers, open_kinds, open_provider, present_provider_rules
from control.people.oidc.service import Question
from control.people.sessions.service import end_own_session
from control.people.signin.domain import local_path
from control.people.signin.routes import STEP_COOKIE, TOKEN_BYTES, first_page, sentence, set_cookie
from control.people.signin.routes import signed_in as enter
from control.people.signin.service import Step
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.people.ways import Way
from control.security import allow_form_to
from control.services import services

PROVIDER_COOKIE = "__Host-vonglau-provider"
LOGIN_BYTES = 5
REFUSED = "oidc.refused"
BACK = "whoever comes back from a provider is nobody yet; a token in their browser says which question is answered"
OWN = "everybody may look after the identities of their own"
oidc = Blueprint("oidc", __name__, template_folder="templates")


@oidc.post("/sign-in/provider/<key>")
@public(because="this is where people become known")
@audited(Action.SIGN_IN_PROVIDER_ASK)
def ask(key: str) -> ResponseReturnValue:
    """Send the browser to a provider to sign in there."""
    return _send(key, purpose="sign-in", target=local_path(request.form.get("next", "")) or "/")


@oidc.get("/sign-in/provider/<key>")
@public(because="a link of the portal leads here; the form it shows is ours, and sending it is recorded")
@not_audited(because="a form of ours that leads to the provider; sending it is recorded")
def enter_by(key: str) -> ResponseReturnValue:
    """Lead somebody who comes from the portal on to the provider, without the page of sign-in (S4-11.3).

    Whoever is signed in there comes back known; who is signed in here already goes straight on.
    """
    target = local_path(request.args.get("next", ""))
    if g.actor.id:
        return redirect(target or "/", HTTPStatus.SEE_OTHER)
    with unit_of_work() as session:
        provider = open_provider(session, key)
        if isinstance(provider, Deny):
            g.act.refuse(session, Action.SIGN_IN_PROVIDER_ASK, provider, details={"provider": key})
    if isinstance(provider, Deny):
        raise NotAllowed(provider)
    allow_form_to(provider.origin)
    return render_template("oidc/enter.html", key=key, name=NAMES[key], target=target)


@oidc.get("/sign-in/provider/<key>/return")
@public(because=BACK)
@not_audited(because="shows a form of ours with what the provider sent; sending it is recorded")
def come_back(key: str) -> ResponseReturnValue:
    """Show the form that carries the provider's answer on; a script of ours sends it at once."""
    given = {name: request.args.get(name, "") for name in ("code", "state", "error")}
    page = render_template("oidc/onward.html", key=key, name=NAMES.get(key, key), given=given)
    return make_response(page)


@oidc.post("/sign-in/provider/<key>/return")
@public(because=BACK)
@audited(Action.SIGN_IN_PROVIDER_CHECK)
def answer(key: str) -> ResponseReturnValue:
    """Judge the provider's answer, and do what the browser was sent there for."""
    token = request.cookies.get(PROVIDER_COOKIE, "")
    with unit_of_work() as session:
        question = service.take_question(
            session, provider=key, state=request.form.get("state", ""), token=token, act=g.act
        )
        provider = open_provider(session, key) if isinstance(question, Question) else None
        if isinstance(provider, Deny):
            service.refuse(session, provider.reason, provider=key, act=g.act)
    if isinstance(question, Deny) or provider is None:
        return _refused()
    if isinstance(provider, Deny):
        return _refused(provider.reason)
    try:
        assertion = _assertion(provider, code=request.form.get("code", ""), token=token)
    except (AssertionRefused, Unavailable) as error:
        with unit_of_work() as session:
            service.refuse(session, error.code, provider=key, act=g.act)
        return _refused(error.code if isinstance(error, Unavailable) else REFUSED)
    if question.purpose == "sign-in":
        return _sign_in(question, assertion)
    with unit_of_work() as session:
        conclude = service.conclude_link if question.purpose == "link" else service.conclude_raise
        outcome = conclude(session, question=question, assertion=assertion, act=g.act)
    if isinstance(outcome, Deny):
        raise NotAllowed(Deny(rule=outcome.rule, reason=_told(outcome.reason)))
    done = _("The identity is linked.") if question.purpose == "link" else _("The level of this session is up to date.")
    flash(done, "ok")
    return _dropped(redirect(question.next_path, HTTPStatus.SEE_OTHER))


@oidc.get("/people/me/identities")
@signed_in(because=OWN)
@not_audited(because="a person's own links, without the names they have there, shown to nobody else")
def mine() -> ResponseReturnValue:
    """Show which identities elsewhere are me here."""
    with unit_of_work() as session:
        held = identities_of_person(session, person_id=g.actor.id)
        offered = offers(session)
    for offer in offered:
        allow_form_to(offer.origin)
    taken = {row.provider for row in held}
    return render_template(
        "oidc/mine.html", held=held, names=NAMES, offered=[offer for offer in offered if offer.key not in taken]
    )


@oidc.post("/people/me/identities/<key>/link")
@signed_in(because=OWN)
@audited(Action.SIGN_IN_PROVIDER_ASK)
@steps_up
def link(key: str) -> ResponseReturnValue:
    """Confirm that an identity is to be linked, then go and prove it there."""
    matter = Matter(
        action=Action.PEOPLE_IDENTITY_LINK,
        binds={"provider": key},
        lines=((_("Identity provider"), str(NAMES.get(key, key))),),
        title=_("Link an identity"),
        back=url_for(".mine"),
        about=audit.About(person_id=g.actor.ref),
    )
    with unit_of_work() as session:
        provider = open_provider(session, key)
        proof = demand(session, matter) if isinstance(provider, Provider) else None
    if isinstance(proof, Ask):
        if isinstance(provider, Provider):
            allow_form_to(provider.origin)
        return ask_page(matter, proof)
    return _send(key, purpose="link", target=url_for(".mine"))


@oidc.post("/people/me/identities/<int:identity_id>/unlink")
@signed_in(because=OWN)
@audited(Action.PEOPLE_IDENTITY_UNLINK)
@steps_up
def take_away(identity_id: int) -> ResponseReturnValue:
    """End a link of mine; whoever has no other way in keeps it."""
    matter = Matter(
        action=Action.PEOPLE_IDENTITY_UNLINK,
        binds={"identity": str(identity_id)},
        lines=((_("What changes"), _("this identity no longer signs in here")),),
        title=_("End the link of an identity"),
        back=url_for(".mine"),
        about=audit.About(person_id=g.actor.ref),
    )
    refusal = None
    with unit_of_work() as session:
        # Held, so that two taken away at once do not each leave the other as the last.
        kind = session.get_one(Person, g.actor.id, with_for_update=True).kind
        if kind != "staff" and len(identities_of_person(session, person_id=g.actor.id)) < 2:
            refusal = Deny(rule="people.last_identity", reason="identity.last")
            g.act.refuse(session, Action.PEOPLE_IDENTITY_UNLINK, refusal, about=matter.about)
        proof = None if refusal else demand(session, matter)
        if proof is not None and not isinstance(proof, Ask):
            unlink(session, identity_id=identity_id, act=proof.act)
    if refusal is not None:
        raise NotAllowed(refusal)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    flash(_("The link has ended."), "ok")
    return redirect(url_for(".mine"), HTTPStatus.SEE_OTHER)


@oidc.post("/people/me/level/provider/<key>")
@signed_in(because="everybody may raise the level of a session of their own", everyone=True)
@audited(Action.SIGN_IN_PROVIDER_ASK)
def raise_by(key: str) -> ResponseReturnValue:
    """Go to a provider to prove more than this session knows."""
    target = local_path(request.form.get("next", "")) or url_for("sessions.me")
    return _send(key, purpose="raise", target=target)


def _send(key: str, *, purpose: str, target: str) -> ResponseReturnValue:
    with unit_of_work() as session:
        provider = open_provider(session, key)
        if isinstance(provider, Deny):
            g.act.refuse(session, Action.SIGN_IN_PROVIDER_ASK, provider, details={"provider": key})
    if isinstance(provider, Deny):
        raise NotAllowed(provider)
    client = _client(provider)
    try:
        addresses = client.addresses()
    except (AssertionRefused, Unavailable) as error:
        with unit_of_work() as session:
            service.refuse(session, error.code, provider=key, act=g.act)
        return _refused(error.code if isinstance(error, Unavailable) else REFUSED)
    state, token = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
    rules = present_provider_rules()
    with unit_of_work() as session:
        service.put_question(
            session,
            provider=key,
            purpose=purpose,
            state=state,
            token=token,
            next_path=target,
            rules=rules,
            act=g.act,
        )
    url = client.authorization_url(addresses, state=state, token=token, acr=_best(rules) if purpose == "raise" else "")
    response = make_response(redirect(url, HTTPStatus.SEE_OTHER))
    life = int(rules.life.total_seconds())
    # Lax, not strict: the browser comes back from another site, and this token is all it may bring then.
    response.set_cookie(PROVIDER_COOKIE, token, max_age=life, secure=True, httponly=True, samesite="Lax", path="/")
    return response


def _best(rules: ProviderRules) -> str:
    """Return the asserted level to ask for when a session is to be raised."""
    return next((acr for acr, level in rules.acr_levels.items() if level is Level.HIGH), "")


def _client(provider: Provider) -> ProviderClient:
    back = services().settings.base_url + url_for(".come_back", key=provider.key)
    return ProviderClient(provider=provider, redirect_uri=back, limit_seconds=present_provider_rules().timeout_seconds)


def _assertion(provider: Provider, *, code: str, token: str) -> Assertion:
    """Fetch and judge what the provider asserts, outside any transaction. Raises AssertionRefused, Unavailable."""
    if not code or request.form.get("error"):
        raise AssertionRefused("oidc.code")
    client, rules = _client(provider), present_provider_rules()
    addresses = client.addresses()
    tokens = client.exchange(addresses, code=code, token=token)
    kid = key_id_of(tokens.id_token)
    return read_assertion(
        str(tokens.id_token),
        key=_key(provider, kid, client=client, addresses=addresses),
        provider=provider,
        nonce=nonce_of(token),
        access_token=tokens.access_token,
        rules=rules,
        now=g.now,
    )


def _key(provider: Provider, kid: str, *, client: ProviderClient, addresses: Addresses) -> dict[str, object]:
    """Return the published key of an id; an unknown id is looked for anew once in a while, never in a loop."""
    with unit_of_work() as session:
        known = service.known_keys(session, provider=provider.key, issuer=provider.issuer)
        found = published_key(known, kid)
        may_read = found is None and service.may_read_keys(
            session, provider=provider.key, issuer=provider.issuer, rules=present_provider_rules(), now=g.now
        )
    if may_read:
        text = client.keys(addresses)
        with unit_of_work() as session:
            service.keep_keys(session, provider=provider.key, keys=text)
        found = published_key(text, kid)
    if found is None:
        raise AssertionRefused("oidc.key_unknown")
    return dict(found)


def _sign_in(question: Question, assertion: Assertion) -> ResponseReturnValue:
    session_token, step_token = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
    kinds = open_kinds(Way(question.provider))
    with unit_of_work() as session:
        result = service.conclude_sign_in(
            session,
            question=question,
            assertion=assertion,
            may_register=kinds["citizen"],
            open_kinds=kinds,
            fresh_login=f"cd-{secrets.token_hex(LOGIN_BYTES)}",
            step_token=step_token,
            session_token=session_token,
            secret_random=secrets.token_bytes(SECRET_BYTES + NONCE_BYTES),
            rules=present_rules(),
            provider_rules=present_provider_rules(),
            act=g.act,
        )
        if result.step is Step.SIGNED_IN and g.actor.id:
            end_own_session(session, code=g.actor.session_id or "", reason="replaced", act=g.act)
        is_sure = result.actor is not None and reaches(assertion.level, Level.MEDIUM)
        if result.actor is not None and is_sure and assertion.account_token and result.actor.kind == "citizen":
            join, act = services().ports["join_cases"], g.act.as_actor(result.actor)
            join(session, person_id=result.actor.id, number_token=assertion.account_token, act=act)
        if result.actor is not None and was_joined(session, person_id=result.actor.id, act=g.act):
            warn_applicant(session, person_id=result.actor.id, sentence="outbox.identity_linked")
    if result.step is Step.REFUSED:
        return _refused()
    if result.step is Step.SIGNED_IN:
        return _dropped(enter(result, session_token))
    page = "signin.show_enrolment" if result.step is Step.ENROL else "signin.ask_code"
    response = _dropped(redirect(url_for(page), HTTPStatus.SEE_OTHER))
    life = int(present_rules().sign_in.pending_life.total_seconds())
    set_cookie(response, STEP_COOKIE, step_token, max_age=life)
    return response


def _told(reason: str) -> str:
    return reason if sentence(reason) and reason.startswith("identity.") else REFUSED


def _refused(code: str = REFUSED) -> Response:
    status = HTTPStatus.SERVICE_UNAVAILABLE if code == "oidc.silent" else HTTPStatus.UNAUTHORIZED
    return _dropped(first_page(fault=code, status=status))


def _dropped(response: ResponseReturnValue) -> Response:
    made = make_response(response)
    made.delete_cookie(PROVIDER_COOKIE, secure=True, httponly=True, samesite="Lax", path="/")
    return made
