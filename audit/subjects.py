"""Keys of persons: what seals personal values, commits to them, and makes them findable without showing them.

One random key a person. From it come the salt of each commitment, the sealing of the values, and the tokens that
stand in the search index instead of a name. Destroying the key makes all three meaningless at once and changes
no hash (crypto-shredding). The key rests in the database, wrapped by a master key when one is given.
"""

import hmac
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from audit import tables
from audit.text import fold

KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16
TOKEN_BYTES = 16
UNWRAPPED = "none"
REWRAP_BATCH = 500

# Addresses of machines are looked for across people, so their tokens share one key, destroyable like any other.
SOURCES = "sources"


class SubjectKeyError(Exception):
    """A subject's key is wrapped by a master key that is not the one given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One person's key, opened; `id` is the row in audit_subject."""

    id: int
    name: str
    key: bytes = field(repr=False)

    def salt(self, event_id: UUID, path: str) -> bytes:
        """Derive the salt of one commitment; revealing it opens that one value and no other."""
        return self._derive(b"salt", event_id.bytes + path.encode())[:SALT_BYTES]

    def token(self, value: str) -> str:
        """Turn a value into what it is found by: the same for any spelling with or without marks."""
        return self._derive(b"token", fold(value).strip().encode())[:TOKEN_BYTES].hex()

    def seal(self, event_id: UUID, values: Mapping[str, str]) -> bytes:
        """Encrypt the values of one entry; the nonce is the entry's own, so it never comes twice."""
        return AESGCM(self._derive(b"seal")).encrypt(
            self._nonce(event_id), orjson.dumps(dict(values), option=orjson.OPT_SORT_KEYS), event_id.bytes
        )

    def unseal(self, event_id: UUID, sealed: bytes) -> dict[str, str]:
        """Return the values sealed by `seal`. Raises SubjectKeyError when they are not of this key."""
        try:
            clear = AESGCM(self._derive(b"seal")).decrypt(self._nonce(event_id), sealed, event_id.bytes)
        except InvalidTag as error:
            raise SubjectKeyError(f"the sealed values of {event_id} are not of this key") from error
        values: dict[str, str] = orjson.loads(clear)
        return values

    def _nonce(self, event_id: UUID) -> bytes:
        return self._derive(b"nonce", event_id.bytes)[:NONCE_BYTES]

    def _derive(self, use: bytes, about: bytes = b"") -> bytes:
        return hmac.digest(self.key, use + b"\0" + about, "sha256")


