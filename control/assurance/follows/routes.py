"""The page that follows one thing through the trail: one shape for every kind.

Not for: what a thing is (service.py). Looking is an entry that names what was followed.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from urllib.parse import urlencode

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

import audit
from control.access import audited, requires
from control.actions import Action
from control.assurance import places
from control.assurance.follows import service
from control.assurance.trail import service as trail_service
from control.assurance.trail import speech
from control.assurance.trail.backend import search_of
from control.assurance.trail.charts import columns_of, window
from control.assurance.trail.forms import cursor
from control.db import unit_of_work
from control.frame.tables import ListingRules, Page, write_cursor
from control.permissions import Permission
from control.requests import current_language
from control.services import services
from control.titles import title_of

follows = Blueprint("follows", __name__, url_prefix="/trail/follow", template_folder="templates")

PAGE_SIZE = 25
SIDES = ("on", "values")  # of a person: what others did, where their name is sealed
A_MOMENT = timedelta(seconds=1)
LISTING = ListingRules(sorts={"at": "-"}, default="-at", filters=("side", "outcome"), size=PAGE_SIZE)
ABOUT = frozenset(field.name for field in fields(audit.About))


@follows.get("/<kind>/<path:code>")
@requires(Permission.ASSURANCE_TRAIL_READ)
@audited(Action.AUDIT_TRAIL_FOLLOW)
def show(kind: str, code: str) -> ResponseReturnValue:
    """Show who or what it is, its timeline, its counts, and its neighbours on the golden thread."""
    listing = LISTING.read(request.args)
    side = listing.filters["side"] if kind == "person" and listing.filters["side"] in SIDES else ""
    with unit_of_work() as session:
        track = service.follow(session, kind=kind, code=code, side=side, keys=services().writer.keys)
        query = replace(track.query, limit=PAGE_SIZE, before=cursor(listing))
        if listing.filters["outcome"] == "denied":
            query = replace(query, denied=True)
        ended = track.extent.last_at and track.extent.last_at + A_MOMENT  # the end of a window is not in it
        drawn = window(track.extent.first_at, ended, now=g.now)
        found = trail_service.find(session, search=search_of(), query=query, window=drawn)
        facets = trail_service.counted(search_of(), track.query)
        names = {**trail_service.people(session, (*_actors(facets), *_people(track), code)), **found.names}
        g.act.record(session, Action.AUDIT_TRAIL_FOLLOW, about=_about(kind, code), details={"kind": kind})
    older = found.page.next_before
    return render_template(
        "follows/show.html",
        track=track,
        side=side,
        listing=listing,
        path=places.follow(kind, code),
        found=found,
        names=names,
        facets=facets,
        page=Page(
            rows=found.lines,
            listing=listing,
            older=write_cursor((older,)) if older is not None else None,
            total=found.page.total,
        ),
        series=columns_of(found.chart, language=current_language()),
        stations=places.stations(track.knots, here=(kind, code) if kind in places.ORDER else None),
        title_of=title_of,
        sentence_of=lambda code: speech.reason(code, messages=services().messages, language=current_language()),
        follow=places.follow,
        timeline=f"/trail?{urlencode({'who' if kind == 'person' and not side else kind: code})}",
    )


def _actors(facets: audit.Facets) -> tuple[str, ...]:
    return tuple(one.value for one in facets.counts.get("actor", ()))


def _people(track: service.Track) -> tuple[str, ...]:
    return tuple(code for _, kind, code in track.followed.things if kind == "person")


def _about(kind: str, code: str) -> audit.About:
    """Name what was followed in the entry of looking: identifiers only, as everywhere."""
    field = audit.FILTERS[kind]
    return audit.About(**{field: code}) if field in ABOUT and not code.startswith("system:") else audit.About()
