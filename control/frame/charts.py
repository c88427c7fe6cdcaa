"""Geometry of the drawings the server makes: shares of the width in percent, heights in pixels.

Not for: colours or words (the macros). Invariants: pure; every figure drawn also stands in a table; nothing is wider
than its frame, and a value that is not nothing is never drawn as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BASE_LINE = 104
TOP_LINE = 20
GAP = 0.17  # share of a column left empty
MARK_HEIGHTS = (3, 5)
WIDE_LABELS_ABOVE = 12
KEEP_EVERY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One column; places and widths are percent of the drawing, heights pixels above the base line."""

    label: str
    value: float
    mark: float
    x: str
    width: str
    middle: str
    y: int
    height: int
    mark_height: int
    is_now: bool
    is_highest: bool
    is_label_wide: bool
    href: str | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One piece of a whole, in percent of the drawing."""

    label: str
    value: float
    kind: str
    is_hatched: bool
    x: str
    width: str


def bars(series: Sequence[Mapping[str, Any]]) -> tuple[Bar, ...]:
    """Place the columns of `series` (`label`, `value`, and at will `mark`, `now`, `href`, and `name`, longer)."""
    if not series:
        return ()
    step = 100 / len(series)
    top = max(float(item["value"]) for item in series)
    most_marks = max(float(item.get("mark", 0)) for item in series)
    highest = next(place for place, item in enumerate(series) if float(item["value"]) == top)
    return tuple(
        Bar(
            label=str(item["label"]),
            value=item["value"],
            mark=item.get("mark", 0),
            x=_percent(step * (place + GAP / 2)),
            width=_percent(step * (1 - GAP)),
            middle=_percent(step * (place + 0.5)),
            height=(height := _height(float(item["value"]), top)),
            y=BASE_LINE - height,
            mark_height=_mark_height(float(item.get("mark", 0)), most_marks),
            is_now=bool(item.get("now")),
            is_highest=place == highest and top > 0,
            is_label_wide=len(series) > WIDE_LABELS_ABOVE and place % KEEP_EVERY != 0,
            href=item.get("href"),
            name=str(item.get("name") or item["label"]),
        )
        for place, item in enumerate(series)
    )


def shares(parts: Sequence[Mapping[str, Any]]) -> tuple[Share, ...]:
    """Place the parts of a whole (`value`, `kind`, at will `hatch`, `label`) side by side; nothing for a zero whole."""
    whole = sum(max(0.0, float(part["value"])) for part in parts)
    placed, start = [], 0.0
    for part in parts:
        width = 100 * max(0.0, float(part["value"])) / whole if whole else 0.0
        placed.append(
            Share(
                label=str(part.get("label", "")),
                value=part["value"],
                kind=str(part.get("kind", "info")),
                is_hatched=bool(part.get("hatch")),
                x=_percent(start),
                width=_percent(width),
            )
        )
        start += width
    return tuple(placed)


def filled(fraction: float) -> str:
    """Return the width of a bar that is `fraction` full; past full it stays full."""
    return _percent(100 * min(1.0, max(0.0, fraction)))


def _height(value: float, top: float) -> int:
    if value <= 0 or top <= 0:
        return 0
    return max(1, round((BASE_LINE - TOP_LINE) * value / top))


def _mark_height(marks: float, most: float) -> int:
    if marks <= 0:
        return 0
    return MARK_HEIGHTS[1] if marks * 2 > most else MARK_HEIGHTS[0]


def _percent(value: float) -> str:
    return f"{value:.2f}%"
