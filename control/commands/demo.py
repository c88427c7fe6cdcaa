"""`vonglau demo`: walk the golden thread against a running `bin/up` and say what each step saw.

Not for: the steps (control/stand/demo/walk.py). One line a step, as it happens; exit 0 only if every step is ok.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from control.commands.speech import Speech, pass_speech

if TYPE_CHECKING:
    from audit.reconciliations import Reconciliation

ALONE = """
INSERT INTO privilege_approval (request_id, approver_id, requester_id, filed_by_id, holder_id, version, body_sha256,
                                decision, reason, for_security, second_factor_at, decided_at)
SELECT id, requester_id, requester_id, filed_by_id, holder_id, version, body_sha256,
       'approve', '', false, filed_at, filed_at
FROM privilege_request WHERE id = :id
"""


@click.command()
@pass_speech
def demo(speech: Speech) -> None:
    """Đi hết sợi chỉ vàng trên hệ thống đang chạy / walk the golden thread on the running product."""
    from control.stand import start
    from control.stand.data import DataFolder
    from control.stand.demo.walk import Walk

    data = DataFolder.at(speech.data_dir())
    up = _read_up(data, start)
    is_whole = True
    with tempfile.TemporaryDirectory(prefix="vonglau-demo-") as folder:
        walk = Walk(
            up=up,
            now=lambda: datetime.now(UTC),
            forget_factor=lambda login: forget_factor(speech, login=login),
            refuse_alone=lambda code: _approve_alone(speech, code=code),
            compare_copies=lambda: compare_copies(speech),
            hold=lambda part: start.request(data, part=part, wish="hold"),
            release=lambda part: start.request(data, part=part, wish="release"),
            folder=Path(folder),
        )
        for step in walk.steps():
            is_whole = is_whole and step.ok
            mark = speech.pick("đạt" if step.ok else "HỎNG", "ok" if step.ok else "FAILED")
            text = f"{step.step}. {mark}: {step.title}\n   {step.seen}"
            click.echo(json.dumps(asdict(step), ensure_ascii=False) if speech.as_json else text)
    click.get_current_context().exit(0 if is_whole else 1)


def _read_up(data: Any, start: Any) -> dict[str, Any]:
    """Return up.json of a product that answers. Raises Unavailable(`stand.not_running`)."""
    from control.errors import Unavailable

    try:
        content: dict[str, Any] = start.read_up_file(data)
    except (OSError, ValueError) as error:
        raise Unavailable("stand.not_running", data=str(data.named)) from error
    if not start.is_serving(data):
        raise Unavailable("stand.not_running", data=str(data.named))
    return content


def forget_factor(speech: Speech, *, login: str) -> None:
    """Send one invented person back to the QR; the removal is an entry of `system:demo`."""
    import policies
    from control.acts import Act
    from control.db import Database
    from control.people import forget_demonstration_factor
    from control.settings import Settings
    from control.writers import make_writer

    settings = Settings.from_env(speech.environment("web", os.environ))
    database = Database(settings.database_url, pool_size=1)
    law = policies.load()
    act = Act.for_system("demo", now=datetime.now(UTC), writer=make_writer(settings, law), policy_digest=law.digest)
    try:
        with database.unit_of_work() as session:
            forget_demonstration_factor(session, login=login, settings=settings, act=act)
    finally:
        database.engine.dispose()


def compare_copies(speech: Speech) -> tuple[Reconciliation, ...]:
    """Compare every copy of the journal with it, as `vonglau audit reconcile` does; keep the results.

    Raises RuntimeError when a copy does not answer.
    """
    from audit.reconcile import CopyUnavailableError, Reconciler
    from control.commands.auditaround import around, reader_client
    from control.commands.auditship import TARGETS, keep

    with around(speech, "demo", role="audit") as held:
        client = reader_client(held.settings)
        reconciler = Reconciler(engine=held.database.engine, clock=lambda: datetime.now(UTC), client=client)
        try:
            found = tuple(reconciler.run(target) for target in TARGETS)
        except CopyUnavailableError as error:
            raise RuntimeError(f"a copy cannot be compared: {error}") from error
        for one in found:
            keep(held.database, held.act, one)
    return found


def _approve_alone(speech: Speech, *, code: str) -> str:
    """Try, as the web's own role, to approve a request by its requester; return the constraint that refused.

    Raises RuntimeError when the database let it through (nothing is kept in any case).
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import IntegrityError

    from control.settings import Settings

    settings = Settings.from_env(speech.environment("web", os.environ))
    engine = create_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            connection.execute(text(ALONE), {"id": int(code.rpartition("-")[2])})
            connection.rollback()
    except IntegrityError as error:
        return str(getattr(getattr(error.orig, "diag", None), "constraint_name", "") or "integrity")
    finally:
        engine.dispose()
    raise RuntimeError(f"the database let the requester approve {code}")
