"""The worker's side of a run: take it, start the supervisor, stream its events, keep the lease, close it.

The supervisor gets no credential; only this side speaks to the database. When this process dies the supervisor dies
with it and ends every process of the run; the row stays running until the lease has passed, and a person decides.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from control.errors import Unavailable, VongLauError
from control.operations.jobs import JobContext
from control.operations.runs import service
from control.operations.runs.catalogue import Catalogue, Playbook
from control.operations.runs.domain import LEASE, RENEW_EVERY_SECONDS, Ended, Stop, verdict
from control.operations.runs.events import counts_of, findings_of, row_of
from control.operations.runs.folder import Pack, RunFolder, account_id
from control.operations.runs.models import Run
from control.operations.runs.supervisor import kill_marked

log = logging.getLogger(__name__)
SUPERVISOR = Path(__file__).with_name("supervisor.py")
LOOK_EVERY_SECONDS = 1.0
STOP_SECONDS = 25.0
READ_BYTES = 1 << 16


class Private(Protocol):
    """What a playbook needs that may stand in no row and no variable, and what becomes of its findings."""

    def prepare(self, context: JobContext, run: Run) -> Mapping[str, Any]:
        """Return the content of the run's private file. Raises Unavailable; then nothing has happened."""

    def settle(self, context: JobContext, run_id: int) -> None:
        """Take in what the run found, once it is closed; safe to be called twice."""


def run_playbook(
    context: JobContext, *, privates: Mapping[str, Private] = MappingProxyType({}), **arguments: Any
) -> None:
    """The job: deliver one run. A run that is not queued any more is refused, recorded, and nothing happens.

    `privates` names the playbooks that get a private file.
    """
    run_id = int(arguments["run_id"])
    with context.database.unit_of_work() as session:
        run = service.take(session, run_id=run_id, worker=context.worker, act=context.act("worker"))
    if run is None:
        log.warning("run_delivery_refused", extra={"run_id": run_id})
        return
    try:
        playbook = Catalogue.load().get(run.playbook)
        playbook.content()
        if playbook.sha256 != run.playbook_digest:
            raise Unavailable("playbook.digest", playbook=playbook.id)
        keeper = privates.get(playbook.id)
        folder = RunFolder.make(
            context.settings.state_dir / "runs",
            playbook=playbook,
            params=run.params,
            token=run.token,
            private=keeper.prepare(context, run) if keeper else None,
        )
    except (VongLauError, OSError) as error:
        log.exception("run_not_prepared", extra={"run_id": run_id})
        # The lease runs out and the sweeper marks the run: there is no result that could be signed.
        raise Unavailable("run.not_prepared", run=run.code) from error
    try:
        Execution(context=context, run=run, playbook=playbook, folder=folder).to_its_end()
    finally:
        kill_marked(run.token)
        folder.remove()
    if keeper:
        keeper.settle(context, run.id)


