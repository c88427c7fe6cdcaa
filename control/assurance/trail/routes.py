"""The timeline: what happened, newest first, with its filters, facets and drawing, its download, the verification.

Not for: searching (service.py) or one entry (control/assurance/entries). Every search and export is recorded before
it is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.access import audited, requires
from control.actions import Action
from control.assurance import places
from control.assurance.compliance.service import run_check
from control.assurance.findings.domain import State as FindingState
from control.assurance.findings.models import Finding
from control.assurance.findings.service import Summary, summary_of, visible_to
from control.assurance.findings.view import kind_titles
from control.assurance.searches.models import TrailSearch
from control.assurance.searches.service import visible
from control.assurance.trail import charts, forms, service, speech
from control.assurance.trail.backend import search_of
from control.assurance.trail.domain import Line
from control.db import unit_of_work
from control.errors import InvalidInput
from control.frame.forms import sentences
from control.frame.tables import Listing, Page, csv_response, write_cursor
from control.permissions import Permission
from control.requests import current_language
from control.services import services
from control.titles import ACTION_TITLES, title_of

trail = Blueprint("trail", __name__, url_prefix="/trail", template_folder="templates")

CSV_HEADER = ("sequence", "at", "actor", "name", "action", "title", "subject", "outcome", "reason", "hash")
UNPROCESSABLE = 422
SAVED_SHOWN = 8
FINDINGS_SHOWN = 4
# The counts beside the timeline, in reading order: the facet and the filter that narrows to one of its values.
SHOWN_FACETS = {"area": "action", "actor": "who", "outcome": "outcome", "account": "account", "case": "case"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything the timeline shows; `found` and `facets` are None while it is not clear who is meant."""

    found: service.Found | None
    facets: audit.Facets | None
    state: service.Integrity
    actors: list[tuple[str, str]]
    names: Mapping[str, str]
    saved: tuple[TrailSearch, ...]
    findings: tuple[Finding, ...]
    waiting: Summary


@trail.get("")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_TRAIL_SEARCH)
def timeline() -> ResponseReturnValue:
    """Show what happened, newest first, and how whole and how fresh the trail is."""
    faults: Mapping[str, str] = {}
    try:
        asked = forms.read(request.args, now=g.now)
    except InvalidInput as error:
        faults = sentences(error, messages=services().messages, language=current_language())
        asked = forms.read({}, now=g.now)
    who = asked.listing.filters["who"]
    with unit_of_work() as session:
        actors = service.actors_matching(session, text=who) if who else []
        query = service.resolved(session, asked, keys=services().writer.keys)
    if len(actors) == 1:
        query = replace(query, actor_id=actors[0][0])
    is_clear = not who or len(actors) == 1
    if asked.listing.wants_csv and is_clear and not faults:
        return _as_csv(asked, query)
    with unit_of_work() as session:
        found = facets = None
        if is_clear:
            drawn = asked.window or charts.window(query.since, query.until, now=g.now)
            found = service.find(session, search=search_of(), query=query, window=drawn)
            facets = service.counted(search_of(), query)
        counted = tuple(one.value for one in facets.counts["actor"]) if facets else ()
        answer = Answer(
            found=found,
            facets=facets,
            state=service.integrity(session, now=g.now, copy=_copy()),
            actors=actors,
            names={**dict(actors), **service.people(session, counted), **(found.names if found else {})},
            saved=tuple(visible(session, actor=g.actor))[:SAVED_SHOWN],
            findings=_findings(session),
            waiting=summary_of(session, viewer=g.actor, now=g.now),
        )
        g.act.record(session, Action.AUDIT_TRAIL_SEARCH, details=asked.details)
    return _draw(asked, answer, query=query, faults=faults)


def _draw(asked: forms.Asked, answer: Answer, *, query: audit.Query, faults: Mapping[str, str]) -> ResponseReturnValue:
    listing, found = asked.listing, answer.found
    typed = {**listing.filters, **{name: request.args.get(name, "") for name in faults if name in forms.ASKED}}
    page: Page[Line] | None = None
    if found is not None:
        older = found.page.next_before
        page = Page(
            rows=found.lines,
            listing=listing,
            older=write_cursor((older,)) if older is not None else None,
            total=found.page.total,
        )
    drawn = render_template(
        "trail/timeline.html",
        listing=listing,
        typed=typed,
        answer=answer,
        found=found,
        page=page,
        integrity=answer.state,
        actors=answer.actors,
        names=answer.names,
        faults=faults,
        chips=[(name, listing.filters[name], _state(listing, **{name: ""})) for name in asked.used],
        areas=_areas(),
        finding_titles=kind_titles(),
        facets=_facets(listing, answer.facets),
        series=_series(asked, found.chart, query=query) if found else [],
        question=urlencode({name: listing.filters[name] for name in asked.used}),
        share_with=_share_with(),
        may_save=Permission.ASSURANCE_SEARCH_SAVE in g.actor.permissions,
        title_of=title_of,
        sentence_of=_reason,
        follow=places.follow,
        is_search_configured=bool(services().settings.elasticsearch_url),
    )
    return (drawn, UNPROCESSABLE) if faults else drawn


