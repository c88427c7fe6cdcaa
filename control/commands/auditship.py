"""`vonglau audit ship|reconcile|template`: keep the copies of the journal the journal, and prove that they are.

Each runs under the identity its work needs: shipping and comparing as the process of the trail, the template as the
keeper of the index. Not for: the loop (`vonglau audit run`), searching.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from control.commands.auditaround import around, keeper_client, reader_client, search_client
from control.commands.auditquery import RULES_ZONE, AuditError
from control.commands.speech import Speech, pass_speech

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from audit.reconciliations import Reconciliation
    from audit.shipper import Shipped, Shipper
    from control.acts import Act
    from control.db import Database
    from control.settings import Settings

TARGETS = ("elasticsearch", "postgresql")
# One rebuild at a time: two would set the cursor back under each other's feet.
REBUILD_LOCK = 0x766C_7265_6275_696C
MOST_FAILURES = 8


@click.command()
@click.option("--once", is_flag=True, help="một lượt / one batch only")
@click.option("--rebuild", is_flag=True, help="gửi lại từ nhật ký / send everything again from the journal")
@click.option("--from", "first", type=click.IntRange(min=0), default=0, help="với --rebuild: từ số / from this number")
@click.option("--target", type=click.Choice(TARGETS), default=TARGETS[0], help="bản sao nào / which copy")
@pass_speech
def ship(speech: Speech, *, once: bool, rebuild: bool, first: int, target: str) -> None:
    """Gửi nhật ký sang bản sao / send the journal to a copy until it has caught up; one line of progress a batch."""
    if first and not rebuild:
        raise AuditError(
            "audit.from_without_rebuild",
            vi="--from chỉ dùng cùng --rebuild.",
            en="--from goes with --rebuild only.",
            exit_status=2,
        )
    with around(speech, "audit-ship", role="audit") as held, _one_at_a_time(held.database.engine, is_rebuild=rebuild):
        copier = _copier(held.settings, held.database.engine, target)
        if rebuild:
            _rebuild(held.database, held.act, copier, target=target, first=first)
        size = _size(held.database.engine)
        sent, trouble = _catch_up(speech, copier, size=size, once=once)
        held.record(_action("AUDIT_INDEX_SHIP"), {"target": target, "sent": sent, "ok": trouble is None})
    if trouble is not None:
        raise AuditError(
            "audit.not_shipped",
            vi=f"Chưa gửi hết: {trouble}. Con trỏ giữ nguyên, không mất bút toán nào.",
            en=f"Not everything is there yet: {trouble}. The cursor has not moved over it, nothing is lost.",
            exit_status=3,
        )


@click.command()
@click.option("--from", "first", type=click.IntRange(min=0), default=0, help="từ số thứ tự / from this number")
@click.option("--target", type=click.Choice(TARGETS), default=TARGETS[0], help="bản sao nào / which copy")
@pass_speech
def reconcile(speech: Speech, *, first: int, target: str) -> None:
    """So bản sao với nhật ký, hai chiều / compare a copy with the journal both ways: 0 equal, 1 not."""
    from audit.reconcile import CopyUnavailableError, Reconciler

    with around(speech, "audit-reconcile", role="audit") as held:
        client = reader_client(held.settings) if target == TARGETS[0] else None
        try:
            found = Reconciler(engine=held.database.engine, clock=_now, client=client).run(target, first=first)
        except CopyUnavailableError as error:
            raise AuditError(
                "audit.copy_unavailable",
                vi=f"Bản sao không trả lời, nên chưa kết luận được: {error}",
                en=f"The copy does not answer, so nothing can be said: {error}",
                exit_status=3,
            ) from error
        finally:
            if client is not None:
                client.close()
        keep(held.database, held.act, found)
    counts = f"{found.missing} / {found.extra} / {found.altered}"
    lines = [
        speech.pick(
            f"{'TRÙNG KHỚP' if found.is_equal else 'KHÁC NHAU'}: {found.checked} bút toán, "
            f"thiếu / thừa / sai {counts}, không nhập được {found.dead}, đã hết hạn lưu {found.pruned}",
            f"{'EQUAL' if found.is_equal else 'DIFFERENT'}: {found.checked} entries, "
            f"missing / extra / altered {counts}, dead letters {found.dead}, pruned {found.pruned}",
        ),
        *(f"  {one.kind} #{one.sequence} {one.where} {one.id} {one.detail}" for one in found.sample),
    ]
    speech.say({**asdict(found), "equal": found.is_equal}, text="\n".join(lines))
    click.get_current_context().exit(0 if found.is_equal else 1)


@click.command()
@pass_speech
def template(speech: Speech) -> None:
    """Đặt khuôn chỉ mục / put the index template in place, with the keeper's credentials; safe to repeat."""
    from elasticsearch import ApiError, TransportError

    from audit.document import TEMPLATE_DIGEST
    from audit.shipper import has_template, put_template

    with around(speech, "audit-template", role="keeper") as held:
        client = keeper_client(held.settings)
        if client is None:
            raise _no_server()
        try:
            is_new = not has_template(client)
            if is_new:
                held.record(_action("AUDIT_TEMPLATE_PUT"), {"digest": TEMPLATE_DIGEST})
                put_template(client)
        except (ApiError, TransportError) as error:
            raise AuditError(
                "audit.template_refused",
                vi=f"Máy chủ tìm kiếm không nhận khuôn chỉ mục: {error}",
                en=f"The search server did not take the template: {error}",
                exit_status=3,
            ) from error
        finally:
            client.close()
    speech.say(
        {"digest": TEMPLATE_DIGEST, "changed": is_new},
        text=speech.pick("Khuôn chỉ mục đã đúng bản này.", "The index template is the one of this release."),
    )


