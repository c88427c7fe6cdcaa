"""One page: how sure we are that it is you, what that opens, and the proofs of yours that would raise it.

Not for: judging a proof (stepup). Invariant: raising is itself one confirmed act; whoever turns back has changed
nothing, and the door they came from stays shut (S4-11.3-2).
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

import audit
from control.access import audited, not_audited, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput
from control.levels import Level, reaches
from control.people.circumstances import present_rules
from control.people.factors.service import active_factors
from control.people.oidc.identities import identities_of_person
from control.people.oidc.offers import offers
from control.people.signin.domain import local_path
from control.people.signing.domain import WAYS
from control.people.signing.offers import open_service
from control.people.signing.own import devices_of
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.security import allow_form_to

levels = Blueprint("levels", __name__, template_folder="templates")
OWN = "everybody may raise the level of a session of their own"


def raise_level_url(needed: Level, target: str) -> str:
    """Answer the port `raise_level_url`: where somebody goes whose session is too low for a door."""
    return url_for("levels.show", needs=str(needed), next=target)


def words_of_level(level: Level) -> str:
    """Return how a level is called on a page."""
    words: dict[Level, str] = {
        Level.LOW: _("level low"),
        Level.MEDIUM: _("level medium"),
        Level.HIGH: _("level high"),
    }
    return words[level]


@levels.get("/people/me/level")
@signed_in(because=OWN, everyone=True)
@not_audited(because="the level of one's own session; raising it is recorded, and so is the refusal that led here")
def show() -> ResponseReturnValue:
    """Show the level of this session, and what would raise it to the one that is needed."""
    needed = _needed(request.args.get("needs", ""))
    with unit_of_work() as session:
        held = _own_proofs(session)
        linked = {row.provider for row in identities_of_person(session, person_id=g.actor.id)}
        offered = [offer for offer in offers(session) if offer.key in linked]
        devices = devices_of(session, person_id=g.actor.id, now=g.now)
    for offer in offered:
        allow_form_to(offer.origin)
    return render_template(
        "levels/show.html",
        held=g.actor.auth_level,
        needed=needed,
        is_enough=reaches(g.actor.auth_level, needed),
        proofs=held,
        would_do=any(reaches(level, needed) for kind, level in held if kind not in WAYS),
        signing_ways=[
            way
            for way in dict.fromkeys(row.carrier for row in devices if row.carrier in WAYS)
            if reaches(present_rules().session.levels.get(way, Level.LOW), needed)
            and not isinstance(open_service(way, kind=g.actor.kind), Deny)
        ],
        words=words_of_level,
        offers=offered,
        target=local_path(request.args.get("next", "")),
    )


@levels.post("/people/me/level")
@signed_in(because=OWN, everyone=True)
@audited(Action.STEP_UP_PROOF_CHECK)
@steps_up
def raise_it() -> ResponseReturnValue:
    """Ask for a proof that reaches the level, and raise the session by it."""
    needed = _needed(request.form.get("needs", ""))
    target = local_path(request.form.get("next", ""))
    matter = Matter(
        action=Action.SESSION_LEVEL_RAISE,
        binds={"session": g.actor.session_id or "", "level": str(needed)},
        lines=((_("Session"), g.actor.session_id or ""), (_("Level"), words_of_level(needed))),
        title=_("Raise this session to %(level)s", level=words_of_level(needed)),
        back=target or url_for("sessions.me"),
        about=audit.About(person_id=g.actor.ref, session_id=g.actor.session_id),
        level=needed,
    )
    with unit_of_work() as session:
        proof = demand(session, matter)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    flash(_("This session is at %(level)s now.", level=words_of_level(needed)), "ok")
    return redirect(target or url_for("sessions.me"), HTTPStatus.SEE_OTHER)


def _needed(text: str) -> Level:
    try:
        return Level(text or Level.HIGH)
    except ValueError as error:
        raise InvalidInput("level.unknown", field="needs") from error


def _own_proofs(session: Session) -> list[tuple[str, Level]]:
    known = present_rules().session.levels
    kinds = dict.fromkeys(factor.kind for factor in active_factors(session, person_id=g.actor.id))
    return [(kind, known.get(kind, Level.LOW)) for kind in kinds if kind != "recovery"]
