"""`vonglau audit prune|hold|rewrap|keep`: what the pruner's role does once two persons have approved it.

None of these approves anything. `prune` previews and carries out, `hold` lists and proposes, `rewrap` wraps the keys of
persons with the present master key, `keep` does all of that again and again as a process of its own.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from control.commands.auditquery import RULES_ZONE, AuditError
from control.commands.speech import Speech, pass_speech

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

    from audit.holds import Hold
    from audit.prune import Preview
    from control.acts import Act
    from control.assurance.keeping.execution import Outcome
    from control.db import Database
    from policies import Policies

LOOK_SECONDS, MONTHS_EVERY_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 3600.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keeper:
    """One process under the pruner's role (or the worker's, for holds), and the act it is."""

    database: Database
    law: Policies
    act: Act
    client: Elasticsearch | None


@contextmanager
def _keeper(speech: Speech, name: str, *, role: str = "pruner") -> Iterator[_Keeper]:
    import policies
    from control.acts import Act
    from control.commands.auditaround import keeper_client
    from control.db import Database
    from control.settings import Settings
    from control.writers import make_writer

    settings = Settings.from_env(speech.environment(role, os.environ))
    law = policies.load()
    database = Database(settings.database_url, pool_size=2)
    writer = make_writer(settings, law)
    writer.follow(database.engine)
    act = Act.for_system(name, now=datetime.now(UTC), writer=writer, policy_digest=law.digest)
    client = keeper_client(settings) if role == "pruner" else None
    try:
        yield _Keeper(database=database, law=law, act=act, client=client)
    finally:
        if client is not None:
            client.close()
        database.engine.dispose()


@click.command()
@click.option("--dry-run", is_flag=True, help="chỉ xem trước / only look")
@pass_speech
def prune(speech: Speech, *, dry_run: bool) -> None:
    """Thực hiện việc xoá đã được hai người duyệt / carry out what two persons have approved; approves nothing."""
    with _keeper(speech, "audit-prune") as keeper:
        if dry_run:
            _preview(speech, keeper)
            return
        _demand_the_pruners_role(keeper)
        outcomes, dropped = _carry_out(keeper)
    failed = [one for one in outcomes if one.state == "failed"]
    document = {"done": [one.as_json() for one in outcomes], "indices": dropped}
    lines = [_line(speech, one) for one in outcomes]
    lines += [speech.pick(f"đã xoá chỉ mục {name}", f"dropped index {name}") for name in dropped]
    nothing = speech.pick("Không có gì đã được hai người duyệt.", "Nothing waits that two persons have approved.")
    speech.say(document, text="\n".join(lines) or nothing)
    click.get_current_context().exit(1 if failed else 0)


def _demand_the_pruners_role(keeper: _Keeper) -> None:
    """Refuse any other role before a proposal is touched, even one that would take nothing. Raises AuditError."""
    from sqlalchemy import text

    with keeper.database.engine.connect() as connection:
        may = connection.scalar(text("SELECT has_column_privilege('audit_journal', 'body', 'UPDATE')"))
    if not may:
        raise AuditError(
            "audit.not_the_pruner",
            vi="Chỉ vai trò vl_pruner của cơ sở dữ liệu được thực hiện việc xoá.",
            en="Only the database's role vl_pruner may carry out a pruning.",
        )


@click.group(invoke_without_command=True)
@click.option("--all", "with_released", is_flag=True, help="cả lệnh đã gỡ / released ones too")
@click.pass_context
def hold(ctx: click.Context, *, with_released: bool) -> None:
    """Lệnh giữ: liệt kê, đề xuất đặt, đề xuất gỡ / legal holds: list, propose to place, propose to release."""
    if ctx.invoked_subcommand is None:
        _list_holds(ctx.find_object(Speech) or Speech(), with_released=with_released)


@hold.command("place")
@click.option("--order", "order_number", required=True, metavar="N", help="số văn bản / number of the order")
@click.option("--ordered-on", required=True, metavar="DATE", help="ngày ký / its date, 2026-11-20")
@click.option("--scope", required=True, help="case, account, grant, document, actor, period")
@click.option("--value", default="", help="mã hoặc số / the code or number")
@click.option("--since", default="", metavar="T", help="từ / from")
@click.option("--until", default="", metavar="T", help="đến / until")
@click.option("--reason", required=True, help="lý do / why")
@pass_speech
def place(speech: Speech, /, **form: str) -> None:
    """Đề xuất đặt lệnh giữ; hai người duyệt trên trang Lưu giữ / propose a hold; two persons approve it on the page."""
    from control.assurance.keeping.forms import read_hold

    _propose(speech, read_hold(form, today=datetime.now(RULES_ZONE).date()))


@hold.command("release")
@click.argument("code", metavar="GL-…")
@click.option("--order", "order_number", required=True, metavar="N", help="số văn bản / number of the order")
@click.option("--ordered-on", required=True, metavar="DATE", help="ngày ký / its date")
@click.option("--reason", required=True, help="lý do / why")
@pass_speech
def release(speech: Speech, /, *, code: str, **form: str) -> None:
    """Đề xuất gỡ lệnh giữ; hai người duyệt / propose to release a hold; two persons approve."""
    from control.assurance.keeping.forms import read_release
    from control.assurance.keeping.service import load_hold

    with _keeper(speech, "audit-hold", role="worker") as keeper, keeper.database.unit_of_work() as session:
        found = load_hold(session, code)
    if not found.is_active:
        raise _released()
    _propose(speech, read_release(form, hold=found, today=datetime.now(RULES_ZONE).date()))


@click.command()
@click.option("--dry-run", is_flag=True, help="chỉ đếm / only count")
@pass_speech
def rewrap(speech: Speech, *, dry_run: bool) -> None:
    """Bọc lại khoá của từng người bằng khoá chủ hiện tại / wrap the keys of persons with the present master key."""
    from audit.subjects import wrapping

    with _keeper(speech, "audit-rewrap") as keeper:
        if keeper.act.writer.keys.master_key is None:
            raise AuditError(
                "rewrap.no_key", vi="Hãy đặt VONGLAU_SUBJECT_KEY.", en="Set VONGLAU_SUBJECT_KEY.", exit_status=2
            )
        done = 0 if dry_run else rewrap_all(keeper.database, act=keeper.act)
        with keeper.database.engine.connect() as connection:
            left = wrapping(connection)
    text = "\n".join(
        speech.pick(f"khoá chủ {name}: {count} khoá", f"master key {name}: {count} keys")
        for name, count in sorted(left.items())
    )
    speech.say({"rewrapped": done, "wrapped_by": left}, text=text or speech.pick("Chưa có khoá nào.", "No keys yet."))


@click.command()
@pass_speech
def keep(speech: Speech) -> None:
    """Tiến trình lưu giữ: thực hiện những gì hai người đã duyệt / the keeping process, until told to stop."""
    from control import logging

    logging.configure()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _keeper(speech, "audit-keep") as keeper:
        run_keeping(keeper, stop=stop)


def run_keeping(keeper: _Keeper, *, stop: threading.Event) -> None:
    """Wrap what rests unwrapped, then look for approved proposals every few seconds; a failure is tried again."""
    from dataclasses import replace
    from logging import getLogger

    from elasticsearch import ApiError, TransportError
    from sqlalchemy.exc import SQLAlchemyError

    from audit.subjects import SubjectKeyError
    from control.errors import VongLauError

    log, wait, months_in, is_wrapped = getLogger("keeping"), LOOK_SECONDS, 0.0, False
    while not stop.is_set():
        present = replace(keeper, act=replace(keeper.act, now=datetime.now(UTC)))
        try:
            if not is_wrapped and present.act.writer.keys.master_key is not None:
                rewrap_all(present.database, act=present.act)
            is_wrapped = True
            outcomes, dropped = _carry_out(present, with_months=months_in <= 0)
            for one in outcomes:
                log.info("keeping_carried_out", extra={"proposal": one.proposal, "state": str(one.state)})
            if dropped:
                log.info("months_dropped", extra={"count": len(dropped)})
            months_in = MONTHS_EVERY_SECONDS if months_in <= 0 else months_in - wait
            wait = LOOK_SECONDS
        except (SQLAlchemyError, VongLauError, SubjectKeyError, ApiError, TransportError) as error:
            log.warning("keeping_failed", extra={"why": f"{type(error).__name__}: {str(error)[:300]}"})
            wait = min(LONGEST_WAIT_SECONDS, wait * 2)
        stop.wait(wait)


def rewrap_all(database: Database, *, act: Act) -> int:
    """Wrap every key anew that is not under the present master, a batch a transaction, each with its entry."""
    from audit.subjects import master_id
    from control.actions import Action

    keys, total = act.writer.keys, 0
    while True:
        with database.unit_of_work() as session:
            done = keys.rewrap(session.connection())
            if not done:
                return total
            master = master_id(keys.master_key or b"")
            act.record(session, Action.AUDIT_SUBJECT_REWRAP, details={"keys": done, "master": master})
        total += done


def _carry_out(keeper: _Keeper, *, with_months: bool = True) -> tuple[list[Outcome], list[str]]:
    from control.assurance.keeping.execution import drop_spent_months, execute

    work = keeper.database.unit_of_work
    outcomes = execute(work, law=keeper.law.retention, act=keeper.act)
    dropped = drop_spent_months(work, keeper.client, act=keeper.act) if keeper.client and with_months else []
    return outcomes, dropped


def _preview(speech: Speech, keeper: _Keeper) -> None:
    from control.assurance.keeping.execution import approved
    from control.assurance.keeping.survey import due

    with keeper.database.unit_of_work() as session:
        found = due(session, keeper.law.retention, now=keeper.act.now)
        waiting = [
            {"proposal": row.code, "kind": row.kind, "approvals": len(row.approvers)} for row in approved(session)
        ]
    document = {**preview_document(found), "approved": waiting}
    lines = [
        speech.pick(
            f"{one.month} {one.retention}: xoá {one.due}, đang giữ {one.held}, bị sửa {one.altered}",
            f"{one.month} {one.retention}: {one.due} go, {one.held} held, {one.altered} altered",
        )
        for one in found.months
    ]
    lines += [
        speech.pick(f"{name}: {count} mục đến hạn theo lịch, chưa đủ điều kiện", f"{name}: {count} due, not yet ready")
        for name, count in found.waiting.items()
    ]
    lines += [speech.pick(f"đã duyệt: {one['proposal']}", f"approved: {one['proposal']}") for one in waiting]
    speech.say(document, text="\n".join(lines) or speech.pick("Không có gì đến hạn.", "Nothing is due."))


def preview_document(found: Preview) -> dict[str, Any]:
    """Return a preview as other programs read it."""
    return {
        "due": found.due,
        "held": found.held,
        "is_whole": found.is_whole,
        "months": [
            {"class": one.retention, "month": one.month, "due": one.due, "held": one.held, "altered": one.altered}
            for one in found.months
        ],
        "waiting": dict(found.waiting),
        "bounds": {"checkpoint": found.bounds.checkpoint, "anchored": found.bounds.anchored},
    }


def _list_holds(speech: Speech, *, with_released: bool) -> None:
    from audit.holds import holds
    from control.actions import Action
    from control.assurance.keeping.service import hold_code

    with _keeper(speech, "audit-hold", role="worker") as keeper, keeper.database.unit_of_work() as session:
        found = holds(session.connection(), active=not with_released)
        keeper.act.record(session, Action.AUDIT_HOLD_LIST, details={"count": len(found)})
    lines = [
        f"{hold_code(one.id)}  {one.scope} {one.value or ''}  {one.order_number}  "
        + (speech.pick("đang giữ", "held") if one.is_active else speech.pick("đã gỡ", "released"))
        for one in found
    ]
    none = speech.pick("Không có lệnh giữ nào.", "There is no hold.")
    speech.say([_hold_document(hold_code(one.id), one) for one in found], text="\n".join(lines) or none)


def _hold_document(code: str, one: Hold) -> dict[str, Any]:
    def local(at: datetime | None) -> str | None:
        return at.astimezone(RULES_ZONE).isoformat() if at else None

    return {
        "hold": code,
        "order": one.order_number,
        "ordered_on": one.ordered_on.isoformat(),
        "scope": one.scope,
        "value": one.value,
        "since": local(one.since),
        "until": local(one.until),
        "requested_by": one.requested_by,
        "approved_by": one.approved_by,
        "placed_at": local(one.placed_at),
        "release_order": one.release_order_number,
        "released_at": local(one.released_at),
    }


def _propose(speech: Speech, draft: Any) -> None:
    from control.assurance.keeping import service
    from control.errors import InvalidForm

    if isinstance(draft, tuple):
        raise draft[0] if len(draft) == 1 else InvalidForm(draft)
    with _keeper(speech, "audit-hold", role="worker") as keeper, keeper.database.unit_of_work() as session:
        row = service.propose(session, draft, act=keeper.act)
        document = {"proposal": row.code, "kind": row.kind, "sha256": row.body_sha256, "approvals_needed": 2}
    speech.say(
        document,
        text=speech.pick(f"{row.code}: chờ hai người duyệt", f"{row.code}: waits for two persons to approve"),
    )


def _line(speech: Speech, one: Outcome) -> str:
    if one.state == "failed":
        return speech.pick(f"{one.proposal}: không thực hiện được ({one.why})", f"{one.proposal}: failed ({one.why})")
    if one.kind == "prune":
        return speech.pick(
            f"{one.proposal}: xoá {one.emptied} nội dung, giữ lại {one.held}",
            f"{one.proposal}: {one.emptied} bodies pruned, {one.held} held",
        )
    return speech.pick(
        f"{one.proposal}: huỷ {one.keys} khoá, xoá {one.openings} giá trị niêm phong",
        f"{one.proposal}: {one.keys} keys destroyed, {one.openings} sealed values dropped",
    )


def _released() -> AuditError:
    return AuditError("keeping.hold_released", vi="Lệnh giữ này đã được gỡ.", en="This hold has been released already.")


COMMANDS: tuple[click.Command, ...] = (prune, hold, rewrap, keep)
