"""The screen on which an officer looks somebody up for a case."""

from __future__ import annotations

import secrets
from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

import audit
from control.access import audited, not_audited, requires
from control.actions import Action
from control.acts import Act
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotAllowed, Unavailable
from control.frame.forms import kept
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.ports import CaseLookup
from control.privilege.answers import faults_of, named, sentence_of
from control.privilege.fields import Fields
from control.privilege.population import lookups
from control.privilege.population.client import Answer, PopulationClient
from control.privilege.population.domain import blinded, is_fresh
from control.privilege.population.forms import LOOKUP_NAMES, read_wanted
from control.privilege.population.lookups import Asked, Wanted
from control.privilege.population.rights import live_right_of
from control.privilege.population.routes import refuse_form, terms
from control.privilege.population.terms import Purpose
from control.privilege.population.uses import PopulationQuery
from control.requests import current_language, wants_json
from control.services import services

blueprint = Blueprint(
    "population_lookup", __name__, url_prefix="/privilege/population/lookup", template_folder="templates"
)
RANDOM_BYTES = 12


@blueprint.get("")
@requires(Permission.PRIVILEGE_POPULATION_LOOKUP)
@not_audited(because="the empty form and one's own look-ups, which name nobody")
def form() -> ResponseReturnValue:
    """Show the form, or why the person may not use it now."""
    return _page({"case": request.args.get("case", "")}, faults={})


@blueprint.post("")
@requires(Permission.PRIVILEGE_POPULATION_LOOKUP)
@audited(Action.PRIVILEGE_POPULATION_ASK)
@steps_up
def look_up() -> ResponseReturnValue:
    """Look one person up: refused, or on record, then asked, then on record again, then shown this once."""
    fields = Fields(request.form)
    wanted = read_wanted(fields, terms=terms())
    if wanted is None:
        refuse_form(Action.PRIVILEGE_POPULATION_ASK, fields.faults)
        page = _page(kept(request.form, *LOOKUP_NAMES), faults=faults_of(fields.faults))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    client = _client()
    matter = _matter(wanted)
    proof: Ask | None = None
    with unit_of_work() as session:
        act: Act = g.act
        may = not isinstance(lookups.judge(session, wanted=wanted, lookup=_cases(), act=act), Deny)
        seconds = terms().factor_life.total_seconds()
        if may and not is_fresh(g.actor.second_factor_at, now=g.now, seconds=seconds):
            answer = demand(session, matter)
            proof, act = (answer, act) if isinstance(answer, Ask) else (None, answer.act)
        if proof is None:
            outcome = lookups.ask(
                session,
                wanted=wanted,
                lookup=_cases(),
                correlation_id=f"tc-{secrets.token_hex(RANDOM_BYTES)}",
                act=act,
                terms=terms(),
            )
    if proof is not None:
        return ask_page(matter, proof)
    if isinstance(outcome, Deny):
        return _refused(outcome, wanted)
    return _put(client, outcome, wanted=wanted, act=act)


@blueprint.post("/release")
@requires(Permission.PRIVILEGE_POPULATION_LOOKUP)
@audited(Action.PRIVILEGE_POPULATION_RELEASE)
def release() -> ResponseReturnValue:
    """Leave the screen, here and at the other side, so that another session may sit down."""
    with unit_of_work() as session:
        left = lookups.release(session, act=g.act)
    if left and services().settings.population_url:
        _client().end_session(account=g.actor.login, session=left, correlation_id=_number(), now=g.now)
    flash(gettext("You have left the look-up screen."), "ok")
    return redirect(url_for(".form"), HTTPStatus.SEE_OTHER)


