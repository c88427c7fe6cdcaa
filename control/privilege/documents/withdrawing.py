"""Withdraws a document from a day on: nothing new rests on it, and what rests on it ends when that day begins.

Not for: other ways a grant ends (grants/ending.py). Invariants: a withdrawal is recorded once and never taken back;
grants end through `end_grant`, keys by revocation, each with its own entry; carrying out twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.privilege.documents.domain import may_withdraw
from control.privilege.documents.models import AuthorisingDocument, DocumentWithdrawal
from control.privilege.grants.ending import end_grants_on
from control.privilege.keys.service import revoke_keys_on
from policies import RULES_ZONE

PORT = "document_closer:"
BATCH = 50


class DocumentCloser(Protocol):
    """Ends what a capability let rest on a document, in the transaction that carries out its withdrawal."""

    def __call__(self, session: Session, *, document_id: int, act: Act) -> int:
        """End all of it; return how much there was."""


def closers() -> Mapping[str, DocumentCloser]:
    """Return who else has things that rest on documents: PORTS["document_closer:<name>"] of the wing's wiring."""
    from control.privilege import wiring  # the wiring knows every capability; they know this module

    return {name.removeprefix(PORT): port for name, port in wiring.PORTS.items() if name.startswith(PORT)}


def withdraw_document(session: Session, *, document_id: int, withdrawn_from: date, reason: str, act: Act) -> Decision:
    """Record that a document authorises nothing from a local day on, and end what rests on it if that day has come."""
    document = session.get(AuthorisingDocument, document_id)
    if document is None:
        raise NotFound("document", document_id)
    spoken_of = audit.About(document_number=document.number)
    details: dict[str, str | int | bool] = {"document": document.id, "withdrawn_from": withdrawn_from.isoformat()}
    decision = may_withdraw(
        is_withdrawn=document.withdrawal is not None, withdrawn_from=withdrawn_from, today=_today(act)
    )
    if isinstance(decision, Allow):
        decision = _record(session, document, withdrawn_from=withdrawn_from, reason=reason, act=act) or decision
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_DOCUMENT_WITHDRAW, decision, about=spoken_of, details=details)
        return decision
    act.record(
        session,
        Action.PRIVILEGE_DOCUMENT_WITHDRAW,
        about=spoken_of,
        details=details,
        personal={"reason": reason},
        titles=(document.subject, document.issuing_unit),
    )
    carry_out_withdrawals(session, act=act, document_id=document.id)
    return decision


def carry_out_withdrawals(session: Session, *, act: Act, document_id: int | None = None) -> int:
    """End what rests on documents whose day of withdrawal has come; return how many documents. Safe to run twice."""
    query = select(DocumentWithdrawal).where(
        DocumentWithdrawal.carried_out_at.is_(None), DocumentWithdrawal.withdrawn_from <= _today(act)
    )
    if document_id is not None:
        query = query.where(DocumentWithdrawal.document_id == document_id)
    due = session.scalars(
        query.order_by(DocumentWithdrawal.document_id).limit(BATCH).with_for_update(skip_locked=True)
    ).all()
    for one in due:
        _carry_out(session, one, act=act)
    return len(due)


def _carry_out(session: Session, withdrawal: DocumentWithdrawal, *, act: Act) -> None:
    document = session.get_one(AuthorisingDocument, withdrawal.document_id)
    ended = end_grants_on(session, document_id=document.id, act=act)
    keys = revoke_keys_on(session, document_id=document.id, act=act)
    others = {name: close(session, document_id=document.id, act=act) for name, close in closers().items()}
    withdrawal.carried_out_at = act.now
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_DOCUMENT_CARRY_OUT,
        about=audit.About(document_number=document.number),
        details={"document": document.id, "grants": ended, "keys": keys, **others},
        titles=(document.subject, document.issuing_unit),
    )


def _record(
    session: Session, document: AuthorisingDocument, *, withdrawn_from: date, reason: str, act: Act
) -> Deny | None:
    """Store the row; somebody faster is told as the rule would have."""
    row = DocumentWithdrawal(
        document_id=document.id,
        withdrawn_from=withdrawn_from,
        reason=reason,
        recorded_at=act.now,
        recorded_by_id=act.actor.id,
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        if "pk_document_withdrawal" not in str(error.orig):
            raise
        return Deny(rule="privilege.document.withdrawn", reason="document.withdrawn_already")
    session.expire(document, ["withdrawal"])
    return None


def _today(act: Act) -> date:
    return act.now.astimezone(RULES_ZONE).date()
