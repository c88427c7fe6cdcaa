"""What `vonglau audit …` has to do with keys and anchors outside: `key`, `key rotate`, `line`, and what others use.

`key` and `line` give out what is public by nature and record nothing; `key rotate` is an act of whoever may ask the
signer for it, and its entry is what both keys have signed.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from control.commands.auditaround import around
from control.commands.auditquery import RULES_ZONE, AuditError
from control.commands.speech import Speech, pass_speech

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    import audit as trail
    from audit.anchorer import Anchorer
    from audit.chain import Outside
    from audit.witnessclient import WitnessClient
    from control.settings import Settings

COSIGN_SECONDS = 2.0
LOOK_SECONDS = 0.1


@click.group(invoke_without_command=True)
@click.option("--history", is_flag=True, help="cả các khoá đã thay / also keys that were replaced")
@pass_speech
@click.pass_context
def key(context: click.Context, speech: Speech, *, history: bool) -> None:
    """Các khoá công khai / the verifier keys, one a line: log, then witnesses."""
    if context.invoked_subcommand is not None:
        return
    from audit.keys import KeyHistory
    from audit.signer import SignerClient, SignerGoneError

    with around(speech, "audit-key") as held:
        with held.database.engine.connect() as connection:
            stored = KeyHistory.stored(connection)
            witnesses = _witnesses(connection)
        if stored is None and held.settings.signer_socket:
            try:
                stored = SignerClient(path=held.settings.signer_socket).history()
            except SignerGoneError as error:
                raise no_checkpoint() from error
    if stored is None:
        raise no_checkpoint()
    logs = [str(one.key) for one in stored.keys] if history else [str(stored.current)]
    told = [{"vkey": str(one.key), "after": one.after} for one in stored.keys]
    speech.say({"keys": logs + witnesses, "history": told}, text="\n".join(logs + witnesses))


@key.command()
@pass_speech
def rotate(speech: Speech) -> None:
    """Thay khoá của nhật ký / let a new key of the log take over; only root on the signer's host may ask."""
    import audit as trail
    from audit.keys import Rotation
    from audit.signer import RefusedError, SignerClient, SignerGoneError
    from control.actions import Action

    with around(speech, "audit-key") as held:
        if held.settings.signer_socket is None:
            raise _signer_gone()
        try:
            statement = SignerClient(path=held.settings.signer_socket).rotate()
        except SignerGoneError as error:
            raise _signer_gone() from error
        except RefusedError as error:
            with held.database.unit_of_work() as session:
                held.act.record(
                    session,
                    Action.AUDIT_KEY_ROTATE,
                    outcome=trail.Outcome.FAILURE,
                    denied=error.code == "stranger",
                    reason=f"signer.{error.code}",
                )
            raise AuditError(
                "signer.refused", vi=f"Tiến trình ký từ chối: {error}", en=f"The signer refused: {error}"
            ) from error
        rotation = Rotation.read(statement)
        held.record(Action.AUDIT_KEY_ROTATE, {"size": rotation.size, "statement": statement.decode()})
    answer = {"old": str(rotation.old), "new": str(rotation.new), "size": rotation.size}
    text = speech.pick(
        f"Khoá mới, cho mọi cây lớn hơn {rotation.size}; hãy công bố:\n{rotation.new}",
        f"New key, for every tree larger than {rotation.size}; publish it:\n{rotation.new}",
    )
    speech.say(answer, text=text)


@click.command()
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="dòng của ngày / the line kept for a day")
@pass_speech
def line(speech: Speech, *, day: datetime | None) -> None:
    """Dòng để in và ký tay mỗi ngày / the line to print and sign by hand each day: origin, size, root."""
    import audit as trail
    from audit.notes import read_checkpoint, split_note

    with around(speech, "audit-line") as held, held.database.engine.connect() as connection:
        if day is not None:
            found = _kept_line(connection, day.date())
        else:
            newest = trail.Journal(connection).checkpoint()
            if newest is None:
                raise no_checkpoint()
            origin, size, root = read_checkpoint(split_note(newest.note)[0])
            found = trail.printable_line(origin=origin, size=size, root=root)
    today = day.date() if day else datetime.now(RULES_ZONE).date()
    speech.say({"day": today.isoformat(), "line": found}, text=found)


