"""`vonglau operations …`: look at schedules, jobs, runs, alerts and the portal; sweep; check playbooks and runbooks.

Not for: rules. Every command that changes something calls the same service as the page or the worker.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from control.commands.speech import Speech, pass_speech

if TYPE_CHECKING:
    from control.db import Database

ROLE = "worker"
LIMIT = 50


@click.group()
def operations() -> None:
    """Vận hành / operations."""


def _database(speech: Speech) -> Database:
    from control.db import Database

    environment = speech.environment(ROLE, os.environ)
    url = environment.get("VONGLAU_DATABASE_URL") or environment["DATABASE_URL"]
    return Database("postgresql+psycopg://" + url.partition("://")[2], pool_size=2)


def _say_rows(speech: Speech, rows: list[dict[str, Any]], *, none: tuple[str, str]) -> None:
    lines = ["  ".join(str(value) for value in row.values() if value is not None) for row in rows]
    speech.say(rows, text="\n".join(lines) or speech.pick(*none))


@operations.group()
def schedules() -> None:
    """Lịch / schedules."""


@schedules.command("list")
@pass_speech
def list_schedules(speech: Speech) -> None:
    """Lịch, lần tới, và những khoảng đã lỡ / schedules, their next time, and what was missed."""
    from sqlalchemy import func, select

    from control.operations.schedules.models import Schedule, ScheduleMiss

    with _database(speech).unit_of_work() as session:
        missed: dict[int, int] = {
            row[0]: row[1]
            for row in session.execute(
                select(ScheduleMiss.schedule_id, func.sum(ScheduleMiss.ticks)).group_by(ScheduleMiss.schedule_id)
            )
        }
        rows = [
            {
                "schedule": row.slug,
                "cron": row.cron,
                "zone": row.zone,
                "enabled": row.is_enabled,
                "next_due": row.next_due.isoformat(),
                "last_enqueued": None if row.last_enqueued_at is None else row.last_enqueued_at.isoformat(),
                "missed_ticks": int(missed.get(row.id, 0)),
            }
            for row in session.scalars(select(Schedule).order_by(Schedule.slug))
        ]
    _say_rows(speech, rows, none=("Chưa có lịch nào.", "No schedule yet."))


@operations.group()
def jobs() -> None:
    """Việc nền / jobs."""


@jobs.command("list")
@pass_speech
def list_jobs(speech: Speech) -> None:
    """Việc đang chờ, đang làm và đã hỏng / jobs that wait, are being done, or failed."""
    from sqlalchemy import text

    query = text(
        "SELECT id, task_name, status::text, attempts FROM procrastinate_jobs "
        "WHERE status IN ('todo', 'doing', 'failed') ORDER BY id DESC LIMIT :limit"
    )
    with _database(speech).unit_of_work() as session:
        found = session.execute(query, {"limit": LIMIT}).all()
    rows = [{"job": row[0], "task": row[1], "state": row[2], "attempts": row[3]} for row in found]
    _say_rows(speech, rows, none=("Không có việc nào chờ.", "No job waits."))


@operations.group()
def runs() -> None:
    """Lượt chạy playbook / playbook runs."""


@runs.command("list")
@pass_speech
def list_runs(speech: Speech) -> None:
    """Các lượt chạy mới nhất / the newest runs."""
    from sqlalchemy import select

    from control.operations.runs.models import Run

    with _database(speech).unit_of_work() as session:
        rows = [
            {
                "run": run.code,
                "playbook": run.playbook,
                "state": run.state,
                "reason": run.reason,
                "worker": run.worker,
                "result_sha256": run.result_digest,
            }
            for run in session.scalars(select(Run).order_by(Run.id.desc()).limit(LIMIT))
        ]
    _say_rows(speech, rows, none=("Chưa có lượt chạy nào.", "No run yet."))


@runs.command("sweep")
@click.option("--dry-run", is_flag=True, help="chỉ đếm / only count")
@pass_speech
def sweep_runs(speech: Speech, *, dry_run: bool) -> None:
    """Đánh dấu lượt chạy mất tiến trình / mark runs that lost their process; safe to run twice."""
    from sqlalchemy import func, select

    import policies
    from control.acts import Act
    from control.operations.alerts import raise_own
    from control.operations.runs import code_of, sweep
    from control.operations.runs.models import Run
    from control.settings import Settings
    from control.writers import make_writer

    now = datetime.now(UTC)
    with _database(speech).unit_of_work() as session:
        if dry_run:
            lost = select(func.count()).select_from(Run).where(Run.state == "running", Run.lease_until < now)
            codes = [""] * int(session.scalar(lost) or 0)
        else:
            law = policies.load()
            writer = make_writer(Settings.from_env(speech.environment(ROLE, os.environ)), law)
            act = Act.for_system("operations-runs-sweep", now=now, writer=writer, policy_digest=law.digest)
            codes = [code_of(run.id) for run in sweep(session, act=act)]
            for code in codes:
                raise_own(session, "RunInterrupted", subject=code, act=act)
    speech.say(
        {"interrupted": len(codes), "runs": [code for code in codes if code], "dry_run": dry_run},
        text=speech.pick(f"{len(codes)} lượt chạy mất tiến trình.", f"{len(codes)} runs lost their process."),
    )


@operations.group()
def alerts() -> None:
    """Cảnh báo / alerts."""


@alerts.command("list")
@pass_speech
def list_alerts(speech: Speech) -> None:
    """Những gì đang cháy / what burns now."""
    from control.operations.alerts.view import burning

    with _database(speech).unit_of_work() as session:
        rows = [
            {
                "alert": alert.code,
                "name": alert.name,
                "severity": alert.severity,
                "starts_at": alert.starts_at.isoformat(),
                "taken": alert.acknowledged_by is not None,
                "runbook": alert.runbook,
            }
            for alert in burning(session, limit=LIMIT)
        ]
    _say_rows(speech, rows, none=("Không có gì đang cháy.", "Nothing burns."))


@operations.group()
def portal() -> None:
    """Liên thông với Cổng / the link to the national portal."""


@portal.command("status")
@pass_speech
def portal_status(speech: Speech) -> None:
    """Liên thông thế nào: 0 tốt, 1 mất / how the link is: 0 up, 1 down."""
    from sqlalchemy import text

    last = text("SELECT at, outcome FROM portal_exchange ORDER BY at DESC, id DESC LIMIT 1")
    success = text("SELECT max(at) FROM portal_exchange WHERE outcome = 'acknowledged'")
    waiting = text("SELECT count(*) FROM portal_message WHERE state = 'waiting'")
    with _database(speech).unit_of_work() as session:
        row = session.execute(last).one_or_none()
        found = {
            "up": row is not None and row.outcome == "acknowledged",
            "last_outcome": None if row is None else row.outcome,
            "last_exchange": None if row is None else row.at.isoformat(),
            "last_success": str(session.scalar(success) or "") or None,
            "waiting": session.scalar(waiting),
        }
    word = speech.pick("tốt", "up") if found["up"] else speech.pick("MẤT", "DOWN")
    speech.say(
        found,
        text=speech.pick(
            f"Liên thông {word}; lần cuối: {found['last_outcome']} lúc {found['last_exchange']}; "
            f"thành công cuối: {found['last_success']}; {found['waiting']} bản tin chờ.",
            f"The link is {word}; last: {found['last_outcome']} at {found['last_exchange']}; "
            f"last success: {found['last_success']}; {found['waiting']} messages wait.",
        ),
    )
    if not found["up"]:
        click.get_current_context().exit(1)


@operations.group()
def playbooks() -> None:
    """Playbook và sổ tay / playbooks and runbooks."""


@playbooks.command("check")
@pass_speech
def check_playbooks(speech: Speech) -> None:
    """Băm, danh mục, sổ tay có khớp không / do digests, catalogue and runbooks agree: 0 yes, 1 no."""
    from control.errors import VongLauError
    from control.operations.runbooks import Shelf
    from control.operations.runs import Catalogue

    faults, catalogue, shelf = [], Catalogue.load(), Shelf()
    for playbook in catalogue.by_id.values():
        try:
            playbook.content()
            shelf.get(playbook.runbook)
        except VongLauError as error:
            faults.append({"playbook": playbook.id, "code": error.code})
    for runbook in shelf.all():
        faults += [
            {"runbook": runbook.slug, "code": "not_found", "playbook": name}
            for name in runbook.playbooks
            if name not in catalogue.by_id
        ]
    speech.say(
        {"ok": not faults, "playbooks": sorted(catalogue.by_id), "runbooks": list(shelf.slugs()), "faults": faults},
        text=speech.pick(
            f"{len(catalogue.by_id)} playbook, {len(shelf.slugs())} sổ tay, {len(faults)} lỗi.",
            f"{len(catalogue.by_id)} playbooks, {len(shelf.slugs())} runbooks, {len(faults)} faults.",
        ),
    )
    if faults:
        click.get_current_context().exit(1)
