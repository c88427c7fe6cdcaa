"""Files authorising documents and hands out their bytes.

Not for: deciding what a document allows (domain.py). Invariant: a refused document leaves nothing but its entry.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, undefer

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.errors import NotFound
from control.frame.tables import Listing, Page
from control.privilege.documents.domain import RULES, NewDocument
from control.privilege.documents.models import AuthorisingDocument, DocumentSignature, DocumentWithdrawal
from control.privilege.documents.signatures import SignatureVerdict
from control.text import fold
from policies import RULES_ZONE

REFUSED_BY_DATABASE = {
    "uq_authorising_document_number": "document.duplicate",
    "these bytes are the document of another unit": "document.other_unit",
}


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
        reason = next((code for name, code in REFUSED_BY_DATABASE.items() if name in str(error.orig)), None)
        if reason is None:
            raise
        decision = Deny(rule=RULES[reason], reason=reason, params={"number": new.number})
        refuse_document(session, decision=decision, number=new.number, act=act)
        return decision
    if new.signature is not None:
        _store_verdict(session, document_id=row.id, verdict=new.signature)
    act.record(
        session,
        Action.PRIVILEGE_DOCUMENT_FILE,
        about=audit.About(document_number=row.number),
        details={
            "document": row.id,
            "sha256": row.file_sha256,
            "signature": new.signature.state if new.signature else "not-judged",
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


def signature_of(session: Session, document_id: int) -> DocumentSignature | None:
    """Return what was found of a document's signatures when they were last judged."""
    return session.scalar(
        select(DocumentSignature)
        .where(DocumentSignature.document_id == document_id)
        .order_by(DocumentSignature.id.desc())
        .limit(1)
    )


def signatures_of(session: Session, document_ids: Sequence[int]) -> Mapping[int, DocumentSignature]:
    """Return document → what was last found of its signatures; one query."""
    newest = (
        select(func.max(DocumentSignature.id))
        .where(DocumentSignature.document_id.in_(document_ids))
        .group_by(DocumentSignature.document_id)
    )
    rows = session.scalars(select(DocumentSignature).where(DocumentSignature.id.in_(newest)))
    return {row.document_id: row for row in rows}


def note_verdict(session: Session, *, document_id: int, verdict: SignatureVerdict, act: Act) -> None:
    """Store what was found of a filed document's signatures now; the entry says what it was worth."""
    row = session.get_one(AuthorisingDocument, document_id)
    _store_verdict(session, document_id=document_id, verdict=verdict)
    act.record(
        session,
        Action.PRIVILEGE_DOCUMENT_JUDGE,
        about=audit.About(document_number=row.number),
        details={"document": document_id, "signature": verdict.state, "fingerprint": verdict.fingerprint},
    )


def _store_verdict(session: Session, *, document_id: int, verdict: SignatureVerdict) -> None:
    session.add(
        DocumentSignature(
            document_id=document_id,
            state=verdict.state.value,
            why=verdict.why,
            count=verdict.count,
            signer=verdict.signer,
            issuer=verdict.issuer,
            serial=verdict.serial,
            fingerprint=verdict.fingerprint,
            signed_at=verdict.signed_at,
            is_stamped=verdict.is_stamped,
            judged_at=verdict.judged_at,
        )
    )
    session.flush()


def content_of(session: Session, document_id: int) -> bytes:
    """Return the bytes of a document for the product's own use, such as judging them again. Raises NotFound."""
    found = session.scalar(select(AuthorisingDocument.file).where(AuthorisingDocument.id == document_id))
    if found is None:
        raise NotFound("document", document_id)
    return found


def download_document(session: Session, *, document_id: int, act: Act) -> tuple[AuthorisingDocument, bytes] | Deny:
    """Return a document with its signed bytes, or refuse bytes that are not those that were filed. Raises NotFound.

    Handing them out is an act, and so is the refusal (pam.md E9).
    """
    row = session.scalar(
        select(AuthorisingDocument)
        .options(undefer(AuthorisingDocument.file))
        .where(AuthorisingDocument.id == document_id)
    )
    if row is None:
        raise NotFound("document", document_id)
    if not hmac.compare_digest(sha256(row.file).hexdigest(), row.file_sha256):
        broken = Deny(rule="privilege.document.digest", reason="document.digest_broken", params={"number": row.number})
        spoken_of = audit.About(document_number=row.number)
        act.refuse(session, Action.PRIVILEGE_DOCUMENT_DOWNLOAD, broken, about=spoken_of, details={"document": row.id})
        return broken
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
        query = query.where(_stands(today))
    if listing.filters["state"] == "withdrawn":
        query = query.where(AuthorisingDocument.withdrawal.has())
    if listing.filters["state"] == "expired":
        query = query.where(AuthorisingDocument.valid_to < today)
    rows = session.scalars(query.order_by(*listing.order(sort, AuthorisingDocument.id)).limit(listing.limit)).all()
    return listing.page(rows, cursor=lambda row: (getattr(row, sort.key), row.id))


def documents_in_force(session: Session, *, act: Act, limit: int = 200) -> tuple[AuthorisingDocument, ...]:
    """Return the documents a request filed today can rest on, the newest first."""
    today = act.now.astimezone(RULES_ZONE).date()
    query = (
        select(AuthorisingDocument)
        .where(AuthorisingDocument.valid_to >= today, _stands(today))
        .order_by(AuthorisingDocument.signed_on.desc(), AuthorisingDocument.id.desc())
        .limit(limit)
    )
    return tuple(session.scalars(query))


def _stands(today: date) -> ColumnElement[bool]:
    """Return the condition that a document is not withdrawn on a day."""
    gone = AuthorisingDocument.withdrawal.has(DocumentWithdrawal.withdrawn_from <= today)
    return ~gone
