"""Vouch for a log from outside: a service of the security officers, on another host (c2sp.org/tlog-witness).

It cosigns a checkpoint only when the log's key signed it and it continues the tree cosigned before. It keeps the whole
note of everything it cosigned, and of everything it refused although the log's key signed it: two notes that cannot
both be true are the proof that somebody rewrote the past. It reads no database and trusts nobody but the pinned keys.

`add-rotation` is ours: it takes the statement with which a key of the log took over (audit/keys.py).
"""

import base64
import binascii
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from audit.keyfile import append_durably, write_durably
from audit.keys import KeyHistory, Rotation
from audit.merkle import EMPTY_ROOT, HASH_BYTES, is_consistent
from audit.notes import BadNoteError, SigningKey, VerifierKey, read_checkpoint, split_note

MOST_STEPS = 63
MOST_PROOFS = 1000  # of misbehaviour: a log that lies on does not fill the disk
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the witness says: an HTTP status, a body and its type."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = TEXT_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the witness last cosigned of one log; size 0 before the first time."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One request to cosign, read but not believed."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes
    origin: str

    @classmethod
    def read(cls, body: bytes) -> "Submission":
        """Read `old N`, the steps of the proof, an empty line and the note. Raises BadNoteError."""
        head, blank, note = body.partition(b"\n\n")
        first, *steps = head.split(b"\n")
        old = _OLD.fullmatch(first)
        if not blank or old is None or len(steps) > MOST_STEPS:
            raise BadNoteError("not a request to cosign")
        try:
            proof = tuple(base64.b64decode(step, validate=True) for step in steps)
        except binascii.Error as error:
            raise BadNoteError("not base64") from error
        if any(len(step) != HASH_BYTES for step in proof):
            raise BadNoteError("a step of a proof is a hash")
        origin, _, _ = read_checkpoint(split_note(note)[0])
        return cls(old=int(old[1]), proof=proof, note=note, origin=origin)