def make_anchorer(settings: Settings, engine: Engine) -> Anchorer:
    """Return what takes checkpoints outside, with the witness and the authority that are set."""
    import policies
    from audit.anchorer import Anchorer
    from audit.stamp import Stamper
    from control.writers import impersonal_writer

    stamper = None
    if settings.tsa_url and settings.tsa_ca_file is not None:
        stamper = Stamper(url=settings.tsa_url, ca_file=settings.tsa_ca_file)
    client = _witness_of(settings)
    return Anchorer(
        engine=engine,
        witnesses=() if client is None else (client,),
        stamper=stamper,
        every=timedelta(seconds=settings.anchor_every),
        writer=impersonal_writer(policies.load()),
    )


def note_with_witnesses(engine: Engine, checkpoint: trail.Checkpoint) -> bytes:
    """Return the note of a checkpoint with its cosignatures; one that is on its way gets a moment to arrive."""
    import audit as trail

    deadline = time.monotonic() + COSIGN_SECONDS
    while True:
        with engine.connect() as connection:
            found = trail.Anchors(connection)
            lines = found.cosignatures(checkpoint.size)
            states = [one for one in found.states() if one.kind == "witness" and one.is_good]
        # Asked so often that the next answer cannot be far: only then is it worth waiting for.
        just = datetime.now(UTC) - timedelta(minutes=1)
        is_coming = any(one.confirmed_at and one.confirmed_at > just and one.size < checkpoint.size for one in states)
        if lines or not is_coming or time.monotonic() > deadline:
            return trail.with_cosignatures(checkpoint.note, lines)
        time.sleep(LOOK_SECONDS)


def outside_of(settings: Settings, connection: Connection, *, lines: Sequence[str]) -> list[Outside]:
    """Return the trees others remember: the witness, when one is set and answers, and printed lines."""
    from audit.chain import Outside
    from audit.keys import KeyHistory
    from audit.notes import BadNoteError, cosignature_of, read_checkpoint, split_note
    from audit.witnessclient import WitnessGoneError

    found = [_read_line(one) for one in lines]
    client, history = _witness_of(settings), KeyHistory.stored(connection)
    if client is None or history is None:
        return found
    try:
        note = client.latest(history.origin)
        if note is not None:
            cosignature_of(note, client.key)
            _, size, root = read_checkpoint(split_note(note)[0])
            found.append(Outside(source=client.key.name, size=size, root=root))
    except (WitnessGoneError, BadNoteError) as error:
        click.echo(f"{client.key.name}: {error}", err=True)
    return found


def no_checkpoint() -> AuditError:
    """Say that nothing was signed yet."""
    return AuditError(
        "audit.no_checkpoint",
        vi="Chưa có mốc ký: tiến trình `vonglau audit run` hoặc `vonglau signer` chưa chạy.",
        en="There is no checkpoint yet: `vonglau audit run` or `vonglau signer` does not run.",
        exit_status=3,
    )


def _witness_of(settings: Settings) -> WitnessClient | None:
    from audit.notes import BadNoteError, VerifierKey
    from audit.witnessclient import WitnessClient

    if not settings.witness_url:
        return None
    try:
        return WitnessClient(url=settings.witness_url, key=VerifierKey.parse(settings.witness_key))
    except BadNoteError as error:
        raise AuditError(
            "witness.key",
            vi=f"VONGLAU_WITNESS_KEY không phải khoá của người làm chứng: {error}.",
            en=f"VONGLAU_WITNESS_KEY is not the key of a witness: {error}.",
            exit_status=2,
        ) from error


def _read_line(text: str) -> Outside:
    from audit.chain import Outside
    from audit.notes import BadNoteError, read_checkpoint

    try:
        _, size, root = read_checkpoint("\n".join([*text.split(), ""]))
    except BadNoteError as error:
        raise AuditError(
            "audit.line",
            vi="Dòng in gồm: tên nhật ký, số bút toán, gốc cây dạng base64.",
            en="A printed line is: name of the log, number of entries, root in base64.",
            exit_status=2,
        ) from error
    return Outside(source="line", size=size, root=root)


def _kept_line(connection: Connection, day: date) -> str:
    import audit as trail

    found = trail.Anchors(connection).line_of(day)
    if found is None:
        raise AuditError(
            "audit.no_line", vi=f"Không có dòng nào của ngày {day:%d/%m/%Y}.", en=f"No line was kept on {day:%d/%m/%Y}."
        )
    return found.token.decode()


def _witnesses(connection: Connection) -> list[str]:
    import audit as trail

    return [vkey for vkey, kind, _ in trail.Journal(connection).vkeys() if kind == "witness"]


def _signer_gone() -> AuditError:
    return AuditError(
        "signer.gone",
        vi="Tiến trình `vonglau signer` không trả lời.",
        en="`vonglau signer` does not answer.",
        exit_status=3,
    )
