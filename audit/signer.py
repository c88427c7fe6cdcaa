"""Sign checkpoints: a process and an account of their own hold the key, and believe nobody about the tree.

The signer reads the rows after its last signature itself, hashes them again, follows the links, and signs only a
root it came to itself. It keeps what it signed in a file and refuses a tree that is smaller or begins differently.
Requests come over a Unix socket as one line of JSON; the kernel names the caller, and others are sent away.
"""

import base64
import contextlib
import json
import os
import socket
import stat
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from audit.journal import Journal, genesis_link, link_hash
from audit.merkle import Frontier, leaf_hash
from audit.notes import BadNoteError, SigningKey, VerifierKey, checkpoint_text, open_note, read_checkpoint

LINE_BYTES = 4096
PATIENCE_SECONDS = 30.0
ACCEPT_SECONDS = 0.5
_CREDENTIALS = struct.Struct("3i")


class RefusedError(Exception):
    """The signer will not sign; `code` is why: smaller, inconsistent, altered, journal, unknown,
    stranger."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class SignerGoneError(Exception):
    """Nobody answers on the signer's socket."""


def load_or_make_key(path: Path, *, name: str) -> SigningKey:
    """Read the key file, or make it, readable by this account only. Raises PermissionError, BadNoteError."""
    if not path.exists():
        key = SigningKey(name=name, seed=os.urandom(32))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(key.private_text())
            file.flush()
            os.fsync(file.fileno())
    found = path.stat()
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
        raise PermissionError(f"{path} must be readable by the signer's account only (mode 600)")
    return SigningKey.parse(path.read_text(encoding="utf-8"))


