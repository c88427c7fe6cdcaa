"""The keys of the log, one after the other: a new key takes over by a statement that both keys signed.

The statement names the tree at which the old key ends: every larger tree carries the new key's signature. A stolen old
key can therefore sign nothing larger that anybody believes who knows the history.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from audit import tables
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
from audit.projection import read_body

ROTATION_HEADER = "vonglau/key-rotation/v1"
ROTATE_ACTION = "audit:key:rotate"
_LINES = 6  # header, origin, size, root, old key, new key


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What a statement says: after the tree of `size`, `new` signs in place of `old`."""

    size: int
    root: bytes
    old: VerifierKey
    new: VerifierKey

    @classmethod
    def read(cls, statement: bytes) -> "Rotation":
        """Read a statement that both keys signed. Raises BadNoteError."""
        text, _ = split_note(statement)
        header, _, checkpoint = text.partition("\n")
        lines = text.split("\n")
        if header != ROTATION_HEADER or len(lines) != _LINES + 1:
            raise BadNoteError("not a statement that a key takes over")
        origin, size, root = read_checkpoint(checkpoint)
        old, new = (VerifierKey.parse(line) for line in lines[-3:-1])
        if {old.name, new.name} != {origin} or old == new or old.is_witness or new.is_witness:
            raise BadNoteError("a key takes over from another key of the same log")
        for key in (old, new):
            open_note(statement, [key])
        return cls(size=size, root=root, old=old, new=new)


def rotation_statement(old: SigningKey, new: SigningKey, *, size: int, root: bytes) -> bytes:
    """Return the statement, signed by both, that `new` signs every tree larger than `size`."""
    checkpoint = checkpoint_text(origin=old.name, size=size, root=root)
    text = f"{ROTATION_HEADER}\n{checkpoint}{old.verifier()}\n{new.verifier()}\n"
    return sign_note(text, [old, new])


def statement_in(body: bytes) -> str:
    """Return the statement that an entry carries, empty when it carries none."""
    try:
        return str(read_body(body)["vn"]["details"]["statement"])
    except (ValueError, KeyError, TypeError):
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """One key of the log: it signs every tree larger than `after`, until the next one takes over."""

    key: VerifierKey
    after: int = 0
    rotation: bytes | None = None


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """All keys of one log, oldest first; one that exists hangs together."""

    keys: tuple[LogKey, ...]

    @classmethod
    def of(cls, rows: Iterable[tuple[str, bytes | None]]) -> "KeyHistory":
        """Build the history from (verifier key, statement) pairs, oldest first. Raises BadNoteError."""
        keys: list[LogKey] = []
        for vkey, statement in rows:
            key = VerifierKey.parse(vkey)
            if not keys:
                keys.append(LogKey(key=key))
                continue
            if any(one.key == key for one in keys):
                raise BadNoteError(f"a key that was replaced does not come back: {vkey}")
            if statement is None:
                raise BadNoteError(f"no statement says that {vkey} takes over")
            rotation = Rotation.read(statement)
            if (rotation.old, rotation.new) != (keys[-1].key, key) or rotation.size < keys[-1].after:
                raise BadNoteError(f"the statement does not lead to {vkey}")
            keys.append(LogKey(key=key, after=rotation.size, rotation=statement))
        if not keys or keys[0].key.is_witness:
            raise BadNoteError("no key of a log")
        return cls(tuple(keys))

    @classmethod
    def stored(cls, connection: Connection) -> "KeyHistory | None":
        """Return the history the journal keeps, None before the first checkpoint. Raises BadNoteError."""
        table = tables.key
        rows = connection.execute(
            select(table.c.vkey, table.c.rotation)
            .where(table.c.kind == "log")
            .order_by(table.c.rotation.is_not(None), table.c.since_size, table.c.at)
        ).all()
        return (
            cls.of((row.vkey, None if row.rotation is None else bytes(row.rotation)) for row in rows) if rows else None
        )

    @classmethod
    def ending_at(cls, key: VerifierKey, *, statements: Sequence[bytes]) -> "KeyHistory":
        """Build the history that leads to `key` from statements in any order; those that do not hold are left out."""
        rotations = []
        for statement in statements:
            try:
                rotations.append((Rotation.read(statement), statement))
            except BadNoteError:
                continue
        rows: list[tuple[str, bytes | None]] = []
        wanted: VerifierKey | None = key
        while wanted is not None and len(rows) <= len(rotations):
            found = next(((one, statement) for one, statement in rotations if one.new == wanted), None)
            rows.insert(0, (str(wanted), found[1] if found else None))
            wanted = found[0].old if found else None
        return cls.of(rows)

    @property
    def current(self) -> VerifierKey:
        """The key that signs now."""
        return self.keys[-1].key

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.current.name

    def in_force(self, size: int) -> VerifierKey:
        """Return the key that must have signed a tree of this size."""
        return next(one.key for one in reversed(self.keys) if one.after < size or one is self.keys[0])

    def knows(self, key: VerifierKey) -> bool:
        """Tell whether the log ever signed with this key."""
        return any(one.key == key for one in self.keys)

    def rows(self) -> list[tuple[str, bytes | None]]:
        """Return (verifier key, statement) pairs, oldest first."""
        return [(str(one.key), one.rotation) for one in self.keys]

    def open_checkpoint(self, note: bytes) -> tuple[str, int, bytes]:
        """Return (origin, size, root) of a checkpoint signed by the key in force at its size. Raises BadNoteError."""
        origin, size, root = read_checkpoint(split_note(note)[0])
        key = self.in_force(size)
        try:
            open_note(note, [key])
        except BadNoteError as error:
            if any(self._signed(one.key, note) for one in self.keys):
                raise BadNoteError(f"a key that was replaced signed a tree of {size}") from error
            raise
        if origin != key.name:
            raise BadNoteError("the checkpoint is of another log than its key")
        return origin, size, root

    @staticmethod
    def _signed(key: VerifierKey, note: bytes) -> bool:
        try:
            open_note(note, [key])
        except BadNoteError:
            return False
        return True
