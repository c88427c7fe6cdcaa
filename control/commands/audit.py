"""`vonglau audit …`: run the trail, prove it, search it, and hand it to a stranger.

`head`, `key` and `proof` give out what is public by nature and record nothing; `verify`, `search`, `body` and
`export` are acts and leave an entry, as `system:audit-<verb>`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from logging import WARNING, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from control.commands import auditanchor, auditgap, auditkeep, auditsegments, auditship
from control.commands.auditanchor import no_checkpoint as _no_checkpoint
from control.commands.auditaround import around as _around
from control.commands.auditaround import search_client
from control.commands.auditquery import RULES_ZONE, AuditError, asked_for, read_query
from control.commands.speech import Speech, pass_speech

if TYPE_CHECKING:
    from sqlalchemy import Connection

    import audit as trail
    from control.settings import Settings

ORIGIN = "vonglau/audit"
COVER_SECONDS = 15.0
LOOK_SECONDS = 0.25
Found = TypeVar("Found")


@click.group()
def audit() -> None:
    """Nhật ký kiểm toán / the audit trail."""


@audit.command()
@pass_speech
def run(speech: Speech) -> None:
    """Đánh số, ký và gửi nhật ký / number, sign and ship the trail until told to stop."""
    from sqlalchemy import create_engine

    from audit.run import Trail
    from audit.shipper import Shipper
    from audit.signer import SignerClient
    from control import logging
    from control.commands.auditship import nightly
    from control.settings import Settings

    logging.configure()
    getLogger("elastic_transport").setLevel(WARNING)  # a line for every batch would bury what matters
    environment = speech.environment("audit", os.environ)
    settings = Settings.from_env(environment)
    engine = create_engine(settings.database_url, pool_size=8, pool_pre_ping=True)
    client = search_client(settings)
    process = Trail(
        engine=engine,
        origin=origin_of(environment),
        clock=lambda: datetime.now(UTC),
        signer=SignerClient(path=settings.signer_socket) if settings.signer_socket else None,
        shipper=Shipper(engine=engine, client=client, requires_template=True) if client else None,
        anchorer=auditanchor.make_anchorer(settings, engine),
        beside={"reconcile": nightly(settings, engine), **auditsegments.beside(settings, engine)},
    )
    _stop_on_signals(process.stop)
    process.run()
    engine.dispose()


@audit.command()
@click.option("--from", "first", type=click.IntRange(min=0), default=0, help="từ số thứ tự / from this number")
@click.option("--line", "printed", multiple=True, metavar="L", help="dòng đã in / a printed line: origin size root")
@pass_speech
def verify(speech: Speech, *, first: int, printed: tuple[str, ...]) -> None:
    """Đi dọc chuỗi và tính lại mọi mã băm / walk the chain and hash everything again: 0 whole, 1 not.

    Compares with what the witness remembers, when one is set, and with printed lines.
    """
    import audit as trail
    from audit.chain import as_json
    from control.actions import Action

    with _around(speech, "audit-verify") as around:
        with around.database.engine.connect() as connection:
            outside = auditanchor.outside_of(around.settings, connection, lines=printed)
            report = trail.verify_journal(connection, first=first, outside=outside)
        around.record(
            Action.AUDIT_JOURNAL_VERIFY,
            {
                "size": report.size,
                "root": report.root,
                "ok": report.ok,
                "problems": len(report.problems),
                **_worst(report),
            },
        )
    lines = [
        speech.pick(
            f"{'TOÀN VẸN' if report.ok else 'KHÔNG TOÀN VẸN'}: {report.size} bút toán, đã tính lại {report.checked}",
            f"{'WHOLE' if report.ok else 'NOT WHOLE'}: {report.size} entries, {report.checked} hashed again",
        ),
        f"  root: {report.root}",
        *(f"  #{one.sequence} {one.kind}: {one.detail}" for one in report.problems),
    ]
    speech.say(as_json(report), text="\n".join(lines))
    click.get_current_context().exit(0 if report.ok else 1)


def _worst(report: trail.Report) -> dict[str, str | int | bool]:
    """Return which kinds of problem there are and where the first is, from which a finding is made."""
    if report.ok:
        return {}
    kinds = sorted({one.kind for one in report.problems})
    return {"kinds": " ".join(kinds), "first_at": report.problems[0].sequence}


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--text", help="từ cần tìm, có dấu hay không / words, with or without marks")(command)
    return click.option(
        "--filter", "filters", multiple=True, metavar="K=V", help="who, action, case, account, since, until, …"
    )(command)


@audit.command()
@_filters
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, help="số bút toán / how many")
@pass_speech
def search(speech: Speech, *, filters: tuple[str, ...], text: str | None, limit: int) -> None:
    """Tìm trong nhật ký, mới nhất trước / search the trail, newest first, one entry a line."""
    from audit.search import ElasticsearchSearch, FallbackSearch, PostgresSearch
    from control.actions import Action

    with _around(speech, "audit-search") as around:
        engine = around.database.engine
        with engine.connect() as connection:
            query = read_query(filters, text=text, connection=connection, limit=limit, keys=around.act.writer.keys)
        client = search_client(around.settings)
        around.record(Action.AUDIT_TRAIL_SEARCH, asked_for(filters, text))
        page = FallbackSearch(
            engine=engine,
            clock=lambda: datetime.now(UTC),
            primary=ElasticsearchSearch(client=client) if client else None,
            secondary=PostgresSearch(engine=engine),
        ).search(query)
        if client is not None:
            client.close()
    _print_page(page)


@audit.command()
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="tệp zip / the zip")
@_filters
@pass_speech
def export(speech: Speech, *, out: Path, filters: tuple[str, ...], text: str | None) -> None:
    """Lập gói chứng cứ tự kiểm tra được / make an evidence bundle that proves itself."""
    import audit as trail
    from control.actions import Action

    with _around(speech, "audit-export") as around:
        engine = around.database.engine
        with engine.connect() as connection:
            query = read_query(filters, text=text, connection=connection, keys=around.act.writer.keys)
            wanted = trail.bundle.matching(connection, query)
            if not wanted:
                raise AuditError("audit.nothing", vi="Không có bút toán nào khớp.", en="No entry matches.")
        _covering(engine, size=wanted[-1] + 1)
        around.record(Action.AUDIT_BUNDLE_EXPORT, {**asked_for(filters, text), "entries": len(wanted)})
        beside = out.with_name(f".{out.name}.new")
        with engine.connect() as connection, beside.open("wb") as file:
            done = trail.export_bundle(connection, query=query, sequences=wanted, out=file)
        beside.replace(out)
    answer = {"out": str(out), "entries": done.entries, "size": done.size, "digest": done.digest}
    speech.say(answer, text=speech.pick(f"{out}: {done.entries} bút toán", f"{out}: {done.entries} entries"))


@audit.command()
@pass_speech
def head(speech: Speech) -> None:
    """Mốc ký mới nhất / the newest checkpoint, exactly its bytes."""
    with _around(speech, "audit-head") as around:
        newest = _covering(around.database.engine, size=1)
        _write(auditanchor.note_with_witnesses(around.database.engine, newest))


@audit.command()
@click.argument("entry_id", metavar="ID")
@pass_speech
def body(speech: Speech, *, entry_id: str) -> None:
    """Đúng các byte đã băm của một bút toán / the exact leaf bytes of one entry, by id or number."""
    from control.actions import Action

    with _around(speech, "audit-body") as around:
        record = _record(around.database.engine, entry_id)
        around.record(Action.AUDIT_ENTRY_READ, {"sequence": record.sequence})
    if record.body is None:
        raise AuditError(
            "audit.pruned",
            vi="Nội dung bút toán đã xoá theo thời hạn lưu; mã băm vẫn còn.",
            en="The entry's bytes were pruned by retention; its hash remains.",
        )
    _write(record.body)


@audit.command()
@click.argument("entry_id", metavar="ID")
@pass_speech
def proof(speech: Speech, *, entry_id: str) -> None:
    """Bằng chứng một bút toán nằm trong mốc ký / the C2SP proof of one entry against the newest checkpoint."""
    from audit.checkpoint import prove

    with _around(speech, "audit-proof") as around:
        engine = around.database.engine
        record = _record(engine, entry_id)
        checkpoint = _covering(engine, size=record.sequence + 1)
        with engine.connect() as connection:
            _write(prove(connection, record, checkpoint))


def run_signer(settings: Settings) -> None:
    """Hold the key and answer on the socket; the body of `vonglau signer`."""
    from sqlalchemy import create_engine

    from audit.keyfile import load_or_make_key
    from audit.signer import Signer, serve

    if settings.signer_socket is None:
        raise AuditError(
            "signer.no_socket", vi="Hãy đặt VONGLAU_SIGNER_SOCKET.", en="Set VONGLAU_SIGNER_SOCKET.", exit_status=2
        )
    engine = create_engine(settings.database_url, pool_size=1, pool_pre_ping=True)
    key_file = settings.state_dir / "log.key"
    key_of_log = load_or_make_key(key_file, name=origin_of(os.environ))
    state_file = settings.state_dir / "signed.json"
    signer = Signer(engine=engine, key=key_of_log, state_file=state_file, key_file=key_file)
    stop = threading.Event()
    _stop_on_signals(stop)
    admins = frozenset({0, os.geteuid()})
    vault = threading.Thread(target=_keep_vault, args=(settings, stop), name="vault")
    vault.start()
    serve(signer, path=settings.signer_socket, allowed_uids=callers("audit"), admin_uids=admins, stop=stop)
    stop.set()
    vault.join()
    engine.dispose()


def _keep_vault(settings: Settings, stop: threading.Event) -> None:
    """Answer at the vault's own door, so that neither door waits for the other; when it falls, so does the process."""
    from datetime import UTC, datetime

    from sqlalchemy import create_engine

    from audit.door import open_door
    from control.privilege.vault.custodian import Custodian, Visitors
    from control.privilege.vault.custody import KEY_FILE, socket_beside
    from control.privilege.vault.keyring import Keyring

    engine = create_engine(settings.database_url, pool_size=1, pool_pre_ping=True)
    try:
        custodian = Custodian(
            engine=engine,
            keyring=Keyring.load_or_make(settings.state_dir / KEY_FILE),
            visitors=Visitors(web=callers("web"), worker=callers("worker"), admin=frozenset({0, os.geteuid()})),
            clock=lambda: datetime.now(UTC),
        )
        socket_file = socket_beside(settings.signer_socket or settings.state_dir)
        open_door(custodian.answer, path=socket_file, welcome=custodian.visitors.all, stop=stop)
    finally:
        stop.set()
        engine.dispose()


