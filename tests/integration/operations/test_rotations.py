"""Secrets changed on a real PostgreSQL role by the real playbook, and what goes wrong on the way (pam.md H1 to H5)."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import psycopg
import pytest
import yaml
from psycopg import sql
from sqlalchemy import select, text

from control.decisions import Deny
from control.errors import Unavailable
from control.operations.alerts.models import Alert
from control.operations.places import PLAYBOOKS
from control.operations.rotations import PRIVATES, keep_vault, service
from control.operations.runs import execution
from control.operations.runs.catalogue import Catalogue
from control.operations.runs.domain import id_of
from control.operations.runs.models import Run, RunPack
from control.privilege.vault import rotations, sealing
from control.privilege.vault.domain import Method
from control.privilege.vault.models import SecretCustody, SecretRotation, SecretVersion
from control.privilege.vault.service import Target, load_account
from control.stand.roles import SHARED_DATABASE, SHARED_GROUP
from tests.factories.operations import make_context
from tests.factories.privilege import NOON, House, actor_of, make_account, make_act
from tests.factories.vault import deposited, open_vault

run_playbook = partial(execution.run_playbook, privates=PRIVATES)
PROGRAM = yaml.safe_load((PLAYBOOKS / "rotate_secret.yml").read_text())[0]["vars"]["program"]
# A name and a password with everything a shell, SQL, a template or a log line could stumble over.
HOSTILE_NAME = "bao'cao\"; $(id) {{ 7*7 }}"
HOSTILE_SECRET = "x'\"; DROP ROLE postgres; -- $(id) `id` {{ lookup('env','HOME') }}\nđêm"


@pytest.fixture(scope="module")
def shared(postgres):
    """The group and the database that roles of tests may enter."""
    with postgres.connect(database="postgres") as connection:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(SHARED_GROUP)))
    postgres.create_database(SHARED_DATABASE)
    with postgres.connect(database="postgres") as connection:
        connection.execute(f"GRANT CONNECT ON DATABASE {SHARED_DATABASE} TO {SHARED_GROUP}")
    yield postgres
    postgres.drop_database(SHARED_DATABASE)
    with postgres.connect(database="postgres") as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(SHARED_GROUP)))


def set_password(server, name, secret, *, is_new=False):
    with server.connect(database="postgres") as connection:
        verb = "CREATE ROLE {} LOGIN IN ROLE {} PASSWORD {}" if is_new else "ALTER ROLE {} PASSWORD {}"
        parts = [sql.Identifier(name), *([sql.Identifier(SHARED_GROUP)] if is_new else []), sql.Literal(secret)]
        connection.execute(sql.SQL(verb).format(*parts))


def lets_in(server, name, secret):
    try:
        psycopg.connect(
            host="127.0.0.1", port=server.port, dbname=SHARED_DATABASE, user=name, password=secret, connect_timeout=5
        ).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def world(shared, worker_url, role_engine, owner_engine, server_folder, tmp_path, tmp_path_factory):
    folder = server_folder / tmp_path_factory.mktemp("vault").name
    folder.mkdir(mode=0o711)
    began, ahead = time.monotonic(), {"of": timedelta()}

    def clock():
        return NOON + timedelta(seconds=time.monotonic() - began) + ahead["of"]

    with open_vault(folder, engine=role_engine("vl_signer"), clock=clock) as custody:
        context = make_context(worker_url, tmp_path, clock=clock, signer_socket=str(folder / "signer.sock"))
        with context.database.unit_of_work() as session:
            house = House(session)
            house.account = make_account(session, owner=house.owner, name=HOSTILE_NAME)
        set_password(shared, HOSTILE_NAME, HOSTILE_SECRET, is_new=True)
        target = Target(method=Method.POSTGRESQL, host="127.0.0.1", port=shared.port, database=SHARED_DATABASE)
        with context.database.unit_of_work() as session:
            account = load_account(session, house.account.code)
            deposited(
                session, account, custody=custody, act=make_act(actor_of(house.owner)), target=target,
                document_id=house.document.id, secret=HOSTILE_SECRET,
            )  # fmt: skip
        yield SimpleNamespace(
            context=context, database=context.database, house=house, custody=custody, server=shared, ahead=ahead,
            engine=owner_engine, code=house.account.code, folder=folder, tmp=tmp_path, signer=role_engine("vl_signer"),
        )  # fmt: skip
        context.stopping.set()
        context.database.engine.dispose()
    with shared.connect(database="postgres") as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(HOSTILE_NAME)))


def act(world):
    return world.context.act("test")


def begin(world):
    """Order the run of what waits; return it."""
    with world.database.unit_of_work() as session:
        assert service.begin_waiting(session, act=act(world)) == 1
        code = session.scalars(select(SecretRotation.run_code).where(SecretRotation.ended_at.is_(None))).one()
    return id_of(code)


def ask(world):
    with world.database.unit_of_work() as session:
        account = load_account(session, world.code, lock=True)
        return rotations.order(session, account=account, cause="returned", act=act(world))


def rotation_now(world):
    with world.database.unit_of_work() as session:
        return session.scalars(select(SecretRotation).order_by(SecretRotation.id.desc()).limit(1)).one()


def roles(world):
    with world.database.unit_of_work() as session:
        rows = session.execute(select(SecretVersion.number, SecretVersion.role).order_by(SecretVersion.number))
        return dict(tuple(row) for row in rows)


def alerts(world):
    with world.database.unit_of_work() as session:
        return set(session.scalars(select(Alert.name).where(Alert.ends_at.is_(None))))


def secret_of(world, number):
    """Open a version as only a test can: with the key file itself."""
    from control.privilege.vault.keyring import Keyring, Wrapped

    ring = Keyring.load_or_make(world.folder / "vault.keys")
    with world.database.unit_of_work() as session:
        row = session.scalars(select(SecretVersion).where(SecretVersion.number == number)).one()
    key = ring.unwrap(Wrapped(kek=row.kek, content=row.wrapped_key), account=world.code, number=number)
    return sealing.unseal(row.ciphertext, data_key=key, account=world.code, number=number)


def step(world, body, name):
    """Run one step of the playbook's program, as its task does."""
    path = world.tmp / "input.json"
    path.write_text(json.dumps(body))
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, str(path), name],
        capture_output=True, text=True, check=True, timeout=60, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    return json.loads(done.stdout)


