"""Writers, sequencers, shippers and signers as processes of their own, so that a test can kill or pause them.

They come from a fork server that has everything imported, so that starting one takes milliseconds and a fault can be
repeated hundreds of times. What a writer was told is committed stands in its file of acknowledgements: 16 bytes an id,
one `write` each, which survive the kill.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import UUID

from elasticsearch import Elasticsearch
from sqlalchemy import create_engine, event
from sqlalchemy.exc import SQLAlchemyError

import audit
from audit.sequencer import Sequencer
from audit.shipper import Shipper
from audit.signer import Signer, load_or_make_key, serve
from tests.factories.audit import ORIGIN, make_entry, make_writer

ID_BYTES = 16
END_SECONDS = 30
PAUSE_SECONDS = 0.005
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def write(url: str, acknowledged: str, threads: int = 2, at_most: int = 10**9) -> None:
    """Write entries one by one from several threads, `at_most` in all, and note each that was committed.

    At SIGTERM every thread finishes the act it is in.
    """
    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    engine, writer = create_engine(url, pool_size=threads, pool_pre_ping=True), make_writer()
    writer.follow(engine)
    out = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def one_after_the_other() -> None:
        for _ in range(at_most // threads):
            if is_over.is_set():
                return
            try:
                with engine.begin() as connection:
                    entry = make_entry(writer=writer, at=datetime.now(UTC))
                    audit.append(connection, entry, writer=writer)
                os.write(out, entry.id.bytes)
            except SQLAlchemyError:  # the database was stopped: a caller would be told 503
                time.sleep(PAUSE_SECONDS)

    writing = [threading.Thread(target=one_after_the_other) for _ in range(threads)]
    for thread in writing:
        thread.start()
    for thread in writing:
        thread.join()
    engine.dispose()


def sequence(url: str) -> None:
    """Number whatever comes, for ever."""
    sequencer = Sequencer(engine=create_engine(url), origin=ORIGIN)
    while True:
        try:
            count = sequencer.run_once(now=datetime.now(UTC))
        except SQLAlchemyError:
            count = 0
        if not count:
            time.sleep(PAUSE_SECONDS)


def sequence_and_pause_before_committing(url: str) -> None:
    """Number one batch, and stop as by SIGSTOP when it is stored and not yet committed; then go on for ever."""
    engine = create_engine(url)
    stored: list[bool] = []

    @event.listens_for(engine, "after_cursor_execute")
    def note(_connection, _cursor, statement, *_more) -> None:
        stored.extend([True] * ("INSERT INTO audit_journal" in statement))

    @event.listens_for(engine, "commit")
    def pause(_connection) -> None:
        if len(stored) == 1:
            stored.append(True)
            os.kill(os.getpid(), signal.SIGSTOP)

    sequencer = Sequencer(engine=engine, origin=ORIGIN)
    while True:
        try:
            count = sequencer.run_once(now=datetime.now(UTC))
        except SQLAlchemyError:
            count = 0
        if not count:
            time.sleep(PAUSE_SECONDS)


def ship(url: str, address: str, user: str, password: str, batch: int = 50) -> None:
    """Ship in small batches, for ever."""
    client = Elasticsearch(address, basic_auth=(user, password))
    shipper = Shipper(engine=create_engine(url), client=client, batch=batch, jitter=lambda: 0.01)
    while True:
        if not shipper.run_once(now=datetime.now(UTC)).count:
            time.sleep(PAUSE_SECONDS)


def sign(url: str, folder: str) -> None:
    """Be the signer on `folder`/signer.sock, for ever."""
    home = Path(folder)
    signer = Signer(
        engine=create_engine(url),
        key=load_or_make_key(home / "log.key", name=ORIGIN),
        state_file=home / "state.json",
    )
    serve(signer, path=home / "signer.sock", allowed_uids=frozenset({os.getuid()}), stop=threading.Event())


def acknowledged_in(folder: Path) -> list[UUID]:
    """Return every id the writers of this folder were told is committed."""
    found: list[UUID] = []
    for path in sorted(folder.glob("*.acknowledged")):
        content = path.read_bytes()
        found += [UUID(bytes=content[at : at + ID_BYTES]) for at in range(0, len(content), ID_BYTES)]
    return found


def acknowledgements(folder: Path) -> str:
    """Return the path of one more file of acknowledgements."""
    return str(folder / f"{secrets.token_hex(6)}.acknowledged")


@contextmanager
def playing(*parts: tuple[Callable[..., None], tuple[object, ...]]) -> Iterator[list[BaseProcess]]:
    """Start these actors; at the end the writers finish their acts and the others are killed."""
    started = [start(actor, *words) for actor, words in parts]
    try:
        yield started
    finally:
        for one, (actor, _) in zip(started, parts, strict=True):
            if actor is write:
                one.terminate()
                one.join(END_SECONDS)
            kill(one)


def start(actor: Callable[..., None], *words: object) -> BaseProcess:
    """Start one actor."""
    process = CONTEXT.Process(target=actor, args=words, daemon=True)
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """End an actor without a chance to say goodbye, also one that is paused."""
    process.kill()
    process.join(END_SECONDS)
    assert process.exitcode is not None, "an actor outlived its kill"
    process.close()


def is_paused(process: BaseProcess) -> bool:
    """Tell whether the kernel has stopped this process."""
    state = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    return state == "T"


def wait_until(is_so: Callable[[], bool], *, what: str, seconds: float = 60) -> None:
    """Wait for a condition; fail with its name when it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(PAUSE_SECONDS)


def random_moment(longest_seconds: float) -> None:
    """Let between nothing and `longest_seconds` pass: what a kill meets must be by chance."""
    time.sleep(random.uniform(0, longest_seconds))