@dataclass(slots=True, kw_only=True)
class Execution:
    """One supervised child and what is known of it so far."""

    context: JobContext
    run: Run
    playbook: Playbook
    folder: RunFolder
    lines: list[str] = field(default_factory=list)
    unsaved: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    findings: dict[str, Any] = field(default_factory=dict)
    ended: Ended | None = None
    stop: Stop | None = None
    lease_until: datetime | None = None
    _rest: bytes = b""

    def to_its_end(self) -> None:
        """Start the supervisor, follow it, and close the run with its packed result."""
        self.lease_until = self.run.lease_until
        reader, writer = os.pipe()
        try:
            child = self._start(writer)
        finally:
            os.close(writer)
        try:
            self._follow(child, reader)
        finally:
            os.close(reader)
            if child.poll() is None:
                child.kill()
            child.wait()
            swept = kill_marked(self.run.token)
        self._close(swept=swept)

    def _start(self, writer: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", str(SUPERVISOR), str(self.folder.path), str(writer), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.folder.environment(),
            cwd=self.folder.path,
            pass_fds=(writer,),
            start_new_session=True,
        )

    def _follow(self, child: subprocess.Popen[bytes], reader: int) -> None:
        started = renewed = stopped_at = self.context.clock()
        is_open = True
        while is_open:
            ready, _, _ = select.select([reader], [], [], LOOK_EVERY_SECONDS)
            if ready:
                is_open = self._read(reader)
            now = self.context.clock()
            self._save()
            if now - renewed >= timedelta(seconds=RENEW_EVERY_SECONDS) and self._renew(now):
                renewed = now
            if self.stop is None:
                self.stop = self._reason_to_stop(now, started=started)
                if self.stop is not None:
                    stopped_at = now
                    child.send_signal(signal.SIGTERM)
            elif now - stopped_at > timedelta(seconds=STOP_SECONDS):
                return
            if child.poll() is not None and not ready:
                return

    def _read(self, reader: int) -> bool:
        piece = os.read(reader, READ_BYTES)
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in whole:
            self._take_line(line)
        return bool(piece)

    def _take_line(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        if "end" in said:
            end = said["end"]
            self.ended = Ended(
                rc=end["rc"],
                counts=self.counts,
                findings=self.findings,
                swept=end["swept"],
                argv=tuple(end.get("argv", ())),
            )
            return
        event = said.get("event", {})
        self.lines.append(json.dumps(event, ensure_ascii=False, sort_keys=True))
        row = row_of(event, number=len(self.lines), now=self.context.clock())
        if row is not None:
            self.unsaved.append(row)
        self.counts = counts_of(event) or self.counts
        self.findings = findings_of(event) or self.findings

    def _save(self) -> None:
        """Write what came; when the database is away the rows wait here until it is back or the lease is over."""
        if not self.unsaved:
            return
        try:
            with self.context.database.unit_of_work() as session:
                service.store_events(session, self.run.id, self.unsaved)
        except (SQLAlchemyError, Unavailable):
            log.warning("run_events_not_saved", extra={"run_id": self.run.id})
            return
        self.unsaved = []

    def _renew(self, now: datetime) -> bool:
        try:
            with self.context.database.unit_of_work() as session:
                lease = service.renew(session, run_id=self.run.id, worker=self.context.worker, now=now)
        except (SQLAlchemyError, Unavailable):
            log.warning("run_lease_not_renewed", extra={"run_id": self.run.id})
            return False
        self.lease_until = now + LEASE if lease.is_held else now - LEASE
        return True

    def _reason_to_stop(self, now: datetime, *, started: datetime) -> Stop | None:
        if self.lease_until is None or now > self.lease_until:
            return Stop.LEASE_LOST
        if self.context.stopping.is_set():
            return Stop.WORKER_STOPPED
        if now - started > timedelta(seconds=self.playbook.timeout_seconds):
            return Stop.TIMED_OUT
        return Stop.CANCELLED if self._is_cancelled() else None

    def _is_cancelled(self) -> bool:
        try:
            with self.context.database.unit_of_work() as session:
                return service.is_cancelled(session, self.run.id)
        except (SQLAlchemyError, Unavailable):
            return False

    def _close(self, *, swept: int) -> None:
        self._save()
        decided = verdict(stop=self.stop, ended=self.ended)
        act = self.context.act("worker")
        outcome = {
            "counts": self.counts,
            "findings": self.findings,
            "swept": swept + (self.ended.swept if self.ended else 0),
        }
        pack = self._pack(str(decided.state), ended_at=act.now)
        with self.context.database.unit_of_work() as session:
            is_ours = service.finish(
                session,
                run_id=self.run.id,
                worker=self.context.worker,
                verdict=decided,
                pack=pack,
                outcome=outcome,
                act=act,
            )
        log.info("run_ended", extra={"run_id": self.run.id, "state": str(decided.state), "is_ours": is_ours})

    def _pack(self, state: str, *, ended_at: datetime) -> Pack:
        started_at = self.run.started_at
        facts = {
            "run": self.run.code,
            "playbook": self.run.playbook,
            "playbook_sha256": self.run.playbook_digest,
            "params": self.run.params,
            "params_sha256": self.run.params_digest,
            "requested_by": self.run.requested_by,
            "worker": self.context.worker,
            "account": account_id(),
            "argv": list(self.ended.argv) if self.ended else [],
            "started_at": None if started_at is None else started_at.isoformat(),
            "ended_at": ended_at.isoformat(),
            "state": state,
            "counts": self.counts,
            "findings": self.findings,
        }
        return self.folder.pack(facts=facts, events=self.lines)
