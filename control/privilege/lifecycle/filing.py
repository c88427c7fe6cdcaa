"""Draws up, completes, sends and takes back requests about accounts.

Not for: rules (domain.py), reading forms (table.py). Invariants: all faults come at once and leave nothing but their
entry; what was sent never changes; the clocks start with the moment the request was received.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput
from control.mail import is_address
from control.privilege.lifecycle import domain
from control.privilege.lifecycle.checking import Checked, check_lines, may_ask_for, unit_of
from control.privilege.lifecycle.clocks import dates_of
from control.privilege.lifecycle.domain import Kind, Mode, State
from control.privilege.lifecycle.listing import about, facts_of, load, load_locked
from control.privilege.lifecycle.models import AccountRequest, AccountRequestLine, AccountRequestPaper
from control.privilege.lifecycle.table import DraftLine
from control.privilege.lifecycle.terms import LifecycleTerms
from control.text import fold

RULE_FORM, RULE_UNIT = "lifecycle.form", "lifecycle.own_unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was typed, as far as it could be read."""

    kind: Kind
    unit: str
    notice_mail: str
    asset_code: str
    lines: tuple[DraftLine, ...]
    faults: tuple[InvalidInput, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A draft that was not taken, with every fault."""

    faults: tuple[InvalidInput, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPaper:
    """One signed form about to be attached, and what its signature was found to be."""

    form: str
    number: str
    signed_on: date
    signer: str
    is_copy: bool
    signature: str
    signature_by: str = ""
    file: bytes = field(repr=False)


def draw_up(session: Session, *, draft: Draft, act: Act, terms: LifecycleTerms) -> AccountRequest | Refused:
    """Store a complete draft: its papers are signed from it; or return every fault."""
    checked, faults = check_lines(
        session, kind=draft.kind, unit=draft.unit, asset_code=draft.asset_code, lines=draft.lines
    )
    told = [*draft.faults, *_once(draft.faults, faults)]
    own = unit_of(session, person_id=act.actor.id)
    if draft.unit and not may_ask_for(act, unit=draft.unit, own_unit=own):
        told.append(InvalidInput("lifecycle.not_your_unit", field="unit", unit=own or "–"))
    if draft.notice_mail and not is_address(draft.notice_mail):
        told.append(InvalidInput("lifecycle.mail_unreadable", field="notice_mail"))
    if told:
        refusal = Deny(rule=RULE_FORM, reason=told[0].code)
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_FILE, refusal, details={"kind": draft.kind, "faults": len(told)})
        return Refused(faults=tuple(told))
    request = AccountRequest(
        kind=draft.kind,
        mode=Mode.ORDINARY,
        state=State.DRAFT,
        unit=draft.unit,
        notice_mail=draft.notice_mail,
        requester_id=act.actor.id,
        requester_key=act.actor.id,
        filed_by_id=act.actor.id,
        filed_by_key=act.actor.id,
        filed_at=act.now,
        profile=terms.profile,
        search_text=_words(draft.unit, checked),
    )
    session.add(request)
    session.flush()
    add_lines(session, request, checked)
    request = load(session, request.code)
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_FILE,
        about=about(request),
        details={"kind": draft.kind, "lines": len(checked), "unit": draft.unit},
    )
    return request


def add_lines(session: Session, request: AccountRequest, checked: Sequence[Checked]) -> None:
    """Store the rows of a request."""
    for one in checked:
        line = one.line
        session.add(
            AccountRequestLine(
                request_id=request.id,
                position=line.number,
                kind=request.kind,
                mode=request.mode,
                requester_key=request.requester_key,
                filed_by_key=request.filed_by_key,
                asset_id=one.asset.id if one.asset else (one.account.asset_id if one.account else None),
                account_id=one.account.id if one.account else None,
                login=line.login,
                person_name=line.person_name,
                title=line.title,
                unit=line.unit,
                rights_asked=list(line.rights),
                reason=line.reason,
                wanted_at=line.wanted_at,
            )
        )
    session.flush()


def attach_paper(session: Session, *, code: str, paper: NewPaper, act: Act) -> Decision:
    """Attach one signed form to a draft, in place of one brought before, with the verdict on its signature (S3-9.3)."""
    request = load_locked(session, code)
    adopt(session, request, act=act)
    decision = domain.may_attach(facts_of(request), form=paper.form)
    if isinstance(decision, Allow):
        facts = domain.PaperFacts(form=paper.form, signature=paper.signature, is_copy=paper.is_copy)
        decision = domain.sound_enough(facts, must_be_signed=False)  # an unsound one is not even kept
    details: dict[str, str | int | bool] = {"form": paper.form, "signature": paper.signature}
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_ATTACH, decision, about=about(request), details=details)
        return decision
    session.execute(
        delete(AccountRequestPaper).where(
            AccountRequestPaper.request_id == request.id, AccountRequestPaper.form == paper.form
        )
    )
    row = AccountRequestPaper(
        request_id=request.id,
        form=paper.form,
        number=paper.number,
        signed_on=paper.signed_on,
        signer=paper.signer,
        is_copy=paper.is_copy,
        signature=paper.signature,
        signature_by=paper.signature_by,
        judged_at=act.now,
        file=paper.file,
        file_sha256=sha256(paper.file).hexdigest(),
        size_bytes=len(paper.file),
        brought_by_id=act.actor.id,
        brought_at=act.now,
    )
    session.add(row)
    session.flush()
    act.record(
        session, Action.PRIVILEGE_LIFECYCLE_ATTACH, about=about(request), details={**details, "sha256": row.file_sha256}
    )
    return decision


def adopt(session: Session, request: AccountRequest, *, act: Act) -> None:
    """Let whoever first works on a draft the directory made be the one who asks."""
    if request.requester_key or request.state != State.DRAFT:
        return
    request.requester_id = request.requester_key = act.actor.id
    request.filed_by_id = request.filed_by_key = act.actor.id
    session.flush()


def submit_request(session: Session, *, code: str, received_at: datetime, act: Act, terms: LifecycleTerms) -> Decision:
    """Send a draft with its papers: its clocks run from `received_at`, which is never in the future; or refuse."""
    request = load_locked(session, code)
    adopt(session, request, act=act)
    facts = facts_of(request)
    decision = domain.may_submit(facts, must_be_signed=terms.must_be_signed)
    if isinstance(decision, Allow) and act.actor.id not in facts.parties:
        decision = Deny(rule=domain.RULE_FOUR_EYES, reason="lifecycle.not_yours")
    if isinstance(decision, Allow):
        _start_clocks(request, received_at=min(received_at, act.now), terms=terms)
        request.state = State.SUBMITTED
        try:
            with session.begin_nested():
                session.flush()
        except IntegrityError as error:
            if "ck_account_request_forms" not in str(error.orig):
                raise
            decision = Deny(rule=domain.RULE_FORMS, reason="lifecycle.forms_missing", params={"forms": "–"})
            request = load(session, code)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_SUBMIT, decision, about=about(request))
        return decision
    request = load(session, code)
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_SUBMIT,
        about=about(request),
        details={
            "received_at": _iso(request.received_at),
            "due_at": _iso(request.due_at),
            "short": sum(line.is_short for line in request.lines),
            "signatures": " ".join(f"{paper.form}={paper.signature}" for paper in request.papers),
        },
    )
    return decision


def _start_clocks(request: AccountRequest, *, received_at: datetime, terms: LifecycleTerms) -> None:
    request.received_at = received_at
    for line in request.lines:
        dates = dates_of(
            terms.clocks,
            kind=Kind(request.kind),
            mode=Mode(request.mode),
            received_at=received_at,
            wanted_at=line.wanted_at,
        )
        line.due_at, line.due_rule, line.is_short = dates.clock.due_at, dates.clock.rule, dates.is_short
    request.due_at = min(line.due_at for line in request.lines if line.due_at is not None)


def withdraw_request(session: Session, *, code: str, act: Act) -> Decision:
    """Take a request back before it is decided, or refuse and say why."""
    request = load_locked(session, code)
    decision = domain.may_withdraw(facts_of(request), actor_id=act.actor.id)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_WITHDRAW, decision, about=about(request))
        return decision
    request.state, request.ended_at = State.WITHDRAWN, act.now
    session.flush()
    act.record(session, Action.PRIVILEGE_LIFECYCLE_WITHDRAW, about=about(request))
    return decision


def set_draft_rights(session: Session, *, code: str, position: int, rights: Sequence[str], act: Act) -> Decision:
    """Say which rights a line of a draft asks for: what the directory drafted names none of the new unit's."""
    request = load_locked(session, code)
    adopt(session, request, act=act)
    facts = facts_of(request)
    line = next((line for line in request.lines if line.position == position), None)
    decision: Decision = Allow(rule=domain.RULE_STATE)
    if line is None or line.kind != Kind.CHANGE or request.state != State.DRAFT:
        decision = Deny(rule=domain.RULE_STATE, reason="lifecycle.wrong_state", params={"state": request.state})
    elif act.actor.id not in facts.parties:
        decision = Deny(rule=domain.RULE_FOUR_EYES, reason="lifecycle.not_yours")
    details: dict[str, str | int | bool] = {"line": position, "rights": " ".join(rights)}
    if isinstance(decision, Deny) or line is None:
        refusal = decision if isinstance(decision, Deny) else Deny(rule=domain.RULE_STATE, reason="not_found")
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_FILE, refusal, about=about(request), details=details)
        return refusal
    line.rights_asked = list(rights)
    session.flush()
    act.record(session, Action.PRIVILEGE_LIFECYCLE_FILE, about=about(request, line), details=details)
    return decision


def _once(told: Sequence[InvalidInput], faults: Sequence[InvalidInput]) -> list[InvalidInput]:
    """Return the faults of fields that have none yet: one sentence a field is enough."""
    named = {fault.field for fault in told}
    return [fault for fault in faults if fault.field not in named]


def _words(unit: str, checked: Sequence[Checked]) -> str:
    rows = (f"{one.line.login} {one.line.person_name} {one.account.code if one.account else ''}" for one in checked)
    return fold(" ".join([unit, *rows]))


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""
