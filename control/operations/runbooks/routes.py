"""Pages of runbooks: the shelf and one page."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from control.access import not_audited, requires
from control.operations.runbooks.shelf import Shelf
from control.operations.runs import Catalogue
from control.permissions import Permission
from control.requests import current_language

runbooks = Blueprint("runbooks", __name__, url_prefix="/operations/runbooks", template_folder="templates")
PUBLISHED = "a runbook is a text of the release, the same for everyone who may read it"


@runbooks.get("")
@requires(Permission.OPERATIONS_RUNBOOK_READ)
@not_audited(because=PUBLISHED)
def index() -> ResponseReturnValue:
    """List all runbooks."""
    return render_template("runbooks/list.html", pages=Shelf().all(), language=current_language())


@runbooks.get("/<slug>")
@requires(Permission.OPERATIONS_RUNBOOK_READ)
@not_audited(because=PUBLISHED)
def show(slug: str) -> ResponseReturnValue:
    """Show one runbook; an alert's code in the address leads back to it."""
    page = Shelf().get(slug)
    playbooks = [Catalogue.load().get(name) for name in page.playbooks]
    return render_template(
        "runbooks/show.html",
        page=page,
        text=page.text(current_language()),
        language=current_language(),
        playbooks=playbooks,
        path=request.path,
    )