def callers(process: str) -> frozenset[int]:
    """Return who may ask as a process of the product: its own account, root, and whoever runs the signer."""
    import pwd

    from control.stand.accounts import PROCESS_ACCOUNTS

    try:
        return frozenset({0, os.geteuid(), pwd.getpwnam(PROCESS_ACCOUNTS[process]).pw_uid})
    except KeyError:
        return frozenset({0, os.geteuid()})


def origin_of(environment: Mapping[str, str]) -> str:
    """Return the name of the log, which its key carries too."""
    return environment.get("VONGLAU_AUDIT_ORIGIN") or ORIGIN


def _print_page(page: trail.Page) -> None:
    import orjson

    first = {
        "source": page.source,
        "lag": round(page.lag_seconds, 3),
        "lag_entries": page.lag_entries,
        "stalled_since": page.stalled_since.astimezone(RULES_ZONE) if page.stalled_since else None,
        "why_not_first": page.why_not_first,
        "total": page.total,
        "total_is_exact": page.is_total_exact,
    }
    lines = [orjson.dumps(first)]
    for hit in page.hits:
        tree = hit.body or {"@timestamp": hit.at.astimezone(UTC), "event": {"id": hit.id}}
        ours = {"sequence": hit.sequence, "hash": hit.hash}
        if hit.original is not None:
            ours["original"] = hit.original.decode(errors="replace")
        lines.append(orjson.dumps({**tree, "event": {**tree["event"], **ours}}))
    _write(b"\n".join(lines) + b"\n")


