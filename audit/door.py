"""A door of a process that holds keys: one line of JSON in, one out, over a Unix socket; the kernel names the caller.

Not for: what is answered (signer.py, and whoever keeps other keys). Invariants: a stranger is sent away unread; nothing
a caller sends ends the process.
"""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

LINE_BYTES = 4096
ANSWER_BYTES = 1 << 20
PATIENCE_SECONDS = 30.0
ACCEPT_SECONDS = 0.5
_CREDENTIALS = struct.Struct("3i")
Answer = Callable[[dict[str, Any], int], dict[str, Any]]  # the request and the caller's uid


class RefusedError(Exception):
    """The process will not do it; `code` is why, such as smaller, inconsistent, altered, unknown, stranger."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class SignerGoneError(Exception):
    """Nobody answers on the socket."""


def open_door(answer: Answer, *, path: Path, welcome: frozenset[int], stop: threading.Event) -> None:
    """Answer those whose uid is `welcome` until `stop` is set; one request at a time."""
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
                        _answer_one(answer, caller, welcome=welcome)
        finally:
            path.unlink(missing_ok=True)


def _answer_one(answer: Answer, caller: socket.socket, *, welcome: frozenset[int]) -> None:
    caller.settimeout(PATIENCE_SECONDS)
    _pid, uid, _gid = _CREDENTIALS.unpack(caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    try:
        refuse_strangers(uid, welcome=welcome)
        said = answer(json.loads(_line(caller, limit=LINE_BYTES)), uid)
    except RefusedError as error:
        said = {"error": error.code, "detail": error.detail}
    except SQLAlchemyError as error:
        said = {"error": "journal", "detail": f"the database cannot be read: {error.__class__.__name__}"}
    except (ValueError, KeyError, TypeError) as error:
        said = {"error": "unknown", "detail": f"not a request: {error.__class__.__name__}"}
    except OSError:
        return
    with contextlib.suppress(OSError):
        caller.sendall(json.dumps(said).encode() + b"\n")


def refuse_strangers(uid: int, *, welcome: frozenset[int]) -> None:
    """Raise RefusedError(`stranger`) for a caller who may not ask this."""
    if uid not in welcome:
        raise RefusedError("stranger", f"uid {uid} may not ask")


def ask_door(path: Path, request: dict[str, Any], *, timeout_seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
    """Ask once and return the answer. Raises RefusedError, SignerGoneError."""
    try:
        with _connected(path, timeout_seconds=timeout_seconds) as stream:
            with contextlib.suppress(BrokenPipeError):  # sent away unread: the answer says why
                stream.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(_line(stream, limit=ANSWER_BYTES))
    except (OSError, ValueError) as error:
        raise SignerGoneError(f"the signer does not answer on {path}") from error
    if "error" in answer:
        raise RefusedError(answer["error"], answer["detail"])
    return answer


def _line(stream: socket.socket, *, limit: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = stream.recv(LINE_BYTES)
        if not part or len(line) > limit:
            raise ValueError("a request is one short line")
        line += part
    return line


@contextlib.contextmanager
def _connected(path: Path, *, timeout_seconds: float) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(timeout_seconds)
        stream.connect(str(path))
        yield stream
