"""Sign checkpoints: a process and an account of their own hold the key, and believe nobody about the tree.

The signer reads the rows after its last signature itself, hashes them again, follows the links, and signs only a
root it came to itself. It keeps what it signed in a file and refuses a tree that is smaller or begins differently.
Requests come over a Unix socket as one line of JSON; the kernel names the caller, and others are sent away.

A new key takes over in three steps, each safe to repeat: the signer makes it and states so with both keys; the
statement goes into the journal as an entry; the first tree that holds the entry is the last the old key signs too,
and then its file is gone.
"""

import base64
import contextlib
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from audit import tables
from audit.door import PATIENCE_SECONDS, RefusedError, SignerGoneError, ask_door, open_door, refuse_strangers
from audit.journal import Journal, genesis_link, link_hash
from audit.keyfile import load_or_make_key, sync_folder, write_durably
from audit.keys import ROTATE_ACTION, KeyHistory, Rotation, rotation_statement, statement_in
from audit.merkle import Frontier, leaf_hash
from audit.notes import (
    BadNoteError,
    SigningKey,
    VerifierKey,
    checkpoint_text,
    open_note,
    read_checkpoint,
    sign_note,
    split_note,
)

__all__ = ["RefusedError", "Signer", "SignerClient", "SignerGoneError", "serve"]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What reading up to a size came to: the tree, the last link, and the statements found in entries."""

    frontier: Frontier
    link: bytes
    statements: frozenset[str]


@dataclass(slots=True)
class Signer:
    """Signs checkpoints of one journal; `state_file` remembers the last one, `key_file` is where the key lies.

    `next_key` signs beside `key` from the statement on until the journal holds it.
    """

    engine: Engine
    key: SigningKey = field(repr=False)
    state_file: Path
    key_file: Path | None = None
    next_key: SigningKey | None = field(default=None, repr=False)
    _frontier: Frontier = field(default_factory=Frontier)
    _link: bytes = b""
    _note: bytes = b""
    _history: KeyHistory = field(init=False)

    def __post_init__(self) -> None:
        """Take up where the last signature was."""
        self._link = genesis_link(self.key.name)
        self._history = KeyHistory.of([(self.vkey, None)])
        if self.state_file.exists():
            self._load()

    @property
    def vkey(self) -> str:
        """The public key in its published form."""
        return str(self.key.verifier())

    @property
    def history(self) -> KeyHistory:
        """All keys of this log, the one that is about to take over included."""
        return self._history

    def sign(self, *, size: int, root: bytes) -> bytes:
        """Return the signed note for this tree. Raises RefusedError; then nothing was signed or remembered."""
        if size < self._frontier.size:
            raise RefusedError("smaller", f"{self._frontier.size} entries were signed, {size} were asked for")
        if not self.state_file.exists():
            self._check_nothing_was_signed(size)
        seen = self._extend(size)
        if seen.frontier.root() != root:
            raise RefusedError("inconsistent", f"the tree of {size} entries has another root")
        if size == self._frontier.size and self._note:
            return self._note
        keys = [self.key] if self.next_key is None else [self.key, self.next_key]
        note = sign_note(checkpoint_text(origin=self.key.name, size=size, root=root), keys)
        self._remember(seen, note=note)
        return note

    def rotate(self) -> bytes:
        """Make the key that takes over and return the statement of both; again, as long as it is not in the journal.

        Raises RefusedError before anything was signed, or when the key lies in no file.
        """
        if self.next_key is None:
            if self.key_file is None or not self._note:
                raise RefusedError("unknown", "nothing was signed yet, so there is nothing to take over")
            new = load_or_make_key(_next_file(self.key_file), name=self.key.name)
            size, root = self._frontier.size, self._frontier.root()
            statement = rotation_statement(self.key, new, size=size, root=root)
            self._history = KeyHistory.of([*self._history.rows(), (str(new.verifier()), statement)])
            self.next_key = new
            self._remember(_Seen(self._frontier, self._link, frozenset()), note=self._note)
        return self._history.keys[-1].rotation or b""

    def _extend(self, size: int, *, was_signed: bool = False) -> _Seen:
        """Read the rows since the last signature and hash them again; a pruned one only counts below a signed root."""
        frontier, link, statements = Frontier(self._frontier.size, self._frontier.hashes), self._link, set()
        with (
            self.engine.connect() as connection,
            contextlib.closing(Journal(connection).iterate(first=frontier.size, last=size)) as records,
        ):
            for record in records:
                if record.sequence != frontier.size:
                    raise RefusedError("inconsistent", f"entry {frontier.size} is missing")
                is_pruned = record.body is None and was_signed
                if not is_pruned and (record.body is None or leaf_hash(record.body) != record.leaf):
                    raise RefusedError("altered", f"the body of entry {record.sequence} is not what was numbered")
                link = link_hash(link, record.leaf)
                if link != record.link:
                    raise RefusedError("inconsistent", f"entry {record.sequence} does not follow the one before")
                frontier.add(record.leaf)
                if record.body is not None and ROTATE_ACTION.encode() in record.body:
                    statements.add(statement_in(record.body))
        if frontier.size != size:
            raise RefusedError("smaller", f"the journal holds {frontier.size} entries, {size} were asked for")
        return _Seen(frontier, link, frozenset(statements))

    def _check_nothing_was_signed(self, size: int) -> None:
        """Without a memory of its own the signer must agree with the last note that carries its signature."""
        with self.engine.connect() as connection:
            last = Journal(connection).checkpoint()
            statements = [bytes(one) for one in connection.scalars(select(tables.key.c.rotation)) if one is not None]
        self._take_history(statements)
        if last is None:
            return
        try:
            _, signed_size, signed_root = read_checkpoint(open_note(last.note, [self.key.verifier()]))
        except BadNoteError:
            return
        if size < signed_size:
            raise RefusedError("smaller", f"{signed_size} entries were signed, {size} were asked for")
        seen = self._extend(signed_size, was_signed=True)
        if seen.frontier.root() != signed_root:
            raise RefusedError("inconsistent", f"the tree of {signed_size} entries was signed with another root")
        self._remember(seen, note=last.note)

    def _take_history(self, statements: list[bytes]) -> None:
        """Learn again, from statements only both keys can have made, who came before and who comes next."""
        self._history = KeyHistory.ending_at(self.key.verifier(), statements=statements)
        followed = []
        for statement in statements:
            with contextlib.suppress(BadNoteError):
                if (rotation := Rotation.read(statement)).old == self.key.verifier():
                    followed.append((rotation, statement))
        next_file = None if self.key_file is None else _next_file(self.key_file)
        for rotation, statement in followed:
            if next_file is None or not next_file.exists():
                raise RefusedError("retired", "another key took over from this one")
            new = load_or_make_key(next_file, name=self.key.name)
            if new.verifier() == rotation.new:
                self.next_key = new
                self._history = KeyHistory.of([*self._history.rows(), (str(new.verifier()), statement)])

    def _remember(self, seen: _Seen, *, note: bytes) -> None:
        """Write down what was signed; when the statement is in the tree, the next key is the key from here on."""
        next_key = self.next_key
        statement = (self._history.keys[-1].rotation or b"").decode() if next_key is not None else ""
        has_taken_over = bool(statement) and statement in seen.statements
        key = next_key if next_key is not None and has_taken_over else self.key
        state = {
            "key": str(key.verifier()),
            "keys": [[vkey, rotation.decode() if rotation else None] for vkey, rotation in self._history.rows()],
            "size": seen.frontier.size,
            "hashes": [one.hex() for one in seen.frontier.hashes],
            "link": seen.link.hex(),
            "note": note.decode(),
        }
        write_durably(self.state_file, json.dumps(state))
        self._frontier, self._link, self._note = seen.frontier, seen.link, note
        if has_taken_over:
            self.key, self.next_key = key, None
            self._put_key_in_place()

    def _put_key_in_place(self) -> None:
        """Let the new key's file replace the old one's: from here on the old key is nowhere."""
        if self.key_file is not None:
            _next_file(self.key_file).replace(self.key_file)
            sync_folder(self.key_file.parent)

    def _load(self) -> None:
        state = json.loads(self.state_file.read_text(encoding="utf-8"))
        rows = state.get("keys") or [[state["key"], None]]
        self._history = KeyHistory.of((vkey, rotation.encode() if rotation else None) for vkey, rotation in rows)
        self._find_keys(VerifierKey.parse(state["key"]))
        origin, size, root = read_checkpoint(split_note(state["note"].encode())[0])
        frontier = Frontier(state["size"], [bytes.fromhex(one) for one in state["hashes"]])
        self._history.open_checkpoint(state["note"].encode())
        if (origin, size, root) != (self.key.name, frontier.size, frontier.root()):
            raise BadNoteError(f"{self.state_file} does not hold what its own note says")
        self._frontier, self._link = frontier, bytes.fromhex(state["link"])
        self._note = state["note"].encode()

    def _find_keys(self, current: VerifierKey) -> None:
        """Finish a change that was cut short, and find the key that is about to take over. Raises BadNoteError."""
        following = None
        if self.key_file is not None and _next_file(self.key_file).exists():
            following = load_or_make_key(_next_file(self.key_file), name=self.key.name)
        if self.key.verifier() != current and following is not None and following.verifier() == current:
            self.key, following = following, None
            self._put_key_in_place()
        if self.key.verifier() != current:
            raise BadNoteError(f"{self.state_file} was written with another key")
        if self._history.current != current:
            if following is None or following.verifier() != self._history.current:
                raise BadNoteError("the key that is about to take over is missing")
            self.next_key = following


def _next_file(key_file: Path) -> Path:
    return key_file.with_name(f"{key_file.name}.next")


def serve(
    signer: Signer,
    *,
    path: Path,
    allowed_uids: frozenset[int],
    stop: threading.Event,
    admin_uids: frozenset[int] = frozenset({0}),
) -> None:
    """Answer on the Unix socket until `stop` is set; one request at a time. Only `admin_uids` may change the key."""

    def answer(request: dict[str, Any], uid: int) -> dict[str, Any]:
        if request["do"] == "rotate":
            refuse_strangers(uid, welcome=admin_uids)
        return _answer(signer, request)

    open_door(answer, path=path, welcome=allowed_uids | admin_uids, stop=stop)


def _answer(signer: Signer, request: dict[str, Any]) -> dict[str, Any]:
    match request["do"]:
        case "key":
            return {"vkey": signer.vkey}
        case "sign":
            note = signer.sign(size=int(request["size"]), root=base64.b64decode(request["root"], validate=True))
            return {"note": note.decode(), "vkey": signer.vkey}
        case "history":
            return {"keys": [[vkey, (rotation or b"").decode()] for vkey, rotation in signer.history.rows()]}
        case "rotate":
            return {"statement": signer.rotate().decode()}
        case other:
            raise RefusedError("unknown", f"nothing is called {other!r}")


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

    def history(self) -> KeyHistory:
        """Return all keys of the log, oldest first. Raises SignerGoneError, BadNoteError."""
        rows = self._ask({"do": "history"})["keys"]
        return KeyHistory.of((vkey, rotation.encode() or None) for vkey, rotation in rows)

    def rotate(self) -> bytes:
        """Have a new key made; return the statement of both. Raises RefusedError, SignerGoneError."""
        statement: str = self._ask({"do": "rotate"})["statement"]
        return statement.encode()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return ask_door(self.path, request, timeout_seconds=self.timeout_seconds)
