"""Workers, runs, deliveries and playbooks for tests: valid by default, each test states only what matters to it."""

from __future__ import annotations

import hashlib
import itertools
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

import audit
import policies
from control.acts import Act, Actor
from control.db import Database
from control.operations.alerts.domain import Delivery
from control.operations.jobs import JobContext
from control.operations.runs.catalogue import Catalogue, Playbook
from control.operations.runs.domain import Risk, RunRequest
from control.settings import Settings

NOON = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)  # Wednesday 25/11/2026, 12:00 in Hà Nội
SERIAL = itertools.count(1)


@cache
def policy_digest() -> str:
    """The digest of the product's own policies."""
    return policies.load().digest


def make_settings(database_url: str, state_dir: Path, **changes: str) -> Settings:
    """Settings of a worker over a test database."""
    return Settings.from_env(
        {
            "VONGLAU_MODE": "test",
            "VONGLAU_DATABASE_URL": database_url,
            "VONGLAU_BASE_URL": "http://localhost:8000",
            "VONGLAU_SECRET_KEY": "k" * 32,
            "VONGLAU_PROFILE": "ministry-construction-2025",
            "VONGLAU_STATE_DIR": str(state_dir),
            **{f"VONGLAU_{name.upper()}": value for name, value in changes.items()},
        }
    )


def make_context(
    database_url: str, state_dir: Path, *, clock: Callable[[], datetime] | None = None, **changes: str
) -> JobContext:
    """What the jobs of one worker share; `clock` is the machine's unless given."""
    boot = f"test-{secrets.token_hex(4)}"
    database, writer = Database(database_url, pool_size=6), audit.Writer(boot=boot)
    writer.follow(database.engine)
    return JobContext(
        settings=make_settings(database_url, state_dir, **changes),
        database=database,
        writer=writer,
        policy_digest=policy_digest(),
        clock=clock or (lambda: datetime.now(UTC)),
        worker=f"test:{boot}",
        random_hex=secrets.token_hex,
    )


def make_act(name: str = "test", *, now: datetime = NOON, actor: Actor | None = None) -> Act:
    """The act of a command, or of a person when one is given."""
    act = Act.for_system(name, now=now, writer=audit.Writer(boot=secrets.token_hex(4)), policy_digest=policy_digest())
    return act if actor is None else act.as_actor(actor)


def make_playbook(folder: Path, content: str, *, risk: Risk = Risk.READ_ONLY, timeout_seconds: int = 60) -> Playbook:
    """A playbook of one play, pinned to its own bytes."""
    path = folder / f"play{next(SERIAL)}.yml"
    path.write_text(content, encoding="utf-8")
    return Playbook(
        id=path.stem,
        path=path,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        risk=risk,
        title="Thử",
        title_en="Trial",
        purpose="Thử",
        purpose_en="Trial",
        runbook="collect-diagnostics",
        timeout_seconds=timeout_seconds,
        schema={"type": "object"},
    )


def catalogue_of(*playbooks: Playbook) -> Catalogue:
    """A catalogue of exactly these."""
    return Catalogue({playbook.id: playbook for playbook in playbooks})


def run_request(playbook: str = "collect_diagnostics", **changes: Any) -> RunRequest:
    """A request for one run without anything to reach."""
    values: dict[str, Any] = {
        "playbook": playbook,
        "params": {"portal_url": "", "services": []},
        "token": secrets.token_hex(16),
    }
    return RunRequest(**(values | changes))


def make_delivery(**changes: Any) -> Delivery:
    """A page about the link to the portal, burning since noon."""
    values: dict[str, Any] = {
        "fingerprint": f"f{next(SERIAL):015x}",
        "starts_at": NOON,
        "ends_at": None,
        "name": "PortalLinkDown",
        "severity": "page",
        "summary": "Mất liên thông với Cổng Dịch vụ công quốc gia",
        "summary_en": "The link to the national portal is down",
        "runbook": "portal-link-down",
    }
    values |= changes
    values.setdefault("labels", {"alertname": values["name"], "service": "portal", "severity": values["severity"]})
    return Delivery(**values)


def webhook_body(*deliveries: Delivery) -> dict[str, Any]:
    """What Alertmanager posts for these."""
    return {
        "version": "4",
        "status": "firing",
        "receiver": "vonglau",
        "alerts": [
            {
                "status": "firing" if item.ends_at is None else "resolved",
                "labels": dict(item.labels),
                "annotations": {"summary": item.summary, "summary_en": item.summary_en, "runbook": item.runbook},
                "startsAt": item.starts_at.isoformat().replace("+00:00", "Z"),
                "endsAt": "0001-01-01T00:00:00Z" if item.ends_at is None else item.ends_at.isoformat(),
                "generatorURL": "http://127.0.0.1:9090/graph",
                "fingerprint": item.fingerprint,
            }
            for item in deliveries
        ],
    }


def entries(session: Session) -> list[dict[str, Any]]:
    """The entries of this transaction that nobody has numbered yet; read as the owner, whose connection it is."""
    session.flush()
    session.execute(text("RESET ROLE"))
    rows = session.execute(text("SELECT convert_from(body, 'UTF8') FROM audit_outbox ORDER BY oid")).scalars().all()
    session.execute(text("SET LOCAL ROLE vl_web"))
    return [json.loads(row) for row in rows]


def actions(session: Session) -> list[str]:
    """Their actions, in order."""
    return [entry["event"]["action"] for entry in entries(session)]


def committed_actions(engine: Engine) -> list[str]:
    """The actions of all committed entries nobody has numbered yet, in order."""
    with engine.connect() as connection:
        rows = (
            connection.execute(text("SELECT convert_from(body, 'UTF8') FROM audit_outbox ORDER BY oid")).scalars().all()
        )
    return [json.loads(row)["event"]["action"] for row in rows]
