"""Pages of requests about accounts: the queue, the form with its legal dates, and one request. Acts: working pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.access import audited, not_audited, requires, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.errors import InvalidInput, NotFound
from control.frame.forms import kept
from control.frame.tables import ListingRules, csv_response
from control.permissions import Permission
from control.privilege.answers import faults_of
from control.privilege.assets.models import Asset
from control.privilege.lifecycle import filing, forms, listing
from control.privilege.lifecycle.checking import accounts_of_unit, may_ask_for, unit_of
from control.privilege.lifecycle.clocks import Dates
from control.privilege.lifecycle.domain import FORMS_OF, OPEN, WELCOME_FORMS, Form, Kind, State, may_work
from control.privilege.lifecycle.handover import handovers_of_lines
from control.privilege.lifecycle.models import AccountRequest, AccountRequestPaper
from control.privilege.lifecycle.table import COLUMNS, HEADS, ROWS_AT_FIRST, ROWS_MORE, ROWS_MOST
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.words import column_labels, named_faults
from control.privilege.notices.service import notices_of
from control.privilege.processes.rights import roles_of_units
from control.services import services
from policies import RULES_ZONE, PolicyError

blueprint = Blueprint(
    "privilege_lifecycle", __name__, url_prefix="/privilege/account-requests", template_folder="templates"
)
LISTING = ListingRules(sorts={"due_at": "+", "filed_at": "-"}, default="due_at", filters=("q", "kind", "state", "unit"))
OWN = "a unit sees its own requests; those of others need privilege:lifecycle:read, on the object"
SEEN = "accounts and officers of one's own unit or for whoever works on them; each step is an entry"
UPLOAD_BYTES = 200_000


def terms() -> LifecycleTerms:
    """Return the terms the product runs by."""
    held = services()
    return LifecycleTerms.of(held.policies, profile=held.settings.profile)


@blueprint.get("")
@signed_in(because=OWN)
@not_audited(because=SEEN)
def index() -> ResponseReturnValue:
    """List the requests: those that are open, the most urgent first."""
    state = request.args.get("state", "open")
    rules = LISTING.read({**request.args, "state": "" if state == "any" else state})
    with unit_of_work() as session:
        page = listing.list_requests(session, listing=rules, act=g.act)
        waiting, late = listing.counts(session, now=g.now)
    if rules.wants_csv:
        header = ("code", "kind", "mode", "unit", "lines", "received_at", "due_at", "state", "is_late", "ended_at")
        rows = (
            (r.code, r.kind, r.mode, r.unit, len(r.lines), r.received_at, r.due_at, r.state,
             listing.is_late(r, g.now), r.ended_at)
            for r in page.rows
        )  # fmt: skip
        return csv_response("account-requests.csv", header, rows)
    return render_template(
        "lifecycle/list.html",
        page=page,
        listing=rules,
        state=state,
        waiting=waiting,
        late=late,
        is_late=listing.is_late,
        sees_all=Permission.PRIVILEGE_LIFECYCLE_READ in g.actor.permissions,
    )


@blueprint.get("/new")
@requires(Permission.PRIVILEGE_LIFECYCLE_FILE)
@not_audited(because="an empty form")
def new() -> ResponseReturnValue:
    """Show the form of one kind; the account may come in the address."""
    kind = forms.read_kind(request.args.get("kind", ""))
    with unit_of_work() as session:
        unit = unit_of(session, person_id=g.actor.id)
    row = dict.fromkeys(COLUMNS[kind], "") | {"account": request.args.get("account", "")}
    return _form_page(_Shown(kind=kind, form={"unit": unit}, rows=(row,)))


@blueprint.post("/dates")
@requires(Permission.PRIVILEGE_LIFECYCLE_FILE)
@not_audited(because="works out dates from what was typed; nothing is stored")
def dates() -> ResponseReturnValue:
    """Work out the legal dates of what was typed; with htmx the dates alone, otherwise the whole form again."""
    typed = forms.read_draft(request.form, uploaded="", terms=terms())
    more = ROWS_MORE if request.form.get("step") == "more" else 0
    shown = _Shown(
        kind=typed.draft.kind,
        form=kept(request.form, *forms.DRAFT_NAMES),
        rows=tuple(typed.rows),
        more=more,
        dates=_dates(typed),
    )
    if request.headers.get("HX-Request") == "true":
        return render_template("lifecycle/dates.html", dates=shown.dates, kind=shown.kind)
    return _form_page(shown)


@blueprint.get("/template/<kind>.csv")
@requires(Permission.PRIVILEGE_LIFECYCLE_FILE)
@not_audited(because="the heads of an empty table; leaving as a file is recorded by the gate")
def template(kind: str) -> ResponseReturnValue:
    """Hand out the empty CSV table of one kind."""
    if kind not in set(Kind):
        raise NotFound("account-request-kind", kind)
    return csv_response(f"accounts-{kind}.csv", tuple(HEADS[name][0] for name in COLUMNS[Kind(kind)]), ())


@blueprint.post("")
@requires(Permission.PRIVILEGE_LIFECYCLE_FILE)
@audited(Action.PRIVILEGE_LIFECYCLE_FILE)
def create() -> ResponseReturnValue:
    """Store a draft, or show every fault of every row at once."""
    sent = request.files.get("upload")
    content = sent.stream.read(UPLOAD_BYTES + 1).decode("utf-8-sig", errors="replace") if sent else ""
    held = terms()
    typed = forms.read_draft(request.form, uploaded=content, terms=held)
    with unit_of_work() as session:
        made = filing.draw_up(session, draft=typed.draft, act=g.act, terms=held)
    if isinstance(made, filing.Refused):
        shown = _Shown(
            kind=typed.draft.kind,
            form={**kept(request.form, *forms.DRAFT_NAMES), "pasted": ""},
            rows=tuple(typed.rows),
            faults=faults_of(made.faults),
        )
        return make_response(_form_page(shown), HTTPStatus.UNPROCESSABLE_ENTITY)
    flash(
        gettext("Draft %(code)s is kept. Print its forms, have them signed, attach them, send.", code=made.code), "ok"
    )
    return redirect(url_for(".show", code=made.code), HTTPStatus.SEE_OTHER)


@blueprint.get("/<code>")
@signed_in(because=OWN)
@not_audited(because=SEEN)
def show(code: str) -> ResponseReturnValue:
    """Show one request: thread, clocks, lines, papers, notices, and what can be done now."""
    return request_page(code)


@blueprint.get("/<code>/papers/<form>")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_LIFECYCLE_PRINT)
def paper(code: str, form: str) -> ResponseReturnValue:
    """Hand out the signed bytes of one paper as they were brought."""
    with unit_of_work() as session:
        row = listing.load_for(session, code, act=g.act)
        found = session.execute(
            select(AccountRequestPaper.file, AccountRequestPaper.file_sha256).where(
                AccountRequestPaper.request_id == row.id, AccountRequestPaper.form == form[:10]
            )
        ).one_or_none()
        if found is None:
            raise NotFound("paper", form)
        g.act.record(
            session,
            Action.PRIVILEGE_LIFECYCLE_PRINT,
            about=audit.About(request_id=row.code),
            details={"form": form, "sha256": found.file_sha256},
        )
    return pdf_answer(found.file, name=f"{row.code}-{form}.pdf")


def pdf_answer(content: bytes, *, name: str) -> Response:
    """Return a PDF as a file to be kept."""
    answer = Response(content, content_type="application/pdf")
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The form as it is to be shown."""

    kind: Kind
    form: Mapping[str, str]
    rows: Sequence[Mapping[str, str]]
    more: int = 0
    faults: Mapping[str, str] | None = None
    dates: Sequence[tuple[int, str, Dates]] = ()