def keep(database: Database, act: Act, found: Reconciliation) -> None:
    """Write what a comparison found, and the entry that tells of it, in one transaction."""
    import audit as trail
    from audit import reconciliations

    counts = {name: getattr(found, name) for name in ("first", "last", "checked", "missing", "extra", "altered")}
    with database.unit_of_work() as session:
        reconciliations.write(session.connection(), found)
        act.record(
            session,
            _action("AUDIT_INDEX_RECONCILE"),
            outcome=trail.Outcome.SUCCESS if found.is_equal else trail.Outcome.FAILURE,
            details={"target": found.target, **counts, "dead": found.dead, "pruned": found.pruned},
        )


def nightly(settings: Settings, engine: Engine) -> Callable[[], float]:
    """Return the step of `audit run` that compares every copy once a day."""
    import policies
    from audit.nightly import Nightly
    from audit.reconcile import Reconciler
    from control.acts import Act
    from control.db import Database
    from control.writers import impersonal_writer

    database = Database(settings.database_url, pool_size=2)
    law = policies.load()
    writer = impersonal_writer(law)

    def keep_it(found: Reconciliation) -> None:
        act = Act.for_system("audit-reconcile", now=_now(), writer=writer, policy_digest=law.digest)
        keep(database, act, found)

    client = reader_client(settings)
    return Nightly(
        reconciler=Reconciler(engine=engine, clock=_now, client=client),
        targets=TARGETS if client else TARGETS[1:],
        at=settings.reconcile_at,
        zone=RULES_ZONE,
        keep=keep_it,
        asked=_asked,
    ).step


def _asked(connection: Connection, target: str) -> datetime | None:
    """Return when somebody asked on the page of integrity for a comparison that nobody has made yet."""
    from sqlalchemy import text

    asked = text(
        "SELECT max(asked_at) FROM trail_check_run "
        "WHERE kind = 'reconcile' AND target = :target AND finished_at IS NULL"
    )
    found: datetime | None = connection.scalar(asked, {"target": target})
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _TableCopier:
    """Fills the search table the way Shipper fills the index."""

    engine: Engine

    def run_once(self, *, now: datetime) -> Shipped:
        from audit.projection import Projector
        from audit.shipper import Shipped

        count = Projector(engine=self.engine).run_once(now=now)
        return Shipped(count=count, created=count)

    def rewind(self, *, to: int, now: datetime) -> int:
        from audit.projection import rewind

        return rewind(self.engine, to=to, now=now)


