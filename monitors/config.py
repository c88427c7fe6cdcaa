"""Render the configuration of Prometheus, Alertmanager and the blackbox exporter from the templates beside this file.

Not for: starting them. Invariant: what is rendered is valid YAML with every placeholder filled, and a value can never
add a line or a key of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
RULES_FOLDER = HERE / "rules"
SCRAPE_SECONDS = 5
HEALTH_PATH = "/health"
HTTPS_PORT, HTTP_PORT = 443, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The addresses Prometheus needs; `HOST:PORT` but for the portal, which is the address of its interface."""

    exporter: str
    alertmanager: str
    blackbox: str
    portal_url: str


def render_prometheus(
    watched: Watched, *, rules_folder: Path = RULES_FOLDER, scrape_seconds: int = SCRAPE_SECONDS
) -> str:
    """Return `prometheus.yml`; scrape, timeout and evaluation share one interval, the timeout may never be longer."""
    return _fill(
        "prometheus/prometheus.yml.tmpl",
        SCRAPE=f"{scrape_seconds}s",
        RULES=str(rules_folder / "*.rules.yml"),
        ALERTMANAGER=watched.alertmanager,
        EXPORTER=watched.exporter,
        BLACKBOX=watched.blackbox,
        PORTAL_ADDRESS=_address(watched.portal_url),
        PORTAL_HEALTH=watched.portal_url.rstrip("/") + HEALTH_PATH,
    )


def render_alertmanager(*, receiver_url: str, token_file: Path) -> str:
    """Return `alertmanager.yml`; `receiver_url` is the product's `/hooks/alertmanager`, the file holds its token."""
    return _fill("alertmanager/alertmanager.yml.tmpl", RECEIVER=receiver_url, TOKEN_FILE=str(token_file))


def render_blackbox() -> str:
    """Return `blackbox.yml`, which needs no value of the installation."""
    return (HERE / "blackbox" / "blackbox.yml").read_text(encoding="utf-8")


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (HTTPS_PORT if parts.scheme == 'https' else HTTP_PORT)}"


def _fill(template: str, **values: str) -> str:
    text = (HERE / template).read_text(encoding="utf-8")
    # A JSON string is a YAML string: quotes, line ends and braces inside stay inside.
    return Template(text).substitute({name: json.dumps(value) for name, value in values.items()})
