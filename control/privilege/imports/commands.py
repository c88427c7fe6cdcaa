"""`vonglau accounts import FILE`: check a file of accounts, and take it when asked to; twice is harmless."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

import policies
from control.acts import Act
from control.commands.speech import Speech, pass_speech
from control.db import Database
from control.decisions import Deny
from control.messages import Messages
from control.privilege.imports import service
from control.privilege.imports.domain import Verdict
from control.privilege.imports.messages import IMPORT_MESSAGES
from control.settings import Settings
from control.writers import make_writer

SYSTEM = "accounts-import"


@click.group()
def accounts() -> None:
    """Tài khoản đặc quyền / privileged accounts."""


@accounts.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="chỉ kiểm, không nhập / only check")
@pass_speech
def import_accounts(speech: Speech, *, file: Path, dry_run: bool) -> None:
    """Kiểm rồi nhập tệp CSV tài khoản / check a CSV file of accounts, then take it; exit 1 when rows are left out."""
    settings = Settings.from_env(speech.environment("web", os.environ))
    law = policies.load()
    act = Act.for_system(SYSTEM, now=datetime.now(UTC), writer=make_writer(settings, law), policy_digest=law.digest)
    database = Database(settings.database_url, pool_size=1)
    content = file.read_bytes()
    decision: Any = None
    try:
        with database.unit_of_work() as session:
            report = service.check_file(session, content, act=act)
            if not dry_run and report.does_something:
                row = service.bring_file(session, content, act=act)
                decision = service.take_file(
                    session, code=row.code, sha256_read=row.file_sha256, outcome_read=report.outcome, act=act
                )
    finally:
        database.engine.dispose()
    _tell(speech, report, dry_run=dry_run)
    if isinstance(decision, Deny) or report.counts["refuse"]:
        click.get_current_context().exit(1)


def _tell(speech: Speech, report: service.Report, *, dry_run: bool) -> None:
    messages = Messages(IMPORT_MESSAGES)
    told = "vi" if speech.pick("vi", "en") == "vi" else "en"
    left_out = [
        {
            "line": one.row.line,
            "account": one.row.code,
            "reasons": list(one.reasons),
            "text": "; ".join(messages.render(reason, told) for reason in one.reasons),
        }
        for one in report.judged
        if one.verdict is Verdict.REFUSE
    ]
    counts = report.counts
    lines = "".join(f"\n  {one['line']}: {one['account']}: {one['text']}" for one in left_out[:50])
    speech.say(
        {"dry_run": dry_run, **counts, "left_out": left_out},
        text=speech.pick(
            f"{counts['add']} thêm, {counts['change']} đổi, {counts['same']} đã có, {counts['refuse']} bỏ ra{lines}",
            f"{counts['add']} added, {counts['change']} changed, {counts['same']} here, "
            f"{counts['refuse']} left out{lines}",
        ),
    )
