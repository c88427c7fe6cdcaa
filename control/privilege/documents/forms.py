"""Reads the form of a new authorising document."""

from __future__ import annotations

from datetime import date

from control.privilege.documents.domain import NewDocument, date_faults, file_fault
from control.privilege.fields import Fields

NAMES = ("number", "signed_on", "signer", "issuing_unit", "subject", "valid_from", "valid_to")
LONG = 500


def read_document(fields: Fields, *, content: bytes, today: date, maximum_mib: int) -> NewDocument | None:
    """Return the document, or None after its faults were added to the fields' own."""
    before = len(fields.faults)
    number = fields.text("number", maximum=60)
    signed_on = fields.day("signed_on")
    signer = fields.text("signer", maximum=120)
    issuing_unit = fields.text("issuing_unit", maximum=160)
    subject = fields.text("subject", maximum=LONG)
    valid_from, valid_to = fields.day("valid_from"), fields.day("valid_to")
    fault = file_fault(content, name="file", maximum_mib=maximum_mib)
    if signed_on and valid_from and valid_to:
        fields.faults.extend(date_faults(signed_on=signed_on, valid_from=valid_from, valid_to=valid_to, today=today))
    if fault:
        fields.faults.append(fault)
    if len(fields.faults) > before or not (signed_on and valid_from and valid_to):
        return None
    return NewDocument(
        number=number,
        signed_on=signed_on,
        signer=signer,
        issuing_unit=issuing_unit,
        subject=subject,
        valid_from=valid_from,
        valid_to=valid_to,
        file=content,
    )