def prepared(world):
    """Prepare the rotation that waits, as its run would; return what the run would be given."""
    run_id = begin(world)
    with world.database.unit_of_work() as session:
        assert execution.service.take(session, run_id=run_id, worker=world.context.worker, act=act(world))
        run = session.get_one(Run, run_id)
    return run, service.prepare(world.context, run.params)


def settle(world, found):
    with world.database.unit_of_work() as session:
        settled = rotations.settle(session, rotation_id=rotation_now(world).id, found=found, act=act(world))
        service.tell(session, settled, act=act(world))
    return settled


@pytest.mark.attack("H4")
def test_h4_the_real_playbook_changes_a_hostile_name_and_secret_and_leaves_no_trace(world):
    run_id = begin(world)
    run_playbook(world.context, run_id=run_id)

    assert (rotation_now(world).result, rotation_now(world).detail) == ("rotated", "ok")
    assert roles(world) == {1: "previous", 2: "current"}
    new = secret_of(world, 2)
    assert not lets_in(world.server, HOSTILE_NAME, HOSTILE_SECRET), "what the depositor knew is worth nothing"
    assert lets_in(world.server, HOSTILE_NAME, new)
    with world.database.unit_of_work() as session:
        run = session.get_one(Run, run_id)
        pack = zipfile.ZipFile(io.BytesIO(session.scalars(select(RunPack.content)).one()))
    assert (run.state, run.findings) == ("done", {"set": "done", "works": "2", "detail": "ok"})
    packed = b"".join(pack.read(name) for name in pack.namelist()).decode()
    with world.engine.connect() as connection:
        tables = connection.scalars(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema='public'")
        )
        stored = [
            row[0] for name in list(tables) for row in connection.execute(text(f'SELECT t::text FROM "{name}" t'))
        ]
        bodies = connection.scalars(text("SELECT convert_from(body, 'UTF8') FROM audit_outbox")).all()
    for secret in (new, HOSTILE_SECRET, "DROP ROLE postgres"):
        for place in (packed, *stored, *bodies):
            assert secret not in place
    assert list((world.tmp / "runs").iterdir()) == [], "the private folder is gone"
    log = (world.server._log).read_text(errors="replace")
    assert new not in log


