"""`vonglau db upgrade|check`: move the schema, and tell whether it is the one this release was written for."""

from __future__ import annotations

import os

import click
from sqlalchemy import create_engine

from control.commands.speech import Speech, pass_speech


@click.group()
def db() -> None:
    """Cơ sở dữ liệu / the database."""


def _url(speech: Speech) -> str:
    environment = speech.environment("owner", os.environ)
    url = environment.get("VONGLAU_DATABASE_URL") or environment["DATABASE_URL"]
    return "postgresql+psycopg://" + url.partition("://")[2]


@db.command()
@click.option("--dry-run", is_flag=True, help="chỉ cho biết sẽ làm gì / only say what would be done")
@pass_speech
def upgrade(speech: Speech, *, dry_run: bool) -> None:
    """Nâng lược đồ lên bản mới nhất / bring the schema to the newest revision; safe to run twice."""
    from control.migrations import run

    engine = create_engine(_url(speech))
    before, head = run.current(engine), run.head()
    if not dry_run:
        run.upgrade(engine)
    speech.say(
        {"before": before, "after": head if not dry_run else before, "head": head},
        text=speech.pick(f"Lược đồ: {before or 'trống'} → {head}", f"Schema: {before or 'empty'} → {head}"),
    )


@db.command()
@pass_speech
def check(speech: Speech) -> None:
    """Lược đồ có khớp bản phát hành không / does the schema match this release: 0 yes, 1 no."""
    from control.migrations import run

    engine = create_engine(_url(speech))
    current, head = run.current(engine), run.head()
    differences = run.differences(engine) if current == head else []
    is_good = current == head and not differences
    speech.say(
        {"ok": is_good, "current": current, "head": head, "differences": differences},
        text=speech.pick(
            f"{'Khớp' if is_good else 'KHÔNG khớp'}: đang ở {current or 'trống'}, bản này cần {head}",
            f"{'Matches' if is_good else 'DOES NOT match'}: at {current or 'empty'}, this release needs {head}",
        ),
    )
    for line in differences:
        speech.note(line, line)
    if not is_good:
        click.get_current_context().exit(1)