@dataclass(slots=True)
class Signer:
    """Signs checkpoints of one journal with one key; `state_file` remembers the last one."""

    engine: Engine
    key: SigningKey = field(repr=False)
    state_file: Path
    _frontier: Frontier = field(default_factory=Frontier)
    _link: bytes = b""
    _note: bytes = b""

    def __post_init__(self) -> None:
        """Take up where the last signature was."""
        self._link = genesis_link(self.key.name)
        if self.state_file.exists():
            self._load()

    @property
    def vkey(self) -> str:
        """The public key in its published form."""
        return str(self.key.verifier())

    def sign(self, *, size: int, root: bytes) -> bytes:
        """Return the signed note for this tree. Raises RefusedError; then nothing was signed or remembered."""
        if size < self._frontier.size:
            raise RefusedError("smaller", f"{self._frontier.size} entries were signed, {size} were asked for")
        if not self.state_file.exists():
            self._check_nothing_was_signed(size)
        frontier, link = self._extend(size)
        if frontier.root() != root:
            raise RefusedError("inconsistent", f"the tree of {size} entries has another root")
        if size == self._frontier.size and self._note:
            return self._note
        note = self.key.sign(checkpoint_text(origin=self.key.name, size=size, root=root))
        self._remember(frontier, link=link, note=note)
        return note

    def _extend(self, size: int) -> tuple[Frontier, bytes]:
        """Read the rows since the last signature and hash them again."""
        frontier, link = Frontier(self._frontier.size, self._frontier.hashes), self._link
        with (
            self.engine.connect() as connection,
            contextlib.closing(Journal(connection).iterate(first=frontier.size, last=size)) as records,
        ):
            for record in records:
                if record.sequence != frontier.size:
                    raise RefusedError("inconsistent", f"entry {frontier.size} is missing")
                if record.body is None or leaf_hash(record.body) != record.leaf:
                    raise RefusedError("altered", f"the body of entry {record.sequence} is not what was numbered")
                link = link_hash(link, record.leaf)
                if link != record.link:
                    raise RefusedError("inconsistent", f"entry {record.sequence} does not follow the one before")
                frontier.add(record.leaf)
        if frontier.size != size:
            raise RefusedError("smaller", f"the journal holds {frontier.size} entries, {size} were asked for")
        return frontier, link

    def _check_nothing_was_signed(self, size: int) -> None:
        """Without a memory of its own the signer must agree with the last note that carries its signature."""
        with self.engine.connect() as connection:
            last = Journal(connection).checkpoint()
        if last is None:
            return
        try:
            _, signed_size, signed_root = read_checkpoint(open_note(last.note, [self.key.verifier()]))
        except BadNoteError:
            return
        if size < signed_size:
            raise RefusedError("smaller", f"{signed_size} entries were signed, {size} were asked for")
        frontier, link = self._extend(signed_size)
        if frontier.root() != signed_root:
            raise RefusedError("inconsistent", f"the tree of {signed_size} entries was signed with another root")
        self._remember(frontier, link=link, note=last.note)

    def _remember(self, frontier: Frontier, *, link: bytes, note: bytes) -> None:
        state = {
            "key": self.vkey,
            "size": frontier.size,
            "hashes": [one.hex() for one in frontier.hashes],
            "link": link.hex(),
            "note": note.decode(),
        }
        beside = self.state_file.with_suffix(".new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.state_file)
        folder = os.open(self.state_file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._frontier, self._link, self._note = frontier, link, note

    def _load(self) -> None:
        state = json.loads(self.state_file.read_text(encoding="utf-8"))
        _, size, root = read_checkpoint(open_note(state["note"].encode(), [self.key.verifier()]))
        frontier = Frontier(state["size"], [bytes.fromhex(one) for one in state["hashes"]])
        if (size, root) != (frontier.size, frontier.root()):
            raise BadNoteError(f"{self.state_file} does not hold what its own note says")
        self._frontier, self._link = frontier, bytes.fromhex(state["link"])
        self._note = state["note"].encode()


def serve(signer: Signer, *, path: Path, allowed_uids: frozenset[int], stop: threading.Event) -> None:
    """Answer on the Unix socket until `stop` is set; one request at a time."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o666)  # who may ask is decided by the caller's uid below, which cannot be forged
        listener.listen(8)
        listener.settimeout(ACCEPT_SECONDS)
        try:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    caller, _ = listener.accept()
                    with caller:
                        _serve_one(signer, caller, allowed_uids=allowed_uids)
        finally:
            path.unlink(missing_ok=True)


def _serve_one(signer: Signer, caller: socket.socket, *, allowed_uids: frozenset[int]) -> None:
    caller.settimeout(PATIENCE_SECONDS)
    _pid, uid, _gid = _CREDENTIALS.unpack(caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    try:
        _refuse_strangers(uid, allowed_uids=allowed_uids)
        answer = _answer(signer, json.loads(_line(caller)))
    except RefusedError as error:
        answer = {"error": error.code, "detail": error.detail}
    except SQLAlchemyError as error:
        answer = {"error": "journal", "detail": f"the journal cannot be read: {error.__class__.__name__}"}
    except (ValueError, KeyError, TypeError) as error:
        answer = {"error": "unknown", "detail": f"not a request: {error.__class__.__name__}"}
    except OSError:
        return
    with contextlib.suppress(OSError):
        caller.sendall(json.dumps(answer).encode() + b"\n")


def _refuse_strangers(uid: int, *, allowed_uids: frozenset[int]) -> None:
    if uid not in allowed_uids:
        raise RefusedError("stranger", f"uid {uid} may not ask")


def _answer(signer: Signer, request: dict[str, Any]) -> dict[str, Any]:
    match request["do"]:
        case "key":
            return {"vkey": signer.vkey}
        case "sign":
            note = signer.sign(size=int(request["size"]), root=base64.b64decode(request["root"], validate=True))
            return {"note": note.decode(), "vkey": signer.vkey}
        case other:
            raise RefusedError("unknown", f"nothing is called {other!r}")


def _line(stream: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = stream.recv(LINE_BYTES)
        if not part or len(line) > LINE_BYTES:
            raise ValueError("a request is one short line")
        line += part
    return line


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerClient:
    """Asks the signing process."""

    path: Path
    timeout_seconds: float = PATIENCE_SECONDS

    def vkey(self) -> VerifierKey:
        """Return the signer's public key. Raises SignerGoneError."""
        return VerifierKey.parse(self._ask({"do": "key"})["vkey"])

    def sign(self, *, size: int, root: bytes) -> bytes:
        """Return the signed note. Raises RefusedError, SignerGoneError."""
        note: str = self._ask({"do": "sign", "size": size, "root": base64.b64encode(root).decode()})["note"]
        return note.encode()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            with self._connected() as stream:
                with contextlib.suppress(BrokenPipeError):  # sent away unread: the answer says why
                    stream.sendall(json.dumps(request).encode() + b"\n")
                answer: dict[str, Any] = json.loads(_line(stream))
        except (OSError, ValueError) as error:
            raise SignerGoneError(f"the signer does not answer on {self.path}") from error
        if "error" in answer:
            raise RefusedError(answer["error"], answer["detail"])
        return answer

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(self.timeout_seconds)
            stream.connect(str(self.path))
            yield stream
