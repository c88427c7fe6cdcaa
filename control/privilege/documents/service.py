"""Files authorising documents and hands out their bytes.

Not for: deciding what a document allows (domain.py). Invariant: a refused document leaves nothing but its entry.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, undefer

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.privilege.documents.domain import NewDocument
from control.privilege.documents.models import AuthorisingDocument
from control.text import fold
from policies import RULES_ZONE

DUPLICATE = "document.duplicate"


def file_document(session: Session, *, new: NewDocument, act: Act) -> AuthorisingDocument | Deny:
    """Store the document with its digest and write the entry; the same number, date and unit twice is refused."""
    row = AuthorisingDocument(
        number=new.number,
        signed_on=new.signed_on,
        signer=new.signer,
        issuing_unit=new.issuing_unit,
        subject=new.subject,
        valid_from=new.valid_from,
        valid_to=new.valid_to,
        file=new.file,
        file_sha256=new.file_sha256,
        size_bytes=len(new.file),
        filed_by_id=act.actor.id,
        filed_at=act.now,
        search_text=fold(f"{new.number} {new.subject} {new.signer} {new.issuing_unit}"),
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        if "uq_authorising_document_number" not in str(error.orig):
            raise
        decision = Deny(rule="privilege.document.once", reason=DUPLICATE, params={"number": new.number})
        refuse_document(session, decision=decision, number=new.number, act=act)
        return decision
    act.record(
        session,
        Action.PRIVILEGE_DOCUMENT_FILE,
        about=audit.About(document_number=row.number),
        details={
            "document": row.id,
            "sha256": row.file_sha256,
            "valid_from": row.valid_from.isoformat(),
            "valid_to": row.valid_to.isoformat(),
        },
        titles=(row.subject, row.issuing_unit),
    )
    return row


def refuse_document(session: Session, *, decision: Deny, number: str, act: Act) -> None:
    """Write the entry of a document that was not taken."""
    act.refuse(session, Action.PRIVILEGE_DOCUMENT_FILE, decision, about=audit.About(document_number=number))


def is_filed(session: Session, *, number: str, signed_on: date, issuing_unit: str) -> bool:
    """Tell whether this document is here already."""
    same = (
        AuthorisingDocument.number == number,
        AuthorisingDocument.signed_on == signed_on,
        AuthorisingDocument.issuing_unit == issuing_unit,
    )
    return bool(session.scalar(select(exists().where(*same))))


def find_document(session: Session, document_id: int) -> AuthorisingDocument | None:
    """Return one document without its bytes."""
    return session.get(AuthorisingDocument, document_id)


def download_document(session: Session, *, document_id: int, act: Act) -> tuple[AuthorisingDocument, bytes]:
    """Return a document with its signed bytes; handing them out is an act. Raises NotFound."""
    row = session.scalar(
        select(AuthorisingDocument)
        .options(undefer(AuthorisingDocument.file))
        .where(AuthorisingDocument.id == document_id)
    )
    if row is None:
        raise NotFound("document", document_id)
    act.record(
        session,
        Action.PRIVILEGE_DOCUMENT_DOWNLOAD,
        about=audit.About(document_number=row.number),
        details={"document": row.id, "sha256": row.file_sha256},
    )
    return row, row.file


def list_documents(session: Session, *, listing: Listing, act: Act) -> Page[AuthorisingDocument]:
    """Return one page of documents for the listing's words and state of validity."""
    today = act.now.astimezone(RULES_ZONE).date()
    sort = {"number": AuthorisingDocument.number, "valid_to": AuthorisingDocument.valid_to}.get(
        listing.key, AuthorisingDocument.signed_on
    )
    query = select(AuthorisingDocument).where(listing.after(sort, AuthorisingDocument.id))
    if listing.filters["q"]:
        query = query.where(AuthorisingDocument.search_text.contains(fold(listing.filters["q"]), autoescape=True))
    if listing.filters["state"] == "in-force":
        query = query.where(AuthorisingDocument.valid_from <= today, AuthorisingDocument.valid_to >= today)
    if listing.filters["state"] == "expired":
        query = query.where(AuthorisingDocument.valid_to < today)
    rows = session.scalars(query.order_by(*listing.order(sort, AuthorisingDocument.id)).limit(listing.limit)).all()
    return listing.page(rows, cursor=lambda row: (getattr(row, sort.key), row.id))


def documents_in_force(session: Session, *, act: Act, limit: int = 200) -> tuple[AuthorisingDocument, ...]:
    """Return the documents a request filed today can rest on, the newest first."""
    today = act.now.astimezone(RULES_ZONE).date()
    query = (
        select(AuthorisingDocument)
        .where(AuthorisingDocument.valid_to >= today)
        .order_by(AuthorisingDocument.signed_on.desc(), AuthorisingDocument.id.desc())
        .limit(limit)
    )
    return tuple(session.scalars(query))
