"""Close findings whose cause is gone and cannot be there again unseen: an account that has its document now.

Not for: what people judge (service.py). Invariants: only kinds of ENDS_WITH_CAUSE close without a person, which the
database holds too; the paper that settled it stands in the finding, with whoever filed it.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from control import privilege
from control.actions import Action
from control.acts import Act
from control.assurance.findings.domain import Explanation, Kind, State
from control.assurance.findings.models import Finding
from control.assurance.findings.service import OVERDUE_ALERT, about, add_step
from control.operations.alerts import settle_own

AT_ONCE = 200


def settle_documented(session: Session, *, act: Act) -> tuple[str, ...]:
    """Close each finding about an account without a document that has one now; return their codes."""
    rows = list(
        session.scalars(
            select(Finding)
            .where(Finding.kind == Kind.UNDOCUMENTED, Finding.state != State.CLOSED)
            .order_by(Finding.id)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
    )
    papers = privilege.papers_of(session, codes=[row.subject for row in rows]) if rows else {}
    closed = []
    for finding in rows:
        paper = papers.get(finding.subject)
        if paper is None:
            continue
        why = Explanation(
            document_number=paper.number, document_date=paper.signed_on, text=f"{finding.subject}: {paper.number}"
        )
        finding.explained_by, finding.explained_at, finding.explanation = paper.given_by_id, act.now, why.text
        finding.document_number, finding.document_date = why.document_number, why.document_date
        finding.state, finding.closed_at = str(State.CLOSED), act.now
        add_step(session, finding, "closed", act=act, explanation=why)
        settle_own(session, OVERDUE_ALERT, subject=finding.code, act=act)
        act.record(
            session,
            Action.ASSURANCE_FINDING_CLOSE,
            about=about(finding, document=paper.number),
            details={"account": finding.subject, "explained_by": f"person:{paper.given_by_id}"},
        )
        closed.append(finding.code)
    session.flush()
    return tuple(closed)
