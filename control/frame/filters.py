"""The Jinja face of formats.py: each filter takes its language and the request's `now` from the page.

Not for: rules of writing. Invariant: no clock but `g.now`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Flask, g

from control.frame import formats
from control.frame.i18n import language


def install(app: Flask) -> None:
    """Register the filters under the names the README of the macros gives."""
    spoken: dict[str, Callable[..., Any]] = {
        "moment": formats.moment,
        "clock": formats.clock,
        "day": formats.day,
        "short_day": formats.short_day,
        "duration": formats.duration,
        "working_time": formats.working_time,
        "number": formats.number,
        "percent": formats.percent,
        "money": formats.money,
        "size": formats.size,
        "cited": formats.cited,
    }
    for name, function in spoken.items():
        app.add_template_filter(_in_language(function), name)
    app.add_template_filter(short_moment, "short_moment")
    app.add_template_filter(age, "age")
    app.add_template_filter(formats.iso, "iso")
    app.add_template_filter(formats.digest, "digest")
    app.add_template_filter(formats.digest_whole, "digest_whole")


def _in_language(function: Callable[..., str]) -> Callable[..., str]:
    def spoken(value: datetime | date | timedelta | float | Decimal | None, **how: Any) -> str:
        return function(value, language=language(), **how)

    return spoken


def short_moment(at: datetime | None, *, weekday: bool = False) -> str:
    """Return the moment as tables write it."""
    return formats.short_moment(at, now=g.now, language=language(), weekday=weekday)


def age(at: datetime) -> str:
    """Return how long ago, against the request's one moment."""
    return formats.age(at, now=g.now, language=language())
