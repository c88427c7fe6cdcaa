"""The page frame: layout, language, filters, navigation, and the page that shows every component."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, g, url_for

from control.frame import charts, filters, i18n
from control.frame.context import Frame, FrameFacts, Part, PartState

__all__ = ["Frame", "FrameFacts", "Part", "PartState", "install"]

STATIC = Path(__file__).resolve().parent.parent / "static"
VERSION_CHARACTERS = 10


def install(app: Flask, facts: FrameFacts | None = None) -> None:
    """Give the application its frame: language, filters, layout variables and the frame's own pages.

    Without `facts` they are read from the application's services.
    """
    from control.frame.routes import blueprint
    from control.frame.wired import facts_of

    facts = facts or facts_of(app.extensions["vonglau"])

    i18n.install(app)
    filters.install(app)
    app.register_blueprint(blueprint)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        asset=asset, chart_bars=charts.bars, chart_shares=charts.shares, chart_filled=charts.filled
    )

    @app.context_processor
    def provide_frame() -> dict[str, object]:
        if "frame" not in g:
            g.frame = Frame(facts)
        return {"frame": g.frame}


def asset(name: str) -> str:
    """Return the address of a static file with its digest, so that browsers may keep it for ever."""
    return url_for("static", filename=name, v=_version(name))


@cache
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:VERSION_CHARACTERS]
