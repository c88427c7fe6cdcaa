"""Keep findings: note what was seen, let people assign, explain and close, escalate what is overdue.

Not for: rules (domain.py) or detection (detectors.py). Invariants: an occurrence is counted once, however often it is
seen; each step is an entry that carries the finding's code, a refusal too; what slips past a rule is refused by the
database and told in the same words; a gap whose finding is closed is declared to the trail with its document.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import audit
from audit.counters import Gap, numbers_in
from audit.outbox import ranges
from control.actions import Action
from control.acts import Act, Actor
from control.assurance.findings import domain
from control.assurance.findings.domain import Explanation, Kind, Rules, Sighting, State, id_of
from control.assurance.findings.models import Finding, FindingOccurrence, FindingStep
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput, NotFound
from control.operations.alerts import raise_own, settle_own
from control.people import people_by_id
from control.permissions import Permission
from control.text import fold
from policies import RULES_ZONE

OVERDUE_ALERT = "FindingOverdue"
SHOWN = 100
ASKED_AT_ONCE = 5000
# What the database says when a rule was passed by somebody faster, or by a fault of ours.
REFUSED_BY_DATABASE: Mapping[str, Deny] = {
    "ck_finding_closer_not_concerned": Deny(rule=domain.RULE_OWN, reason="finding.closer_is_concerned"),
    "ck_finding_four_eyes": Deny(rule=domain.RULE_FOUR_EYES, reason="finding.closer_explained"),
    "ck_finding_owner_not_concerned": Deny(rule=domain.RULE_OWN, reason="finding.owner_is_concerned"),
    "ck_finding_explained_by_document": Deny(rule=domain.RULE_STATE, reason="finding.not_explained"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What one look added: codes of new findings, of reopened ones, and of those that only grew."""

    raised: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    extended: tuple[str, ...] = ()


def about(finding: Finding, *, document: str | None = None) -> audit.About:
    """Return what an entry about the finding points at."""
    person = None if finding.person_id is None else f"person:{finding.person_id}"
    return audit.About(finding_id=finding.code, person_id=person, document_number=document)


def note(session: Session, sightings: Iterable[Sighting], *, rules: Rules, act: Act) -> Noted:
    """Add what has not been seen before to its finding; a closed one that happens again soon is opened again."""
    groups: dict[tuple[Kind, str], list[Sighting]] = defaultdict(list)
    for sighting in _fresh(session, sightings):
        groups[sighting.kind, sighting.subject].append(sighting)
    known = people_by_id(
        session, person_ids={one.person_id for each in groups.values() for one in each if one.person_id}
    )
    changed: dict[str, list[str]] = {"found": [], "reopened": [], "again": []}
    for (kind, subject), found in groups.items():
        finding, step = _finding_for(session, kind, subject, first=found[0], known=known, rules=rules, act=act)
        for sighting in found:
            _add(session, finding, sighting, now=act.now)
        add_step(session, finding, step, act=act, note=str(len(found)))
        changed[step].append(finding.code)
        act.record(
            session,
            _ACTION_OF[step],
            about=about(finding),
            details={
                "kind": str(kind),
                "severity": finding.severity,
                "occurrences": len(found),
                "entries": " ".join(str(one.sequence) for one in found[:20] if one.sequence is not None),
            },
        )
    return Noted(raised=tuple(changed["found"]), reopened=tuple(changed["reopened"]), extended=tuple(changed["again"]))


_ACTION_OF: Mapping[str, Action] = {
    "found": Action.ASSURANCE_FINDING_RAISE,
    "again": Action.ASSURANCE_FINDING_EXTEND,
    "reopened": Action.ASSURANCE_FINDING_REOPEN,
}


def _fresh(session: Session, sightings: Iterable[Sighting]) -> list[Sighting]:
    """Return the sightings that are in no finding yet, each once."""
    wanted = {(str(one.kind), one.key): one for one in sightings}
    table, known = FindingOccurrence, set[tuple[str, str]]()
    places = list(wanted)
    for start in range(0, len(places), ASKED_AT_ONCE):
        part = places[start : start + ASKED_AT_ONCE]
        rows = session.execute(select(table.kind, table.key).where(tuple_(table.kind, table.key).in_(part)))
        known.update((kind, key) for kind, key in rows)
    return [one for place, one in wanted.items() if place not in known]


