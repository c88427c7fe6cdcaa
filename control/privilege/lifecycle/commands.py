"""`vonglau accounts lock`: lock accounts at once from the machine's shell, when no page can be reached."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import click

import policies
from control.acts import Act
from control.commands.speech import Speech, pass_speech
from control.db import Database
from control.decisions import Deny
from control.errors import NotAllowed
from control.privilege.imports.commands import accounts
from control.privilege.lifecycle.domain import Channel, Mode
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.urgent import UrgentLock, lock_now
from control.settings import Settings
from control.writers import make_writer
from policies import RULES_ZONE

__all__ = ["accounts"]


@accounts.command()
@click.argument("codes", nargs=-1, required=True)
@click.option("--incident", required=True, help="số hiệu sự vụ / incident number, e.g. SC-0042")
@click.option("--reason", required=True, help="lý do / reason")
@click.option("--caller", default="", help="người báo, bỏ trống khi tự phát hiện / who called; empty: our own finding")
@click.option("--channel", type=click.Choice([str(one) for one in Channel]), default="phone", show_default=True)
@click.option("--dry-run", is_flag=True, help="chỉ xem hạn thông báo / only work out the date of the notice")
@pass_speech
def lock(
    speech: Speech,
    *,
    codes: tuple[str, ...],
    incident: str,
    reason: str,
    caller: str,
    channel: str,
    dry_run: bool,
) -> None:
    """Khoá ngay tài khoản của một đơn vị / lock accounts of one unit at once; the directory is not asked."""
    settings = Settings.from_env(speech.environment("web", os.environ))
    law = policies.load()
    terms = LifecycleTerms.of(law, profile=settings.profile)
    now = datetime.now(UTC)
    due = terms.clocks.telling(locked_at=now).due_at
    if dry_run:
        speech.say(
            {"tell_by": due.isoformat(), "dry_run": True},
            text=speech.pick(f"Thông báo cho đơn vị trước {_local(due)}", f"Tell the unit by {_local(due)}"),
        )
        return
    database = Database(settings.database_url, pool_size=1)
    act = Act.for_system("accounts-lock", now=now, writer=make_writer(settings, law), policy_digest=law.digest)
    order = UrgentLock(
        mode=Mode.EMERGENCY if caller else Mode.OWN_RISK,
        accounts=codes,
        reason=reason,
        incident=incident,
        caller=caller,
        channel=channel if caller else None,
    )
    try:
        with database.unit_of_work() as session:
            done = lock_now(session, order=order, act=act, terms=terms, ticks=time.monotonic_ns)
    finally:
        database.engine.dispose()
    if isinstance(done, Deny):
        raise NotAllowed(done)
    took = max(line.effect_ms or 0 for line in done.lines)
    speech.say(
        {"request": done.code, "effect_ms": took, "tell_by": due.isoformat()},
        text=speech.pick(
            f"{done.code}: đã khoá {len(done.lines)} tài khoản sau {took} ms; thông báo cho đơn vị trước {_local(due)}",
            f"{done.code}: {len(done.lines)} locked in {took} ms; tell the unit by {_local(due)}",
        ),
    )


def _local(at: datetime) -> str:
    return f"{at.astimezone(RULES_ZONE):%d/%m/%Y %H:%M}"