@dataclass(slots=True)
class Witness:
    """Cosigns for the logs whose keys are pinned; `folder` holds its memory and belongs to its account alone."""

    key: SigningKey = field(repr=False)
    folder: Path
    logs: Sequence[VerifierKey]
    _histories: dict[str, KeyHistory] = field(default_factory=dict)
    _known: dict[str, Known] = field(default_factory=dict)
    _refused: set[tuple[str, bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Take up where the last cosignature was. Raises BadNoteError when the memory does not hold together."""
        if not self.key.verifier().is_witness:
            raise BadNoteError("a witness signs with a key of its own kind (cosignature/v1)")
        state = json.loads(self._state_file.read_text(encoding="utf-8")) if self._state_file.exists() else {}
        for log in self.logs:
            self._take_up(log, state.get(log.name, {}))

    def add_checkpoint(self, body: bytes, *, now: datetime) -> Answer:
        """Cosign a checkpoint that continues what is known, or refuse; what is answered is on the disk before."""
        try:
            asked = Submission.read(body)
        except BadNoteError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))
        with self._lock:
            history = self._histories.get(asked.origin)
            if history is None:
                return _refusal(HTTPStatus.NOT_FOUND, "this log is not known here")
            try:
                _, size, root = history.open_checkpoint(asked.note)
            except BadNoteError as error:
                return _refusal(HTTPStatus.FORBIDDEN, str(error))
            known = self._known[asked.origin]
            refusal = self._refuse(asked, known, size=size, root=root, now=now)
            if refusal is not None:
                return refusal
            return self._cosign(asked, size=size, root=root, now=now)

    def add_rotation(self, statement: bytes, *, now: datetime) -> Answer:
        """Learn that a key of a known log took over. A second successor of one key is refused, and kept as proof."""
        try:
            rotation = Rotation.read(statement)
        except BadNoteError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))
        with self._lock:
            history = self._histories.get(rotation.old.name)
            if history is None:
                return _refusal(HTTPStatus.NOT_FOUND, "this log is not known here")
            if any(one.rotation == statement for one in history.keys) or history.keys[0].key == rotation.new:
                return Answer(status=HTTPStatus.OK)
            known = self._known[rotation.old.name]
            contradicts = rotation.size == known.size and rotation.root != known.root
            if rotation.old != history.current or contradicts:
                if history.knows(rotation.old):
                    self._keep_proof("second-successor", known, statement, now=now)
                return _refusal(HTTPStatus.FORBIDDEN, "the key that signs now did not say so")
            extended = KeyHistory.of([*history.rows(), (str(rotation.new), statement)])
            self._write_state(rotation.old.name, extended, known)
            return Answer(status=HTTPStatus.OK)

    def latest(self, origin: str) -> bytes | None:
        """Return the newest note cosigned of a log, with the cosignature."""
        known = self._known.get(origin)
        return known.note if known is not None and known.size else None

    @property
    def proofs_of_misbehaviour(self) -> list[dict[str, Any]]:
        """What was refused although the log's key signed it: each with the note that contradicts it."""
        if not self._refused_file.exists():
            return []
        return [json.loads(line) for line in self._refused_file.read_text(encoding="utf-8").splitlines()]

    def _refuse(self, asked: Submission, known: Known, *, size: int, root: bytes, now: datetime) -> Answer | None:
        if asked.old > size:
            return _refusal(HTTPStatus.BAD_REQUEST, "the old size is larger than the checkpoint")
        if size < known.size:
            self._keep_proof("smaller", known, asked.note, now=now)
        if asked.old != known.size:
            size_line = f"{known.size}\n".encode()
            return Answer(status=HTTPStatus.CONFLICT, body=size_line, content_type=SIZE_TYPE)
        if size == known.size and root != known.root:
            self._keep_proof("fork", known, asked.note, now=now)
            return _refusal(HTTPStatus.CONFLICT, "a tree of this size was cosigned with another root")
        if not is_consistent(old=known.size, size=size, old_root=known.root, root=root, proof=asked.proof):
            self._keep_proof("fork", known, asked.note, now=now)
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "the tree does not continue the one cosigned before")
        return None

    def _cosign(self, asked: Submission, *, size: int, root: bytes, now: datetime) -> Answer:
        text, _ = split_note(asked.note)
        line = self.key.cosignature(text, at=now).line
        cosigned = asked.note + line
        entry = {"at": _moment(now), "origin": asked.origin, "size": size, "note": cosigned.decode()}
        append_durably(self._cosigned_file, json.dumps(entry))
        self._write_state(asked.origin, self._histories[asked.origin], Known(size=size, root=root, note=cosigned))
        return Answer(status=HTTPStatus.OK, body=line)

    def _keep_proof(self, kind: str, known: Known, note: bytes, *, now: datetime) -> None:
        """Keep both notes; the same note again adds nothing."""
        if (kind, note) in self._refused or len(self._refused) >= MOST_PROOFS:
            return
        entry = {"at": _moment(now), "kind": kind, "cosigned": known.note.decode(), "refused": note.decode()}
        append_durably(self._refused_file, json.dumps(entry))
        self._refused.add((kind, note))

    def _take_up(self, log: VerifierKey, state: dict[str, Any]) -> None:
        rows = [(vkey, rotation.encode() if rotation else None) for vkey, rotation in state.get("keys", [])]
        history = KeyHistory.of(rows or [(str(log), None)])
        if not history.knows(log):
            raise BadNoteError(f"the memory of {log.name} was made with other keys than the pinned one")
        known = Known()
        if state.get("note"):
            note = state["note"].encode()
            _, size, root = history.open_checkpoint(note)
            known = Known(size=size, root=root, note=note)
        self._histories[log.name], self._known[log.name] = history, known
        self._refused = {(one["kind"], one["refused"].encode()) for one in self.proofs_of_misbehaviour}

    def _write_state(self, origin: str, history: KeyHistory, known: Known) -> None:
        histories, all_known = self._histories | {origin: history}, self._known | {origin: known}
        state = {
            name: {
                "keys": [[vkey, rotation.decode() if rotation else None] for vkey, rotation in one.rows()],
                "note": all_known[name].note.decode(),
            }
            for name, one in histories.items()
        }
        write_durably(self._state_file, json.dumps(state))
        self._histories, self._known = histories, all_known

    @property
    def _state_file(self) -> Path:
        return self.folder / "witness.json"

    @property
    def _cosigned_file(self) -> Path:
        return self.folder / "cosigned.jsonl"

    @property
    def _refused_file(self) -> Path:
        return self.folder / "refused.jsonl"


def _refusal(status: HTTPStatus, why: str) -> Answer:
    return Answer(status=status, body=f"{why}\n".encode())


def _moment(now: datetime) -> str:
    return now.astimezone(UTC).isoformat()
