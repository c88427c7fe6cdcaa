"""Runs: one supervised execution of one pinned playbook, with its result and the hash of it."""

from control.operations.runs.catalogue import Catalogue, Playbook
from control.operations.runs.domain import RunRequest, RunState, code_of, id_of
from control.operations.runs.execution import Private, run_playbook
from control.operations.runs.service import TASK, Interrupted, find, order_run, request_run, runs_of_alert, sweep

__all__ = [
    "TASK",
    "Catalogue",
    "Interrupted",
    "Playbook",
    "Private",
    "RunRequest",
    "RunState",
    "code_of",
    "find",
    "id_of",
    "order_run",
    "request_run",
    "run_playbook",
    "runs_of_alert",
    "sweep",
]
