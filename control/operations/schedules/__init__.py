"""Schedules: jobs that recur, as rows with the moment they are next due."""

from control.operations.schedules.domain import ScheduleSpec, next_tick
from control.operations.schedules.service import Missed, Ticked, install, start, tick

__all__ = ["Missed", "ScheduleSpec", "Ticked", "install", "next_tick", "start", "tick"]
