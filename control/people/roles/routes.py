"""The rights matrix: what each role may do, which doors it opens, and what nobody may hold together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flask import Blueprint, Response, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from control.access import not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.frame.tables import ListingRules, csv_response
from control.people.roles.matrix import DoorRow, Right, doors, rights
from control.permissions import Permission
from control.requests import current_language
from control.services import services
from control.text import fold
from control.titles import title_of, title_of_permission
from policies import Role

matrix = Blueprint("matrix", __name__, template_folder="templates")

RIGHTS = ListingRules(filters=("q", "role"), size=1_000)
DOORS = ListingRules(filters=("q", "role", "door"), size=1_000)
WHY_SILENT = "the rules of the release, the same for everyone who may read them; taking them away as a file is an entry"
YES = "x"


@matrix.get("/people/roles")
@requires(Permission.PEOPLE_ROLE_READ)
@not_audited(because=WHY_SILENT)
def index() -> ResponseReturnValue:
    """Show each permission against each role, and which permissions are kept apart; as a page or as CSV."""
    listing, law = RIGHTS.read(request.args), services().policies
    rows = [row for row in rights(law.roles) if _is_wanted(row, listing.filters["q"], listing.filters["role"])]
    if listing.wants_csv:
        header = [_("Permission"), _("What it lets one do"), *law.roles]
        cells = ([row.permission, _title(row), *_marks(row.roles, law.roles)] for row in rows)
        return _export("rights.csv", header, cells)
    return render_template(
        "roles/rights.html",
        page=listing.page(rows, cursor=lambda row: (str(row.permission),), total=len(rows)),
        listing=listing,
        roles=law.roles,
        separations=law.separations,
        title=_title,
        **_words(law.roles),
    )


@matrix.get("/people/roles/doors")
@requires(Permission.PEOPLE_ROLE_READ)
@not_audited(because=WHY_SILENT)
def list_doors() -> ResponseReturnValue:
    """Show each door of the application against each role, with what it records; as a page or as CSV."""
    listing, law = DOORS.read(request.args), services().policies
    rows = [row for row in doors(current_app, law.roles) if _is_asked_for(row, listing.filters)]
    if listing.wants_csv:
        header = [_("Method"), _("Address"), _("Door"), _("Permission or reason"), _("Records"), *law.roles]
        cells = (
            [row.method, row.path, row.door, row.detail, row.records or row.because, *_marks(row.roles, law.roles)]
            for row in rows
        )
        return _export("doors.csv", header, cells)
    return render_template(
        "roles/doors.html",
        page=listing.page(rows, cursor=lambda row: (row.path,), total=len(rows)),
        listing=listing,
        roles=law.roles,
        title_of=title_of,
        **_words(law.roles),
    )


def _export(name: str, header: Sequence[str], cells: Iterable[Sequence[object]]) -> Response:
    with unit_of_work() as session:
        g.act.record(session, Action.PEOPLE_ROLE_EXPORT, details={"file": name})
    return csv_response(name, header, cells)


def _title(row: Right) -> str:
    return title_of_permission(row.permission, current_language())


def _marks(held: frozenset[str] | None, roles: Iterable[str]) -> list[str]:
    return [YES if held is not None and role in held else "" for role in roles]


def _is_wanted(row: Right, words: str, role: str) -> bool:
    text = fold(f"{row.permission} {_title(row)}")
    return (not role or role in row.roles) and all(word in text for word in fold(words).split())


def _is_asked_for(row: DoorRow, wanted: Mapping[str, str]) -> bool:
    text = fold(f"{row.method} {row.path} {row.detail} {row.records or ''}")
    fits_role = not wanted["role"] or row.roles is None or wanted["role"] in row.roles
    return (
        fits_role
        and (not wanted["door"] or row.door == wanted["door"])
        and all(word in text for word in fold(wanted["q"]).split())
    )


def _words(roles: Mapping[str, Role]) -> dict[str, object]:
    language = current_language()
    names = [role.title_en if language == "en" else role.title_vi for role in roles.values()]
    return {
        "language": language,
        "columns": [{"text": name} for name in names],
        "choices": list(zip(roles, names, strict=True)),
    }
