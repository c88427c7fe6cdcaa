"""`vonglau people sync|check`: read the directory into our tables, and ask whether it answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import click

import policies
from control.acts import Act
from control.commands.speech import Speech, pass_speech
from control.db import Database
from control.errors import Unavailable
from control.people import check_directory, sync_people
from control.people.circumstances import directory_of
from control.people.directory.client import Directory
from control.settings import Settings
from control.writers import make_writer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What a command of this wing works with."""

    database: Database
    directory: Directory
    law: policies.Policies
    act: Act


@contextmanager
def _around(speech: Speech, name: str) -> Iterator[_Around]:
    settings = Settings.from_env(speech.environment("web", os.environ))
    law = policies.load()
    database = Database(settings.database_url, pool_size=1)
    act = Act.for_system(name, now=datetime.now(UTC), writer=make_writer(settings, law), policy_digest=law.digest)
    try:
        yield _Around(database=database, directory=directory_of(settings, policies=law), law=law, act=act)
    finally:
        database.engine.dispose()


@click.group()
def people() -> None:
    """Con người / people."""


@people.command()
@click.option("--dry-run", is_flag=True, help="chỉ đọc danh bạ / only read the directory")
@pass_speech
def sync(speech: Speech, *, dry_run: bool) -> None:
    """Đồng bộ người và vai trò từ danh bạ / bring people and roles from the directory; safe to run twice."""
    with _around(speech, "people-sync") as around:
        if dry_run:
            seen = len(around.directory.list_people())
            speech.say({"seen": seen, "dry_run": True}, text=speech.pick(f"Danh bạ: {seen} người", f"{seen} people"))
            return
        report = sync_people(around.database, directory=around.directory, roles=around.law.roles, act=around.act)
    speech.say(
        {
            "seen": report.seen,
            "added": report.added,
            "changed": report.changed,
            "absent": report.absent,
            "left": len(report.left),
            "refused": report.refused,
        },
        text=speech.pick(
            f"Thấy {report.seen} người: {report.added} mới, {report.changed} đổi, {report.absent} vắng, "
            f"{len(report.left)} đã thôi" + (" — BỊ TỪ CHỐI, không đổi gì" if report.refused else ""),
            f"Saw {report.seen} people: {report.added} new, {report.changed} changed, {report.absent} absent, "
            f"{len(report.left)} left" + (" — REFUSED, nothing changed" if report.refused else ""),
        ),
    )
    if report.refused:
        click.get_current_context().exit(1)


@people.command()
@pass_speech
def check(speech: Speech) -> None:
    """Danh bạ có trả lời không / does the directory answer: 0 yes, 3 no."""
    with _around(speech, "people-check") as around:
        answers = check_directory(around.database, directory=around.directory, now=around.act.now)
    if not answers:
        raise Unavailable("directory.unavailable")
    speech.say({"ok": True}, text=speech.pick("Danh bạ đang trả lời", "The directory answers"))
