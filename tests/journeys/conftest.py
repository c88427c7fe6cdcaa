"""A real Chromium, and what every page must stand up to when somebody looks at it.

`look` opens an address at a width, in light or dark, with or without JavaScript; `Look.faults()` lists what is wrong:
axe violations, sideways scroll, console or policy messages, requests that left the origin.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from control import create_app
from control.acts import Actor
from control.db import Database
from control.frame import Part, PartState
from control.permissions import Permission
from control.requests import SESSION_COOKIE
from control.settings import Settings
from control.stand.postgres import DATABASE, PostgresServer
from tests.factories.people import make_person
from tests.journeys.running import RunningStand, context_of, running_stand

TEMPLATE = f"{DATABASE}_template"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(("--no-sandbox",) if os.geteuid() == 0 else ()),  # Chromium refuses its sandbox to root
)
NOON = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
KNOWN_INCOMPLETE = frozenset({"color-contrast", "th-has-data-cells"})  # letters in SVG, scrolled cells; group rows


@cache
def axe_source() -> str:
    """The script of axe; injected by evaluation, because the content policy refuses a script tag."""
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@dataclass(kw_only=True)
class Look:
    """One opened page and everything it said while it was open."""

    page: Page
    origin: str
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    expected_status: int = 200
    status: int = 0

    def open(self, url: str, *, status: int | None = 200) -> None:
        """Open an address, also after another one, and forget what that one said; `status` None takes any."""
        self.messages.clear()
        self.requests.clear()
        answer = self.page.goto(url)
        assert answer is not None
        assert status is None or answer.status == status, f"{url}: {answer.status}"
        self.status = self.expected_status = answer.status

    def axe(self) -> list[str]:
        """Return one line for each violation; an unresolved note of an unknown kind counts as one."""
        self.page.evaluate(axe_source())
        # What passed is not listed node by node: it is never read, and listing it takes half of the time.
        options = {"runOnly": RULES, "resultTypes": ["violations", "incomplete"]}
        found = self.page.evaluate("options => axe.run(document, options)", options)
        lines = [f"{v['id']}: {[node['target'] for node in v['nodes'][:5]]}" for v in found["violations"]]
        lines += [f"unresolved {v['id']}" for v in found["incomplete"] if v["id"] not in KNOWN_INCOMPLETE]
        return lines

    def sideways_scroll(self) -> int:
        """Return how many pixels the page is wider than its window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return width

    def faults(self, *, axe: bool = True) -> list[str]:
        """Return everything that is wrong with the page, nothing when all is well."""
        faults = self.axe() if axe else []
        if self.sideways_scroll() > 0:
            faults.append(f"sideways scroll: {self.sideways_scroll()} px")
        faults += [f"console: {text}" for text in self.messages if not self._is_expected(text)]
        faults += [f"left the origin: {url}" for url in self.requests if not url.startswith((self.origin, "data:"))]
        return faults

    def _is_expected(self, text: str) -> bool:
        """Chromium reports the status of an error page on the console; that is the page doing its duty."""
        return self.expected_status >= 400 and f"status of {self.expected_status}" in text  # HTTP


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, once for all journeys."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def open_window(
    chromium: Browser, *, width: int = 1440, scheme: Any = "light", javascript: bool = True
) -> BrowserContext:
    """Open a window of nobody's in Vietnam."""
    return chromium.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        java_script_enabled=javascript,
        locale="vi-VN",
        timezone_id="Asia/Ho_Chi_Minh",
    )


