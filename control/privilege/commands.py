"""`vonglau privilege verify`: does everything privilege promises hold in the whole database."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click

from control.commands.speech import Speech, pass_speech


@click.group()
def privilege() -> None:
    """Đặc quyền / privilege."""


@privilege.command()
@pass_speech
def verify(speech: Speech) -> None:
    """Kiểm mọi bất biến trên toàn cơ sở dữ liệu / check every promise: 0 all hold, 1 something breaks one."""
    import policies
    from control.actions import Action
    from control.acts import Act
    from control.db import Database
    from control.privilege.grants.standing import approver_roles
    from control.privilege.verifying import verify as verify_all
    from control.settings import Settings
    from control.writers import make_writer

    settings = Settings.from_env(speech.environment("web", os.environ))
    law = policies.load()
    database = Database(settings.database_url, pool_size=1)
    act = Act.for_system(
        "privilege-verify", now=datetime.now(UTC), writer=make_writer(settings, law), policy_digest=law.digest
    )
    try:
        with database.unit_of_work() as session:
            found = verify_all(session, approver_roles=sorted(approver_roles()), now=act.now)
            broken = sum(len(one.breaches) for one in found)
            act.record(session, Action.PRIVILEGE_PROMISE_VERIFY, details={"promises": len(found), "breaches": broken})
    finally:
        database.engine.dispose()
    lines = []
    for one in found:
        lines.append(f"{'✓' if one.holds else '✗'} {one.name} {speech.pick(one.text_vi, one.text_en)}")
        lines.extend(f"    {row.kind} {row.id}: {row.why}" for row in one.breaches)
    speech.say(
        {
            "ok": not broken,
            "promises": [
                {
                    "id": one.name,
                    "ok": one.holds,
                    "breaches": [{"kind": row.kind, "id": row.id, "why": row.why} for row in one.breaches],
                }
                for one in found
            ],
        },
        text="\n".join(lines),
    )
    if broken:
        click.get_current_context().exit(1)
