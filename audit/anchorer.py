"""Take each new checkpoint outside: to the witnesses, to the time stamping authority, and once a day to the line.

Runs beside the sequencer in a thread of its own: whatever an anchor does, entries go on being numbered and signed.
An anchor that stalls is asked again; one that says it saw another past is told of in the journal, where a detector
finds it. Entries are written on a change of state only, or each confirmation would ask for the next.
"""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert as upsert

from audit import anchors, tables
from audit.anchors import AnchorState, printable_line
from audit.entry import Entry, Outcome, new_id
from audit.journal import Checkpoint, Journal
from audit.keys import KeyHistory
from audit.merkle import consistency_proof
from audit.notes import BadNoteError, read_checkpoint, split_note
from audit.outbox import append
from audit.stamp import Stamp, StampError
from audit.tiles import TileNodes
from audit.witnessclient import WitnessClient, WitnessGoneError, WitnessRefusedError
from audit.writer import Writer

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
EVERY = timedelta(hours=1)
RETRY = timedelta(seconds=30)
CLOCK_TOLERANCE = timedelta(minutes=5)
EXPORTS = ("audit:bundle:export",)
LINE = "line"
STALL, RESUME, REFUSE = "audit:anchor:stall", "audit:anchor:resume", "audit:anchor:refuse"


class Stamps(Protocol):
    """What can have a note time-stamped: audit.stamp.Stamper."""

    @property
    def url(self) -> str:
        """Return the address of the authority."""
        ...

    @property
    def certificates(self) -> bytes:
        """Return what a reader needs to check a token."""
        ...

    def stamp(self, note: bytes, *, now: datetime) -> Stamp:
        """Return a checked token. Raises StampError."""
        ...