def commitment(salt: bytes, path: str, value: str) -> str:
    """Commit to one value: HMAC-SHA-256 with the salt over version, path and canonical value, in hex."""
    return hmac.digest(salt, b"v1\0" + path.encode() + b"\0" + orjson.dumps(value), "sha256").hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKeys:
    """Finds and makes the keys of persons.

    Without a master key they rest unwrapped (`wrapped_by` "none"): whoever reads the table reads them. While a master
    key is being changed, `former` opens what the one before it wrapped; nothing new is wrapped with it.
    """

    master_key: bytes | None = field(default=None, repr=False)
    former: bytes | None = field(default=None, repr=False)
    random: Callable[[int], bytes] = os.urandom  # the edge of a cipher draws its own randomness

    def existing(self, connection: Connection, names: Iterable[str]) -> dict[str, Subject]:
        """Return the live keys among these names; a destroyed or unknown one is absent."""
        table = tables.subject
        rows = connection.execute(
            select(table.c.id, table.c.subject, table.c.key, table.c.wrapped_by).where(
                table.c.subject.in_(sorted(set(names))), table.c.destroyed_at.is_(None)
            )
        )
        return {row.subject: self._open(row) for row in rows}

    def ensure(self, connection: Connection, names: Iterable[str], *, now: datetime) -> dict[str, Subject]:
        """Return a key for each name, made now where there is none."""
        wanted = set(names)
        found = self.existing(connection, wanted)
        missing = sorted(wanted - found.keys())  # sorted: two writers meet in the same order, no deadlock
        if not missing:
            return found
        rows = [self._new_row(name, now=now) for name in missing]
        statement = upsert(tables.subject).on_conflict_do_nothing(
            index_elements=["subject"], index_where=tables.subject.c.destroyed_at.is_(None)
        )
        connection.execute(statement, rows)
        return found | self.existing(connection, missing)

    def _new_row(self, name: str, *, now: datetime) -> dict[str, Any]:
        wrapped, by = self._wrap(name, self.random(KEY_BYTES))
        return {"subject": name, "key": wrapped, "wrapped_by": by, "created_at": now}

    def rewrap(self, connection: Connection, *, limit: int = REWRAP_BATCH) -> int:
        """Wrap up to `limit` keys with the present master key that rest unwrapped or under the former one.

        Returns how many; 0 when none is left. Safe to repeat and beside running writers: a key keeps its row and its
        bytes. Raises SubjectKeyError for a key of yet another master, ValueError without a master key.
        """
        if self.master_key is None:
            raise ValueError("there is no master key to wrap with")
        table = tables.subject
        rows = connection.execute(
            select(table.c.id, table.c.subject, table.c.key, table.c.wrapped_by)
            .where(table.c.key.is_not(None), table.c.wrapped_by != master_id(self.master_key))
            .order_by(table.c.id)
            .limit(limit)
            .with_for_update()
        ).all()
        for row in rows:
            wrapped, by = self._wrap(row.subject, self._open(row).key)
            connection.execute(update(table).where(table.c.id == row.id).values(key=wrapped, wrapped_by=by))
        return len(rows)

    def _wrap(self, name: str, key: bytes) -> tuple[bytes, str]:
        """Return the key as it rests in the table, and by what it is wrapped."""
        if self.master_key is None:
            return key, UNWRAPPED
        nonce = self.random(NONCE_BYTES)
        return nonce + AESGCM(self.master_key).encrypt(nonce, key, name.encode()), master_id(self.master_key)

    def _open(self, row: Row[*tuple[Any, ...]]) -> Subject:
        key = bytes(row.key)
        if row.wrapped_by != UNWRAPPED:
            masters = {master_id(master): master for master in (self.master_key, self.former) if master is not None}
            if row.wrapped_by not in masters:
                raise SubjectKeyError(f"the key of {row.subject} is wrapped by master key {row.wrapped_by}")
            cipher = AESGCM(masters[row.wrapped_by])
            try:
                key = cipher.decrypt(key[:NONCE_BYTES], key[NONCE_BYTES:], row.subject.encode())
            except InvalidTag as error:
                raise SubjectKeyError(f"the key of {row.subject} was altered") from error
        return Subject(id=row.id, name=row.subject, key=key)


def master_id(master_key: bytes) -> str:
    """Return the short public name of a master key, which stands beside every key it wraps."""
    return sha256(b"vonglau subject master\0" + master_key).hexdigest()[:8]


def wrapping(connection: Connection) -> dict[str, int]:
    """Return how many living keys rest under each master key, by its short name; "none" are unwrapped."""
    table = tables.subject
    rows = connection.execute(
        select(table.c.wrapped_by, func.count()).where(table.c.key.is_not(None)).group_by(table.c.wrapped_by)
    )
    return {row.wrapped_by: row[1] for row in rows.all()}


def tokens(
    connection: Connection, subject: str, values: Iterable[str], *, keys: SubjectKeys | None = None
) -> tuple[str, ...]:
    """Return what a person's values are found by in the trail; nothing when the key is gone or never was.

    The person is found in the directory first, which gives `subject`; for an address of a machine it is SOURCES.
    """
    owner = (keys or SubjectKeys()).existing(connection, [subject]).get(subject)
    return tuple(owner.token(value) for value in values) if owner else ()


def store_openings(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Write the sealed values of an entry beside the journal."""
    if rows:
        connection.execute(insert(tables.opening), rows)


def openings(
    connection: Connection, event_ids: Iterable[UUID], *, keys: SubjectKeys | None = None
) -> dict[UUID, dict[str, tuple[bytes, str]]]:
    """Return path → (salt, clear value) of each entry whose values still exist; showing them is an act."""
    keys = keys or SubjectKeys()
    joined = tables.opening.join(tables.subject, tables.opening.c.subject_id == tables.subject.c.id)
    table = tables.subject
    rows = connection.execute(
        select(
            tables.opening.c.id.label("event_id"), tables.opening.c.sealed, table.c.id, table.c.subject,
            table.c.key, table.c.wrapped_by,
        )
        .select_from(joined)
        .where(tables.opening.c.id.in_(list(event_ids)), table.c.key.is_not(None))
        .order_by(tables.opening.c.id, table.c.id)
    )  # fmt: skip
    found: dict[UUID, dict[str, tuple[bytes, str]]] = {}
    for row in rows:
        owner = keys._open(row)  # noqa: SLF001  # same module
        for path, value in owner.unseal(row.event_id, bytes(row.sealed)).items():
            found.setdefault(row.event_id, {})[path] = (owner.salt(row.event_id, path), value)
    return found
