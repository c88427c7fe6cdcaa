"""A disk that fills: told in time, refused in time, written down from the room kept back, and over by itself."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import create_engine, text

import audit
from audit.chain import verify_journal
from audit.disk import BALLAST, DiskWatch, Limits
from audit.journal import Journal
from audit.outbox import NoRoomError
from audit.projection import read_body
from audit.speaker import Speaker
from control import create_app
from control.migrations import run as migrations
from control.requests import SESSION_COOKIE
from control.settings import Settings
from control.stand.postgres import PostgresServer
from control.stand.roles import OWNER
from tests.factories.audit import NOON, make_entry, make_writer, settle
from tests.integration.conftest import environment

MIB = 1 << 20
LIMITS = Limits(warn_percent=80, refuse_percent=95, ballast_bytes=2 * MIB)


@contextmanager
def volume(path, *, size):
    """A disk of its own, as small as wanted."""
    path.mkdir(mode=0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@dataclass
class Filler:
    """Somebody else's file, which takes the room."""

    folder: object

    def leave(self, free):
        """Grow or shrink until this many bytes are free."""
        path = self.folder / "filler"
        path.touch()
        with path.open("r+b") as file:
            file.truncate(0)
        found = subprocess.run(["df", "--output=avail", "-B1", self.folder], check=True, capture_output=True, text=True)
        room = int(found.stdout.split()[-1])
        subprocess.run(["fallocate", "-l", str(room - free), path], check=True)

    def go(self):
        (self.folder / "filler").unlink()


def watch_of(engine, folder, *, clock=lambda: NOON):
    speaker = Speaker(engine=engine, writer=make_writer(), clock=clock)
    return DiskWatch(engine=engine, speaker=speaker, limits=LIMITS, folders={"journal": folder})


def state(engine):
    with engine.connect() as connection:
        (found,) = audit.disk_states(connection)
    return found


def actions(engine):
    with engine.connect() as connection:
        assert verify_journal(connection).problems == ()
        found = [read_body(one.body)["event"]["action"] for one in Journal(connection).iterate()]
    return [one for one in found if one.startswith("audit:disk:")]


def test_each_level_is_told_once_and_the_ballast_goes_and_comes(trail, tmp_path):
    engine = trail.engine("vl_sequencer")
    with volume(tmp_path / "disk", size="40m") as folder:
        filler, watch = Filler(folder), watch_of(engine, folder)
        levels = []
        for free in (30 * MIB, 6 * MIB, 6 * MIB, 2 * MIB - 4096, 0, 30 * MIB):
            if free == 2 * MIB - 4096:
                watch.limits = Limits(warn_percent=80, refuse_percent=90, ballast_bytes=1 * MIB)
            filler.leave(free)
            watch.run_once(now=NOON)
            levels.append((str(state(engine).level), (folder / BALLAST).exists()))

        assert levels == [
            ("ok", True), ("warning", True), ("warning", True), ("refusing", True), ("full", False), ("ok", True),
        ]  # fmt: skip
    trail.settle()
    assert actions(trail.engine("vl_reader")) == [
        "audit:disk:warn", "audit:disk:refuse", "audit:disk:fill", "audit:disk:recover",
    ]  # fmt: skip


@pytest.mark.fault(11)
def test_while_the_last_room_is_kept_no_act_is_taken_and_the_trail_can_speak(trail, tmp_path):
    engine, writer = trail.engine("vl_sequencer"), make_writer()
    with volume(tmp_path / "disk", size="40m") as folder:
        filler, watch = Filler(folder), watch_of(engine, folder)
        watch.run_once(now=NOON)
        filler.leave(0)
        watch.run_once(now=NOON)

        with pytest.raises(NoRoomError):
            trail.write(make_entry(writer=writer), writer=writer)

        filler.go()
        watch.run_once(now=NOON)
        trail.write(make_entry(writer=writer), writer=writer)
    trail.settle()
    assert actions(trail.engine("vl_reader")) == ["audit:disk:fill", "audit:disk:recover"]


@pytest.fixture
def tight(server_folder):
    """A PostgreSQL on a volume that can really be filled."""
    with (
        volume(server_folder / "tight", size="300m") as folder,
        PostgresServer(folder / "postgres", durable=False) as server,
    ):
        engine = create_engine(server.url(OWNER))
        migrations.upgrade(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ALTER SYSTEM SET autovacuum = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
            connection.execute(text("SELECT pg_switch_wal()"))  # a fresh file of the log, already allocated
        engine.dispose()
        yield server, folder


@pytest.mark.fault(11)
def test_a_disk_that_is_really_full_refuses_in_words_and_goes_on_without_a_restart(tight, tmp_path, law, clock):
    server, folder = tight
    settings = Settings.from_env(environment(server.url("vl_web"), tmp_path))
    app = create_app(settings, clock=clock, law=law)
    app.testing = True
    browser = app.test_client()
    engine = create_engine(server.url("vl_sequencer"))
    room = folder / "room"
    room.mkdir()
    watch, filler = watch_of(engine, room), Filler(folder)

    def act():
        return browser.get("/trail", base_url="https://localhost", headers={"Accept": "application/json"})

    assert act().status_code == 401
    watch.run_once(now=NOON)
    before = settle(engine)
    filler.leave(0)

    answers = [act().status_code]
    while answers[-1] == 401 and len(answers) < 3000:
        answers.append(act().status_code)
    refused = act()
    # The disk itself refused; only now does the trail's process look.
    watch.run_once(now=NOON)
    while_kept = act()

    assert answers[-1] == 503
    assert (refused.status_code, while_kept.status_code) == (503, 503)
    assert refused.json["error"]["code"] == "audit.unavailable"
    assert "Không ghi được nhật ký kiểm toán" in refused.json["error"]["message"]
    assert browser.get("/healthz", base_url="https://localhost").status_code == 200
    assert browser.get("/sign-in", base_url="https://localhost").status_code == 200
    browser.set_cookie(SESSION_COOKIE, "of somebody who was here before", domain="localhost", secure=True)
    assert browser.get("/sign-in", base_url="https://localhost").status_code == 200
    filler.go()
    watch.run_once(now=NOON)
    assert act().status_code == 401
    settle(engine)
    with engine.connect() as connection:
        size = Journal(connection).head().size
    # Every acknowledged refusal, the two words of the disk, the act after it; the numbers rolled back are declared.
    assert size == before + (len(answers) - 1) + 2 + 1 + 1
    assert actions(engine) == ["audit:disk:fill", "audit:disk:recover"]
    app.extensions["vonglau"].database.engine.dispose()
    engine.dispose()
