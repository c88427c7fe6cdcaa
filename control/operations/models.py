"""Tables of this wing, gathered for the metadata."""

from control.operations.alerts.models import Alert, AlertBeat
from control.operations.runs.models import Run, RunEvent, RunPack
from control.operations.schedules.models import Schedule, ScheduleMiss

__all__ = ["Alert", "AlertBeat", "Run", "RunEvent", "RunPack", "Schedule", "ScheduleMiss"]