@pytest.fixture(scope="session")
def window(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Give the window of a width and scheme, without cookies: pages that are only looked at need none of their own."""
    opened: dict[tuple[int, str], BrowserContext] = {}

    def window_of(*, width: int, scheme: str) -> BrowserContext:
        if (width, scheme) not in opened:
            opened[width, scheme] = open_window(chromium, width=width, scheme=scheme)
        opened[width, scheme].clear_cookies()
        return opened[width, scheme]

    yield window_of
    for context in opened.values():
        context.close()


@pytest.fixture
def look(chromium: Browser) -> Iterator[Callable[..., Look]]:
    """Open an address; `context` keeps cookies between pages of one person."""
    with ExitStack() as stack:

        def open_page(
            url: str,
            *,
            width: int = 1440,
            scheme: Any = "light",
            javascript: bool = True,
            status: int | None = 200,
            context: BrowserContext | None = None,
            cookies: list[Any] | None = None,
        ) -> Look:
            if context is None:
                context = open_window(chromium, width=width, scheme=scheme, javascript=javascript)
                stack.callback(context.close)
            if cookies:
                context.add_cookies(cookies)
            page = context.new_page()
            stack.callback(page.close)
            origin = "/".join(url.split("/")[:3])
            seen = Look(page=page, origin=origin)
            page.on("console", lambda message: seen.messages.append(message.text))
            page.on("pageerror", lambda error: seen.messages.append(str(error)))
            page.on("request", lambda request: seen.requests.append(request.url))
            seen.open(url, status=status)
            return seen

        yield open_page


@dataclass(frozen=True, kw_only=True)
class Site:
    """The real application over HTTP; `cookies` are those of a person the application already knows."""

    url: str
    app: Flask
    cookies: list[dict[str, Any]]


def known_person(database: Database) -> Actor:
    """A person who may see every page, so that pages can be looked at; signing in has journeys of its own."""
    with database.unit_of_work() as session:
        row = make_person(session, "mau.nt", name="Nguyễn Thị Mẫu", roles=("security-officer",))
        person_id = row.id
    return Actor(
        id=person_id,
        login="mau.nt",
        name="Nguyễn Thị Mẫu",
        roles=frozenset({"security-officer"}),
        permissions=frozenset(Permission),
        session_id="journey",
        session_ends_at=NOON + timedelta(hours=5),
    )


def sample_parts(_now: datetime) -> tuple[Part, ...]:
    """One part of each kind, so that the header has something to say."""
    return (
        Part(name="Elasticsearch", state=PartState.BAD, since=NOON - timedelta(minutes=11), meaning="PostgreSQL"),
        Part(name="Prometheus", state=PartState.BLIND, since=NOON - timedelta(hours=2)),
        Part(name="slapd", state=PartState.GOOD, is_public=True),
    )


@pytest.fixture(scope="session")
def site(migrated: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the whole application on loopback at one fixed Wednesday noon, on a database of its own."""
    name = f"{DATABASE}_journeys"
    migrated.create_database(name, template=TEMPLATE)
    settings = Settings.from_env(
        {
            "VONGLAU_MODE": "test",
            "VONGLAU_DATABASE_URL": migrated.url("vl_web", database=name),
            "VONGLAU_BASE_URL": "http://localhost",
            "VONGLAU_SECRET_KEY": "only-for-journeys-" * 3,
            "VONGLAU_PROFILE": "ministry-construction-2025",
            "VONGLAU_STATE_DIR": str(tmp_path_factory.mktemp("state")),
            "VONGLAU_FACTOR_KEY": base64.b64encode(bytes(range(32))).decode(),
            "VONGLAU_ALERTMANAGER_TOKEN": "token-of-the-alert-receiver-in-tests",
        }
    )
    app = create_app(settings, clock=lambda: NOON)
    held = app.extensions["vonglau"]
    person = known_person(held.database)
    ports = {**held.ports, "session_resume": lambda *_a, **_k: person, "frame_parts": sample_parts}
    app.extensions["vonglau"] = replace(held, ports=ports)
    server = make_server("localhost", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    # Cookies know no port; __Host- ones may only be set for https, and Chromium counts localhost as secure.
    cookie = {
        "name": SESSION_COOKIE,
        "value": "journey",
        "url": "https://localhost/",
        "secure": True,
        "httpOnly": True,
    }
    yield Site(url=f"http://localhost:{server.server_port}", app=app, cookies=[cookie])
    server.shutdown()
    thread.join()
    server.server_close()
    held.database.engine.dispose()
    migrated.drop_database(name)


@pytest.fixture(scope="session")
def stand() -> Iterator[RunningStand]:
    """The whole product, as `bin/up --detach` starts it."""
    with running_stand() as started:
        yield started


@pytest.fixture
def browser_of(chromium: Browser, stand: RunningStand) -> Iterator[Callable[..., BrowserContext]]:
    """Give the browser of a person of the demonstration, signed in; `browser_of(None)` is a stranger's."""
    with ExitStack() as stack:

        def open_browser(login: str | None, **more: Any) -> BrowserContext:
            context = context_of(chromium, stand, login, **more)
            stack.callback(context.close)
            return context

        yield open_browser
