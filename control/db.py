"""PostgreSQL through SQLAlchemy: the declarative base, the engine, and the one unit of work.

Not for: queries. Invariants: every constraint has a name; a datetime without a zone is refused before it is stored;
what one unit of work does is committed whole or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from flask import current_app
from sqlalchemy import BigInteger, DateTime, Engine, MetaData, create_engine, func, select, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

import audit
from control.errors import Conflict, JournalUnavailable, Unavailable

NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}
CONNECT_TIMEOUT_SECONDS = 3
POOL_TIMEOUT_SECONDS = 5
# An acknowledged act must survive a power cut, whatever the role's default says (audit.md §4.2). Said once for each
# connection: it stands above the defaults of role and database, and costs no round trip in every transaction.
DURABLE = "-c synchronous_commit=on"

DISK_FULL = "53100"
# SQLSTATE: no resources, system error (reading or writing failed); shut down, crashed, starting, only reading.
SERVER_AT_FAULT = frozenset({"53", "58"})
NOT_SERVING = frozenset({"57P01", "57P02", "57P03", "25006"})
# Somebody else was first by a moment: unique, exclusion, serialization, deadlock.
AT_ONCE = frozenset({"23505", "23P01", "40001", "40P01"})
WAITING_ENTRIES = "entries that wait for the end of the unit of work"
# A transaction gets a number when it first writes or locks a row, and at no other time.
_HAS_WRITTEN = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
log = logging.getLogger(__name__)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in Python, `timestamptz` in the database, always given back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime. Raises ValueError."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime without a zone must not reach the database")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment back in UTC, whatever the session's zone is."""
        return None if value is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Every table of `control`; the library packages keep their own metadata."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime, int: BigInteger}


@dataclass(slots=True)
class Database:
    """One database under one role; complete after construction, connects at first use.

    With `group` the entry of a unit of work that wrote nothing else is committed together with those of others.
    """

    url: str = field(repr=False)
    pool_size: int = 8
    group: audit.GroupCommitter | None = None
    engine: Engine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.engine = create_engine(
            self.url,
            pool_size=self.pool_size,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "application_name": "vonglau",
                "options": DURABLE,
            },
        )

    @contextmanager
    def unit_of_work(self) -> Iterator[Session]:
        """Give a session that commits at the end of the block; an exception rolls everything back.

        Raises Unavailable when the server cannot be reached or has no room, Conflict when somebody else did the same
        at the same moment, JournalUnavailable when the entries of a unit that wrote nothing else cannot be committed.
        """
        session = Session(self.engine, expire_on_commit=False)
        waiting: list[audit.Entry] = []
        if self.group is not None:
            session.info[WAITING_ENTRIES] = waiting
        try:
            yield session
            self._finish(session, waiting)
        except DBAPIError as error:
            session.rollback()
            code = _why_unavailable(error)
            if code is not None:
                raise Unavailable(code) from error
            if getattr(error.orig, "sqlstate", None) in AT_ONCE:
                log.warning("done_at_once", extra={"constraint": _constraint(error)})
                raise Conflict("database.at_once") from error
            raise
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()
            if self.group is not None:
                self.group.writer.void(entry.writer_n for entry in waiting if entry.writer_n is not None)

    def _finish(self, session: Session, waiting: list[audit.Entry]) -> None:
        """Commit; entries that waited go with the unit's own changes, or with those of other units if it has none."""
        if not waiting or self.group is None:
            session.commit()
            return
        session.flush()
        entries, group = list(waiting), self.group
        if session.in_transaction() and session.scalar(_HAS_WRITTEN):
            with _needed():
                for entry in entries:
                    audit.append(session.connection(), entry, writer=group.writer)
            waiting.clear()
            session.commit()
        else:
            session.commit()
            waiting.clear()
            with _needed():
                group.write(entries)


@contextmanager
def _needed() -> Iterator[None]:
    """No entry, no act: turn whatever keeps an entry from being written into JournalUnavailable."""
    try:
        yield
    except (SQLAlchemyError, audit.NotWrittenError) as error:
        raise JournalUnavailable from error


def _constraint(error: DBAPIError) -> str:
    return str(getattr(getattr(error.orig, "diag", None), "constraint_name", None) or "none")


def _why_unavailable(error: DBAPIError) -> str | None:
    """Return the code of what a person is told when the server itself is at fault, None when the statement is."""
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(error, OperationalError) and (error.connection_invalidated or error.orig is None or state is None):
        return "database.unavailable"
    if state == DISK_FULL:
        return "database.no_room"
    return "database.unavailable" if str(state)[:2] in SERVER_AT_FAULT or state in NOT_SERVING else None


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Give the unit of work of the application that answers the present request."""
    database: Database = current_app.extensions["vonglau"].database
    with database.unit_of_work() as session:
        yield session


def database_clock(session: Session) -> datetime:
    """Return the present moment as the database server's clock has it."""
    at: datetime = session.execute(select(func.clock_timestamp(type_=UtcDateTime()))).scalar_one()
    return at


def is_reachable(engine: Engine) -> bool:
    """Tell whether the database answers a trivial question."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except OperationalError:
        return False
    return True
