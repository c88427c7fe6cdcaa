"""What makes a file and its dates an authorising document: pure rules, no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256

from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput
from control.privilege.documents.signatures import RULE as SIGNATURE_RULE
from control.privilege.documents.signatures import SignatureVerdict, Signed
from policies import RULES_ZONE

PDF_HEAD = b"%PDF-"
PDF_TAIL = b"%%EOF"
TAIL_BYTES = 2048
MIB = 1024 * 1024
IN_FORCE_RULE = "privilege.document.in_force"
WITHDRAWN_RULE = "privilege.document.withdrawn"
# A fault with one of these codes is a rule that refused, not a slip of the pen: it stands in the trail.
RULES = {
    "document.duplicate": "privilege.document.once",
    "document.expired": IN_FORCE_RULE,
    "document.other_unit": "privilege.document.one_unit",
    "document.window_outside": IN_FORCE_RULE,
    "document.withdrawn": WITHDRAWN_RULE,
    **{f"document.signature.{one}": SIGNATURE_RULE for one in Signed},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A signed decision about to be filed; cannot exist with an empty validity or a file that is no PDF."""

    number: str
    signed_on: date
    signer: str
    issuing_unit: str
    subject: str
    valid_from: date
    valid_to: date
    file: bytes = field(repr=False)
    signature: SignatureVerdict | None = None  # None: nobody looked

    def __post_init__(self) -> None:
        if self.valid_to < self.valid_from:
            raise ValueError("a document is valid for at least one day")
        if not self.file.startswith(PDF_HEAD):
            raise ValueError("a document is a PDF file")

    @property
    def withdrawn_from(self) -> date | None:
        """Nothing was withdrawn before it was filed."""
        return None

    @property
    def file_sha256(self) -> str:
        """The digest of the signed bytes."""
        return sha256(self.file).hexdigest()


def file_fault(content: bytes, *, name: str, maximum_mib: int) -> InvalidInput | None:
    """Return what is wrong with an uploaded file; its bytes decide, not its name or what the browser called it."""
    if not content:
        return InvalidInput("document.file.required", field=name)
    if len(content) > maximum_mib * MIB:
        return InvalidInput("document.file.too_large", field=name, maximum_mib=maximum_mib)
    if not content.startswith(PDF_HEAD) or PDF_TAIL not in content[-TAIL_BYTES:]:
        return InvalidInput("document.file.not_pdf", field=name)
    return None


def date_faults(*, signed_on: date, valid_from: date, valid_to: date, today: date) -> tuple[InvalidInput, ...]:
    """Return what is wrong with the dates of a document about to be filed, the field named in each."""
    faults = []
    if signed_on > today:
        faults.append(InvalidInput("document.signed_on.in_future", field="signed_on"))
    if valid_to < valid_from:
        faults.append(InvalidInput("document.validity.reversed", field="valid_to"))
    elif valid_to < today:
        faults.append(InvalidInput("document.expired", field="valid_to", valid_to=f"{valid_to:%d/%m/%Y}"))
    return tuple(faults)


def is_in_force(valid_from: date, valid_to: date, *, on: date, withdrawn_from: date | None = None) -> bool:
    """Tell whether a document with this validity authorises anything on that local day."""
    return valid_from <= on <= valid_to and (withdrawn_from is None or on < withdrawn_from)


def covers(
    valid_from: date,
    valid_to: date,
    *,
    starts_at: datetime,
    ends_at: datetime,
    today: date,
    number: str,
    withdrawn_from: date | None = None,
) -> Decision:
    """Decide whether a document is in force on every local day of a window (design.md, rule 2).

    The window ends before `ends_at`: one that ends at midnight does not touch the day that begins then.
    """
    params = {"number": number, "valid_from": f"{valid_from:%d/%m/%Y}", "valid_to": f"{valid_to:%d/%m/%Y}"}
    first = starts_at.astimezone(RULES_ZONE).date()
    last = (ends_at.astimezone(RULES_ZONE) - timedelta(microseconds=1)).date()
    if withdrawn_from is not None and last >= withdrawn_from:
        withdrawn = {"number": number, "day": f"{withdrawn_from:%d/%m/%Y}"}
        return Deny(rule=WITHDRAWN_RULE, reason="document.withdrawn", params=withdrawn)
    if valid_to < today:
        return Deny(rule=IN_FORCE_RULE, reason="document.expired", params=params)
    if first < valid_from or last > valid_to:
        return Deny(rule=IN_FORCE_RULE, reason="document.window_outside", params=params)
    return Allow(rule=IN_FORCE_RULE)


def may_withdraw(*, is_withdrawn: bool, withdrawn_from: date, today: date) -> Decision:
    """Decide whether a document can be withdrawn from a day on: once, and never for days that have passed."""
    if is_withdrawn:
        return Deny(rule=WITHDRAWN_RULE, reason="document.withdrawn_already")
    if withdrawn_from < today:
        return Deny(rule=WITHDRAWN_RULE, reason="document.withdrawal_in_past")
    return Allow(rule=WITHDRAWN_RULE)