@pytest.mark.attack("H1")
@pytest.mark.parametrize(
    ("afterwards", "result", "left"),
    [
        ("old", "kept", {1: "current", 2: "previous"}),
        ("other", "unknown", {1: "current", 2: "candidate"}),
    ],
)
def test_h1_set_succeeded_and_the_proof_failed(world, afterwards, result, left):
    _, body = prepared(world)
    assert step(world, body, "set") == {"set": "done", "detail": "ok"}
    set_password(world.server, HOSTILE_NAME, HOSTILE_SECRET if afterwards == "old" else "somebody-elses-word")
    found = {"set": "done", **step(world, body, "prove")}

    settled = settle(world, found)

    assert settled.result == result
    assert roles(world) == left, "both are kept"
    assert secret_of(world, 1) == HOSTILE_SECRET
    assert alerts(world) == {"SecretRotationFailed" if result == "kept" else "SecretUnknown"}
    with world.database.unit_of_work() as session:
        assert session.scalars(select(SecretCustody.state)).one() == ("known" if result == "kept" else "unknown")


def test_an_earlier_secret_that_works_again_becomes_the_present_one_and_the_next_success_erases_it(world):
    _, body = prepared(world)
    settle(world, {"set": step(world, body, "set")["set"], **step(world, body, "prove")})
    set_password(world.server, HOSTILE_NAME, HOSTILE_SECRET)
    ask(world)
    _, body = prepared(world)
    found = {**step(world, body, "set"), **step(world, body, "prove")}
    assert settle(world, found | {"set": "done"}).result == "rotated", "the former one lets it in to be replaced"
    assert roles(world) == {1: "spent", 2: "previous", 3: "current"}

    set_password(world.server, HOSTILE_NAME, secret_of(world, 2))
    ask(world)
    _, body = prepared(world)
    assert settle(world, {"set": "unsure", **step(world, body, "prove")}).result == "restored"
    assert roles(world) == {1: "spent", 2: "current", 3: "previous", 4: "previous"}


@pytest.mark.attack("H2")
def test_h2_a_crash_between_setting_and_proving_loses_nothing(world):
    run, body = prepared(world)
    assert step(world, body, "set")["set"] == "done"
    # Here the worker dies: nobody proves, nobody closes the run; its lease runs out.
    world.ahead["of"] += timedelta(minutes=2)
    with world.database.unit_of_work() as session:
        assert [one.id for one in execution.service.sweep(session, act=act(world))] == [run.id]

    keep_vault(world.context)
    assert roles(world) == {1: "current", 2: "candidate"}
    recovery = rotation_now(world)
    assert (recovery.kind, recovery.cause, recovery.run_code is not None) == ("prove", "recovery", True)
    run_playbook(world.context, run_id=id_of(recovery.run_code))

    assert (rotation_now(world).result, roles(world)) == ("rotated", {1: "previous", 2: "current"})
    assert lets_in(world.server, HOSTILE_NAME, secret_of(world, 2))
    keep_vault(world.context)
    assert alerts(world) <= {"RunInterrupted"}


@pytest.mark.attack("H3")
def test_h3_two_rotations_at_once_are_one(world):
    begin(world)
    found, gate = [], threading.Barrier(4)

    def order():
        gate.wait()
        found.append(ask(world))

    threads = [threading.Thread(target=order) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(one) for one in found] == [Deny] * 4, "one is under way"

    rotation = rotation_now(world)
    with world.database.unit_of_work() as session:
        assert service.begin_waiting(session, act=act(world)) == 0, "it has its run"
    service.prepare(world.context, {"rotation": rotation.id})
    with pytest.raises(Unavailable):
        service.prepare(world.context, {"rotation": rotation.id})
    assert roles(world) == {1: "current", 2: "candidate"}
    settle(world, {"set": "done", "works": "2", "detail": "ok"})
    with world.database.unit_of_work() as session:
        again = rotations.settle(session, rotation_id=rotation.id, found={"works": "1"}, act=act(world))
    assert again is None
    assert roles(world) == {1: "previous", 2: "current"}

    del found[:]
    threads = [threading.Thread(target=order) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(one, Deny) for one in found) == [False, True, True, True]


class HostileTarget:
    """A server on loopback that answers as it likes and keeps what it was sent."""

    def __init__(self, answer):
        self.answer, self.heard = answer, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            with caller, contextlib.suppress(OSError):
                caller.settimeout(5)
                self.heard += caller.recv(65536)
                if self.heard.endswith(struct.pack("!II", 8, 80877103)):
                    caller.sendall(b"N")  # no TLS here
                    self.heard += caller.recv(65536)
                caller.sendall(self.answer)
                caller.settimeout(0.2)
                self.heard += caller.recv(65536)


