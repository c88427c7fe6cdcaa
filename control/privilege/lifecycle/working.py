"""Takes up a request, decides its lines, carries them out, and tells the unit when all is done.

Not for: rules (domain.py), effects (effects.py). Invariants: the request is locked first, so two who work at once are
one after the other; a line is carried out once; what slips past a rule is refused by the database in the same words;
the notice is written in the transaction that finishes the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.privilege.documents.domain import NewDocument
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.documents.service import file_document
from control.privilege.lifecycle import domain
from control.privilege.lifecycle.domain import FORMS_OF, Kind, Ruling, State, Verdict
from control.privilege.lifecycle.effects import carry_out
from control.privilege.lifecycle.listing import about, facts_of, line_facts, load, load_locked
from control.privilege.lifecycle.models import AccountRequest, AccountRequestLine, AccountRequestPaper
from control.privilege.lifecycle.telling import TITLES, tell_outcome
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.processes.rights import roles_of_units
from policies import RULES_ZONE

Ticks = Callable[[], int]
NANOSECONDS_IN_MS = 1_000_000
REFUSED_BY_DATABASE = {
    "ck_account_request_taken_by_another": Deny(rule=domain.RULE_FOUR_EYES, reason="lifecycle.own_request"),
    "ck_account_request_line_executed_by_another": Deny(rule=domain.RULE_FOUR_EYES, reason="lifecycle.own_request"),
    "ck_account_request_line_ruled_by_another": Deny(rule=domain.RULE_FOUR_EYES, reason="lifecycle.own_request"),
    "ck_account_request_line_extra_by_another": Deny(rule=domain.RULE_FOUR_EYES, reason="lifecycle.own_request"),
    "ck_account_request_line_reason_for_fewer": Deny(rule=domain.RULE_REASON, reason="lifecycle.reason_missing"),
    "ck_account_request_line_not_more_than_asked": Deny(rule=domain.RULE_REASON, reason="lifecycle.more_than_asked"),
}


def take_up(session: Session, *, code: str, act: Act, terms: LifecycleTerms) -> Decision:
    """Take a sent request into work: its letter is filed as the document every change will cite; or refuse."""
    request = load_locked(session, code)
    facts = facts_of(request)
    decision = domain.may_work(facts, actor_id=act.actor.id, states={State.SUBMITTED})
    for paper in facts.papers:
        if isinstance(decision, Allow):
            decision = domain.sound_enough(paper, must_be_signed=terms.must_be_signed)
    if isinstance(decision, Allow):
        document = _letter(session, request, act=act, terms=terms)
        if isinstance(document, Deny):
            decision = document
        else:
            request.document_id, request.state = document.id, State.RECEIVED
            request.taken_by_id, request.taken_at = act.actor.id, act.now
            session.flush()
            request = load(session, code)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_TAKE, decision, about=about(request))
        return decision
    act.record(session, Action.PRIVILEGE_LIFECYCLE_TAKE, about=about(request))
    return decision


def _letter(
    session: Session, request: AccountRequest, *, act: Act, terms: LifecycleTerms
) -> AuthorisingDocument | Deny:
    """File the request's own form as an authorising document, or use the one of the same number, day and unit."""
    paper = next(paper for paper in request.papers if paper.form == FORMS_OF[Kind(request.kind)][0])
    known = session.scalar(
        select(AuthorisingDocument).where(
            AuthorisingDocument.number == paper.number,
            AuthorisingDocument.signed_on == paper.signed_on,
            AuthorisingDocument.issuing_unit == request.unit,
        )
    )
    if known is not None:
        same = known.file_sha256 == paper.file_sha256
        return (
            known
            if same
            else Deny(rule="privilege.document.once", reason="document.duplicate", params={"number": paper.number})
        )
    content = session.scalar(select(AccountRequestPaper.file).where(AccountRequestPaper.id == paper.id))
    new = NewDocument(
        number=paper.number,
        signed_on=paper.signed_on,
        signer=paper.signer,
        issuing_unit=request.unit,
        subject=TITLES[Kind(request.kind)].replace("Thông báo", "Đề nghị"),
        valid_from=paper.signed_on,
        valid_to=act.now.astimezone(RULES_ZONE).date() + terms.letter_valid,
        file=content or b"",
    )
    return file_document(session, new=new, act=act)


def approve_extra(session: Session, *, code: str, position: int, act: Act) -> Decision:
    """Approve the rights of one line that no process gives, or refuse and say why (S1-14.3)."""
    request = load_locked(session, code)
    line = _line(request, position)
    roles = roles_of_units(session, units=[line.unit])[line.unit]
    decision = domain.may_approve_extra(
        facts_of(request), line_facts(line, process_rights=roles), actor_id=act.actor.id
    )
    if isinstance(decision, Allow):

        def store() -> None:
            line.extra_approved_by_id, line.extra_approved_at = act.actor.id, act.now

        decision = _stored(session, store, decision)
        request = load(session, code)
    details = {"line": position}
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_APPROVE, decision, about=about(request), details=details)
        return decision
    extra = sorted(frozenset(line.rights_asked) - roles)
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_APPROVE,
        about=about(request, _line(request, position)),
        details={**details, "extra": " ".join(extra)},
    )
    return decision