class DisagreesError(Exception):
    """An anchor holds something that cannot be true together with this journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchorer:
    """Asks every anchor when it is due: after `every`, at each export, and again `RETRY` after a failure."""

    engine: Engine
    witnesses: tuple[WitnessClient, ...] = ()
    stamper: Stamps | None = None
    every: timedelta = EVERY
    writer: Writer = field(default_factory=lambda: Writer(boot=f"anchor-{secrets.token_hex(6)}"))

    def run_once(self, *, now: datetime) -> int:
        """Ask every anchor that is due about the newest checkpoint; return how many confirmed it."""
        with self.engine.connect() as connection:
            newest = Journal(connection).checkpoint()
            states = {one.name: one for one in anchors.Anchors(connection).states()}
        if newest is None:
            return 0
        done = 0
        for witness in self.witnesses:
            name = witness.key.name
            if self._is_due(states.get(name), newest, now=now):
                with self._noting(states.get(name), name=name, kind="witness", address=witness.url, now=now) as note:
                    note(self._cosign(witness, newest, since=states.get(name), now=now))
                    done += 1
        if self.stamper is not None and self._is_due(states.get(self.stamper.url), newest, now=now):
            url = self.stamper.url
            with self._noting(states.get(url), name=url, kind="stamp", address=url, now=now) as note:
                note(self._stamp(self.stamper, newest, now=now))
                done += 1
        return done + self._keep_line(newest, states.get(LINE), now=now)

    def _is_due(self, state: AnchorState | None, newest: Checkpoint, *, now: datetime) -> bool:
        if state is None:
            return True
        if not state.is_good:
            return now - state.asked_at >= min(RETRY, max(self.every, timedelta(seconds=1)))
        if newest.size <= state.size:
            return False
        if state.confirmed_at is None or now - state.confirmed_at >= self.every:
            return True
        with self.engine.connect() as connection:
            table = tables.search
            export = select(table.c.seq).where(table.c.action.in_(EXPORTS), table.c.seq >= state.size).limit(1)
            return connection.scalar(export) is not None

    def _cosign(self, witness: WitnessClient, newest: Checkpoint, *, since: AnchorState | None, now: datetime) -> int:
        """Get and keep a cosignature of the newest checkpoint. Raises what the witness raises, DisagreesError."""
        old = since.size if since is not None else 0
        for _ in range(3):  # a lost answer, a key that took over: each is mended once
            try:
                with self.engine.connect() as connection:
                    proof = consistency_proof(TileNodes(connection), old, newest.size) if old else []
                signature, at = witness.add_checkpoint(newest.note, old=old, proof=proof)
            except WitnessRefusedError as error:
                if error.is_about_the_key and self._tell_rotations(witness):
                    continue
                if error.known_size is None or error.known_size == old:
                    raise
                if error.known_size > newest.size:
                    raise DisagreesError(
                        f"{witness.key.name} cosigned {error.known_size} entries, the journal has {newest.size}"
                    ) from error
                old = error.known_size
                continue
            if abs(at - now) > CLOCK_TOLERANCE:
                raise WitnessGoneError(f"its clock says {at.isoformat()}, far from ours")
            with self.engine.begin() as connection:
                self._keep_cosignature(connection, witness, newest, line=signature.line, at=at, now=now)
            return newest.size
        raise WitnessGoneError("it keeps changing its mind")

    def _tell_rotations(self, witness: WitnessClient) -> bool:
        """Tell the witness how the keys followed each other; return whether there was anything to tell."""
        with self.engine.connect() as connection:
            history = KeyHistory.stored(connection)
        statements = [one.rotation for one in history.keys if one.rotation] if history else []
        for statement in statements:
            with contextlib.suppress(WitnessRefusedError):  # one it had before its memory began
                witness.add_rotation(statement)
        return bool(statements)

    @staticmethod
    def _keep_cosignature(
        connection: Connection, witness: WitnessClient, made: Checkpoint, *, line: bytes, at: datetime, now: datetime
    ) -> None:
        vkey, name = str(witness.key), witness.key.name
        connection.execute(
            upsert(tables.key).values(vkey=vkey, kind="witness", since_size=made.size, at=now).on_conflict_do_nothing()
        )
        row = {"size": made.size, "vkey": vkey, "witness": name, "line": line, "cosigned_at": at, "at": now}
        connection.execute(upsert(anchors.cosignature).values(row).on_conflict_do_nothing())

    def _stamp(self, stamper: Stamps, newest: Checkpoint, *, now: datetime) -> int:
        found = stamper.stamp(newest.note, now=now)
        self._keep_anchor(
            "stamp",
            newest,
            source=stamper.url,
            token=found.token,
            certificates=stamper.certificates,
            asserted_at=found.asserted_at,
            now=now,
        )
        return newest.size

    def _keep_line(self, newest: Checkpoint, state: AnchorState | None, *, now: datetime) -> int:
        """Keep the line of the day from the first checkpoint after midnight on."""
        day = now.astimezone(ZONE).date()
        if state is not None and state.confirmed_at is not None and state.confirmed_at.astimezone(ZONE).date() >= day:
            return 0
        origin, _, _ = read_checkpoint(split_note(newest.note)[0])
        line = printable_line(origin=origin, size=newest.size, root=newest.root).encode()
        with self._noting(state, name=LINE, kind="line", address="", now=now) as note:
            self._keep_anchor("line", newest, source="", token=line, certificates=None, asserted_at=now, now=now)
            note(newest.size)
        return 1

    def _keep_anchor(
        self,
        kind: str,
        made: Checkpoint,
        *,
        source: str,
        token: bytes,
        certificates: bytes | None,
        asserted_at: datetime,
        now: datetime,
    ) -> None:
        row = {
            "kind": kind,
            "size": made.size,
            "root": made.root,
            "source": source,
            "token": token,
            "certificates": certificates,
            "asserted_at": asserted_at,
            "at": now,
            "day": now.astimezone(ZONE).date(),
        }
        with self.engine.begin() as connection:
            connection.execute(upsert(anchors.anchor).values(row).on_conflict_do_nothing())

    @contextlib.contextmanager
    def _noting(
        self, before: AnchorState | None, *, name: str, kind: str, address: str, now: datetime
    ) -> Iterator["_Note"]:
        """Write down how an anchor answered, and an entry when that is another answer than before."""
        note = _Note()
        refused, error_text = False, None
        try:
            yield note
        except (WitnessRefusedError, DisagreesError) as error:
            refused, error_text = True, str(error)
        except (WitnessGoneError, StampError, BadNoteError, OSError) as error:
            refused, error_text = bool(before and before.refused), str(error)
        stalled_since = (before.stalled_since if before else None) or now if error_text else None
        size = note.size if note.size is not None else (before.size if before else 0)
        after = AnchorState(
            name=name,
            kind=kind,
            address=address,
            size=size,
            confirmed_at=(before.confirmed_at if before else None) if error_text else now,
            asked_at=now,
            stalled_since=stalled_since,
            refused=refused,
            last_error=error_text,
        )
        with self.engine.begin() as connection:
            values = {column.name: getattr(after, column.name) for column in anchors.state.columns}
            statement = upsert(anchors.state).values(values)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
            self._tell(connection, before, after, now=now)

    def _tell(self, connection: Connection, before: AnchorState | None, after: AnchorState, *, now: datetime) -> None:
        """Write an entry when an anchor began to refuse, began to stall, or came back."""
        was_good, was_refused = before is None or before.is_good, bool(before and before.refused)
        if after.refused and not was_refused:
            action = REFUSE
        elif not after.is_good and was_good:
            action = STALL
        elif after.is_good and not was_good:
            action = RESUME
        else:
            return
        boot, number, mono_ns = self.writer.next()
        details: dict[str, str | int | bool] = {"anchor": after.name, "kind": after.kind, "size": after.size}
        entry = Entry(
            id=new_id(now, secrets.token_bytes(10)),
            at=now.astimezone(UTC),
            action=action,
            outcome=Outcome.SUCCESS if action == RESUME else Outcome.FAILURE,
            actor_id="system:audit-run",
            retention=self.writer.retention_of(action),
            details=details | ({"why": after.last_error[:300]} if after.last_error else {}),
            writer_boot=boot,
            writer_n=number,
            writer_mono_ns=mono_ns,
        )
        append(connection, entry, writer=self.writer)


@dataclass(slots=True)
class _Note:
    """What an anchor confirmed, once it has."""

    size: int | None = None

    def __call__(self, size: int) -> None:
        self.size = size
