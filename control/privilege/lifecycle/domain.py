"""What is asked of an account, on which papers, and who may do which step: pure rules.

Not for: clocks (clocks.py) or storing. Invariants: no step without the papers its kind needs (S3-9.2); who decides or
carries out is neither who asked nor who filed, but in an emergency, which only ever takes something away; nothing less
than what was asked is granted without a reason (S3-9.1.a-3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from control.decisions import Allow, Decision, Deny

CODE_PREFIX = "TK-"
RULE_FORMS, RULE_SIGNED = "lifecycle.forms", "lifecycle.signed"
RULE_STATE, RULE_FOUR_EYES, RULE_REASON = "lifecycle.state", "lifecycle.four_eyes", "lifecycle.reason_for_fewer"
RULE_ASSIGNED, RULE_EXTRA = "lifecycle.assigned", "lifecycle.extra_right"
RULE_RECEIPT, RULE_COMMITTED = "lifecycle.receipt", "lifecycle.committed"
RULE_RENEWED = "lifecycle.password_changed"


class Kind(StrEnum):
    """What is asked for."""

    CREATE = "create"
    LOCK = "lock"
    ACTIVATE = "activate"
    REVOKE = "revoke"
    CHANGE = "change-rights"


class Mode(StrEnum):
    """How it came to be: in writing, by telephone or mail in an emergency, by the operator's own eyes, by a rule."""

    ORDINARY = "ordinary"
    EMERGENCY = "emergency"
    OWN_RISK = "own-risk"
    BY_RULE = "by-rule"


