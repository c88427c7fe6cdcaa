"""The two doors that belong to no wing: where a person lands, and whether the product answers.

Not for: content. The first screen answers the one question each role opens the product with (design.md).
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, g, jsonify, make_response, redirect
from flask.typing import ResponseReturnValue

from control.access import not_audited, public, signed_in
from control.db import is_reachable
from control.services import services

FIRST_SCREENS = (
    ("security-officer", "/trail"),
    ("on-call-operator", "/operations/alerts"),
    ("auditor", "/compliance"),
    ("approver", "/privilege"),
    ("administrator", "/privilege"),
    ("case-officer", "/cases"),
    ("unit-leader", "/cases"),
    ("procedure-contact", "/cases"),
)
front = Blueprint("front", __name__)


@front.get("/")
@signed_in(because="everybody has a first screen; it shows nothing itself", everyone=True)
@not_audited(because="it only leads on")
def home() -> ResponseReturnValue:
    """Lead to the first screen of the person's foremost role, or to their own page."""
    if g.actor.is_applicant:
        return redirect("/account")
    return redirect(next((path for role, path in FIRST_SCREENS if role in g.actor.roles), "/people/me"))


@front.get("/healthz")
@public(because="load balancers and probes ask; the answer is one word")
@not_audited(because="asked every few seconds by machines and tells nothing")
def health() -> ResponseReturnValue:
    """Answer 200 when the database answers, else 503."""
    is_good = is_reachable(services().database.engine)
    return make_response(jsonify({"ok": is_good}), HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE)
