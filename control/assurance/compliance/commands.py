"""`vonglau compliance posture|check`: the same answers as the pages, for machines and for people.

Not for: judging. Exit status of `check`: 0 passes, 1 fails or proves nothing, 3 the collector broke.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click

from control.assurance.compliance.forms import REGIME, ZONE, read_as_of
from control.commands.speech import Speech, pass_speech

EXIT = {"pass": 0, "fail": 1, "nothing": 1, "error": 3}
VI_RESULT = {"pass": "đạt", "fail": "chưa đạt", "nothing": "không có gì để xét", "error": "lỗi thu"}
VI_STATE = {
    "holds": "đạt",
    "partly": "một phần",
    "failed": "chưa đạt",
    "stale": "hết hạn",
    "collector-error": "lỗi thu",
    "not-assessed": "chưa đánh giá",
    "not-applicable": "không áp dụng",
}


@click.group()
def compliance() -> None:
    """Tuân thủ cấp độ 3 / level-3 compliance."""


@compliance.command()
@click.option("--as-of", "as_of", default="", help="tại ngày / on the day: 25/11/2026, 2026-11-25 or a full moment")
@click.option("--regime", default=REGIME, help="bộ yêu cầu / which requirements: nd85-2016, nd331-2026")
@pass_speech
def posture(speech: Speech, *, as_of: str, regime: str) -> None:
    """Hiện trạng tại một thời điểm / how every requirement stood at a moment."""
    from control.assurance.compliance import service

    with _opened(speech) as (database, law, now):
        moment = read_as_of(as_of, now=now)
        catalogue = law.requirements.regime(regime)
        with database.unit_of_work() as session:
            shown = service.posture_at(session, law.requirements, catalogue=catalogue, as_of=moment)
    lines = [f"{VI_STATE[one.state]:<15}{one.requirement.number} {one.requirement.title.vi}" for one in shown.standings]
    head = speech.pick(
        f"{shown.holding}/{shown.denominator} yêu cầu đạt, {_local(shown.as_of)}",
        f"{shown.holding}/{shown.denominator} requirements hold, {_local(shown.as_of)}",
    )
    speech.say(posture_document(shown), text="\n".join([head, *lines]))


def posture_document(shown: Any) -> dict[str, Any]:
    """Return the posture as other programs read it; times carry +07:00."""
    return {
        "regime": shown.catalogue.regime,
        "catalogue": shown.catalogue.id,
        "as_of": _local(shown.as_of),
        "holding": shown.holding,
        "denominator": shown.denominator,
        "share": round(shown.share, 4),
        "machine_proved": shown.machine_proved,
        "counts": {str(state): count for state, count in sorted(shown.counts.items())},
        "requirements": [
            {
                "id": one.requirement.id,
                "number": one.requirement.number,
                "title": one.requirement.title.vi,
                "clause": one.requirement.clause,
                "state": str(one.state),
                "unproved": sorted(one.unproved),
                "claims": [
                    {
                        "check": claim.check.id,
                        "strength": str(claim.claim.strength),
                        "state": str(claim.state),
                        "evidence": claim.observation.code if claim.observation else None,
                    }
                    for claim in one.claims
                ],
            }
            for one in shown.standings
        ],
    }


@compliance.command()
@click.argument("name")
@pass_speech
def check(speech: Speech, *, name: str) -> None:
    """Chạy một phép kiểm và in quan sát / run one check and print its observation."""
    from control.acts import Act
    from control.assurance.compliance import service
    from control.settings import Settings
    from control.writers import make_writer

    with _opened(speech) as (database, law, now):
        wanted = law.requirements.check(name)
        writer = make_writer(Settings.from_env(speech.environment("web", os.environ)), law)
        act = Act.for_system("compliance-check", now=now, writer=writer, policy_digest=law.digest)
        with database.unit_of_work() as session:
            found = service.run_check(session, check=wanted, act=act)
    document = {
        "check": found.check,
        "evidence": found.code,
        "result": str(found.result),
        "observed_from": _local(found.observed_from),
        "observed_to": _local(found.observed_to),
        "facts": dict(found.facts),
        "witnesses": [{"kind": one.kind, "code": one.code, "digest": one.digest} for one in found.witnesses],
        "digest": found.digest,
        "policy_digest": found.policy_digest,
        "collector": found.collector,
    }
    word = speech.pick(VI_RESULT[found.result], str(found.result))
    speech.say(document, text=f"{found.code} {wanted.title.within(speech.language)}: {word}")
    click.get_current_context().exit(EXIT[found.result])


@contextmanager
def _opened(speech: Speech) -> Iterator[tuple[Any, Any, datetime]]:
    """Give the database of the running product as the web's role, the law, and now."""
    import policies
    from control.db import Database

    environment = speech.environment("web", os.environ)
    url = environment.get("VONGLAU_DATABASE_URL") or environment["DATABASE_URL"]
    database = Database("postgresql+psycopg://" + url.partition("://")[2], pool_size=2)
    try:
        yield database, policies.load(), datetime.now(UTC)
    finally:
        database.engine.dispose()


def _local(at: datetime) -> str:
    return at.astimezone(ZONE).isoformat(timespec="seconds")
