"""Runs: one supervised execution of one pinned playbook, with its result and the hash of it."""

from control.operations.runs.catalogue import Catalogue, Playbook
from control.operations.runs.domain import RunRequest, RunState, code_of, id_of
from control.operations.runs.service import Interrupted, request_run, runs_of_alert, sweep

__all__ = [
    "Catalogue",
    "Interrupted",
    "Playbook",
    "RunRequest",
    "RunState",
    "code_of",
    "id_of",
    "request_run",
    "runs_of_alert",
    "sweep",
]
