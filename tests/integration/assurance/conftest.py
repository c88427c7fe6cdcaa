"""A signed-in browser for the pages of this wing, and a trail that is numbered when a test asks for it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

import audit
from audit.checkpoint import Checkpointer
from audit.notes import SigningKey
from audit.projection import Projector
from audit.sequencer import Sequencer
from audit.signer import Signer
from control.acts import Actor
from control.permissions import Permission
from control.requests import SESSION_COOKIE
from tests.factories.audit import ORIGIN, SignerHere
from tests.integration.conftest import NOON


@pytest.fixture
def sign_in(app: Flask, client: FlaskClient) -> Callable[..., Actor]:
    """Sign a person in with the permissions of your choice; every door but the session's own is real."""

    def enter(*permissions: Permission, person: int = 1, roles: tuple[str, ...] = ("auditor",)) -> Actor:
        actor = Actor(
            id=person,
            login="giadinh.v",
            name="Vũ Giả Định",
            roles=frozenset(roles),
            permissions=frozenset(permissions),
            session_id="1",
        )
        ports = app.extensions["vonglau"].ports
        ports["session_resume"] = lambda session, *, token, now, act: actor if token == "let-me-in" else None
        client.set_cookie(SESSION_COOKIE, "let-me-in", domain="localhost", secure=True)
        return actor

    return enter


@pytest.fixture
def submit(client: FlaskClient) -> Callable[..., TestResponse]:
    """Send a form as a browser does: with the token of the page it stands on."""

    def send(action: str, *, on: str, **fields: str) -> TestResponse:
        found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(on).text)
        assert found is not None, f"no form on {on}"
        return client.post(action, data={"csrf_token": found[1], **fields})

    return send


@pytest.fixture
def number(role_engine) -> Callable[[datetime], int]:
    """Number and index what waits in the outbox, as the audit process does; gives the number of entries."""

    def run(now: datetime) -> int:
        engine = role_engine("vl_sequencer")
        count = 0
        while done := Sequencer(engine, origin=ORIGIN).run_once(now=now):
            count += done
        while Projector(engine=engine).run_once(now=now):
            pass
        return count

    return run


@pytest.fixture
def write(role_engine) -> Callable[..., audit.Entry]:
    """Write one entry of your choice as the web would, committed."""

    def append(*, at: datetime, action: str = "cases:file:open", **values: object) -> audit.Entry:
        writer = audit.Writer(boot=secrets.token_hex(4))  # its own start each: a clock set back is no one's fault here
        boot, place, mono = writer.next()
        entry = audit.Entry(
            id=audit.new_id(at, secrets.token_bytes(10)),
            at=at,
            action=action,
            writer_boot=boot,
            writer_n=place,
            writer_mono_ns=mono,
            **values,  # type: ignore[arg-type]
        )
        with role_engine("vl_web").begin() as connection:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
            audit.append(connection, entry, writer=writer)
        return entry

    return append


@pytest.fixture
def seal(role_engine, tmp_path) -> Callable[[], audit.Checkpoint | None]:
    """Sign what is numbered, as the audit process and the signer do."""
    key = SigningKey(name=ORIGIN, seed=bytes(range(32)))

    def run() -> audit.Checkpoint | None:
        signer = Signer(engine=role_engine("vl_signer"), key=key, state_file=tmp_path / "signed.json")
        checkpointer = Checkpointer(engine=role_engine("vl_sequencer"), signer=SignerHere(signer))
        return checkpointer.run_once(now=NOON, force=True)

    return run


@pytest.fixture
def written(role_engine) -> Callable[[], list[dict]]:
    """The bodies that wait in the outbox, in order: what the application has recorded since the last numbering."""

    def read() -> list[dict]:
        with role_engine("vl_owner").connect() as connection:
            bodies = [bytes(row[0]) for row in connection.execute(text("SELECT body FROM audit_outbox ORDER BY oid"))]
        return [audit.Hit(sequence=0, id="", at=NOON, original=body, hash="").body for body in bodies]

    return read
