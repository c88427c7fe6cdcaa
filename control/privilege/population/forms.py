"""Reads the forms of access to the population database."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from control.errors import InvalidInput
from control.privilege.documents.domain import file_fault
from control.privilege.fields import Fields
from control.privilege.population.domain import CASE_CODE, PERSONAL_NUMBER, PaperKind
from control.privilege.population.linking import NewLink
from control.privilege.population.lookups import Wanted
from control.privilege.population.registrations import NewPaper
from control.privilege.population.terms import Terms
from policies import RULES_ZONE

LINK_NAMES = (
    "document",
    "conditions",
    "responsible",
    "technical",
    "police_unit",
    "police_contact",
    "police_phone",
    "certificate_until",
)
PAPER_NAMES = ("kind", "number", "signed_on", "unit", "people")
LOOKUP_NAMES = ("case", "purpose")  # never the number: it is typed anew
REASON_CHARACTERS = 500
LONG = 2_000
MOST_PEOPLE = 300


def read_link(fields: Fields) -> NewLink | None:
    """Return the record of the link, or None after its faults were added; the certificate may stay empty."""
    before = len(fields.faults)
    document = fields.number("document")
    conditions = fields.text("conditions", maximum=LONG, has_lines=True)
    responsible = fields.text("responsible", maximum=64)
    technical = fields.text("technical", maximum=64)
    police_unit = fields.text("police_unit", maximum=160)
    police_contact = fields.text("police_contact", maximum=160)
    police_phone = fields.text("police_phone", maximum=40)
    until = fields.day("certificate_until") if fields.form.get("certificate_until", "").strip() else None
    if len(fields.faults) > before or document is None:
        return None
    return NewLink(
        document_id=document,
        conditions=conditions,
        responsible_login=responsible,
        technical_login=technical,
        police_unit=police_unit,
        police_contact=police_contact,
        police_phone=police_phone,
        certificate_until=datetime.combine(until + timedelta(days=1), time(), RULES_ZONE) if until else None,
    )


def read_paper(fields: Fields, *, content: bytes, today: date, terms: Terms) -> NewPaper | None:
    """Return the paper, or None after its faults were added to the fields' own."""
    before = len(fields.faults)
    kind = fields.choice("kind", among=[one.value for one in PaperKind])
    number = fields.text("number", maximum=60)
    signed_on = fields.day("signed_on")
    unit = fields.text("unit", maximum=160)
    logins = tuple(dict.fromkeys(part for part in re.split(r"[\s,;]+", fields.form.get("people", "")) if part))
    if not logins:
        fields.faults.append(InvalidInput("input.required", field="people"))
    elif len(logins) > MOST_PEOPLE or any(len(login) > 64 or not login.isprintable() for login in logins):
        fields.faults.append(InvalidInput("input.too_long", field="people", maximum=MOST_PEOPLE))
    if signed_on is not None and signed_on > today:
        fields.faults.append(InvalidInput("document.signed_on.in_future", field="signed_on"))
    fault = file_fault(content, name="file", maximum_mib=terms.maximum_mib)
    if fault is not None:
        fields.faults.append(fault)
    if len(fields.faults) > before or signed_on is None:
        return None
    return NewPaper(kind=PaperKind(kind), number=number, signed_on=signed_on, unit=unit, logins=logins, file=content)


def read_wanted(fields: Fields, *, terms: Terms) -> Wanted | None:
    """Return the look-up asked for, or None after its faults were added to the fields' own."""
    before = len(fields.faults)
    case_code = fields.text("case", maximum=40).upper()
    if case_code and not CASE_CODE.fullmatch(case_code):
        fields.faults.append(InvalidInput("population.case.form", field="case"))
    purpose = fields.choice("purpose", among=terms.purposes.keys())
    number = "".join(fields.text("number", maximum=40).split())
    if number and not PERSONAL_NUMBER.fullmatch(number):
        fields.faults.append(InvalidInput("population.number.form", field="number"))
    if len(fields.faults) > before:
        return None
    return Wanted(case_code=case_code, purpose=terms.purposes[purpose], number=number)