def _put(client: PopulationClient, asked: Asked, *, wanted: Wanted, act: Act) -> ResponseReturnValue:
    """Send what is on record, write down what came of it, and only then show it."""
    if asked.former_session:
        client.end_session(
            account=asked.question.account, session=asked.former_session, correlation_id=_number(), now=act.now
        )
    answer = client.look_up(asked.question, now=act.now)
    with unit_of_work() as session:
        query = lookups.settle(session, query_id=asked.query_id, answer=answer, act=act)
    is_answered = answer.outcome in lookups.SUCCESS
    page = _page({"case": wanted.case_code}, faults={}, answer=answer, query=query, purpose=wanted.purpose)
    return make_response(page, HTTPStatus.OK if is_answered else HTTPStatus.BAD_GATEWAY)


def _refused(decision: Deny, wanted: Wanted) -> ResponseReturnValue:
    if wants_json():
        raise NotAllowed(decision)
    page = _page({"case": wanted.case_code, "purpose": wanted.purpose.code}, faults={}, refusal=decision)
    return make_response(page, HTTPStatus.FORBIDDEN)


def _page(
    values: dict[str, str],
    *,
    faults: dict[str, str],
    refusal: Deny | None = None,
    answer: Answer | None = None,
    query: PopulationQuery | None = None,
    purpose: Purpose | None = None,
) -> str:
    with unit_of_work() as session:
        right = live_right_of(session, person_id=g.actor.id)
        taken = lookups.seat_of_another(session, act=g.act, terms=terms())
        own = lookups.own_queries(session, person_id=g.actor.id)
    language = current_language()
    return render_template(
        "population/lookup.html",
        form=values,
        faults=faults,
        summary=named(faults),
        right=right,
        taken=taken,
        own=own,
        refusal=refusal,
        refusal_text=sentence_of(refusal) if refusal else None,
        answer=answer,
        outcome_text=(
            services().messages.render(f"population.{answer.outcome.value}", language)
            if answer is not None and answer.outcome not in lookups.SUCCESS
            else None
        ),
        query=query,
        purpose=purpose,
        purposes=[("", gettext("Choose…")), *((one.code, one.title(language)) for one in terms().purposes.values())],
        titles={one.code: one.title(language) for one in terms().purposes.values()},
        labels=field_labels(),
        terms=terms(),
    )


def field_labels() -> dict[str, str]:
    """Return what each field of an answer is called, in the reader's language."""
    return {
        "birth_date": gettext("Date of birth"),
        "full_name": gettext("Full name"),
        "head_of_household": gettext("Head of household"),
        "kinship": gettext("Relation to the head of household"),
        "residence": gettext("Permanent residence"),
        "residence_since": gettext("Resident since"),
        "sex": gettext("Sex"),
    }


def _matter(wanted: Wanted) -> Matter:
    key = services().settings.secret_key
    return Matter(
        action=Action.PRIVILEGE_POPULATION_ASK,
        binds={
            "case": wanted.case_code,
            "purpose": wanted.purpose.code,
            "subject": blinded(wanted.number, key=key),
        },
        lines=(
            (gettext("Case"), wanted.case_code),
            (gettext("Purpose"), wanted.purpose.title(current_language())),
        ),
        title=gettext("Look somebody up for case %(case)s", case=wanted.case_code),
        back=url_for(".form"),
        about=audit.About(case_code=wanted.case_code),
    )


def _client() -> PopulationClient:
    settings = services().settings
    if not settings.population_url:
        with unit_of_work() as session:
            refusal = Deny(rule="population.link", reason="population.not_connected")
            g.act.refuse(session, Action.PRIVILEGE_POPULATION_ASK, refusal)
        raise Unavailable("population.not_connected")
    return PopulationClient(url=settings.population_url, key=settings.population_key)


def _cases() -> CaseLookup:
    """The cases of the wing next door, through the port; without it nobody looks anyone up."""
    found: CaseLookup | None = services().ports.get("case_lookup")
    if found is None:
        raise Unavailable("population.not_connected")
    return found


def _number() -> str:
    return f"end-{secrets.token_hex(RANDOM_BYTES)}"