@pytest.mark.attack("H5")
@pytest.mark.parametrize(
    "answer",
    [
        b"E" + struct.pack("!I", 1 << 30) + b"SFATAL\0" + b"m" * 200_000,
        b"E" + struct.pack("!I", 60) + b"SFATAL\0C28P01\0M{{ 7*7 }}\n$(id) works 2 \x1b[2J\0\0",
        b"R" + struct.pack("!II", 8, 3),  # asks for the password in clear
        b"R" + struct.pack("!II4s", 12, 5, b"salt"),  # asks for an MD5 of it
        b"\0" * 100_000,
    ],
)
def test_h5_a_hostile_target_learns_no_secret_and_says_nothing_that_counts(world, answer):
    hostile = HostileTarget(answer)
    body = {
        "kind": "replace",
        "target": {"host": "127.0.0.1", "port": hostile.listener.getsockname()[1], "database": "x"},
        "login": HOSTILE_NAME,
        "secrets": [
            {"number": "2", "role": "candidate", "secret": "the-new-one-1"},
            {"number": "1", "role": "current", "secret": HOSTILE_SECRET},
        ],
    }

    set_, proved = step(world, body, "set"), step(world, body, "prove")
    hostile.listener.close()

    assert set_["set"] == "never"
    assert (set_["detail"], proved["works"]) in {("unreachable", "none"), ("refused", "none")}
    assert set(proved) == {"works", "detail"}
    assert b"the-new-one-1" not in hostile.heard
    assert HOSTILE_SECRET.encode() not in hostile.heard


def test_a_target_that_cannot_be_reached_changes_nothing_and_is_tried_again(world):
    with world.database.unit_of_work() as session:
        session.execute(text("UPDATE secret_custody SET port = 1"))
    run_playbook(world.context, run_id=begin(world))

    assert (rotation_now(world).result, rotation_now(world).detail) == ("kept", "unreachable")
    assert roles(world) == {1: "current", 2: "previous"}
    assert alerts(world) == {"SecretRotationFailed"}


def test_a_secret_that_comes_of_age_is_changed_and_one_that_cannot_be_is_an_alert(world):
    settle_first = begin(world)
    with world.database.unit_of_work() as session:
        session.execute(text("UPDATE secret_rotation SET started_at = asked_at"))
    settle(world, {"set": "done", "works": "1", "detail": "ok"})
    assert settle_first
    keep_vault(world.context)
    assert rotation_now(world).ended_at is not None, "it is young"

    world.ahead["of"] += timedelta(days=62)
    keep_vault(world.context)
    due = rotation_now(world)
    assert (due.cause, due.ended_at, due.run_code is not None) == ("schedule", None, True)
    assert "SecretOverdue" not in alerts(world), "it is being changed"
    with world.database.unit_of_work() as session:
        session.execute(text("UPDATE run SET state = 'failed', ended_at = now(), reason = 'x' WHERE state = 'queued'"))
        session.execute(text("UPDATE secret_rotation SET started_at = asked_at WHERE ended_at IS NULL"))
    keep_vault(world.context)
    assert rotation_now(world).kind == "prove"
    settle(world, {"works": "1", "detail": "ok"})
    keep_vault(world.context)
    assert "SecretOverdue" in alerts(world)
    assert rotation_now(world).ended_at is not None, "tried again tomorrow, not at once"
    world.ahead["of"] += timedelta(days=1, minutes=1)
    keep_vault(world.context)
    assert rotation_now(world).ended_at is None


def test_what_the_signer_opened_is_told_once(world):
    prepared(world)
    keep_vault(world.context)
    keep_vault(world.context)

    with world.engine.connect() as connection:
        told = [
            json.loads(body)["vn"]["details"]
            for body in connection.scalars(text("SELECT convert_from(body, 'UTF8') FROM audit_outbox"))
            if "privilege:vault:release" in body
        ]
    assert sorted(one["version"] for one in told) == [1, 2]
    assert {one["uid"] for one in told} == {os.geteuid()}


def test_people_cannot_start_the_vaults_playbook(world):
    from control.operations.runs.service import request_run
    from tests.factories.operations import run_request

    with world.database.unit_of_work() as session:
        found = request_run(
            session, run_request("rotate_secret", params={"rotation": 1}), act=act(world), catalogue=Catalogue.load()
        )
    assert isinstance(found, Deny)
