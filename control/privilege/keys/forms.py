"""Reads the form of a new connection key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from control.errors import InvalidInput
from control.privilege.fields import Fields
from control.privilege.keys.domain import read_ranges, unknown_scopes
from control.privilege.keys.service import KeyTerms, NewKey
from policies import RULES_ZONE

NAMES = (
    "system", "holder_unit", "focal_unit", "focal_contact", "purpose", "ranges", "quota_per_minute", "document",
    "expires_on",
)  # fmt: skip
PURPOSE_CHARACTERS = 500
TOKEN_CHARACTERS = 64


def read_key(fields: Fields, *, scopes: Sequence[str], terms: KeyTerms) -> NewKey | None:
    """Return what is asked for, or None after its faults were added to the fields' own; the last day is included."""
    before = len(fields.faults)
    system = fields.text("system", maximum=120)
    holder_unit = fields.text("holder_unit", maximum=160)
    focal_unit = fields.text("focal_unit", maximum=160)
    focal_contact = fields.text("focal_contact", maximum=160)
    purpose = fields.text("purpose", maximum=PURPOSE_CHARACTERS, has_lines=True)
    quota = fields.number("quota_per_minute")
    document, last_day = fields.number("document"), fields.day("expires_on")
    try:
        ranges = read_ranges(fields.form.get("ranges", ""))
    except InvalidInput as fault:
        fields.faults.append(fault)
        ranges = ()
    if not scopes or unknown_scopes(scopes):
        fields.faults.append(InvalidInput("key.scopes.invalid", field="scopes"))
    if quota is not None and not 1 <= quota <= terms.quota_maximum:
        fields.faults.append(InvalidInput("key.quota.invalid", field="quota_per_minute", maximum=terms.quota_maximum))
    form_token = fields.text("form_token", maximum=TOKEN_CHARACTERS)
    if len(fields.faults) > before or quota is None or document is None or last_day is None:
        return None
    return NewKey(
        system=system,
        holder_unit=holder_unit,
        focal_unit=focal_unit,
        focal_contact=focal_contact,
        purpose=purpose,
        scopes=tuple(sorted(set(scopes))),
        ranges=ranges,
        quota_per_minute=quota,
        document_id=document,
        expires_at=datetime.combine(last_day + timedelta(days=1), time(), RULES_ZONE),
        form_token=form_token,
    )
