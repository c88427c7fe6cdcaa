"""Argon2id over local passwords, a few at a time: each hash takes its megabytes, and a crowd must not take them all.

Invariants: a name nobody has costs the same work as one somebody has; nothing here reads or writes a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from control.errors import Unavailable
from control.people.local.domain import HashCost

TURN_SECONDS = 10.0
_NOBODYS = "nobody has this password, and the hash of it is worth nothing"  # text of the hash for unknown names


def make_hash(password: str, *, cost: HashCost) -> str:
    """Return the encoded Argon2id hash of a password with a salt of its own. Raises Unavailable in a crowd."""
    with _turn(cost):
        return _hasher(cost).hash(password)


def check_local_password(encoded: str | None, password: str, *, cost: HashCost) -> bool:
    """Tell whether a password is the one behind a hash; None stands for a name nobody has, and costs the same.

    Raises Unavailable when too many wait already.
    """
    with _turn(cost):
        try:
            _hasher(cost).verify(encoded if encoded is not None else _dummy(cost), password)
        except (VerificationError, InvalidHashError):
            return False
    return encoded is not None


def is_outdated(encoded: str, *, cost: HashCost) -> bool:
    """Tell whether a hash was made at another cost than policies ask now."""
    return _hasher(cost).check_needs_rehash(encoded)


@contextmanager
def _turn(cost: HashCost) -> Iterator[None]:
    turns = _turns(cost.at_once)
    if not turns.acquire(timeout=TURN_SECONDS):
        raise Unavailable("password.crowd")
    try:
        yield
    finally:
        turns.release()


@cache
def _turns(at_once: int) -> BoundedSemaphore:
    return BoundedSemaphore(at_once)


@cache
def _hasher(cost: HashCost) -> PasswordHasher:
    return PasswordHasher(
        time_cost=cost.passes,
        memory_cost=cost.memory_kib,
        parallelism=cost.lanes,
        hash_len=32,
        salt_len=16,
        type=Type.ID,
    )


@cache
def _dummy(cost: HashCost) -> str:
    return _hasher(cost).hash(_NOBODYS)
