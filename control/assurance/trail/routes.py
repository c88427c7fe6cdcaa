"""Pages of the trail: the timeline with its filters, one entry, and the verification.

Not for: searching (service.py). Every search, export and look at an entry is recorded before it is answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import audit
from control.access import audited, requires
from control.actions import Action
from control.assurance import places
from control.assurance.compliance.service import run_check
from control.assurance.trail import forms, service
from control.assurance.trail.backend import search_of
from control.assurance.trail.domain import FILTER_OF, Line
from control.assurance.trail.lineage import lineage
from control.db import unit_of_work
from control.errors import InvalidInput
from control.frame.forms import sentences
from control.frame.tables import Page, csv_response, write_cursor
from control.permissions import Permission
from control.requests import current_language
from control.services import services
from control.titles import ACTION_TITLES, title_of

trail = Blueprint("trail", __name__, url_prefix="/trail", template_folder="templates")

CSV_HEADER = ("sequence", "at", "actor", "name", "action", "title", "subject", "outcome", "reason", "hash")
UNPROCESSABLE = 422
PARENTHESIS = re.compile(r" \([^()]*\{[^()]*\)")
PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


@trail.get("")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_TRAIL_SEARCH)
def timeline() -> ResponseReturnValue:
    """Show what happened, newest first, and how whole and how fresh the trail is."""
    faults: Mapping[str, str] = {}
    try:
        asked = forms.read(request.args)
    except InvalidInput as error:
        faults = sentences(error, messages=services().messages, language=current_language())
        asked = forms.read({})
    actors = _actors(request.args.get("who", "").strip())
    query = asked.query
    if len(actors) == 1:
        query = replace(query, actor_id=actors[0][0])
    if asked.listing.wants_csv and not faults:
        return _as_csv(asked, query)
    is_answerable = not request.args.get("who", "").strip() or len(actors) == 1
    with unit_of_work() as session:
        found = service.find(session, search=search_of(), query=query, now=g.now) if is_answerable else None
        state = service.integrity(session, now=g.now)
        g.act.record(session, Action.AUDIT_TRAIL_SEARCH, details=asked.details)
    return _draw(asked, found, state, actors=actors, faults=faults)


def _draw(
    asked: forms.Asked,
    found: service.Found | None,
    state: service.Integrity,
    *,
    actors: list[tuple[str, str]],
    faults: Mapping[str, str],
) -> ResponseReturnValue:
    listing = asked.listing
    typed = {**listing.filters, **{name: request.args.get(name, "") for name in ("from", "to") if faults}}
    page: Page[Line] | None = None
    if found is not None:
        older = found.page.next_before
        page = Page(
            rows=found.lines,
            listing=listing,
            older=write_cursor((older,)) if older is not None else None,
            total=found.page.total,
        )
    answer = render_template(
        "trail/timeline.html",
        listing=listing,
        typed=typed,
        found=found,
        page=page,
        integrity=state,
        actors=actors,
        faults=faults,
        followed=[(name, listing.filters[name]) for name in forms.FOLLOWED if listing.filters[name]],
        areas=_areas(),
        series=[
            {
                "label": f"{hour.start.astimezone(forms.ZONE):%-H}",
                "value": hour.count,
                "mark": hour.refused,
                "now": last,
            }
            for hour, last in _with_last(found.hours if found else ())
        ],
        title_of=title_of,
        sentence_of=_sentence,
        address=places.address,
        is_search_configured=bool(services().settings.elasticsearch_url),
    )
    return (answer, UNPROCESSABLE) if faults else answer


@trail.post("/verification")
@requires(Permission.ASSURANCE_TRAIL_VERIFY)
@audited(Action.ASSURANCE_CHECK_RUN)
def verify() -> ResponseReturnValue:
    """Recompute the whole chain now and keep the answer as evidence."""
    check = services().policies.requirements.check(service.VERIFYING_CHECK)
    with unit_of_work() as session:
        run_check(session, check=check, act=g.act)
    return redirect(url_for(".timeline"))


@trail.get("/<int:sequence>")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_ENTRY_READ)
def entry(sequence: int) -> ResponseReturnValue:
    """Show one entry: what it says, what it hangs on, its exact bytes, and its place in the chain."""
    with unit_of_work() as session:
        line, inclusion = service.read_entry(session, sequence=sequence)
        names = service.names_of(session, [line])
        neighbours = lineage(session, line)
        size = service.integrity(session, now=g.now).size
        g.act.record(session, Action.AUDIT_ENTRY_READ, details={"sequence": sequence})
    return render_template(
        "trail/entry.html",
        line=line,
        inclusion=inclusion,
        names=names,
        size=size,
        stations=places.stations(
            [*neighbours.found, ("seal", str(inclusion.sealed_by.size))] if inclusion.sealed_by else neighbours.found,
            here=("entry", str(line.sequence)),
            expected=neighbours.expected,
        ),
        filter_of=FILTER_OF,
        title_of=title_of,
        sentence_of=_sentence,
        address=places.address,
    )


def _actors(text: str) -> list[tuple[str, str]]:
    """Return whom the box `who` can mean; nobody and many are answered on the page, not guessed."""
    if not text:
        return []
    with unit_of_work() as session:
        return service.actors_matching(session, text=text)


def _as_csv(asked: forms.Asked, query: audit.Query) -> ResponseReturnValue:
    language = current_language()
    lines = list(service.export(search_of(), query))
    with unit_of_work() as session:
        names = service.names_of(session, lines)
        g.act.record(session, Action.AUDIT_TRAIL_EXPORT, details={**asked.details, "rows": len(lines)})
    rows = [
        (
            line.sequence,
            line.at.astimezone(forms.ZONE),
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


def _with_last(hours: Sequence[service.Hour]) -> list[tuple[service.Hour, bool]]:
    return [(hour, place == len(hours) - 1) for place, hour in enumerate(hours)]


def _areas() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the actions by area, for the choice; the area itself can be chosen too."""
    language = current_language()
    groups: dict[str, list[tuple[str, str]]] = {}
    for action, message in sorted(ACTION_TITLES.items()):
        title = message.en if language == "en" else message.vi
        groups.setdefault(str(action).split(":")[0], []).append((str(action), title))
    return list(groups.items())


def _sentence(reason: str | None) -> str:
    """Return the first sentence of a reason's message: enough for a row; what only the person saw is left out."""
    if not reason:
        return ""
    message = services().messages.by_code.get(reason)
    if message is None:
        return reason
    pattern = message.en if current_language() == "en" else message.vi
    bare = PLACEHOLDER.sub("…", PARENTHESIS.sub("", pattern))
    return bare.split(". ")[0].rstrip(".")
