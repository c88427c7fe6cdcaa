"""A shared account that is real: a role on the demonstration's own server that may enter one empty database.

Not for: production, nor a server of the operator's own, whose access rules are not ours. Invariant: the password is
random, handed back once and kept nowhere; the vault changes it right after it was deposited.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from control.stand.roles import SHARED_DATABASE, SHARED_GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRole:
    """Where the role is, and what lets it in now."""

    host: str
    port: int
    database: str
    login: str
    secret: str = field(repr=False)


def make_shared_role(owner_url: str, *, login: str) -> SharedRole:
    """Make group, database and role where they are missing, and give the role a new random password."""
    address, secret = make_url(owner_url), secrets.token_urlsafe(24)
    host, port = address.host or "", address.port or 5432
    with psycopg.connect(
        host=host, port=port, user=address.username, password=address.password, dbname="postgres", autocommit=True
    ) as connection:
        for role, rights in ((SHARED_GROUP, "NOLOGIN"), (login, "LOGIN")):
            if not _exists(connection, "pg_roles", "rolname", role):
                connection.execute(sql.SQL("CREATE ROLE {} " + rights).format(sql.Identifier(role)))
        if not _exists(connection, "pg_database", "datname", SHARED_DATABASE):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(SHARED_DATABASE)))
        verifier = connection.pgconn.encrypt_password(secret.encode(), login.encode(), b"scram-sha-256").decode()
        for statement, parts in (
            ("REVOKE ALL ON DATABASE {} FROM PUBLIC", (sql.Identifier(SHARED_DATABASE),)),
            ("GRANT CONNECT ON DATABASE {} TO {}", (sql.Identifier(SHARED_DATABASE), sql.Identifier(SHARED_GROUP))),
            ("GRANT {} TO {}", (sql.Identifier(SHARED_GROUP), sql.Identifier(login))),
            ("ALTER ROLE {} PASSWORD {}", (sql.Identifier(login), sql.Literal(verifier))),
        ):
            connection.execute(sql.SQL(statement).format(*parts))
    return SharedRole(host=host, port=port, database=SHARED_DATABASE, login=login, secret=secret)


def lets_in(owner_url: str, *, login: str, secret: str) -> bool:
    """Tell whether the real server lets the role in with this password."""
    address = make_url(owner_url)
    try:
        psycopg.connect(
            host=address.host, port=address.port, user=login, password=secret, dbname=SHARED_DATABASE, connect_timeout=5
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _exists(connection: psycopg.Connection, table: str, column: str, name: str) -> bool:
    query = sql.SQL("SELECT 1 FROM {} WHERE {} = %s").format(sql.Identifier(table), sql.Identifier(column))
    return connection.execute(query, (name,)).fetchone() is not None