def _form_page(shown: _Shown) -> str:
    with unit_of_work() as session:
        own = unit_of(session, person_id=g.actor.id)
        typed = shown.form.get("unit", "")
        unit = typed if typed and typed.isprintable() else own  # no database takes a zero byte
        seen = unit if may_ask_for(g.act, unit=unit, own_unit=own) else own  # never the accounts of another's
        accounts = accounts_of_unit(session, unit=seen, kind=shown.kind)
        roles = sorted(roles_of_units(session, units=[seen])[seen])
        assets = session.execute(
            select(Asset.code, Asset.title).where(Asset.kind == "software").order_by(Asset.code)
        ).all()
    faults = shown.faults or {}
    count = min(max(ROWS_AT_FIRST, len(shown.rows) + shown.more), max(ROWS_MOST, len(shown.rows)))
    blank = dict.fromkeys(COLUMNS[shown.kind], "")
    return render_template(
        "lifecycle/form.html",
        kind=shown.kind,
        kinds=[(str(kind), label) for kind, label in kind_choices()],
        form={**shown.form, "unit": unit},
        rows=[*shown.rows, *[blank] * (count - len(shown.rows))],
        columns=COLUMNS[shown.kind],
        labels=column_labels(),
        faults=faults,
        summary=named_faults(faults),
        accounts=[(account.code, _account_label(account)) for account in accounts],
        assets=[(code, f"{title} ({code})") for code, title in assets],
        roles=roles,
        dates=shown.dates or _from_now(shown.kind),
        may_choose_unit=Permission.PRIVILEGE_LIFECYCLE_EXECUTE in g.actor.permissions,
        forms=[str(form) for form in FORMS_OF[shown.kind]],
        most=terms().lines_maximum,
    )


def kind_choices() -> tuple[tuple[Kind, str], ...]:
    """Return the kinds in the words of a person who asks."""
    return (
        (Kind.CREATE, gettext("New accounts")),
        (Kind.LOCK, gettext("Lock accounts")),
        (Kind.ACTIVATE, gettext("Activate locked accounts")),
        (Kind.REVOKE, gettext("Revoke accounts")),
        (Kind.CHANGE, gettext("Change rights")),
    )


def _account_label(account: Any) -> str:
    return f"{account.code}, {account.person.display_name}" if account.person else str(account.code)


