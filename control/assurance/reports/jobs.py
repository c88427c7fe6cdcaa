"""The job that counts a long access report, month by month."""

from __future__ import annotations

from typing import Any

import policies
from control.assurance.reports.service import TASK, make
from control.operations.jobs import JobContext

__all__ = ["TASK", "make_report"]


def make_report(context: JobContext, *, report_id: int, **_arguments: Any) -> None:
    """The job; safe to be delivered twice: it goes on from the month that was counted last."""
    calendar = policies.load().calendar
    make(context.database, report_id=report_id, calendar=calendar, act=context.act("access-report"))
