"""Lists case files without anybody's data, and opens personal data under a grant.

Invariants: nobody is given a case outside their scope; a list never touches `case_applicant`; the entry of an opening
is in the database before the data leaves it; personal values stand in the entry as commitments only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.cases.assignments.sight import visible_to
from control.cases.files.domain import ASSET, CLOSED_STATES, Purpose, may_open
from control.cases.files.models import CaseApplicant, CaseFile, Procedure
from control.decisions import Deny
from control.errors import NotFound, NotVisible
from control.frame.tables import Listing, Page
from control.people import SCOPE_RULE
from control.ports import AccountUse, CaseRef, GrantLookup, GrantRef
from control.text import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Personal data that was opened, with the grant it was opened under; never logged."""

    grant: GrantRef
    purpose: Purpose
    name: str = field(repr=False)
    address: str = field(repr=False)
    personal_number: str = field(repr=False)
    phone: str = field(repr=False)


def list_cases(session: Session, *, listing: Listing, act: Act) -> Page[CaseFile]:
    """Return one page of the case files the person may see; nothing personal is read."""
    sort = CaseFile.code if listing.key == "code" else CaseFile.received_at
    conditions: list[ColumnElement[bool]] = [visible_to(act.actor, now=act.now)]
    if listing.filters["state"] == "open":
        conditions.append(CaseFile.state.not_in(CLOSED_STATES))
    elif listing.filters["state"]:
        conditions.append(CaseFile.state == listing.filters["state"])
    if listing.filters["procedure"]:
        conditions.append(Procedure.code == listing.filters["procedure"])
    if listing.filters["q"]:
        conditions.append(CaseFile.search_text.contains(fold(listing.filters["q"]), autoescape=True))
    joined = select(CaseFile).join(CaseFile.procedure).where(*conditions)
    total = session.scalar(select(func.count()).select_from(joined.subquery())) or 0
    rows = session.scalars(
        joined.options(contains_eager(CaseFile.procedure))
        .where(listing.after(sort, CaseFile.id))
        .order_by(*listing.order(sort, CaseFile.id))
        .limit(listing.limit)
    ).all()
    return listing.page(rows, cursor=lambda row: (getattr(row, sort.key), row.id), total=total)


def procedures(session: Session, *, limit: int = 200) -> tuple[Procedure, ...]:
    """Return the procedures, in the order of their codes."""
    return tuple(session.scalars(select(Procedure).order_by(Procedure.code).limit(limit)))


def load_case(session: Session, code: str, *, act: Act) -> CaseFile:
    """Return one case with its procedure and nothing personal.

    Raises NotFound, and NotVisible for a case of another unit without an assignment (S3-14.1.b).
    """
    if not code.isprintable():  # no database takes a zero byte
        raise NotFound("case", code)
    found = session.execute(
        select(CaseFile, visible_to(act.actor, now=act.now))
        .options(joinedload(CaseFile.procedure))
        .where(CaseFile.code == code)
    ).one_or_none()
    if found is None:
        raise NotFound("case", code)
    case, is_visible = found
    if not is_visible:
        raise NotVisible("case", code, about=audit.About(case_code=case.code), rule=SCOPE_RULE)
    return case


def list_own_cases(session: Session, *, listing: Listing, act: Act) -> Page[CaseFile]:
    """Return one page of the cases in the actor's own name."""
    own = select(CaseFile).join(CaseFile.procedure).where(CaseFile.applicant_id == act.actor.id)
    if listing.filters["q"]:
        own = own.where(CaseFile.search_text.contains(fold(listing.filters["q"]), autoescape=True))
    total = session.scalar(select(func.count()).select_from(own.subquery())) or 0
    rows = session.scalars(
        own.options(contains_eager(CaseFile.procedure))
        .where(listing.after(CaseFile.received_at, CaseFile.id))
        .order_by(*listing.order(CaseFile.received_at, CaseFile.id))
        .limit(listing.limit)
    ).all()
    return listing.page(rows, cursor=lambda row: (row.received_at, row.id), total=total)


def load_own_case(session: Session, code: str, *, act: Act) -> CaseFile:
    """Return one case in the actor's own name. Raises NotFound, NotVisible for anybody else's (S3-14.1.a)."""
    if not code.isprintable():
        raise NotFound("case", code)
    case = session.scalar(select(CaseFile).options(joinedload(CaseFile.procedure)).where(CaseFile.code == code))
    if case is None:
        raise NotFound("case", code)
    if case.applicant_id is None or case.applicant_id != act.actor.id:
        raise NotVisible("case", code, about=audit.About(case_code=case.code), rule=SCOPE_RULE)
    return case


def open_file(
    session: Session,
    *,
    code: str,
    purpose: Purpose,
    lookup: GrantLookup,
    act: Act,
    note_use: AccountUse | None = None,
) -> Opened | Deny:
    """Open the personal data of one case for a purpose, or refuse; the entry comes first in both cases.

    The caller shows what is returned only after the transaction was committed.
    """
    case = load_case(session, code, act=act)
    grant = lookup(session, person_id=act.actor.id, asset_code=ASSET, now=act.now)
    decision = may_open(grant)
    with_purpose = act.for_purpose(purpose.value)
    titles = (case.procedure.title, case.procedure.title_en, case.unit)
    if isinstance(decision, Deny) or grant is None:
        refusal = decision if isinstance(decision, Deny) else Deny(rule="cases", reason="case.no_grant")
        with_purpose.refuse(
            session,
            Action.CASES_FILE_OPEN,
            refusal,
            about=audit.About(case_code=case.code, asset_id=ASSET),
            titles=titles,
        )
        return refusal
    applicant = session.get(CaseApplicant, case.id)
    if applicant is None:
        raise NotFound("applicant", code)
    with_purpose.record(
        session,
        Action.CASES_FILE_OPEN,
        about=audit.About(
            case_code=case.code,
            asset_id=ASSET,
            account_id=grant.account_code,
            grant_id=grant.code,
            document_number=grant.document_number,
        ),
        details={"procedure": case.procedure.code, "grant_until": grant.until.isoformat()},
        personal={
            "citizen.name": applicant.name,
            "citizen.address": applicant.address,
        },
        subject=f"citizen:case:{case.code}",
        titles=titles,
    )
    if note_use is not None:
        note_use(session, account_code=grant.account_code, at=act.now)
    return Opened(
        grant=grant,
        purpose=purpose,
        name=applicant.name,
        address=applicant.address,
        personal_number=applicant.personal_number,
        phone=applicant.phone,
    )


def case_for(session: Session, *, code: str, personal_number: str, act: Act) -> CaseRef | None:
    """Return a case the person may work on, and whether the number is its applicant's. Implements CaseLookup."""
    try:
        case = load_case(session, code, act=act)
    except NotFound:  # also one that is there and not theirs to see
        return None
    own = select(CaseApplicant.case_file_id).where(
        CaseApplicant.case_file_id == case.id, CaseApplicant.personal_number == personal_number
    )
    is_named = session.scalar(own) is not None
    return CaseRef(code=case.code, received_at=case.received_at, closed_at=case.closed_at, names_person=is_named)


def dossiers_of(session: Session, *, codes: Collection[str]) -> Mapping[str, CaseRef]:
    """Return the cases that exist among the codes. Implements CaseDossiers."""
    rows = session.execute(
        select(CaseFile.code, CaseFile.received_at, CaseFile.closed_at).where(CaseFile.code.in_(list(codes)))
    )
    return {row.code: CaseRef(code=row.code, received_at=row.received_at, closed_at=row.closed_at) for row in rows}
