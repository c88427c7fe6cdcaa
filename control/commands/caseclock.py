"""`vonglau case clock FILE`: what-if for one dossier, from a file alone.

Not for: real cases (the cases wing keeps their ledgers).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import policies
from control.commands.answers import Lines, iso, provisional_note, shown
from control.commands.speech import Speech, pass_speech
from policies import parse_moment
from policies.worktime import MINUTE


@click.group()
def case() -> None:
    """Đồng hồ hồ sơ / a case's clock."""


@case.command("clock")
@click.argument("file", type=click.Path(path_type=Path))
@pass_speech
def case_clock(speech: Speech, *, file: Path) -> None:
    """Tính thử thời hạn của một hồ sơ / what-if for one dossier."""
    from policies.caseclock import run
    from policies.casefile import read_case

    rules = policies.load_rules()
    given = read_case(file, rules=rules)
    clock = run(given.clock, given.events)
    document = {
        "received": iso(clock.received),
        "started": iso(clock.started),
        "due": iso(clock.due),
        "state": clock.state.public,
        "late": clock.is_late,
        "used_minutes": clock.used // MINUTE,
        "budget_minutes": clock.budget // MINUTE,
        "ledger": [
            {
                "at": iso(line.at),
                "kind": line.kind,
                "minutes": line.minutes,
                "basis": line.basis,
                "used_minutes": line.used_minutes,
                "budget_minutes": line.budget_minutes,
            }
            for line in clock.ledger
        ],
        "refused": [
            {
                "event": one.event,
                "code": one.code,
                "message": speech.pick(one.message_vi, one.message_en),
                "citation": one.citation,
            }
            for one in clock.refused
        ],
        "provisional": clock.is_provisional,
    }
    speech.say(document, text=_clock_text(speech, document))
    provisional_note(speech, is_provisional=clock.is_provisional)


_STATES = {"running": "đang tính", "paused": "tạm dừng", "done": "kết thúc", "waiting": "chờ tiếp nhận"}


def _clock_text(speech: Speech, document: dict[str, Any]) -> str:
    lines = Lines(speech=speech)

    def when(key: str) -> str:
        return shown(parse_moment(document[key])) if document[key] else "–"

    text = lines(
        ("Tiếp nhận", "Received", when("received")),
        ("Bắt đầu tính", "Started", when("started")),
        ("Hạn trả", "Due", when("due")),
        ("Trạng thái", "State", speech.pick(_STATES[document["state"]], document["state"])),
        ("Trễ hạn", "Late", lines.yes(document["late"])),
        ("Đã dùng", "Used", f"{document['used_minutes']} / {document['budget_minutes']} min"),
    )
    for line in document["ledger"]:
        text += f"\n  {shown(parse_moment(line['at']))}  {line['kind']:<21} +{line['minutes']}  {line['basis']}"
    for one in document["refused"]:
        text += f"\n  ✗ #{one['event']} {one['code']}: {one['message']}"
        text += f" ({one['citation']})" if one["citation"] else ""
    return text
