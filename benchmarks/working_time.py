"""How many working-time additions one core does in a second, beside the floor of plain datetime additions.

Run: python benchmarks/working_time.py [COUNT]. Prints one JSON document. The promise is 100 000 additions a second;
the ratio to the floor, taken in the same run, is what may be compared between machines.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from policies import RULES_ZONE, Amount, load_calendar  # found beside this folder, installed or not

PROMISE = 100_000
ROUNDS = 5


def per_second(count: int, work: Callable[[], None]) -> float:
    """Return the best rate of several rounds: the one least disturbed by other programs."""
    best = 0.0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        best = max(best, count / (time.perf_counter() - began))
    return best


def main() -> int:
    """Measure, print, and return 0 when the promise is kept."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    dice = random.Random(3)
    began = time.perf_counter()
    calendar = load_calendar()
    load_ms = (time.perf_counter() - began) * 1000
    first = datetime(2024, 1, 1, tzinfo=RULES_ZONE)
    starts = [first + timedelta(minutes=dice.randrange(900 * 24 * 60)) for _ in range(count)]
    amounts = [Amount.parse(f"{dice.randrange(1, 60)}wd") for _ in range(count)]
    minutes = [dice.randrange(1, 20_000) for _ in range(count)]
    spans = [timedelta(minutes=one) for one in minutes]
    ends = [calendar.add_minutes(start, one) for start, one in zip(starts, minutes, strict=True)]

    def floor() -> None:
        for start, length in zip(starts, spans, strict=True):
            start + length

    def add() -> None:
        for start, amount in zip(starts, amounts, strict=True):
            calendar.add(start, amount)

    def add_minutes() -> None:
        for start, number in zip(starts, minutes, strict=True):
            calendar.add_minutes(start, number)

    def difference() -> None:
        for start, end in zip(starts, ends, strict=True):
            calendar.difference(start, end)

    base = per_second(count, floor)
    rates = {work.__name__: per_second(count, work) for work in (add, add_minutes, difference)}
    figures = [
        {"figure": "load the calendar", "value": round(load_ms, 1), "unit": "ms"},
        {"figure": "floor: plain datetime + timedelta", "value": round(base), "unit": "1/s"},
    ]
    for name, rate in rates.items():
        bound = {"floor": PROMISE} if name != "difference" else {}
        figures.append({"figure": name, "value": round(rate), "unit": "1/s", **bound})
        figures.append({"figure": f"plain addition / {name}", "value": round(base / rate, 1), "unit": "times"})
    for figure in figures:
        print(json.dumps(figure))
    return 0


if __name__ == "__main__":
    sys.exit(main())
