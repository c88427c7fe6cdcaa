"""The one place that talks to the directory: ldap3 2.9.1 with every dangerous default turned off.

What ldap3 does by itself, measured, and what is done here instead:
- no certificate is checked without `tls=`: the standard library checks it, with our CA file and the host's name, on
  StartTLS and on ldaps alike;
- a shared connection mixes answers between threads: a password is tried on a fresh one, never kept; the one our own
  account reads with is lent to one question at a time, for a minute, and dropped at the first error;
- a truncated search reports success: every result code is read, anything but success refuses the whole answer;
- Nagle costs 40 ms a bind: TCP_NODELAY after open and again after StartTLS, which makes a new socket;
- time-outs are per read: a timer cuts the line when the question's time is over;
- referrals are followed with our password: never.
Nothing of ldap3 leaves this module: its errors become Unavailable(`directory.unavailable`).
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPSASLPrepError
from ldap3.core.results import (
    RESULT_INAPPROPRIATE_AUTHENTICATION,
    RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    RESULT_INVALID_CREDENTIALS,
    RESULT_NO_SUCH_OBJECT,
    RESULT_SUCCESS,
)
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from control.errors import Unavailable
from control.people.directory.domain import (
    DISABLED_FOR_GOOD,
    GROUP_DEPTH,
    NOTHING_SAID,
    DirectoryAnswer,
    DirectoryEntry,
    Group,
    PasswordState,
    Verdict,
    groups_of,
    parse_login,
    read_moment,
    read_password_policy,
)
from control.text import nfc

START_TLS = "1.3.6.1.4.1.1466.20037"
PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"  # noqa: S105  # the number of a control, not a password
LIMIT_SECONDS = 5.0
CONNECT_SECONDS = 3.0
RECEIVE_SECONDS = 5
LISTING_SECONDS = 120.0
READER_SECONDS, READERS_KEPT = 60.0, 4
PAGE_ROWS = 100
PERSON_ATTRIBUTES = (
    "uid", "cn", "displayName", "ou", "departmentNumber", "title", "pwdChangedTime", "pwdAccountLockedTime",
)  # fmt: skip
PERSON_CLASS = "(objectClass=inetOrgPerson)"
GROUP_CLASS = "(objectClass=groupOfNames)"
WRONG = frozenset(
    {
        RESULT_INVALID_CREDENTIALS,
        RESULT_INAPPROPRIATE_AUTHENTICATION,
        RESULT_INSUFFICIENT_ACCESS_RIGHTS,
        RESULT_NO_SUCH_OBJECT,
    }
)
log = logging.getLogger(__name__)


class IncompleteListing(Unavailable):
    """Raised when a listing may miss somebody: truncated, referred elsewhere, or broken off."""

    def __init__(self, reason: str) -> None:
        super().__init__("directory.listing_incomplete", reason=reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Reader:
    """A connection bound as our own account to a directory, and until when it may be lent (monotonic seconds)."""

    connection: ldap3.Connection
    directory: Directory
    until: float


class Readers:
    """Reading connections between two questions of one process; each is lent to one thread at a time."""

    def __init__(self) -> None:
        self._idle: deque[_Reader] = deque()
        self._lock = threading.Lock()

    def take(self, directory: Directory) -> _Reader | None:
        """Return the one last given back, None when none is young enough and of this directory."""
        with self._lock:
            while self._idle:
                reader = self._idle.pop()
                if time.monotonic() < reader.until and reader.directory == directory:
                    return reader
                reader.connection.socket.close()
        return None

    def give_back(self, reader: _Reader) -> None:
        """Keep one whose question went well; one too many is closed."""
        with self._lock:
            self._idle.append(reader)
            surplus = self._idle.popleft() if len(self._idle) > READERS_KEPT else None
        if surplus is not None:
            surplus.connection.socket.close()

    def close(self) -> None:
        """Close all that wait."""
        with self._lock:
            while self._idle:
                self._idle.pop().connection.socket.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The ministry's directory; complete after construction, connects at each question, but for `readers`."""

    url: str
    ca_file: Path | None
    bind_dn: str
    bind_password: str = field(repr=False)
    people_base: str
    groups_base: str
    limit_seconds: float = LIMIT_SECONDS
    readers: Readers | None = field(default=None, repr=False, compare=False)

    def authenticate(self, login: str, password: str) -> DirectoryAnswer:
        """Tell whether the password is the one of `login`, and who that is; both come from `parse_login` and
        `parse_password`.

        An unknown name costs a bind too. Raises Unavailable(`directory.unavailable`) within `limit_seconds`.
        """
        with self._line(self.limit_seconds) as line, self._looked_up(line, login) as (reader, entries):
            if len(entries) != 1:
                # A bind that costs the directory one password hash, as that of a known name does; our own account's,
                # because its right password can never lock anybody out.
                line.bind(self.bind_dn, self.bind_password)
                return DirectoryAnswer(verdict=Verdict.AMBIGUOUS if entries else Verdict.UNKNOWN)
            (entry,) = entries
            is_right, state = line.bind(entry.dn, password)
            if not is_right:
                return DirectoryAnswer(verdict=Verdict.WRONG, entry=entry, password=state)
            groups = self._groups_holding(reader, entry.dn)
        return DirectoryAnswer(verdict=Verdict.RIGHT, entry=_with_groups(entry, groups), password=state)

    def list_people(self) -> tuple[DirectoryEntry, ...]:
        """Return everybody, with their groups, in order of login. Raises IncompleteListing, Unavailable."""
        with self._line(LISTING_SECONDS) as line:
            reader = line.bound_as(self.bind_dn, self.bind_password)
            people = [
                _entry(row) for row in _pages(reader, self.people_base, PERSON_CLASS, attributes=PERSON_ATTRIBUTES)
            ]
            groups = {
                _comparable(row["dn"]): Group(
                    _first(row["attributes"], "cn"),
                    tuple(_comparable(member) for member in _values(row["attributes"], "member")),
                )
                for row in _pages(reader, self.groups_base, GROUP_CLASS, attributes=("cn", "member"))
            }
        known = [person for person in people if person is not None]
        return tuple(
            sorted(
                (_with_groups(person, groups_of(_comparable(person.dn), groups=groups)) for person in known),
                key=lambda person: person.login,
            )
        )

    def check(self) -> None:
        """Ask the directory for a bind of our own account. Raises Unavailable(`directory.unavailable`)."""
        with self._line(self.limit_seconds) as line:
            line.bound_as(self.bind_dn, self.bind_password)

    @contextmanager
    def _line(self, seconds: float) -> Iterator[_Line]:
        if not self.url or self.ca_file is None:
            raise Unavailable("directory.unavailable", reason="not-configured")
        try:
            with _Line(self.url, self.ca_file, seconds) as line:
                yield line
        except (LDAPException, OSError, ValueError) as error:
            log.warning("directory_not_answering", extra={"reason": type(error).__name__})
            raise Unavailable("directory.unavailable", reason=type(error).__name__) from error

    @contextmanager
    def _looked_up(self, line: _Line, login: str) -> Iterator[tuple[ldap3.Connection, list[DirectoryEntry]]]:
        """Give a reader and what it found under `login`; the reader is kept when all went well.

        A kept one may have been hung up on meanwhile: then a fresh one asks again.
        """
        reader, entries = self.readers.take(self) if self.readers else None, None
        if reader is not None:
            line.adopt(reader.connection)
            with suppress(LDAPException, OSError):
                entries = self._entries_of(reader.connection, login)
        if reader is None or entries is None:
            until = time.monotonic() + READER_SECONDS
            reader = _Reader(line.bound_as(self.bind_dn, self.bind_password), self, until)
            entries = self._entries_of(reader.connection, login)
        yield reader.connection, entries
        if self.readers is not None and line.release(reader.connection):
            self.readers.give_back(reader)

    def _entries_of(self, reader: ldap3.Connection, login: str) -> list[DirectoryEntry]:
        query = f"(&{PERSON_CLASS}(uid={escape_filter_chars(login)}))"
        rows = _rows(reader, self.people_base, query, attributes=PERSON_ATTRIBUTES, size_limit=2)
        entries = (_entry(row) for row in rows)
        # slapd compares loosely (case, width); only the very name that was typed counts.
        return [entry for entry in entries if entry is not None and entry.login == login]

    def _groups_holding(self, reader: ldap3.Connection, dn: str) -> frozenset[str]:
        found: dict[str, str] = {}
        wanted = [dn]
        for _level in range(GROUP_DEPTH):
            members = "".join(f"(member={escape_filter_chars(name)})" for name in wanted)
            rows = _rows(reader, self.groups_base, f"(&{GROUP_CLASS}(|{members}))", attributes=("cn",))
            fresh = {row["dn"]: _first(row["attributes"], "cn") for row in rows if row["dn"] not in found}
            if not fresh:
                break
            found |= fresh
            wanted = list(fresh)
        return frozenset(found.values())