class State(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RECEIVED = "received"
    IN_WORK = "in-work"
    DONE = "done"
    PARTLY_DONE = "partly-done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


OPEN = frozenset({State.SUBMITTED, State.RECEIVED, State.IN_WORK})
ENDED = frozenset({State.DONE, State.PARTLY_DONE, State.REFUSED, State.WITHDRAWN})


class Verdict(StrEnum):
    """What becomes of one line."""

    GRANTED = "granted"
    PARTIAL = "partial"
    REFUSED = "refused"


class Channel(StrEnum):
    """How somebody is told, or tells us."""

    MAIL = "mail"
    PHONE = "phone"
    DOCUMENT = "document"


class Form(StrEnum):
    """The forms of the province; `letter` is a request for which no form is prescribed."""

    CREATE = "01"
    LOCK = "02"
    ACTIVATE = "03"
    REVOKE = "04"
    COMMITMENT = "05"
    LETTER = "letter"


FORMS_OF: Mapping[Kind, tuple[Form, ...]] = {
    Kind.CREATE: (Form.CREATE, Form.COMMITMENT),
    Kind.LOCK: (Form.LOCK,),
    Kind.ACTIVATE: (Form.ACTIVATE,),
    Kind.REVOKE: (Form.REVOKE,),
    Kind.CHANGE: (Form.LETTER,),
}
# A new commitment may come with the wish to use an account again.
WELCOME_FORMS: Mapping[Kind, tuple[Form, ...]] = {**FORMS_OF, Kind.ACTIVATE: (Form.ACTIVATE, Form.COMMITMENT)}
UNSOUND = frozenset({"changed", "expired", "revoked", "unreadable"})  # signatures worth less than none


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFacts:
    """One paper as the rules see it."""

    form: str
    signature: str
    is_copy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """One request as the rules see it; `requester_id` and `filed_by_id` are 0 for the system."""

    kind: Kind
    mode: Mode
    state: State
    requester_id: int
    filed_by_id: int
    papers: tuple[PaperFacts, ...] = ()

    @property
    def parties(self) -> frozenset[int]:
        """Who may not decide or carry it out."""
        return frozenset({self.requester_id, self.filed_by_id} - {0})

    @property
    def missing_forms(self) -> tuple[Form, ...]:
        """The forms that are not attached."""
        brought = {paper.form for paper in self.papers}
        return tuple(form for form in FORMS_OF[self.kind] if form not in brought)


def may_attach(request: RequestFacts, *, form: str) -> Decision:
    """Papers come while it is being drawn up; what was sent stays as it was sent."""
    if request.state is not State.DRAFT:
        return _wrong_state(request)
    if form not in WELCOME_FORMS[request.kind]:
        return Deny(rule=RULE_FORMS, reason="lifecycle.form_not_of_kind", params={"form": form})
    return Allow(rule=RULE_FORMS)


def sound_enough(paper: PaperFacts, *, must_be_signed: bool) -> Decision:
    """A digitally signed document whose signature holds, or an electronic copy that says that it is one (S3-9.3)."""
    if paper.signature in UNSOUND:
        return Deny(rule=RULE_SIGNED, reason="lifecycle.signature_unsound", params={"form": paper.form})
    if paper.signature != "valid" and must_be_signed and not paper.is_copy:
        return Deny(rule=RULE_SIGNED, reason="lifecycle.signature_missing", params={"form": paper.form})
    return Allow(rule=RULE_SIGNED)


def may_submit(request: RequestFacts, *, must_be_signed: bool) -> Decision:
    """Each kind of request brings its forms, each signed or a copy (S3-9.2, S3-9.3)."""
    if request.state is not State.DRAFT:
        return _wrong_state(request)
    if request.missing_forms:
        missing = ", ".join(request.missing_forms)
        return Deny(rule=RULE_FORMS, reason="lifecycle.forms_missing", params={"forms": missing})
    for paper in request.papers:
        decision = sound_enough(paper, must_be_signed=must_be_signed)
        if isinstance(decision, Deny):
            return decision
    return Allow(rule=RULE_FORMS)


def may_work(request: RequestFacts, *, actor_id: int, states: Collection[State]) -> Decision:
    """Nobody takes up, decides or carries out what they asked for or filed (S0-8.1.b)."""
    if request.state not in states:
        return _wrong_state(request)
    if actor_id in request.parties:
        return Deny(rule=RULE_FOUR_EYES, reason="lifecycle.own_request")
    return Allow(rule=RULE_FOUR_EYES)


def may_withdraw(request: RequestFacts, *, actor_id: int) -> Decision:
    """Who asked or filed takes it back until it is decided."""
    if request.state not in {State.DRAFT, State.SUBMITTED, State.RECEIVED}:
        return _wrong_state(request)
    if request.parties and actor_id not in request.parties:
        return Deny(rule=RULE_FOUR_EYES, reason="lifecycle.not_yours")
    return Allow(rule=RULE_STATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What is decided on one line: which of the rights asked for are granted, and why fewer."""

    verdict: Verdict
    rights: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFacts:
    """One line as the rules see it; `process_rights` are those of issued processes, the others are extra rights."""

    kind: Kind
    asked: frozenset[str]
    process_rights: frozenset[str] = frozenset()
    extra_approved_by: int | None = None

    @property
    def extra(self) -> frozenset[str]:
        """What no process gives."""
        return self.asked - self.process_rights


def may_rule(line: LineFacts, ruling: Ruling) -> Decision:
    """Fewer than asked needs a reason; an account nobody is assigned for is not made; an extra right is approved."""
    granted = frozenset(ruling.rights)
    if ruling.verdict is Verdict.REFUSED:
        return _with_reason(ruling)
    if not granted <= line.asked:
        return Deny(rule=RULE_REASON, reason="lifecycle.more_than_asked")
    if (ruling.verdict is Verdict.PARTIAL) != (granted < line.asked):
        return Deny(rule=RULE_REASON, reason="lifecycle.verdict_does_not_fit")
    if line.kind in {Kind.CREATE, Kind.CHANGE} and line.asked and not granted:
        return Deny(rule=RULE_REASON, reason="lifecycle.verdict_does_not_fit")
    if line.kind is Kind.CREATE and not granted & line.process_rights:
        return Deny(rule=RULE_ASSIGNED, reason="lifecycle.no_assignment")
    if granted & line.extra and line.extra_approved_by is None:
        return Deny(rule=RULE_EXTRA, reason="lifecycle.extra_not_approved")
    return Allow(rule=RULE_REASON) if ruling.verdict is Verdict.GRANTED else _with_reason(ruling)


def may_approve_extra(request: RequestFacts, line: LineFacts, *, actor_id: int) -> Decision:
    """A right no process gives is approved by somebody who neither asked for it nor filed it (S1-14.3)."""
    if request.state not in OPEN:
        return _wrong_state(request)
    if actor_id in request.parties:
        return Deny(rule=RULE_FOUR_EYES, reason="lifecycle.own_request")
    if not line.extra:
        return Deny(rule=RULE_EXTRA, reason="lifecycle.nothing_extra")
    return Allow(rule=RULE_EXTRA)


def outcome_of(verdicts: Sequence[Verdict]) -> State:
    """What the request has become once everything granted is carried out."""
    if all(verdict is Verdict.GRANTED for verdict in verdicts):
        return State.DONE
    return State.REFUSED if all(verdict is Verdict.REFUSED for verdict in verdicts) else State.PARTLY_DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverFacts:
    """How far a new account has come on its way to its holder."""

    holder_id: int
    account_state: str
    is_committed: bool
    must_change_password: bool
    has_changed_password: bool


def may_confirm(handover: HandoverFacts, *, actor_id: int) -> Decision:
    """The officer alone confirms the receipt, after the default password is gone and the commitment is on file
    (S1-14.4, S3-9.1.a-2, S3-10.3).
    """
    if actor_id != handover.holder_id:
        return Deny(rule=RULE_RECEIPT, reason="lifecycle.not_holder")
    if handover.account_state != "pending":
        return Deny(rule=RULE_STATE, reason="lifecycle.nothing_to_confirm")
    if not handover.is_committed:
        return Deny(rule=RULE_COMMITTED, reason="lifecycle.not_committed")
    if handover.must_change_password and not handover.has_changed_password:
        return Deny(rule=RULE_RENEWED, reason="lifecycle.password_not_changed")
    return Allow(rule=RULE_RECEIPT)


def _with_reason(ruling: Ruling) -> Decision:
    if ruling.reason.strip():
        return Allow(rule=RULE_REASON)
    return Deny(rule=RULE_REASON, reason="lifecycle.reason_missing")


def _wrong_state(request: RequestFacts) -> Deny:
    return Deny(rule=RULE_STATE, reason="lifecycle.wrong_state", params={"state": request.state})