def rule_lines(session: Session, *, code: str, rulings: Mapping[int, Ruling], act: Act) -> Decision:
    """Decide every line of a request at once, or refuse all and say why; a request refused whole is done with that."""
    request = load_locked(session, code)
    decision = domain.may_work(facts_of(request), actor_id=act.actor.id, states={State.RECEIVED})
    units = roles_of_units(session, units=[line.unit for line in request.lines])
    params: dict[str, object] = {}
    for line in request.lines:
        if isinstance(decision, Deny):
            break
        ruling = rulings.get(line.position, Ruling(verdict=Verdict.REFUSED))
        decision = domain.may_rule(line_facts(line, process_rights=units[line.unit]), ruling)
        params = {"line": line.position}
    if isinstance(decision, Allow):

        def store() -> None:
            for line in request.lines:
                ruling = rulings[line.position]
                line.verdict, line.verdict_reason = ruling.verdict, ruling.reason or None
                line.rights_granted = [] if ruling.verdict is Verdict.REFUSED else sorted(ruling.rights)
                line.ruled_by_key, line.ruled_at = act.actor.id, act.now
            request.state = State.IN_WORK

        decision = _stored(session, store, decision)
        request = load(session, code)
    if isinstance(decision, Deny):
        decision = Deny(rule=decision.rule, reason=decision.reason, params={**params, **decision.params})
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_RULE, decision, about=about(request))
        return decision
    verdicts = [str(line.verdict) for line in request.lines]
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_RULE,
        about=about(request),
        details={str(verdict): verdicts.count(verdict) for verdict in Verdict},
        personal={f"reason_{line.position}": line.verdict_reason for line in request.lines if line.verdict_reason}
        or None,
    )
    finish(session, request, act=act)
    return decision


def arrange(session: Session, *, code: str, act: Act, ticks: Ticks) -> Decision:
    """Carry out every granted line: now, or by itself at the later moment the unit wished; or refuse and say why."""
    request = load_locked(session, code)
    decision = domain.may_work(facts_of(request), actor_id=act.actor.id, states={State.IN_WORK})
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_LIFECYCLE_EXECUTE, decision, about=about(request))
        return decision
    waiting = [line for line in request.lines if line.verdict != Verdict.REFUSED and line.arranged_at is None]
    for line in waiting:

        def store(line: AccountRequestLine = line) -> None:
            line.arranged_at, line.executed_by_key = act.now, act.actor.id

        stored = _stored(session, store, decision)
        if isinstance(stored, Deny):
            act.refuse(session, Action.PRIVILEGE_LIFECYCLE_EXECUTE, stored, about=about(load(session, code)))
            return stored
        if line.wanted_at is not None and line.wanted_at > act.now:
            _note(session, request, line, act=act, outcome="arranged")
            continue
        done = execute_line(session, request, line, act=act, ticks=ticks)
        if isinstance(done, Deny):
            line.arranged_at = line.executed_by_key = None
            session.flush()
            return done
    finish(session, load(session, code), act=act)
    return decision


def execute_line(
    session: Session, request: AccountRequest, line: AccountRequestLine, *, act: Act, ticks: Ticks
) -> Decision:
    """Let one arranged line take effect, and measure how long that took."""
    began = ticks()
    done = carry_out(session, request=request, line=line, act=act)
    if isinstance(done, Deny):
        act.refuse(
            session,
            Action.PRIVILEGE_LIFECYCLE_EXECUTE,
            done,
            about=about(request, line),
            details={"line": line.position},
        )
        return done
    line.executed_at, line.effect_ms = act.now, (ticks() - began) // NANOSECONDS_IN_MS
    session.flush()
    session.refresh(line, ["account"])
    _note(session, request, line, act=act, outcome="done")
    return done


def finish(session: Session, request: AccountRequest, *, act: Act) -> bool:
    """End a request whose granted lines have all taken effect, and tell the unit."""
    granted = [line for line in request.lines if line.verdict != Verdict.REFUSED]
    if any(line.verdict is None for line in request.lines) or any(line.executed_at is None for line in granted):
        return False
    request.state = domain.outcome_of([Verdict(str(line.verdict)) for line in request.lines])
    request.ended_at = act.now
    session.flush()
    notice = tell_outcome(session, request, act=act)
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_FINISH,
        about=about(request),
        details={"state": request.state, "notice": notice.code, "done": len(granted), "asked": len(request.lines)},
    )
    return True


def _note(session: Session, request: AccountRequest, line: AccountRequestLine, *, act: Act, outcome: str) -> None:
    act.record(
        session,
        Action.PRIVILEGE_LIFECYCLE_EXECUTE,
        about=about(request, line),
        details={
            "line": line.position,
            "what": outcome,
            "kind": line.kind,
            "is_late": line.due_at is not None and act.now > line.due_at,
            **({"effect_ms": line.effect_ms} if line.effect_ms is not None else {}),
        },
    )


def _stored(session: Session, store: Callable[[], None], decision: Allow) -> Decision:
    """Store, or say in our words what the database refused."""
    try:
        with session.begin_nested():
            store()
            session.flush()
    except IntegrityError as error:
        for name, refusal in REFUSED_BY_DATABASE.items():
            if name in str(error.orig):
                return refusal
        raise
    return decision


def _line(request: AccountRequest, position: int) -> AccountRequestLine:
    found = next((line for line in request.lines if line.position == position), None)
    if found is None:
        raise NotFound("account-request-line", f"{request.code}/{position}")
    return found


def due_lines(session: Session, *, now: datetime, limit: int = 50) -> list[tuple[str, int]]:
    """Return request and line of what was arranged for a moment that has come."""
    query = (
        select(AccountRequestLine.request_id, AccountRequestLine.position)
        .where(
            AccountRequestLine.arranged_at.is_not(None),
            AccountRequestLine.executed_at.is_(None),
            AccountRequestLine.wanted_at <= now,
        )
        .order_by(AccountRequestLine.wanted_at, AccountRequestLine.id)
        .limit(limit)
    )
    return [(f"{domain.CODE_PREFIX}{request_id:04d}", position) for request_id, position in session.execute(query)]