class _Line:
    """The connections of one question, all cut when its time is over."""

    def __init__(self, url: str, ca_file: Path, seconds: float) -> None:
        parts = urlsplit(url)
        self._is_ldaps = parts.scheme == "ldaps"
        self._host = parts.hostname or ""
        self._port = parts.port or (636 if self._is_ldaps else 389)
        self._tls = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(ca_file))
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._connections: list[ldap3.Connection] = []
        self._is_over = threading.Event()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> _Line:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        for connection in self._connections:
            # A polite unbind would wait for a server that may be the very reason for leaving.
            if isinstance(connection.socket, socket.socket):
                connection.socket.close()

    def adopt(self, connection: ldap3.Connection) -> None:
        """Take a connection of an earlier question into this one: it is cut with it."""
        self._connections.append(connection)

    def release(self, connection: ldap3.Connection) -> bool:
        """Let go of a connection, so that it outlives this question; it is closed when the time is over."""
        self._connections.remove(connection)
        if self._is_over.is_set():
            connection.socket.close()
            return False
        return True

    def bound_as(self, dn: str, password: str) -> ldap3.Connection:
        """Return a connection bound as our own account. Raises OSError when the directory refuses it."""
        connection = self._open(dn, password)
        if not connection.bind(controls=[(PASSWORD_POLICY, False, None)]):
            raise PermissionError(f"the directory refuses our own account: {connection.result['description']}")
        return connection

    def bind(self, dn: str, password: str) -> tuple[bool, PasswordState]:
        """Try a password on a connection of its own. Raises OSError for any answer but right and wrong."""
        connection = self._open(dn, password)
        try:
            is_right = bool(connection.bind(controls=[(PASSWORD_POLICY, False, None)]))
        except LDAPSASLPrepError:  # characters no password may hold
            return False, NOTHING_SAID
        result = connection.result
        if not is_right and result["result"] not in WRONG:
            raise ConnectionError(f"bind ended with {result['description']}")
        control = (result.get("controls") or {}).get(PASSWORD_POLICY) or {}
        return is_right, read_password_policy(control.get("value"))

    def _open(self, dn: str, password: str) -> ldap3.Connection:
        if self._is_over.is_set():
            raise TimeoutError("the question's time is over")
        server = ldap3.Server(
            self._host,
            port=self._port,
            get_info=ldap3.NONE,
            connect_timeout=CONNECT_SECONDS,
            mode=ldap3.IP_V4_PREFERRED,
        )
        addresses = len(server.candidate_addresses()) or 1  # type: ignore[no-untyped-call]  # ldap3's stubs
        server.connect_timeout = CONNECT_SECONDS / addresses
        connection = ldap3.Connection(
            server,
            user=dn,
            password=password,
            client_strategy=ldap3.SYNC,
            receive_timeout=RECEIVE_SECONDS,
            auto_referrals=False,
            check_names=False,
        )
        self._connections.append(connection)  # first, so that a socket that never connects is closed too
        connection.open(read_server_info=False)
        _send_at_once(connection)
        if not self._is_ldaps:
            connection.extended(START_TLS)
            if connection.result["result"] != RESULT_SUCCESS:
                raise ConnectionError("the directory refuses StartTLS")
        # The standard library wraps the socket and checks certificate and name during the handshake; ldap3 would
        # check the name afterwards with code of its own, and leave the socket open when it does not match.
        connection.socket = self._tls.wrap_socket(connection.socket, server_hostname=self._host)
        connection.tls_started = True
        _send_at_once(connection)
        return connection

    def _cut(self) -> None:
        self._is_over.set()
        for connection in self._connections:
            if isinstance(connection.socket, socket.socket):
                try:
                    # The plain method: that of an SSL socket would drop the object another thread is reading.
                    socket.socket.shutdown(connection.socket, socket.SHUT_RDWR)
                except OSError:
                    continue


