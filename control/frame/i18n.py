"""Which language a page speaks, and where its catalogues are.

Not for: sentences of errors (control/messages.py) and not for numbers and dates (formats.py). Invariants: Vietnamese
is the default whatever the browser says; every catalogue folder that is loaded holds a compiled catalogue.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, g, has_request_context, request
from flask_babel import Babel, get_domain, get_locale

from control.frame import catalogs

LANGUAGES = ("vi", "en")
DEFAULT_LANGUAGE = "vi"
LANGUAGE_COOKIE = "lang"


def install(app: Flask, *, root: Path = catalogs.CONTROL) -> None:
    """Load every wing's catalogue, compiling those that are older than their source."""
    catalogs.compile_catalogs(root)
    folders = [str(folder) for folder in catalogs.translation_folders(root)]
    Babel(
        app,
        default_locale=DEFAULT_LANGUAGE,
        default_translation_directories=";".join(folders),
        default_timezone="Asia/Ho_Chi_Minh",
        locale_selector=chosen_language,
    )
    # A page asks for hundreds of sentences, and Flask-Babel would look for the catalogue anew for each.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of Jinja's i18n extension
        gettext=lambda text: catalogue().ugettext(text),
        ngettext=lambda one, many, number: catalogue().ungettext(one, many, number),
        newstyle=True,
        pgettext=lambda context, text: catalogue().upgettext(context, text),
        npgettext=lambda context, one, many, number: catalogue().unpgettext(context, one, many, number),
    )


def catalogue() -> Any:
    """Return the sentences in the language of the present request, found once."""
    if not has_request_context():
        return get_domain().get_translations()
    if "catalogue" not in g:
        g.catalogue = get_domain().get_translations()
    return g.catalogue


def chosen_language() -> str:
    """Return the language asked for in the address, else the one remembered, else Vietnamese."""
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        return asked
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    return kept if kept in LANGUAGES else DEFAULT_LANGUAGE


def language() -> str:
    """Return the language in force here: `vi` or `en`."""
    if not has_request_context():
        return DEFAULT_LANGUAGE
    forced: str | None = g.get("language")
    if forced is not None:
        return forced
    locale = get_locale()
    return "en" if locale is not None and locale.language == "en" else DEFAULT_LANGUAGE
