"""The database roles a stand gives a login to: their limits, and the one way their passwords are set."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from control.stand.accounts import write_private

OWNER = "vl_owner"
REPLICATOR = "vl_replicator"
GROUP = "vl_app"
GROUP_MEMBERS = ("vl_web", "vl_worker")
# What the vault's demonstration changes the passwords of: roles of this group, which may enter this database only.
SHARED_GROUP, SHARED_DATABASE = "vl_shared", "demo_shared"

# How long a statement may run, and how long a transaction may stay idle, in milliseconds; 0 is no limit.
ROLE_LIMITS: Mapping[str, tuple[int, int]] = {
    OWNER: (0, 0),
    "vl_web": (10_000, 15_000),
    "vl_worker": (120_000, 60_000),
    "vl_sequencer": (60_000, 30_000),
    "vl_pruner": (600_000, 60_000),
    "vl_signer": (10_000, 15_000),
    "vl_reader": (30_000, 30_000),
}


def read_or_make_passwords(path: Path, *, roles: Iterable[str]) -> dict[str, str]:
    """Return a password for every role, made once; the file is readable by whoever starts the stand only."""
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    passwords = {name: known.get(name) or secrets.token_urlsafe(24) for name in roles}
    if passwords != known:
        write_private(path, text=json.dumps(passwords), account=None)
    return passwords


def prepare_roles(connection: psycopg.Connection, *, passwords: Mapping[str, str]) -> None:
    """Give every role its login, its password and its limits; roles that are missing are made."""
    existing = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
    if GROUP not in existing:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(GROUP)))
    for role, password in passwords.items():
        if role not in existing:
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        _enable_login(connection, role, password=password)
    for member in GROUP_MEMBERS:
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(GROUP), sql.Identifier(member)))


def grant_connect(connection: psycopg.Connection, *, database: str, roles: Iterable[str]) -> None:
    """Let these roles connect to the database, and nobody else."""
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    for role in roles:
        grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        connection.execute(grant.format(sql.Identifier(database), sql.Identifier(role)))


def _enable_login(connection: psycopg.Connection, role: str, *, password: str) -> None:
    """Set the password as a SCRAM verifier made here, so that no log can hold it, and the limits."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    rights = sql.SQL(" REPLICATION" if role == REPLICATOR else "")
    statement = sql.SQL("ALTER ROLE {} LOGIN{} PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(role), rights, sql.Literal(verifier)))
    statement_limit, idle_limit = ROLE_LIMITS.get(role, (0, 0))
    for name, value in {
        "synchronous_commit": "on",
        "statement_timeout": str(statement_limit),
        "idle_in_transaction_session_timeout": str(idle_limit),
        "timezone": "UTC",
    }.items():
        setting = sql.SQL("ALTER ROLE {} SET {} = {}")
        connection.execute(setting.format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value)))
