"""Which parts the application is made of, listed by name and in order.

Not for: behaviour. Invariant: nothing registers itself; what is not listed here does not exist for a user.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import policies
from audit import GroupCommitter
from control import access, requests, security
from control.access import not_audited, public
from control.db import Database, database_clock
from control.front import front
from control.messages import CORE_MESSAGES, Messages
from control.parts import Parts
from control.services import Clock, Services
from control.settings import Settings
from control.writers import make_writer

WINGS = ("people", "privilege", "cases", "portal", "operations", "assurance")
MAX_REQUEST_BYTES = 12 * 1024 * 1024


def wing_wirings() -> tuple[ModuleType, ...]:
    """Return each wing's `wiring` module: BLUEPRINTS, MESSAGES and PORTS, in the order of WINGS."""
    return tuple(import_module(f"control.{wing}.wiring") for wing in WINGS)


def all_messages() -> Messages:
    """Return every sentence of the product; needs no application."""
    from control.frame.messages import MESSAGES as FRAME_MESSAGES

    return Messages.join([CORE_MESSAGES, FRAME_MESSAGES, *(wiring.MESSAGES for wiring in wing_wirings())])


def trusted_hosts(settings: Settings) -> list[str]:
    """Return the names this application answers to; any other Host header is refused with 400."""
    own = urlsplit(settings.base_url).hostname or ""
    return [own] if settings.is_production else [own, "localhost", "127.0.0.1"]


def build(
    settings: Settings, *, clock: Clock | None, database: Database | None, law: policies.Policies | None
) -> Flask:
    """Assemble the application. Raises PolicyError for broken law data, RuntimeError for an unmarked endpoint."""
    from control import frame

    wirings = wing_wirings()
    law = law or policies.load()
    law.profile(settings.profile)  # an unknown profile must stop the start, not the first request
    app = Flask("control", static_folder="static", template_folder="templates")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        TRUSTED_HOSTS=trusted_hosts(settings),
        PREFERRED_URL_SCHEME="https" if settings.base_url.startswith("https") else "http",
    )
    database = database or Database(settings.database_url)
    writer = make_writer(settings, law)
    writer.follow(database.engine)
    database.group = GroupCommitter(engine=database.engine, writer=writer)
    ports: dict[str, Any] = {name: port for wiring in wirings for name, port in wiring.PORTS.items()}
    # A clock that a caller brought is the only one there is; the machine's is held against the database server's.
    ports["second_clock"] = database_clock if clock is None else lambda _session: clock()
    ports["frame_parts"] = Parts.of(ports, database=database)
    app.extensions["vonglau"] = Services(
        settings=settings,
        database=database,
        policies=law,
        messages=all_messages(),
        writer=writer,
        clock=clock or (lambda: datetime.now(UTC)),
        ports=ports,
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # the documented way
    requests.install(app)
    public(because="style, script and icons hold nothing of anyone")(app.view_functions["static"])
    not_audited(because="the same files for everyone")(app.view_functions["static"])
    frame.install(app)
    app.register_blueprint(front)
    for wiring in wirings:
        for blueprint in wiring.BLUEPRINTS:
            app.register_blueprint(blueprint)
    security.install(app, is_https=settings.base_url.startswith("https"))
    access.install(app)
    return app
