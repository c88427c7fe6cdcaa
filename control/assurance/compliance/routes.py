"""Pages of the posture: every requirement at a moment, one requirement with its claims, one piece of evidence.

Not for: judging. The figures hold nothing of anyone; opening a piece of evidence is an entry all the same.
"""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import audit
from control.access import audited, not_audited, requires
from control.actions import Action
from control.assurance import places
from control.assurance.compliance import service
from control.assurance.compliance.domain import Posture, Standing, State
from control.assurance.compliance.forms import REGIME, read_as_of
from control.db import unit_of_work
from control.errors import NotFound
from control.permissions import Permission
from control.services import services
from policies.requirements import Requirements

compliance = Blueprint("compliance", __name__, url_prefix="/compliance", template_folder="templates")

ORDER = (
    State.HOLDS,
    State.PARTLY,
    State.FAILED,
    State.STALE,
    State.ERROR,
    State.NOT_ASSESSED,
    State.NOT_APPLICABLE,
)
EXPECTED = ("document", "request", "approval", "grant", "entry", "alert", "run", "evidence")


def _requirements() -> Requirements:
    return services().policies.requirements


@compliance.get("")
@requires(Permission.ASSURANCE_POSTURE_READ)
@not_audited(because="figures about the system, nothing of anyone")
def posture() -> ResponseReturnValue:
    """Show how every requirement of one regime stood at a moment."""
    requirements = _requirements()
    asked = request.args.get("regime", "") or REGIME
    catalogue = next((one for one in requirements.catalogues if asked in {one.regime, one.id}), None)
    if catalogue is None:
        raise NotFound("regime", asked)
    as_of = read_as_of(request.args.get("on", ""), now=g.now)
    with unit_of_work() as session:
        shown = service.posture_at(session, requirements, catalogue=catalogue, as_of=as_of)
        changes = service.changes_before(session, requirements, posture=shown)
        seen = service.observations(session, until=as_of)
    chosen = _most_told(shown)
    return render_template(
        "compliance/posture.html",
        posture=shown,
        requirements=requirements,
        changes=changes,
        observations=sorted(seen, key=lambda one: one.check),
        standing_of={one.requirement.id: one for one in shown.standings},
        holding_of=_holding_by_group(shown),
        open_standings=[one for one in shown.standings if one.claims and one.state is not State.HOLDS],
        order=ORDER,
        chosen=chosen,
        stations=_thread(chosen) if chosen else (),
        typed=request.args.get("on", ""),
    )


@compliance.post("/checks")
@requires(Permission.ASSURANCE_CHECK_RUN)
@audited(Action.ASSURANCE_CHECK_RUN)
def run_checks() -> ResponseReturnValue:
    """Run every check now; each is a transaction of its own, so that one that breaks takes no other with it."""
    for check in _requirements().checks:
        with unit_of_work() as session:
            service.run_check(session, check=check, act=g.act)
    return redirect((request.form.get("back") == "evidence" and url_for(".evidence_list")) or url_for(".posture"))


@compliance.get("/evidence")
@requires(Permission.ASSURANCE_EVIDENCE_READ)
@not_audited(because="a list of codes and results; opening one is an entry")
def evidence_list() -> ResponseReturnValue:
    """List the last observations, newest first."""
    requirements = _requirements()
    with unit_of_work() as session:
        found = service.history(session, checks=[check.id for check in requirements.checks], until=g.now, limit=100)
    titles = {check.id: check.title for check in requirements.checks}
    return render_template("compliance/evidence_list.html", observations=found, titles=titles)


@compliance.get("/evidence/<code>")
@requires(Permission.ASSURANCE_EVIDENCE_READ)
@audited(Action.ASSURANCE_EVIDENCE_READ)
def evidence(code: str) -> ResponseReturnValue:
    """Show one observation: what was seen, what it rests on, its exact bytes."""
    requirements = _requirements()
    with unit_of_work() as session:
        observation = service.find(session, code=code)
        g.act.record(
            session,
            Action.ASSURANCE_EVIDENCE_READ,
            about=audit.About(evidence_id=observation.code),
            details={"check": observation.check},
        )
    check = requirements.check(observation.check)
    witnesses = [(one.kind, one.code) for one in observation.witnesses]
    return render_template(
        "compliance/evidence.html",
        observation=observation,
        check=check,
        content=service.content_of(check, observation).decode(),
        requirement_of={
            (catalogue.id, one.id): one for catalogue in requirements.catalogues for one in catalogue.requirements
        },
        stations=places.stations(
            [*witnesses, ("requirement", check.claims[0].requirement)], here=("evidence", observation.code)
        ),
        address=places.address,
    )


@compliance.get("/<requirement>")
@requires(Permission.ASSURANCE_POSTURE_READ)
@not_audited(because="figures about the system, nothing of anyone")
def show(requirement: str) -> ResponseReturnValue:
    """Show one requirement: each claim, the evidence behind it, and the thread it leads along."""
    requirements = _requirements()
    as_of = read_as_of(request.args.get("on", ""), now=g.now)
    for catalogue in requirements.catalogues:
        if any(one.id == requirement for one in catalogue.requirements):
            break
    else:
        raise NotFound("requirement", requirement)
    with unit_of_work() as session:
        shown = service.posture_at(session, requirements, catalogue=catalogue, as_of=as_of)
        standing = next(one for one in shown.standings if one.requirement.id == requirement)
        past = service.history(session, checks=[one.check.id for one in standing.claims], until=as_of)
    return render_template(
        "compliance/requirement.html",
        posture=shown,
        standing=standing,
        history=past,
        stations=_thread(standing),
        address=places.address,
        titles={check.id: check.title for check in requirements.checks},
    )


def _thread(standing: Standing) -> tuple[object, ...]:
    """Return the knots behind one requirement; what a proved thread should have and has not is drawn as missing."""
    found: list[tuple[str, str]] = []
    for claim in standing.claims:
        if claim.observation is not None:
            found += [(one.kind, one.code) for one in claim.observation.witnesses]
            found.append(("evidence", claim.observation.code))
    here = ("requirement", f"{standing.requirement.number} {standing.requirement.title.vi}")
    expected = EXPECTED if standing.claims and any(kind == "grant" for kind, _ in found) else ("evidence",)
    return places.stations(found, here=here, expected=expected)


def _most_told(shown: Posture) -> Standing | None:
    """Return the requirement with most witnesses behind it, the one whose thread is worth drawing."""
    told = [one for one in shown.standings if one.claims]
    return max(told, key=_witness_count, default=None)


def _witness_count(standing: Standing) -> tuple[int, int]:
    seen = sum(len(claim.observation.witnesses) for claim in standing.claims if claim.observation is not None)
    return seen, len(standing.claims)


def _holding_by_group(shown: Posture) -> dict[str, tuple[int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for one in shown.standings:
        held, all_ = counts.get(one.requirement.group, (0, 0))
        counts[one.requirement.group] = (
            held + (one.state is State.HOLDS),
            all_ + (one.state is not State.NOT_APPLICABLE),
        )
    return counts