def _from_now(kind: Kind) -> list[tuple[int, str, Dates]]:
    """The dates when it is sent now and nothing later is wished."""
    try:
        return [(0, "", terms().clocks.dates(kind, received_at=g.now, wanted_at=None))]
    except PolicyError:
        return []


def _dates(typed: forms.Typed) -> list[tuple[int, str, Dates]]:
    clocks, found = terms().clocks, []
    for line in typed.draft.lines:
        try:
            worked_out = clocks.dates(typed.draft.kind, received_at=g.now, wanted_at=line.wanted_at)
        except PolicyError:
            continue
        found.append((line.number, line.account or line.login, worked_out))
    return found


def request_page(code: str, *, faults: Mapping[str, str] | None = None) -> str:
    """Draw one request with what the person who looks may do."""
    with unit_of_work() as session:
        row = listing.load_for(session, code, act=g.act)
        notices = notices_of(session, request_code=row.code)
        handovers = handovers_of_lines(session, line_ids=[line.id for line in row.lines])
        units = roles_of_units(session, units={line.unit for line in row.lines})
        may = _may(session, row)
    facts = listing.facts_of(row)
    return render_template(
        "lifecycle/show.html",
        row=row,
        facts=facts,
        may=may,
        faults=faults or {},
        summary=named_faults(faults or {}),
        form=kept(request.form, *forms.PAPER_NAMES),
        typed=request.form,
        notices=notices,
        handovers=handovers,
        by_process=units,
        late=listing.is_late(row, g.now),
        line_late=listing.line_is_late,
        clocks=_clock_rows(row),
        missing=[str(form) for form in facts.missing_forms],
        welcome=[str(form) for form in WELCOME_FORMS[facts.kind]],
        printable=[str(form) for form in FORMS_OF[facts.kind] if form is not Form.LETTER],
        stations=_stations(row, notices),
        today=_today(),
    )


def _may(session: Session, row: AccountRequest) -> frozenset[str]:
    """Return the names of the steps the person who looks may take now."""
    facts, held, actor_id = listing.facts_of(row), g.actor.permissions, g.actor.id
    is_own = actor_id in facts.parties or (not facts.parties and row.unit == unit_of(session, person_id=actor_id))
    steps = set()
    if is_own and facts.state is State.DRAFT and Permission.PRIVILEGE_LIFECYCLE_FILE in held:
        steps |= {"attach", "submit"}
    if is_own and facts.state in {State.DRAFT, State.SUBMITTED, State.RECEIVED}:
        steps.add("withdraw")
    if Permission.PRIVILEGE_LIFECYCLE_EXECUTE in held:
        for state, step in ((State.SUBMITTED, "take"), (State.RECEIVED, "rule"), (State.IN_WORK, "execute")):
            if not hasattr(may_work(facts, actor_id=actor_id, states={state}), "reason"):
                steps.add(step)
        steps.add("hand")
    if Permission.PRIVILEGE_LIFECYCLE_APPROVE in held and facts.state in OPEN and not is_own:
        steps.add("approve")
    return frozenset(steps)


def _clock_rows(row: AccountRequest) -> list[dict[str, Any]]:
    """Return the clocks of a sent request: what share of each is over, in percent of its whole."""
    shown = []
    for line in row.lines:
        if row.received_at is None or line.due_at is None or line.due_at <= row.received_at:
            continue
        whole = line.due_at - row.received_at
        end = line.arranged_at or line.ruled_at if row.state not in OPEN else line.arranged_at
        over = ((end or g.now) - row.received_at) / whole
        shown.append(
            {
                "line": line,
                "share": f"{100 * min(max(over, 0.0), 1.0):.2f}%",
                "is_late": listing.line_is_late(line, request=row, now=g.now),
                "end": end,
            }
        )
    return shown


def _stations(row: AccountRequest, notices: Sequence[Any]) -> tuple[Any, ...]:
    from control.frame.thread import Station, StationState  # drawn here only

    document = (
        Station(
            kind="document",
            text=row.document.number,
            href=url_for("privilege_documents.show", document_id=row.document_id),
        )
        if row.document
        else Station(kind="document", text=row.incident, state=StationState.DONE if row.incident else StationState.NEXT)
    )
    told = next((notice for notice in notices if notice.state == "told"), None)
    notice = (
        Station(kind="notice", text=told.code, href=url_for("privilege_notices.show", code=told.code))
        if told
        else Station(kind="notice", state=StationState.NEXT)
    )
    return (
        document,
        Station(kind="request", text=row.code, state=StationState.HERE),
        Station(kind="act", text=gettext("done"), state=StationState.DONE)
        if row.ended_at
        else Station(kind="act", state=StationState.NEXT),
        notice,
        Station(kind="entry", text=row.code, href=f"/trail?q={row.code}"),
    )


def _today() -> date:
    now: datetime = g.now
    return now.astimezone(RULES_ZONE).date()


def fault_page(code: str, faults: Sequence[InvalidInput]) -> ResponseReturnValue:
    """Show the request again with what was wrong."""
    return make_response(request_page(code, faults=faults_of(faults)), HTTPStatus.UNPROCESSABLE_ENTITY)
