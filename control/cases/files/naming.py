"""Say whose a case is: at intake when its applicant is known here, later when they become known; each time an entry.

Invariants: only the keyed digest of the number decides, never a name or an address; a case that names somebody already
names nobody else (S3-14.1.a).
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.cases.files.models import CaseApplicant, CaseFile
from control.people import NumberBook

MOST_AT_ONCE = 500


def name_applicant(session: Session, case: CaseFile, applicant: CaseApplicant, *, book: NumberBook, act: Act) -> bool:
    """Keep what the applicant is found by, and name them when they are known; tell whether they are."""
    applicant.number_token = book.token(applicant.personal_number)
    holder = book.holder(session, applicant.personal_number)
    if holder is not None:
        _name(session, case, person_id=holder, by="intake", act=act)
    session.flush()
    return holder is not None


def join_cases(session: Session, *, person_id: int, number_token: bytes, act: Act) -> int:
    """Answer the port `join_cases`: let nobody's cases of a number name whoever has proved to hold it."""
    rows = session.scalars(
        select(CaseFile)
        .join(CaseApplicant, CaseApplicant.case_file_id == CaseFile.id)
        .where(CaseApplicant.number_token == number_token, CaseFile.applicant_id.is_(None))
        .order_by(CaseFile.id)
        .limit(MOST_AT_ONCE)
        .with_for_update(of=CaseFile, skip_locked=True)
    ).all()
    for case in rows:
        _name(session, case, person_id=person_id, by="sign-in", act=act)
    session.flush()
    return len(rows)


def _name(session: Session, case: CaseFile, *, person_id: int, by: str, act: Act) -> None:
    case.applicant_id = person_id
    act.record(
        session,
        Action.CASES_APPLICANT_NAME,
        about=audit.About(case_code=case.code, person_id=f"person:{person_id}"),
        details={"by": by},
    )
