"""The worker process: delivers jobs, ticks schedules, sweeps. Any number of them share one database.

Invariant: the tasks are the ones the wings declare (`PORTS["job:<name>"]`), the schedules likewise
(`PORTS["schedule:<slug>"]`); nothing else can be run by a row in the queue.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from procrastinate import App, PsycopgConnector

import policies
from control.db import Database
from control.operations.jobs import upkeep
from control.operations.jobs.domain import JobContext, Task
from control.operations.schedules import ScheduleSpec, install, start
from control.settings import Settings
from control.writers import make_writer

CONCURRENCY = 8
GRACE_SECONDS = 30.0
FETCH_EVERY_SECONDS = 5.0
ENGINE_LOGGER = "procrastinate"
log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; returns when every job has ended or been told to."""
    quieten_engine()
    ports = _ports()
    context = make_context(settings)
    with context.database.unit_of_work() as session:
        install(session, schedules_of(ports), now=context.clock())
        start(session, schedules_of(ports))
    upkeep.sweep_all(context)
    threads = [
        upkeep.keep_doing(upkeep.tick_schedules, context, every_seconds=upkeep.TICK_EVERY_SECONDS),
        upkeep.keep_doing(upkeep.sweep_all, context, every_seconds=upkeep.SWEEP_EVERY_SECONDS),
    ]
    log.info("worker_started", extra={"worker": context.worker})
    try:
        asyncio.run(serve(context, tasks_of(ports)))
    finally:
        context.stopping.set()
        for thread in threads:
            thread.join(timeout=5)
        context.database.engine.dispose()
    log.info("worker_stopped", extra={"worker": context.worker})


def _ports() -> Mapping[str, Any]:
    from control.wiring import wing_wirings

    return {name: port for wiring in wing_wirings() for name, port in wiring.PORTS.items()}


def tasks_of(ports: Mapping[str, Any]) -> dict[str, Task]:
    """Return the tasks the wings declare, by name."""
    return {name.removeprefix("job:"): port for name, port in ports.items() if name.startswith("job:")}


def schedules_of(ports: Mapping[str, Any]) -> list[ScheduleSpec]:
    """Return the schedules the wings declare."""
    return [port for name, port in sorted(ports.items()) if name.startswith("schedule:")]


def make_context(settings: Settings) -> JobContext:
    """Return what the jobs of this process share."""
    law = policies.load()
    database, writer = Database(settings.database_url, pool_size=CONCURRENCY + 4), make_writer(settings, law)
    writer.follow(database.engine)
    return JobContext(
        settings=settings,
        database=database,
        writer=writer,
        policy_digest=law.digest,
        clock=lambda: datetime.now(UTC),
        worker=f"{socket.gethostname()}:{writer.boot}",
        random_hex=secrets.token_hex,
    )


async def serve(context: JobContext, tasks: Mapping[str, Task]) -> None:
    """Deliver jobs until told to stop."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=CONCURRENCY + 2))
    app = App(connector=PsycopgConnector(conninfo=_conninfo(context.settings.database_url), max_size=4))
    for name, task in tasks.items():
        app.task(name=name, queue="default")(_bound(task, context))
    async with app.open_async():
        worker = asyncio.ensure_future(
            app.run_worker_async(
                name=context.worker,
                concurrency=CONCURRENCY,
                fetch_job_polling_interval=FETCH_EVERY_SECONDS,
                shutdown_graceful_timeout=GRACE_SECONDS,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
        )

        def stop() -> None:
            context.stopping.set()
            worker.cancel()

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stop)
        try:
            await worker
        except asyncio.CancelledError:
            if not context.stopping.is_set():
                raise


def _bound(task: Task, context: JobContext) -> Any:
    def deliver(**arguments: Any) -> None:
        task(context, **arguments)

    return deliver


def _conninfo(url: str) -> str:
    return "postgresql://" + url.partition("://")[2]


class _EngineHandler(logging.Handler):
    """Says what the engine says with plain fields: its records carry mappings, which our log refuses."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the sentence on under one event."""
        error = record.exc_info[1] if record.exc_info else None
        fields = {"said": record.getMessage()[:300], "cause": type(error).__name__ if error else None}
        log.log(record.levelno, "job_engine_spoke", extra=fields, exc_info=error)


def quieten_engine() -> None:
    """Let the engine's warnings and errors through our own log, nothing below."""
    logger = logging.getLogger(ENGINE_LOGGER)
    logger.handlers[:] = [_EngineHandler(level=logging.WARNING)]
    logger.setLevel(logging.WARNING)
    logger.propagate = False
