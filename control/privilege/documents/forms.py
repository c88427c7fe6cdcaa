"""Reads the form of a new authorising document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from control.decisions import Deny
from control.errors import InvalidInput
from control.privilege.documents.domain import NewDocument, date_faults, file_fault
from control.privilege.documents.signatures import SignatureVerdict, Trust, judge_signature, may_carry
from control.privilege.fields import Fields
from control.settings import Settings
from policies import Policies

NAMES = ("number", "signed_on", "signer", "issuing_unit", "subject", "valid_from", "valid_to")
LONG = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrutiny:
    """How the signatures of an uploaded file are looked at, and whether one is required."""

    trust_dir: Path | None
    now: datetime
    is_required: bool

    @classmethod
    def of(cls, settings: Settings, law: Policies, *, now: datetime) -> Scrutiny:
        """Read the operator's choices."""
        allowed: bool = law.parameter("authorising_document_unsigned_allowed").value
        return cls(trust_dir=settings.signature_trust_dir, now=now, is_required=not allowed)

    def judge(self, content: bytes) -> SignatureVerdict:
        """Return what the signatures are worth. Raises Unavailable."""
        return judge_signature(content, trust=Trust.read(self.trust_dir), now=self.now)


def read_document(
    fields: Fields, *, content: bytes, today: date, maximum_mib: int, scrutiny: Scrutiny | None = None
) -> NewDocument | None:
    """Return the document, or None after its faults were added to the fields' own.

    With `scrutiny` its signatures are judged, which takes a process of its own: outside of any transaction.
    """
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
    verdict = scrutiny.judge(content) if scrutiny else None
    if scrutiny and verdict:
        decision = may_carry(verdict, is_required=scrutiny.is_required)
        if isinstance(decision, Deny):
            fields.faults.append(InvalidInput(decision.reason, field="file"))
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
        signature=verdict,
    )
