"""The process Prometheus scrapes: reads the database as `vl_reader` at each scrape and says what it finds.

One process, so that a gauge is one number. Not for: judging (the rules) or changing anything. Invariants: it listens
on loopback alone; a subject that cannot be read is said to be unreadable, it never looks like zero; a database that
does not answer costs a scrape less than its time, and `/metrics` still answers.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from monitors.registry import SUBJECTS
from monitors.samples import Measure, Sample

LOOPBACK = "127.0.0.1"
# Connecting and one slow statement of each subject fit together into the five seconds a scrape may take.
CONNECT_SECONDS = 2
STATEMENT_TIMEOUT_MS = 800
SILENCE_MS = 2000  # of a database that neither answers nor refuses
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # the registry keeps it by identity
class DatabaseCollector(Collector):
    """Gives Prometheus the samples of every subject, read anew each time."""

    engine: Engine
    clock: Callable[[], datetime]
    subjects: Mapping[str, Measure] = field(default_factory=lambda: SUBJECTS)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is known before it is read; without this the registry would read at registration."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read all subjects, each in a transaction of its own, so that one fault does not hide the others."""
        now = self.clock()
        found: dict[str, list[Sample] | None] = dict.fromkeys(self.subjects)
        is_up = False
        try:
            with self.engine.connect() as connection:
                is_up = True
                found = {name: _read(connection, name, measure, now=now) for name, measure in self.subjects.items()}
        except SQLAlchemyError as error:
            log.warning("database_not_reached", extra={"error": type(error).__name__})
        for samples in found.values():
            yield from _families(samples or [])
        yield GaugeMetricFamily("vonglau_database_up", "Whether the database let us in just now", value=int(is_up))
        readable = GaugeMetricFamily(
            "vonglau_subject_readable", "Whether a subject could be read just now", labels=["subject"]
        )
        for name, samples in found.items():
            readable.add_metric([name], 0 if samples is None else 1)
        yield readable


def _read(connection: Connection, name: str, measure: Measure, *, now: datetime) -> list[Sample] | None:
    try:
        with connection.begin():
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            return list(measure(connection, now))
    except SQLAlchemyError as error:
        log.warning("subject_not_read", extra={"subject": name, "error": type(error).__name__})
        return None


def _families(samples: list[Sample]) -> Iterator[GaugeMetricFamily]:
    families: dict[str, GaugeMetricFamily] = {}
    for sample in samples:
        names = sorted(sample.labels)
        if sample.name not in families:
            families[sample.name] = GaugeMetricFamily(sample.name, sample.about, labels=names)
        families[sample.name].add_metric([sample.labels[name] for name in names], sample.value)
    yield from families.values()


def make_engine(database_url: str) -> Engine:
    """Return the exporter's own small pool; an unreachable database costs a scrape two seconds, no more."""
    return create_engine(
        database_url,
        pool_size=1,
        max_overflow=1,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "tcp_user_timeout": SILENCE_MS,
            "application_name": "vonglau-monitor",
        },
    )


def run(*, database_url: str, port: int, host: str = LOOPBACK) -> None:
    """Serve `/metrics` until SIGTERM or SIGINT."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    engine = make_engine(database_url)
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(engine=engine, clock=lambda: datetime.now(UTC)))
    server, thread = start_http_server(port, addr=host, registry=registry)
    log.info("exporter_started", extra={"port": port})
    stopped.wait()
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)
    engine.dispose()
    log.info("exporter_stopped", extra={"port": port})
