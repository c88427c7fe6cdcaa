"""Reads the request form: account, holder, document, window and purpose on one page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from control.errors import InvalidInput
from control.privilege.documents import forms as document_forms
from control.privilege.documents.domain import NewDocument
from control.privilege.fields import Fields

NEW_DOCUMENT = "new"
NAMES = (
    "account", "holder", "requester", "document", "starts_at", "ends_at", "purpose", *document_forms.NAMES,
)  # fmt: skip
PURPOSE_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was typed, as far as it could be read; what could not is None or empty and stands among the faults."""

    account_code: str
    holder_login: str
    requester_login: str
    document_id: int | None
    new_document: NewDocument | None
    starts_at: datetime | None
    ends_at: datetime | None
    purpose: str
    extends_id: int | None = None
    amends_id: int | None = None
    faults: tuple[InvalidInput, ...] = ()


def read_draft(
    form: Mapping[str, str],
    *,
    content: bytes,
    may_file_document: bool,
    today: date,
    maximum_mib: int,
    scrutiny: document_forms.Scrutiny | None = None,
) -> Draft:
    """Return the draft with every fault of form; rules are the service's."""
    fields = Fields(form)
    account_code = fields.text("account")
    holder_login = fields.text("holder")
    requester_login = fields.text("requester", is_required=False)
    choice = fields.text("document")
    new = None
    if choice == NEW_DOCUMENT and may_file_document:
        new = document_forms.read_document(
            fields, content=content, today=today, maximum_mib=maximum_mib, scrutiny=scrutiny
        )
    elif choice and not (choice.isascii() and choice.isdigit() and len(choice) <= 15):
        fields.faults.append(InvalidInput("input.not_a_choice", field="document"))
    starts_at, ends_at = fields.moment("starts_at"), fields.moment("ends_at")
    return Draft(
        account_code=account_code,
        holder_login=holder_login,
        requester_login=requester_login,
        document_id=int(choice) if choice.isascii() and choice.isdigit() and len(choice) <= 15 else None,
        new_document=new,
        starts_at=starts_at,
        ends_at=ends_at,
        purpose=fields.text("purpose", maximum=PURPOSE_CHARACTERS, has_lines=True),
        faults=tuple(fields.faults),
    )
