"""How answers about law and time look to people: labelled lines, local times, the mark of a provisional calendar.

Not for: what is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from control.commands.speech import Speech
from policies import RULES_ZONE

MOMENT = "%H:%M %d/%m/%Y"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Human lines: a label in the reader's language, then its value."""

    speech: Speech

    def __call__(self, *rows: tuple[str, str, object]) -> str:
        shown = [(self.speech.pick(vi, en), value) for vi, en, value in rows if value is not None]
        width = max((len(label) for label, _ in shown), default=0)
        return "\n".join(f"{label:<{width}}  {value}" for label, value in shown)

    def yes(self, is_true: object) -> str:
        """Say yes or no."""
        return self.speech.pick("có", "yes") if is_true else self.speech.pick("không", "no")


def shown(moment: datetime | None) -> str:
    return moment.astimezone(RULES_ZONE).strftime(MOMENT) if moment else "–"


def iso(moment: datetime | None) -> str | None:
    return moment.astimezone(RULES_ZONE).isoformat() if moment else None


def provisional_note(speech: Speech, *, is_provisional: bool) -> None:
    if is_provisional and not speech.as_json:
        speech.note(
            "TẠM TÍNH: có ngày thuộc năm chưa công bố lịch nghỉ chính thức.",
            "PROVISIONAL: a date lies in a year whose official calendar is not published.",
        )