def _send_at_once(connection: ldap3.Connection) -> None:
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _rows(
    reader: ldap3.Connection, base: str, query: str, *, attributes: tuple[str, ...], size_limit: int = 0
) -> list[dict[str, Any]]:
    """Return the entries of one search. Raises ConnectionError for every result but success."""
    reader.search(base, query, attributes=list(attributes), size_limit=size_limit)
    if reader.result["result"] != RESULT_SUCCESS:
        raise ConnectionError(f"search ended with {reader.result['description']}")
    return [row for row in reader.response or () if row["type"] == "searchResEntry"]


def _pages(reader: ldap3.Connection, base: str, query: str, *, attributes: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield every entry, page by page. Raises IncompleteListing when one could be missing."""
    cookie: bytes | None = None
    while True:
        reader.search(base, query, attributes=list(attributes), paged_size=PAGE_ROWS, paged_cookie=cookie)
        if reader.result["result"] != RESULT_SUCCESS:
            raise IncompleteListing(str(reader.result["description"]))
        for row in reader.response or ():
            if row["type"] != "searchResEntry":
                raise IncompleteListing("referral")
            yield row
        control = reader.result["controls"].get("1.2.840.113556.1.4.319") or {}
        cookie = (control.get("value") or {}).get("cookie")
        if not cookie:
            return


def _entry(row: dict[str, Any]) -> DirectoryEntry | None:
    """Return the person of one row; None for an entry whose name cannot sign in here."""
    attributes = row["attributes"]
    login = parse_login(_first(attributes, "uid"))
    if login is None:
        return None
    return DirectoryEntry(
        dn=nfc(row["dn"]),
        login=login,
        display_name=_first(attributes, "displayName") or _first(attributes, "cn") or login,
        unit=_first(attributes, "ou"),
        unit_key=_first(attributes, "departmentNumber"),
        title=_first(attributes, "title"),
        password_changed_at=read_moment(_first(attributes, "pwdChangedTime")),
        is_disabled=_first(attributes, "pwdAccountLockedTime") == DISABLED_FOR_GOOD,
    )


def _values(attributes: dict[str, Any], name: str) -> list[str]:
    held = attributes.get(name) or []
    values = held if isinstance(held, list) else [held]
    return [nfc(value if isinstance(value, str) else bytes(value).decode(errors="replace")).strip() for value in values]


def _first(attributes: dict[str, Any], name: str) -> str:
    """Return the first value on one line, without characters that only mislead the eye."""
    values = _values(attributes, name)
    return "".join(character for character in values[0] if character.isprintable()) if values else ""


def _comparable(dn: str) -> str:
    """Return a distinguished name so that two spellings of one entry are equal."""
    return ",".join(f"{kind.lower()}={nfc(value).lower()}" for kind, value, _separator in parse_dn(dn))


def _with_groups(entry: DirectoryEntry, groups: frozenset[str]) -> DirectoryEntry:
    return replace(entry, groups=groups)