def _record(engine: Any, entry_id: str) -> trail.Record:
    """Find an entry by id or number; one that was just written gets a moment to be numbered."""
    import audit as trail
    from control.errors import NotFound

    try:
        wanted: int | UUID = int(entry_id) if entry_id.isascii() and entry_id.isdigit() else UUID(entry_id)
    except ValueError as error:
        raise AuditError(
            "audit.id",
            vi="Mã bút toán là UUID hoặc số thứ tự.",
            en="An entry is named by its UUID or its number.",
            exit_status=2,
        ) from error

    def look(connection: Connection) -> trail.Record | None:
        journal = trail.Journal(connection)
        return journal.read(wanted) if isinstance(wanted, int) else journal.find(wanted)

    found = _wait_for(engine, look, seconds=2.0)
    if found is None:
        raise NotFound("audit-entry", entry_id)
    return found


def _covering(engine: Any, *, size: int) -> trail.Checkpoint:
    """Return the newest checkpoint once it covers `size` entries; waits up to 15 s."""
    import audit as trail

    found = _wait_for(
        engine, lambda connection: trail.Journal(connection).checkpoint(at_least=size), seconds=COVER_SECONDS
    )
    if found is None:
        raise _no_checkpoint()
    return found


def _wait_for(engine: Any, look: Callable[[Connection], Found | None], *, seconds: float) -> Found | None:
    deadline = time.monotonic() + seconds
    while True:
        with engine.connect() as connection:
            found = look(connection)
        if found is not None or time.monotonic() > deadline:
            return found
        time.sleep(LOOK_SECONDS)


def _stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


for _command in (
    *auditkeep.COMMANDS,
    *auditsegments.COMMANDS,
    *auditship.COMMANDS,
    auditanchor.key,
    auditanchor.line,
    auditgap.gap,
):
    audit.add_command(_command)