def _finding_for(
    session: Session,
    kind: Kind,
    subject: str,
    *,
    first: Sighting,
    known: Mapping[int, Any],
    rules: Rules,
    act: Act,
) -> tuple[Finding, str]:
    """Return the finding an occurrence belongs to, locked, and what that does to it."""
    newest = session.scalars(
        select(Finding)
        .where(Finding.kind == kind, Finding.subject == subject)
        .order_by(Finding.closed_at.desc().nulls_first(), Finding.id.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if newest is not None and newest.closed_at is None:
        if newest.state == State.EXPLAINED:
            _unsettle(newest, rules=rules, act=act)
            return newest, "reopened"
        return newest, "again"
    if newest is not None and newest.closed_at is not None and act.now - newest.closed_at <= rules.reopen_within:
        _unsettle(newest, rules=rules, act=act)
        return newest, "reopened"
    finding = Finding(
        kind=str(kind),
        subject=subject,
        severity=str(rules.severity[kind]),
        state=str(State.OPEN),
        person_id=first.person_id if first.person_id in known else None,
        opened_at=act.now,
        last_at=act.now,
        due_at=rules.due_at(kind, since=act.now),
        occurrences=0,
        facts={},
        search_text="",
    )
    finding.occurrences = 1  # the row may not stand without one; _add counts from here
    session.add(finding)
    session.flush()
    finding.occurrences = 0
    person = known.get(first.person_id or 0)
    words = (finding.code, str(kind), subject, person.display_name if person else "", person.login if person else "")
    finding.search_text = fold(" ".join(words))
    return finding, "found"


def _unsettle(finding: Finding, *, rules: Rules, act: Act) -> None:
    """Take an explained or closed finding up again; its former explanation stays in its history and in the trail."""
    finding.state = str(State.ASSIGNED if finding.owner_id is not None else State.OPEN)
    finding.explained_by = finding.explained_at = finding.closed_by = finding.closed_at = None
    finding.document_number = finding.document_date = finding.explanation = None
    finding.due_at, finding.escalated_at = rules.due_at(Kind(finding.kind), since=act.now), None


def _add(session: Session, finding: Finding, sighting: Sighting, *, now: datetime) -> None:
    session.add(
        FindingOccurrence(
            finding_id=finding.id,
            kind=str(sighting.kind),
            key=sighting.key,
            at=sighting.at,
            sequence=sighting.sequence,
            facts=dict(sighting.facts),
            noted_at=now,
        )
    )
    finding.occurrences += 1
    finding.last_at = max(finding.last_at, now)
    finding.facts = dict(sighting.facts)


def add_step(
    session: Session,
    finding: Finding,
    step: str,
    *,
    act: Act,
    owner_id: int | None = None,
    explanation: Explanation | None = None,
    note: str = "",
) -> None:
    """Add one step to the history of a finding."""
    session.add(
        FindingStep(
            finding_id=finding.id,
            at=act.now,
            step=step,
            by_id=act.actor.id or None,
            owner_id=owner_id,
            document_number=explanation.document_number if explanation else None,
            document_date=explanation.document_date if explanation else None,
            note=explanation.text if explanation else note,
        )
    )


def visible_to(viewer: Actor) -> ColumnElement[bool]:
    """Return the condition for what a person may see: all, or what they hold or what concerns them."""
    if Permission.ASSURANCE_FINDING_READ in viewer.permissions:
        return Finding.id.is_not(None)
    return or_(Finding.owner_id == viewer.id, Finding.person_id == viewer.id)


def load(session: Session, *, code: str, viewer: Actor) -> Finding:
    """Return the finding. Raises NotFound, also for one the viewer may not see."""
    found = session.scalars(select(Finding).where(Finding.id == id_of(code), visible_to(viewer))).one_or_none()
    if found is None:
        raise NotFound("finding", code)
    return found


def occurrences_of(session: Session, finding: Finding) -> list[FindingOccurrence]:
    """Return the newest occurrences, newest first."""
    table = FindingOccurrence
    return list(
        session.scalars(select(table).where(table.finding_id == finding.id).order_by(table.id.desc()).limit(SHOWN))
    )


def steps_of(session: Session, finding: Finding) -> list[FindingStep]:
    """Return the history, newest first."""
    table = FindingStep
    return list(
        session.scalars(select(table).where(table.finding_id == finding.id).order_by(table.id.desc()).limit(SHOWN))
    )


def assign(session: Session, *, code: str, owner_id: int, act: Act) -> Decision:
    """Give the finding to somebody to look into. Raises NotFound, InvalidInput for an unknown person."""
    finding = _locked(session, code=code, viewer=act.actor)
    if owner_id not in people_by_id(session, person_ids={owner_id}):
        raise InvalidInput("input.not_a_choice", field="owner")
    decision = domain.may_assign(finding.rule_facts(), owner_id=owner_id)
    details: dict[str, str | int | bool] = {"owner": f"person:{owner_id}"}
    if isinstance(decision, Allow):
        changes: dict[str, Any] = {"owner_id": owner_id, "assigned_at": act.now}
        if finding.state == State.OPEN:
            changes["state"] = str(State.ASSIGNED)
        decision = _change(session, finding, changes, allowed=decision)
    if isinstance(decision, Allow):
        add_step(session, finding, "assigned", act=act, owner_id=owner_id)
    return _told(session, Action.ASSURANCE_FINDING_ASSIGN, decision, finding, act=act, details=details)


def explain(session: Session, *, code: str, explanation: Explanation, act: Act) -> Decision:
    """Say why it is so, by the document that says it. Raises NotFound, InvalidInput for a document of tomorrow."""
    if explanation.document_date > act.now.astimezone(RULES_ZONE).date():
        raise InvalidInput("finding.document_in_future", field="document_date")
    finding = _locked(session, code=code, viewer=act.actor)
    decision = domain.may_explain(finding.rule_facts(), by=act.actor, owner_id=finding.owner_id)
    details: dict[str, str | int | bool] = {
        "document_date": explanation.document_date.isoformat(),
        "text_sha256": hashlib.sha256(explanation.text.encode()).hexdigest(),
    }
    if isinstance(decision, Allow):
        changes = {
            "state": str(State.EXPLAINED),
            "explained_by": act.actor.id,
            "explained_at": act.now,
            "document_number": explanation.document_number,
            "document_date": explanation.document_date,
            "explanation": explanation.text,
        }
        decision = _change(session, finding, changes, allowed=decision)
    if isinstance(decision, Allow):
        add_step(session, finding, "explained", act=act, explanation=explanation)
    document = explanation.document_number
    return _told(
        session, Action.ASSURANCE_FINDING_EXPLAIN, decision, finding, act=act, details=details, document=document
    )


def close(session: Session, *, code: str, act: Act) -> Decision:
    """Close an explained finding; the numbers of an explained gap are declared to the trail. Raises NotFound."""
    finding = _locked(session, code=code, viewer=act.actor)
    decision = domain.may_close(finding.rule_facts(), closer=act.actor)
    if isinstance(decision, Allow):
        changes = {"state": str(State.CLOSED), "closed_by": act.actor.id, "closed_at": act.now}
        decision = _change(session, finding, changes, allowed=decision)
    if isinstance(decision, Allow):
        add_step(session, finding, "closed", act=act)
        settle_own(session, OVERDUE_ALERT, subject=finding.code, act=act)
        if finding.kind == Kind.GAP:
            _declare(session, finding, act=act)
    return _told(
        session,
        Action.ASSURANCE_FINDING_CLOSE,
        decision,
        finding,
        act=act,
        details={"explained_by": f"person:{finding.explained_by}"} if finding.explained_by else {},
        document=finding.document_number,
    )


def _declare(session: Session, finding: Finding, *, act: Act) -> None:
    """Write the entry after which verification no longer misses these numbers, and only these."""
    for boot, missing in _numbers_of(session, finding).items():
        act.record(
            session,
            Action.AUDIT_GAP_EXPLAIN,
            about=about(finding, document=finding.document_number),
            details={
                "boot": boot,
                "numbers": ranges(missing),
                "document_date": finding.document_date.isoformat() if finding.document_date else "",
                "explained_by": f"person:{finding.explained_by}",
                "confirmed_by": f"person:{act.actor.id}",
            },
        )


def settle_gap(
    session: Session, gap: Gap, *, explanation: Explanation, explained_by: int, confirmed_by: int, act: Act
) -> None:
    """Explain a gap for two people whom a command names: declare its numbers, and close the finding they make up."""
    finding = session.scalars(
        select(Finding)
        .where(Finding.kind == Kind.GAP, Finding.subject == f"writer:{gap.boot}", Finding.state != State.CLOSED)
        .with_for_update()
    ).one_or_none()
    act.record(
        session,
        Action.AUDIT_GAP_EXPLAIN,
        about=audit.About(finding_id=finding.code if finding else None, document_number=explanation.document_number),
        details={
            "boot": gap.boot,
            "numbers": gap.written,
            "document_date": explanation.document_date.isoformat(),
            "explained_by": f"person:{explained_by}",
            "confirmed_by": f"person:{confirmed_by}",
        },
    )
    if finding is None or not set(_numbers_of(session, finding)[gap.boot]) <= set(gap.numbers):
        return
    finding.state, finding.closed_by, finding.closed_at = str(State.CLOSED), confirmed_by, act.now
    finding.explained_by, finding.explained_at = explained_by, act.now
    finding.document_number, finding.document_date = explanation.document_number, explanation.document_date
    finding.explanation = explanation.text
    add_step(session, finding, "explained", act=act, explanation=explanation)
    add_step(session, finding, "closed", act=act)
    settle_own(session, OVERDUE_ALERT, subject=finding.code, act=act)
    _told(
        session,
        Action.ASSURANCE_FINDING_CLOSE,
        Allow(rule=domain.RULE_FOUR_EYES),
        finding,
        act=act,
        details={"explained_by": f"person:{explained_by}", "confirmed_by": f"person:{confirmed_by}"},
        document=explanation.document_number,
    )


def _numbers_of(session: Session, finding: Finding) -> Mapping[str, set[int]]:
    """Return what is missing by writer, over all occurrences of a gap."""
    table = FindingOccurrence
    numbers: dict[str, set[int]] = defaultdict(set)
    for facts in session.scalars(select(table.facts).where(table.finding_id == finding.id).order_by(table.id)):
        numbers[str(facts.get("boot"))].update(numbers_in(str(facts.get("numbers", ""))) or ())
    return numbers


def escalate(session: Session, *, act: Act, limit: int = 50) -> tuple[str, ...]:
    """Raise an alert for each finding whose time has passed, once for each deadline; return their codes."""
    rows = session.scalars(
        select(Finding)
        .where(Finding.state != State.CLOSED, Finding.due_at < act.now, Finding.escalated_at.is_(None))
        .order_by(Finding.due_at, Finding.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    told = []
    for finding in rows:
        alert = raise_own(session, OVERDUE_ALERT, subject=finding.code, act=act)
        finding.escalated_at = act.now
        add_step(session, finding, "overdue", act=act, note=alert.code)
        act.record(
            session,
            Action.ASSURANCE_FINDING_ESCALATE,
            about=audit.About(finding_id=finding.code, alert_id=alert.code),
            details={"due_at": finding.due_at.isoformat(), "severity": finding.severity},
        )
        told.append(finding.code)
    return tuple(told)


def _locked(session: Session, *, code: str, viewer: Actor) -> Finding:
    load(session, code=code, viewer=viewer)
    return session.get_one(Finding, id_of(code), with_for_update=True, populate_existing=True)


def _change(session: Session, finding: Finding, changes: Mapping[str, Any], *, allowed: Allow) -> Decision:
    """Change the row, or say which promise of the database forbids it; then nothing of the change stays."""
    try:
        with session.begin_nested():
            for name, value in changes.items():
                setattr(finding, name, value)
            session.flush()
    except IntegrityError as error:
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        refused = REFUSED_BY_DATABASE.get(str(constraint))
        if refused is None:
            raise
        session.refresh(finding)
        return refused
    return allowed


def _told(
    session: Session,
    action: Action,
    decision: Decision,
    finding: Finding,
    *,
    act: Act,
    details: Mapping[str, str | int | bool],
    document: str | None = None,
) -> Decision:
    if isinstance(decision, Deny):
        act.refuse(session, action, decision, about=about(finding, document=document), details=details)
    else:
        act.record(session, action, about=about(finding, document=document), details=details)
    return decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of the answer sentence and of the chart."""

    open: int
    overdue: int
    unassigned: int
    by_kind: Mapping[str, tuple[int, int]]  # kind → (open, of these overdue)


def summary_of(session: Session, *, viewer: Actor, now: datetime) -> Summary:
    """Count what the viewer may see and is not closed."""
    is_late = Finding.due_at < now
    rows = session.execute(
        select(
            Finding.kind,
            func.count(),
            func.count().filter(is_late),
            func.count().filter(Finding.owner_id.is_(None)),
        )
        .where(Finding.state != State.CLOSED, visible_to(viewer))
        .group_by(Finding.kind)
        .order_by(func.count().desc(), Finding.kind)
    ).all()
    return Summary(
        open=sum(row[1] for row in rows),
        overdue=sum(row[2] for row in rows),
        unassigned=sum(row[3] for row in rows),
        by_kind={row[0]: (row[1], row[2]) for row in rows},
    )


def open_by_kind(session: Session) -> Mapping[str, int]:
    """Count the findings that are not closed, by kind; what about, is for those who may see them."""
    rows = session.execute(
        select(Finding.kind, func.count()).where(Finding.state != State.CLOSED).group_by(Finding.kind)
    )
    return {row[0]: row[1] for row in rows}
