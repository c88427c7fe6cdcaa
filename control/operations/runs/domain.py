"""Rules over runs: who may start what, and what the end of one means. No database, no clock, no process."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from control.decisions import Allow, Decision, Deny
from control.errors import NotFound

LEASE = timedelta(seconds=30)
RENEW_EVERY_SECONDS = 10.0
MAX_MESSAGE_CHARACTERS = 600
_CODE = re.compile(r"LC-([0-9]{4,12})")


class RunState(StrEnum):
    """The life of a run; only the first two are open."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Risk(StrEnum):
    """What a playbook may do to the machines; it decides how many people must agree."""

    READ_ONLY = "read-only"
    CHANGE = "change"
    DESTRUCTIVE = "destructive"


class Stop(StrEnum):
    """Why a run was told to end before its own end."""

    CANCELLED = "run.cancelled"
    TIMED_OUT = "run.timed_out"
    WORKER_STOPPED = "run.worker_stopped"
    LEASE_LOST = "run.lease_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a person asks for; `token` is random and marks every process of the run."""

    playbook: str
    params: Mapping[str, Any]
    token: str
    alert_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What the supervisor said last; None in its place means that it died without a word."""

    rc: int | None
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: Mapping[str, Any] = field(default_factory=dict)
    swept: int = 0
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The final state of a run and the code of its reason, None when it is simply done."""

    state: RunState
    reason: str | None = None


def code_of(run_id: int) -> str:
    """Return the name people use: `LC-0001`."""
    return f"LC-{run_id:04d}"


def id_of(code: str) -> int:
    """Return the number in a code. Raises NotFound for anything else."""
    match = _CODE.fullmatch(code)
    if match is None:
        raise NotFound("run", code)
    return int(match[1])


def digest_of(value: object) -> str:
    """Return the SHA-256 of a JSON value in its one canonical form."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def may_start(risk: Risk) -> Decision:
    """A playbook that only reads needs the permission alone; whatever changes a machine needs two other people."""
    if risk is Risk.READ_ONLY:
        return Allow(rule="run.read_only")
    return Deny(rule="run.two_people", reason="run.needs_approval")


def verdict(*, stop: Stop | None, ended: Ended | None) -> Verdict:
    """Judge a run: our own flag before the runner's word, and a run without a single task is no success."""
    if stop is Stop.CANCELLED:
        return Verdict(state=RunState.CANCELLED, reason=stop)
    if stop is Stop.TIMED_OUT:
        return Verdict(state=RunState.FAILED, reason=stop)
    if stop is not None:
        return Verdict(state=RunState.INTERRUPTED, reason=stop)
    if ended is None:
        return Verdict(state=RunState.INTERRUPTED, reason="run.supervisor_died")
    counts = ended.counts
    if not any(counts.get(name, 0) for name in ("ok", "failed", "unreachable")):
        return Verdict(state=RunState.FAILED, reason="run.nothing_ran")
    if ended.rc != 0 or counts.get("failed", 0) or counts.get("unreachable", 0):
        return Verdict(state=RunState.FAILED, reason="run.tasks_failed")
    return Verdict(state=RunState.DONE)