def _copier(settings: Settings, engine: Engine, target: str) -> Shipper | _TableCopier:
    from audit.shipper import Shipper

    if target != TARGETS[0]:
        return _TableCopier(engine=engine)
    client = search_client(settings)
    if client is None:
        raise _no_server()
    return Shipper(engine=engine, client=client, requires_template=True)


def _rebuild(database: Database, act: Act, copier: Shipper | _TableCopier, *, target: str, first: int) -> None:
    """Write the entry, then set the cursor back: an act nobody could write down does not happen."""
    with database.unit_of_work() as session:
        act.record(session, _action("AUDIT_INDEX_REBUILD"), details={"target": target, "first": first})
    copier.rewind(to=first, now=_now())


def _catch_up(speech: Speech, copier: Shipper | _TableCopier, *, size: int, once: bool) -> tuple[int, str | None]:
    """Send until the copy holds the first `size` entries; return how many were sent and what stands in the way."""
    sent, failures = 0, 0
    while True:
        done = copier.run_once(now=_now())
        sent += done.count
        failures = failures + 1 if done.error and not done.count else 0
        upto = _upto(copier)
        _tell(speech, done, upto=upto, size=size)
        if once or upto >= size or (not done.count and done.error is None):
            return sent, done.error
        if done.is_stopped or failures >= MOST_FAILURES:
            return sent, done.error
        time.sleep(done.wait_seconds)


def _tell(speech: Speech, done: Shipped, *, upto: int, size: int) -> None:
    line: dict[str, Any] = {
        "upto": upto,
        "size": size,
        "settled": done.count,
        "created": done.created,
        "dead": done.dead,
        "error": done.error,
    }
    text = f"{upto} / {size}" + (f"  ({done.error})" if done.error else "")
    click.echo(json.dumps(line, ensure_ascii=False) if speech.as_json else text)


@contextmanager
def _one_at_a_time(engine: Engine, *, is_rebuild: bool) -> Iterator[None]:
    """Hold the lock of rebuilding. Raises AuditError when another rebuild goes on; shipping needs no lock."""
    from sqlalchemy import func, select

    if not is_rebuild:
        yield
        return
    # A connection in autocommit: a transaction that waits for the whole rebuild would be ended by the server.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(select(func.pg_try_advisory_lock(REBUILD_LOCK))):
            raise AuditError(
                "audit.rebuild_running",
                vi="Một lần dựng lại khác đang chạy. Chờ nó xong rồi chạy lại.",
                en="Another rebuild is running. Wait until it has ended, then try again.",
            )
        try:
            yield
        finally:
            connection.execute(select(func.pg_advisory_unlock(REBUILD_LOCK)))


def _upto(copier: Shipper | _TableCopier) -> int:
    from sqlalchemy import select

    from audit import tables

    target = getattr(copier, "target", TARGETS[1])
    with copier.engine.connect() as connection:
        return connection.scalar(select(tables.ship.c.upto).where(tables.ship.c.target == target)) or 0


def _size(engine: Engine) -> int:
    import audit as trail

    with engine.connect() as connection:
        head = trail.Journal(connection).head()
    return head.size if head else 0


def _no_server() -> AuditError:
    return AuditError(
        "audit.no_server",
        vi="Tiến trình này chưa có máy chủ tìm kiếm: đặt VONGLAU_ELASTICSEARCH_URL và tài khoản của vai này.",
        en="This process has no search server: set VONGLAU_ELASTICSEARCH_URL and the account of this role.",
        exit_status=2,
    )


def _action(name: str) -> Any:
    from control.actions import Action

    return Action[name]


def _now() -> datetime:
    return datetime.now(UTC)


COMMANDS: tuple[click.Command, ...] = (ship, reconcile, template)
