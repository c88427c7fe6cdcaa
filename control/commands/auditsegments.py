"""`vonglau audit segments|replay`, and the steps of `audit run` that write segment files and watch the disks."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from control.commands.auditquery import AuditError
from control.commands.speech import Speech, pass_speech

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from audit.disk import DiskWatch
    from audit.segmenter import Segmenter
    from audit.speaker import Speaker
    from control.settings import Settings

MIB = 1 << 20


def beside(settings: Settings, engine: Engine) -> dict[str, Callable[[], float]]:
    """Return the steps this process does beside numbering; a folder that is not set gives none."""
    import policies
    from audit.disk import DiskWatch, Limits
    from audit.segmenter import Segmenter

    def clock() -> datetime:
        return datetime.now(UTC)

    law = policies.load()
    speaker = _speaker(engine)
    limits = Limits(
        warn_percent=float(law.parameter("audit_disk_warn_percent").value),
        refuse_percent=float(law.parameter("audit_disk_refuse_percent").value),
        ballast_bytes=int(law.parameter("audit_ballast_mib").value) * MIB,
    )
    folders = {"journal": settings.journal_dir, "segments": settings.segment_dir}
    given = {name: path for name, path in folders.items() if path is not None}
    steps: dict[str, Callable[[], float]] = {}
    if given:
        watch = DiskWatch(engine=engine, speaker=speaker, limits=limits, folders=given)
        steps["disk"] = lambda: _watch(watch, clock)
    if settings.segment_dir is not None:
        segmenter = Segmenter(engine=engine, path=settings.segment_dir, speaker=speaker)
        steps["segments"] = lambda: _write(segmenter, clock)
    return steps


def _watch(watch: DiskWatch, clock: Callable[[], datetime]) -> float:
    return watch.run_once(now=clock())


def _write(segmenter: Segmenter, clock: Callable[[], datetime]) -> float:
    return segmenter.run_once(now=clock())


@click.command()
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), help="thư mục / folder")
@pass_speech
def segments(speech: Speech, *, folder: Path | None) -> None:
    """So tệp đoạn với nhật ký / compare the segment files with the journal: 0 the same, 1 not."""
    from sqlalchemy import create_engine

    from audit.replay import compare

    settings, path = _settings(speech, folder)
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        found = compare(connection, path)
    engine.dispose()
    answer = {
        "ok": not found.problems,
        "entries": found.entries,
        "behind": found.behind,
        "problems": [{"sequence": one.sequence, "detail": one.detail} for one in found.problems],
    }
    lines = [
        speech.pick(
            f"{'KHỚP' if not found.problems else 'KHÔNG KHỚP'}: {found.entries} bút toán, còn {found.behind}",
            f"{'THE SAME' if not found.problems else 'NOT THE SAME'}: {found.entries} entries, {found.behind} to come",
        ),
        *(f"  #{one.sequence}: {one.detail}" for one in found.problems),
    ]
    speech.say(answer, text="\n".join(lines))
    click.get_current_context().exit(1 if found.problems else 0)


@click.command()
@click.option("--from", "folder", type=click.Path(file_okay=False, path_type=Path), help="thư mục / folder")
@click.option("--dry-run", is_flag=True, help="chỉ đếm / only count")
@pass_speech
def replay(speech: Speech, *, folder: Path | None, dry_run: bool) -> None:
    """Đưa lại những bút toán chỉ còn trong tệp đoạn / put back what only the segment files still hold."""
    from sqlalchemy import create_engine

    from audit.entry import Outcome
    from audit.replay import NotReplayedError
    from audit.replay import replay as play_again
    from audit.segments import BrokenSegmentError

    settings, path = _settings(speech, folder)
    engine = create_engine(settings.database_url)
    try:
        done = play_again(engine, path, is_trial=dry_run)
    except (NotReplayedError, BrokenSegmentError) as error:
        raise AuditError(
            "audit.not_replayed",
            vi=f"Không phát lại được: {error}",
            en=f"Not replayed: {error}",
        ) from error
    if done.count and not dry_run:
        details = {"first": done.first, "count": done.count}
        _speaker(engine).say("audit:segment:replay", outcome=Outcome.SUCCESS, details=details)
    engine.dispose()
    answer = {"first": done.first, "count": done.count, "dry_run": dry_run}
    speech.say(
        answer,
        text=speech.pick(f"{done.count} bút toán, từ số {done.first}", f"{done.count} entries, from {done.first}"),
    )


def _speaker(engine: Engine) -> Speaker:
    import policies
    from audit.speaker import Speaker
    from control.version import VERSION
    from control.writers import impersonal_writer

    writer = impersonal_writer(policies.load())
    writer.follow(engine)
    return Speaker(engine=engine, writer=writer, clock=lambda: datetime.now(UTC), version=VERSION)


def _settings(speech: Speech, folder: Path | None) -> tuple[Settings, Path]:
    """Return the settings of the trail's process, and the folder named or set."""
    from control.settings import Settings

    settings = Settings.from_env(speech.environment("audit", os.environ))
    path = folder or settings.segment_dir
    if path is None or not path.is_dir():
        raise AuditError(
            "audit.no_segments",
            vi="Không thấy thư mục tệp đoạn: đặt VONGLAU_SEGMENT_DIR hoặc nêu thư mục.",
            en="There is no folder of segment files: set VONGLAU_SEGMENT_DIR or name one.",
            exit_status=2,
        )
    return settings, path


COMMANDS = (segments, replay)
