"""The frame's own pages: the language switch, the keys, and the page of all components.

Not for: errors (the core's handler draws `errors/error.html`). Invariant: a redirect goes to a local path only.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from control.access import not_audited, public, requires
from control.errors import NotFound
from control.frame import i18n, samples
from control.frame.keyboard import KEYS, KEYS_COOKIE, KEYS_OFF
from control.permissions import Permission

PREFERENCE_SECONDS = 365 * 86_400

blueprint = Blueprint("frame", __name__)


def local_path(asked: str) -> str:
    """Return `asked` when it is a path of this site, else the front page."""
    parts = urlsplit(asked)
    is_local = asked.startswith("/") and not asked.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return asked if is_local and asked.isprintable() and "\\" not in asked else "/"


def _remember(answer: Response, name: str, value: str) -> Response:
    answer.set_cookie(
        name, value, max_age=PREFERENCE_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure, path="/"
    )
    return answer


@blueprint.get("/language/<code>")
@public(because="a preference of the browser, needed before sign-in; reads and shows nothing")
@not_audited(because="changes nothing but the browser's own cookie")
def language(code: str) -> ResponseReturnValue:
    """Remember the language and go back."""
    if code not in i18n.LANGUAGES:
        raise NotFound("language", code)
    answer = redirect(local_path(request.args.get("next", "/")), code=303)
    return _remember(answer, i18n.LANGUAGE_COOKIE, code)  # type: ignore[arg-type]  # Flask's redirect returns its Response


@blueprint.get("/keyboard")
@public(because="explains keys; reads nothing")
@not_audited(because="a page of help")
def keyboard() -> ResponseReturnValue:
    """Show what each key does and whether keys are on."""
    return render_template("frame/keyboard.html", keys=KEYS)


@blueprint.post("/keyboard")
@public(because="a preference of the browser; reads and shows nothing")
@not_audited(because="changes nothing but the browser's own cookie")
def set_keyboard() -> ResponseReturnValue:
    """Turn single keys on or off for this browser."""
    answer = redirect("/keyboard", code=303)
    kept = KEYS_OFF if request.form.get("keys") == KEYS_OFF else "on"
    return _remember(answer, KEYS_COOKIE, kept)  # type: ignore[arg-type]  # as above


@blueprint.get("/internal/components")
@requires(Permission.INTERNAL_COMPONENTS_READ)
@not_audited(because="shows invented data only")
def components() -> ResponseReturnValue:
    """Show every macro with invented data."""
    return render_template("frame/components.html", **samples.all_samples(request.args))
