"""Pages of notices: what waits, what was told, and taking down that a person told one otherwise."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from control.access import audited, not_audited, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotFound
from control.frame.tables import ListingRules, csv_response
from control.permissions import Permission
from control.privilege.answers import faults_of, refused_page
from control.privilege.codes import id_from
from control.privilege.fields import Fields
from control.privilege.lifecycle.listing import load, sees
from control.privilege.lifecycle.words import named_faults
from control.privilege.notices import service
from control.privilege.notices.models import AccountNotice
from control.services import services

blueprint = Blueprint("privilege_notices", __name__, url_prefix="/privilege/notices", template_folder="templates")
LISTING = ListingRules(sorts={"id": "-"}, default="-id", filters=("state",))
SEEN = "what units were told about their own accounts; telling is an entry"
NOTE = 300


@blueprint.get("")
@requires(Permission.PRIVILEGE_LIFECYCLE_READ)
@not_audited(because=SEEN)
def index() -> ResponseReturnValue:
    """List the notices, the newest first."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_notices(session, listing=listing, now=g.now)
    if listing.wants_csv:
        header = ("code", "kind", "request", "unit", "created_at", "due_at", "state", "channel", "told_at", "is_late",
                  "attempts")  # fmt: skip
        rows = (
            (n.code, n.kind, n.request_code, n.unit, n.created_at, n.due_at, n.state, n.channel or "", n.told_at,
             service.is_late(n, g.now), n.attempts)
            for n in page.rows
        )  # fmt: skip
        return csv_response("notices.csv", header, rows)
    return render_template(
        "notices/list.html",
        page=page,
        listing=listing,
        is_late=service.is_late,
        has_relay=bool(services().settings.mail_url),
    )


@blueprint.get("/<code>")
@signed_in(because="the unit that asked reads what it was told; others need privilege:lifecycle:read, on the object")
@not_audited(because=SEEN)
def show(code: str) -> ResponseReturnValue:
    """Show one notice with its words."""
    return _page(code, faults={})


@blueprint.post("/<code>/telling")
@requires(Permission.PRIVILEGE_LIFECYCLE_LOCK)
@audited(Action.PRIVILEGE_NOTICE_TELL)
def tell(code: str) -> ResponseReturnValue:
    """Take down that the unit was told by telephone or on paper."""
    fields = Fields(request.form)
    channel = fields.choice("channel", among=("phone", "document"))
    note = fields.text("note", maximum=NOTE, has_lines=True)
    if fields.faults:
        return make_response(_page(code, faults=faults_of(fields.faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
    with unit_of_work() as session:
        decision = service.tell_otherwise(session, code=code, channel=channel, note=note, act=g.act)
    if isinstance(decision, Deny):
        return refused_page(
            decision,
            title=gettext("Nothing was noted on %(code)s", code=code),
            ways=[(gettext("Back to the notice"), url_for(".show", code=code))],
        )
    flash(gettext("It is noted that the unit was told."), "ok")
    return redirect(url_for(".show", code=code), HTTPStatus.SEE_OTHER)


def _page(code: str, *, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        notice = _seen(session, code)
    return render_template(
        "notices/show.html",
        notice=notice,
        late=service.is_late(notice, g.now),
        faults=faults,
        summary=named_faults(faults),
        may_tell=notice.state == "waiting" and Permission.PRIVILEGE_LIFECYCLE_LOCK in g.actor.permissions,
        typed=request.form,
    )


def _seen(session: Session, code: str) -> AccountNotice:
    notice = session.scalar(
        select(AccountNotice)
        .options(joinedload(AccountNotice.told_by))
        .where(AccountNotice.id == id_from(code, prefix="TB-"))
    )
    if notice is None or not (
        Permission.PRIVILEGE_LIFECYCLE_READ in g.actor.permissions
        or sees(session, load(session, notice.request_code), act=g.act)
    ):
        raise NotFound("notice", code)
    return notice
