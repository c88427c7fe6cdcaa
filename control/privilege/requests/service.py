"""Files, amends, withdraws and decides requests; an approval that completes a request makes its grant.

Not for: rules (domain.py, checking.py). Invariants: the request row is locked before it is decided, so two who decide
at once are one after the other; each outcome, refusals included, stands in the trail in the same transaction; what
slips past a rule is still refused by the database and told in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act, Actor
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput, NotFound, NotVisible
from control.people import SCOPE_RULE, Scope
from control.permissions import Permission
from control.privilege.codes import id_from
from control.privilege.documents.domain import NewDocument, covers
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.documents.service import file_document
from control.privilege.grants.ending import note_granted
from control.privilege.grants.facts import about as about_grant
from control.privilege.grants.facts import rights_of
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.standing import may_approve_now
from control.privilege.requests import domain
from control.privilege.requests.checking import Checked, check
from control.privilege.requests.domain import Decider, RequestFacts, Terms, Verdict
from control.privilege.requests.forms import Draft
from control.privilege.requests.listing import NEIGHBOURS
from control.privilege.requests.models import CODE_PREFIX, PrivilegeApproval, PrivilegeRequest
from policies import RULES_ZONE

ACTION_OF = {Verdict.APPROVE: Action.PRIVILEGE_REQUEST_APPROVE, Verdict.REJECT: Action.PRIVILEGE_REQUEST_REJECT}
EXPIRE_BATCH = 200
# What the database says when a rule above was passed by somebody faster, or by a fault of ours.
REFUSED_BY_DATABASE = {
    "ck_privilege_approval_approver_standing": "request.approver_lost_role",
    "ck_authorising_document_stands": "document.withdrawn",
    "ck_privilege_approval_not_filer": "request.approver_is_filer",
    "ck_privilege_approval_not_holder": "request.approver_is_holder",
    "ck_privilege_approval_not_requester": "request.approver_is_requester",
    "ck_privilege_approval_still_open": "request.already_decided",
    "ck_privilege_grant_document_in_force": "document.expired",
    "ck_privilege_request_document_in_force": "document.expired",
    "ex_privilege_grant_overlap": "grant.overlap",
    "fk_privilege_approval_version": "request.changed",
    "pk_privilege_approval": "request.approved_twice",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A draft that was not taken, with every fault; what a rule refused stands in the trail."""

    faults: tuple[InvalidInput, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What an approver decided, on what they had read."""

    verdict: Verdict
    reason: str
    read_version: int
    read_sha256: str


def facts_of(request: PrivilegeRequest) -> RequestFacts:
    """Return a loaded request as the rules see it; only decisions on its present version count."""
    agreed = [
        approval
        for approval in request.approvals
        if approval.decision == Verdict.APPROVE and approval.version == request.version
    ]
    return RequestFacts(
        state=request.state,
        version=request.version,
        body_sha256=request.body_sha256,
        requester_id=request.requester_id,
        filed_by_id=request.filed_by_id,
        holder_id=request.holder_id,
        owner_id=request.account.owner_id,
        account_class=request.class_,
        approvals_needed=request.approvals_needed,
        decide_by=request.decide_by,
        ends_at=request.ends_at,
        approved_by=frozenset(approval.approver_id for approval in agreed),
        is_secured=any(approval.for_security for approval in agreed),
    )


def about(request: PrivilegeRequest, *, grant_code: str | None = None) -> audit.About:
    """Return what every entry on a request is about."""
    return audit.About(
        request_id=request.code,
        account_id=request.account.code,
        asset_id=request.account.asset.code,
        document_number=request.document.number,
        person_id=f"person:{request.holder_id}",
        grant_id=grant_code,
    )


def file_request(session: Session, *, draft: Draft, act: Act, terms: Terms) -> PrivilegeRequest | Refused:
    """File a request, with its document when a new one is brought, or return every fault."""
    found = check(session, draft=draft, act=act, terms=terms, filed_by_id=act.actor.id)
    if found.faults:
        return _refuse_draft(session, found, action=Action.PRIVILEGE_REQUEST_FILE, act=act)
    document = _document_of(session, found, act=act)
    if isinstance(document, Refused):
        return document
    request = PrivilegeRequest(filed_by_id=act.actor.id, filed_at=act.now, version=1, state="submitted")
    _write(request, found, document=document, terms=terms)
    try:
        with session.begin_nested():
            session.add(request)
            session.flush()
    except IntegrityError as error:
        if "ix_privilege_request_extends" not in str(error.orig):
            raise
        return Refused(faults=(InvalidInput("grant.extension_waiting", field="ends_at"),))
    request = _load(session, request.id)
    act.record(
        session,
        Action.PRIVILEGE_REQUEST_FILE,
        about=about(request),
        details=_digest_details(request),
        titles=(request.account.use, request.document.subject),
    )
    return request


def amend_request(
    session: Session, *, code: str, draft: Draft, act: Act, terms: Terms
) -> PrivilegeRequest | Refused | Deny:
    """Replace what is asked for by a new version, or refuse: an approved version stands or falls as it is."""
    request = _load_locked(session, code)
    decision = domain.may_amend(facts_of(request), actor_id=act.actor.id, now=act.now)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_REQUEST_AMEND, decision, about=about(request))
        return decision
    draft = replace(draft, extends_id=request.extends_grant_id, amends_id=request.id)
    found = check(session, draft=draft, act=act, terms=terms, filed_by_id=request.filed_by_id)
    if found.faults:
        return _refuse_draft(session, found, action=Action.PRIVILEGE_REQUEST_AMEND, act=act)
    document = _document_of(session, found, act=act)
    if isinstance(document, Refused):
        return document
    request.version += 1
    _write(request, found, document=document, terms=terms)
    session.flush()
    request = _load(session, request.id)
    act.record(
        session,
        Action.PRIVILEGE_REQUEST_AMEND,
        about=about(request),
        details=_digest_details(request),
        titles=(request.account.use, request.document.subject),
    )
    return request


def withdraw_request(session: Session, *, code: str, act: Act) -> Decision:
    """Take a request back before it is decided, or refuse and say why."""
    request = _load_locked(session, code)
    decision = domain.may_change(facts_of(request), actor_id=act.actor.id, now=act.now)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_REQUEST_WITHDRAW, decision, about=about(request))
        return decision
    request.state, request.decided_at = "withdrawn", act.now
    session.flush()
    act.record(session, Action.PRIVILEGE_REQUEST_WITHDRAW, about=about(request))
    return decision


def decide_request(session: Session, *, code: str, choice: Choice, act: Act) -> Decision:
    """Approve or reject one request, or refuse and say why; the last approval needed makes the grant."""
    request = _load_locked(session, code)
    is_security = domain.SECURITY_ROLE in act.actor.roles
    decider = Decider(
        id=act.actor.id,
        is_security=is_security,
        is_standing=may_approve_now(session, person_id=act.actor.id, for_security=is_security, now=act.now),
        second_factor_at=act.actor.second_factor_at,
        read_version=choice.read_version,
        read_sha256=choice.read_sha256,
    )
    decision = domain.may_decide(facts_of(request), decider, now=act.now, verdict=choice.verdict)
    if isinstance(decision, Allow) and choice.verdict is Verdict.APPROVE:
        decision = _still_covered(request, act=act)
    before = rights_of(session, person_id=request.holder_id, now=act.now)
    grant: PrivilegeGrant | None = None
    if isinstance(decision, Allow):
        try:
            with session.begin_nested():
                grant = _store_decision(session, request, choice=choice, decider=decider, act=act)
        except IntegrityError as error:
            decision = _told_by_database(error)
            request = _load(session, request.id)
    if isinstance(decision, Deny):
        act.refuse(session, ACTION_OF[choice.verdict], decision, about=about(request))
        if decision.reason == "request.expired" and request.state == "submitted":
            _expire(session, request, act=act)
        return decision
    act.record(
        session,
        ACTION_OF[choice.verdict],
        about=about(request),
        details=_digest_details(request),
        personal={"reason": choice.reason} if choice.reason else None,
        titles=(request.account.use,),
    )
    if grant is not None:
        _record_grant(session, grant, request=_load(session, request.id), before=before, act=act)
    return decision


def _record_grant(session: Session, grant: PrivilegeGrant, *, request: PrivilegeRequest, before: str, act: Act) -> None:
    """Write the change of rights: the proposal, who approved, what was held before and is held now (S0-8.1.c)."""
    agreed = sorted(one.approver_id for one in request.approvals if one.decision == Verdict.APPROVE)
    change = note_granted(
        session,
        grant,
        before=before,
        reference=request.document.number,
        approvers=" ".join(f"person:{number}" for number in agreed),
        act=act,
    )
    act.record(
        session,
        Action.PRIVILEGE_GRANT_CREATE,
        about=about_grant(grant, account=request.account, document_number=request.document.number),
        details={
            "starts_at": _iso(grant.span.lower),
            "ends_at": _iso(grant.span.upper),
            **change,
            **({"extends": f"CQ-{request.extends_grant_id:04d}"} if request.extends_grant_id else {}),
        },
        titles=(request.account.use, request.document.subject),
    )


def _store_decision(
    session: Session, request: PrivilegeRequest, *, choice: Choice, decider: Decider, act: Act
) -> PrivilegeGrant | None:
    session.add(
        PrivilegeApproval(
            request_id=request.id,
            approver_id=decider.id,
            requester_id=request.requester_id,
            filed_by_id=request.filed_by_id,
            holder_id=request.holder_id,
            version=choice.read_version,
            body_sha256=choice.read_sha256,
            decision=choice.verdict.value,
            reason=choice.reason,
            for_security=decider.is_security,
            second_factor_at=act.actor.second_factor_at,
            decided_at=act.now,
            approver_roles=" ".join(sorted(act.actor.roles)),
        )
    )
    session.flush()
    if choice.verdict is Verdict.REJECT:
        request.state, request.decided_at = "rejected", act.now
        session.flush()
        return None
    if len(facts_of(request).approved_by) + 1 < request.approvals_needed:
        return None
    request.state, request.decided_at = "approved", act.now
    session.flush()
    grant = PrivilegeGrant(
        request_id=request.id,
        person_id=request.holder_id,
        account_id=request.account_id,
        document_id=request.document_id,
        document_valid_from=request.document_valid_from,
        document_valid_to=request.document_valid_to,
        span=Range(max(request.starts_at, act.now), request.ends_at, bounds="[)"),
        state="active",
        granted_at=act.now,
    )
    session.add(grant)
    session.flush()
    return grant


def _still_covered(request: PrivilegeRequest, *, act: Act) -> Decision:
    """Decide whether the document a request rests on still carries it: it may have been withdrawn meanwhile (E9)."""
    return covers(
        request.document_valid_from,
        request.document_valid_to,
        starts_at=max(request.starts_at, act.now),
        ends_at=request.ends_at,
        today=act.now.astimezone(RULES_ZONE).date(),
        number=request.document.number,
        withdrawn_from=request.document.withdrawn_from,
    )


def _told_by_database(error: IntegrityError) -> Deny:
    """Turn the refusal of a named constraint into the decision a rule would have given. Raises the error otherwise."""
    name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
    if name not in REFUSED_BY_DATABASE:
        raise error
    return Deny(rule=f"database.{name}", reason=REFUSED_BY_DATABASE[name])


def expire_due_requests(session: Session, *, act: Act) -> int:
    """Close requests that nobody decided in time; return how many. Safe to run twice and on two workers at once."""
    due = session.scalars(
        select(PrivilegeRequest)
        .options(*NEIGHBOURS)
        .where(PrivilegeRequest.state == "submitted", PrivilegeRequest.decide_by < act.now)
        .order_by(PrivilegeRequest.id)
        .limit(EXPIRE_BATCH)
        .with_for_update(of=PrivilegeRequest, skip_locked=True)
    ).all()
    for request in due:
        _expire(session, request, act=act)
    return len(due)


def _expire(session: Session, request: PrivilegeRequest, *, act: Act) -> None:
    request.state, request.decided_at = "expired", act.now
    session.flush()
    act.record(session, Action.PRIVILEGE_REQUEST_EXPIRE, about=about(request))


def load_request(session: Session, *, code: str, viewer: Actor) -> PrivilegeRequest:
    """Return a request with its neighbours. Raises NotFound, NotVisible outside the viewer's scope (pam.md E15)."""
    request = _load(session, id_from(code, prefix=CODE_PREFIX))
    reach = Scope.of(viewer, Permission.PRIVILEGE_REQUEST_READ)
    is_party = viewer.id in {request.requester_id, request.filed_by_id, request.holder_id}
    if not is_party and not reach.covers(request.holder.unit_id):
        raise NotVisible("request", code, about=audit.About(request_id=request.code), rule=SCOPE_RULE)
    return request


def grant_of(session: Session, request: PrivilegeRequest) -> PrivilegeGrant | None:
    """Return the grant a request became."""
    return session.scalar(select(PrivilegeGrant).where(PrivilegeGrant.request_id == request.id))


def _load(session: Session, request_id: int) -> PrivilegeRequest:
    query = select(PrivilegeRequest).options(*NEIGHBOURS).where(PrivilegeRequest.id == request_id)
    request = session.scalar(query.execution_options(populate_existing=True))
    if request is None:
        raise NotFound("request", request_id)
    return request


def _load_locked(session: Session, code: str) -> PrivilegeRequest:
    """Lock first, then read: what is read is what the one before us left."""
    request_id = id_from(code, prefix=CODE_PREFIX)
    session.execute(select(PrivilegeRequest.id).where(PrivilegeRequest.id == request_id).with_for_update())
    return _load(session, request_id)


def _document_of(session: Session, found: Checked, *, act: Act) -> AuthorisingDocument | Refused:
    if not isinstance(found.document, NewDocument):
        if found.document is None:
            raise ValueError("a checked draft has a document")
        return found.document
    stored = file_document(session, new=found.document, act=act)
    if isinstance(stored, Deny):
        params: Mapping[str, Any] = stored.params
        return Refused(faults=(InvalidInput(stored.reason, field="number", **params),))
    return stored


def _write(request: PrivilegeRequest, found: Checked, *, document: AuthorisingDocument, terms: Terms) -> None:
    wish = found.wish(filed_by_id=request.filed_by_id)
    if found.account is None:
        raise ValueError("a checked draft has an account")
    request.requester_id, request.holder_id = wish.requester_id, wish.holder_id
    request.account_id, request.class_ = found.account.id, wish.account_class
    request.approvals_needed = domain.APPROVALS_NEEDED[wish.account_class]
    request.document_id = document.id
    request.document_valid_from, request.document_valid_to = document.valid_from, document.valid_to
    request.starts_at, request.ends_at, request.purpose = wish.starts_at, wish.ends_at, wish.purpose
    request.body, request.body_sha256 = wish.body, wish.digest
    request.extends_grant_id = found.extends.id if found.extends else None
    request.decide_by = terms.decide_by(filed_at=request.filed_at, ends_at=wish.ends_at)


def _refuse_draft(session: Session, found: Checked, *, action: Action, act: Act) -> Refused:
    refusal = found.refusal
    if refusal is not None:
        spoken_of = audit.About(
            account_id=found.account.code if found.account else None,
            asset_id=found.account.asset.code if found.account else None,
            document_number=found.document.number if found.document else None,
            person_id=f"person:{found.holder.id}" if found.holder else None,
        )
        act.refuse(session, action, refusal, about=spoken_of)
    return Refused(faults=tuple(found.faults))


def _digest_details(request: PrivilegeRequest) -> dict[str, str | int | bool]:
    return {"version": request.version, "sha256": request.body_sha256, "class": request.class_}


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""