@trail.post("/verification")
@requires(Permission.ASSURANCE_TRAIL_VERIFY)
@audited(Action.ASSURANCE_CHECK_RUN)
def verify() -> ResponseReturnValue:
    """Recompute the whole chain now and keep the answer as evidence."""
    check = services().policies.requirements.check(service.VERIFYING_CHECK)
    with unit_of_work() as session:
        run_check(session, check=check, act=g.act)
    return redirect(url_for(".timeline"))


def _as_csv(asked: forms.Asked, query: audit.Query) -> ResponseReturnValue:
    language = current_language()
    lines = list(service.export(search_of(), query))
    with unit_of_work() as session:
        names = service.names_of(session, lines)
        g.act.record(session, Action.AUDIT_TRAIL_EXPORT, details={**asked.details, "rows": len(lines)})
    rows = [
        (
            line.sequence,
            line.at.astimezone(charts.ZONE),
            line.actor,
            names.get(line.actor or "", ""),
            line.action,
            title_of(line.action, language),
            " ".join(f"{kind}={code}" for kind, code in line.subjects.items()),
            "denied" if line.is_denied else line.outcome,
            line.reason,
            line.hash,
        )
        for line in lines
    ]
    return csv_response("trail.csv", CSV_HEADER, rows)


def _findings(session: Session) -> tuple[Finding, ...]:
    """Return the findings that wait and that the person may see, the most urgent first."""
    rows = session.scalars(
        select(Finding)
        .where(Finding.state != FindingState.CLOSED, visible_to(g.actor))
        .order_by(Finding.due_at, Finding.id)
        .limit(FINDINGS_SHOWN)
    )
    return tuple(rows)


def _state(listing: Listing, **changes: str | None) -> str:
    """Return the timeline with some filters changed; a changed filter ends the brushing of the drawing."""
    return listing.address("/trail", **{"w": "", "mark": "", **changes})


def _series(asked: forms.Asked, chart: charts.Chart, *, query: audit.Query) -> list[dict[str, object]]:
    """Return the columns with what a click on each asks for: first the column itself, then the span between two."""
    links = []
    for column in chart.columns:
        mark = asked.mark.start if asked.mark else None
        start, end = charts.brush(column, mark=mark, unit=chart.window.unit)
        first, last = charts.typed(start, end)
        here = charts.Window(start=column.start, end=column.end, unit=chart.window.unit)
        links.append(
            asked.listing.address(
                "/trail",
                **{"from": first, "to": last, "last": "", "w": chart.window.code, "mark": "" if mark else here.code},
            )
        )
    chosen = (query.since, query.until) if asked.window else (None, None)
    return charts.columns_of(chart, language=current_language(), links=links, since=chosen[0], until=chosen[1])


def _facets(listing: Listing, facets: audit.Facets | None) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """Return each facet with its values: the value, its count, and the address that narrows to it."""
    if facets is None:
        return []
    shown = []
    for facet, name in SHOWN_FACETS.items():
        values = [
            (one.value, one.count, _state(listing, **{name: one.value}))
            for one in facets.counts[facet]
            if listing.filters[name] != one.value
        ]
        if values:
            shown.append((facet, values))
    return shown


def _share_with() -> list[tuple[str, str]]:
    """Return whom a search can be shared with: nobody, or a role the person holds."""
    roles, language = services().policies.roles, current_language()
    held = [roles[name] for name in sorted(g.actor.roles) if name in roles]
    return [("", "–"), *((role.id, role.title_en if language == "en" else role.title_vi) for role in held)]


def _copy() -> str:
    return service.COPY if services().settings.elasticsearch_url else "postgresql"


def _areas() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the actions by area, for the choice; the area itself can be chosen too."""
    language = current_language()
    groups: dict[str, list[tuple[str, str]]] = {}
    for action, message in sorted(ACTION_TITLES.items()):
        title = message.en if language == "en" else message.vi
        groups.setdefault(str(action).split(":")[0], []).append((str(action), title))
    return list(groups.items())


def _reason(code: str | None) -> str:
    return speech.reason(code, messages=services().messages, language=current_language())
