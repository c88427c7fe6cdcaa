"""The page that locks accounts at once: one form, one press, and the clock of the notice."""

from __future__ import annotations

import time
from http import HTTPStatus

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput
from control.frame.forms import kept
from control.permissions import Permission
from control.privilege.answers import faults_of, refused_page
from control.privilege.fields import Fields
from control.privilege.lifecycle import forms
from control.privilege.lifecycle.routes import terms
from control.privilege.lifecycle.steps import blueprint
from control.privilege.lifecycle.urgent import RULE, lock_now
from control.privilege.lifecycle.words import named_faults

__all__ = ["blueprint"]


@blueprint.get("/urgent")
@requires(Permission.PRIVILEGE_LIFECYCLE_LOCK)
@not_audited(because="an empty form")
def urgent() -> ResponseReturnValue:
    """Show the form of an urgent lock; the account may come in the address."""
    return _page({"accounts": request.args.get("account", ""), "mode": "emergency"}, {})


@blueprint.post("/urgent")
@requires(Permission.PRIVILEGE_LIFECYCLE_LOCK)
@audited(Action.PRIVILEGE_LIFECYCLE_LOCK)
def lock_urgently() -> ResponseReturnValue:
    """Lock at once: whoever is signed in with two factors and may lock is not asked again while seconds count."""
    fields = Fields(request.form)
    codes = request.form.get("accounts", "").replace(",", " ").replace(";", " ").split()
    order = forms.read_urgent(fields, accounts=codes[:50])
    faults = list(fields.faults)
    if order is not None:
        try:
            with unit_of_work() as session:
                done = lock_now(session, order=order, act=g.act, terms=terms(), ticks=time.monotonic_ns)
        except InvalidInput as fault:
            faults.append(fault)
        else:
            if isinstance(done, Deny):
                return refused_page(
                    done,
                    title=gettext("Nothing was locked"),
                    ways=[(gettext("Back to the form"), url_for(".urgent"))],
                )
            flash(gettext("Locked. Tell the unit within the time below."), "ok")
            return redirect(url_for(".show", code=done.code), HTTPStatus.SEE_OTHER)
    with unit_of_work() as session:
        refusal = Deny(rule=RULE, reason=faults[0].code)
        g.act.refuse(session, Action.PRIVILEGE_LIFECYCLE_LOCK, refusal)
    return make_response(
        _page(kept(request.form, *forms.URGENT_NAMES), faults_of(faults)), HTTPStatus.UNPROCESSABLE_ENTITY
    )


def _page(form: dict[str, str], faults: dict[str, str]) -> str:
    return render_template(
        "lifecycle/urgent.html",
        form=form,
        faults=faults,
        summary=named_faults(faults),
        telling=terms().clocks.telling(locked_at=g.now),
    )
