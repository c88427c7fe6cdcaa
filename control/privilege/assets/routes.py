"""Pages of the register of assets: list, one asset with its accounts, add and edit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput
from control.frame.tables import csv_response
from control.people.models import Person
from control.permissions import Permission
from control.privilege.accounts import listing as accounts
from control.privilege.answers import faults_of, named
from control.privilege.assets import service
from control.privilege.assets.models import Asset
from control.privilege.assets.service import KINDS, LISTING, AssetFacts
from control.privilege.fields import Fields
from control.privilege.requests.people import people_to_choose
from control.services import services

blueprint = Blueprint("privilege_assets", __name__, url_prefix="/privilege/assets", template_folder="templates")
CODE = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
LEVELS = ("1", "2", "3", "4", "5")
NO_CITIZENS = "names of machines, units and officers; no personal data of citizens"


@blueprint.get("")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because=NO_CITIZENS)
def index() -> ResponseReturnValue:
    """List the assets."""
    listing = LISTING.read(request.args)
    with unit_of_work() as session:
        page = service.list_assets(session, listing=listing, viewer=g.actor)
    if listing.wants_csv:
        header = ("code", "title", "kind", "level", "unit", "responsible", "accounts")
        rows = (
            (row.code, row.title, row.kind, row.level, row.unit, row.responsible.login if row.responsible else "", many)
            for row, many in page.rows
        )
        return csv_response("assets.csv", header, rows)
    return render_template("assets/list.html", page=page, listing=listing)


@blueprint.get("/new")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@not_audited(because="an empty form")
def new() -> ResponseReturnValue:
    """Show the empty form."""
    return _form(None, form={"level": "3"}, faults={})


@blueprint.post("")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@audited(Action.PRIVILEGE_ASSET_RECORD)
def create() -> ResponseReturnValue:
    """Add an asset, or show every fault beside its field."""
    with unit_of_work() as session:
        facts, faults = _read(session, code=None)
        outcome = service.record_asset(session, facts=facts, act=g.act) if facts else None
        if isinstance(outcome, Deny):
            faults.append(InvalidInput(outcome.reason, field="code", asset=outcome.params["asset"]))
    if facts is None or isinstance(outcome, Deny):
        return make_response(_form(None, form=request.form, faults=faults_of(faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
    flash(gettext("The asset is in the register."), "ok")
    return redirect(url_for(".show", code=facts.code), HTTPStatus.SEE_OTHER)


@blueprint.get("/<code>")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because=NO_CITIZENS)
def show(code: str) -> ResponseReturnValue:
    """Show an asset with the accounts on it."""
    terms = accounts.Terms.of(services().policies)
    with unit_of_work() as session:
        asset = service.load_asset(session, code)
        page = accounts.list_accounts(
            session, listing=accounts.LISTING.read({"asset": code}), viewer=g.actor, terms=terms, now=g.now
        )
    return render_template("assets/show.html", machine=asset, page=page)


@blueprint.get("/<code>/edit")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@not_audited(because="a form with what the asset's own page shows")
def edit(code: str) -> ResponseReturnValue:
    """Show the form with what is known."""
    with unit_of_work() as session:
        asset = service.load_asset(session, code)
    known = {
        "title": asset.title,
        "kind": asset.kind,
        "unit": asset.unit,
        "level": str(asset.level),
        "responsible": asset.responsible.login if asset.responsible else "",
    }
    return _form(asset, form=known, faults={})


@blueprint.post("/<code>/edit")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@audited(Action.PRIVILEGE_ASSET_CHANGE)
def change(code: str) -> ResponseReturnValue:
    """Change an asset, or show every fault beside its field."""
    with unit_of_work() as session:
        asset = service.load_asset(session, code)
        facts, faults = _read(session, code=asset.code)
        if facts is not None:
            service.change_asset(session, code=asset.code, facts=facts, act=g.act)
    if facts is None:
        page = _form(asset, form=request.form, faults=faults_of(faults))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    flash(gettext("The asset is changed."), "ok")
    return redirect(url_for(".show", code=asset.code), HTTPStatus.SEE_OTHER)


def _read(session: Session, *, code: str | None) -> tuple[AssetFacts | None, list[InvalidInput]]:
    fields = Fields(request.form)
    given = code or fields.text("code", maximum=63)
    if given and not CODE.fullmatch(given):
        fields.faults.append(InvalidInput("asset.code_form", field="code"))
    title, unit = fields.text("title", maximum=160), fields.text("unit", maximum=160)
    kind, level = fields.choice("kind", among=KINDS), fields.choice("level", among=LEVELS)
    login = fields.text("responsible", is_required=False)
    person = session.scalar(select(Person).where(Person.login == login, Person.state == "active")) if login else None
    if login and person is None:
        fields.faults.append(InvalidInput("input.not_a_choice", field="responsible"))
    if fields.faults:
        return None, fields.faults
    responsible_id = person.id if person else None
    facts = AssetFacts(code=given, title=title, kind=kind, unit=unit, level=int(level), responsible_id=responsible_id)
    return facts, []


def _form(asset: Asset | None, *, form: Mapping[str, str], faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        people = people_to_choose(session)
    return render_template(
        "assets/form.html",
        machine=asset,  # `asset` is the name of a function in every template
        form=form,
        faults=faults,
        summary=named(faults),
        people=[("", gettext("Nobody yet")), *((one.login, f"{one.display_name} ({one.login})") for one in people)],
        levels=[(level, level) for level in LEVELS],
    )
