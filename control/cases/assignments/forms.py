"""What a leader typed, as an order, with every fault beside its field."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta

from control.cases.assignments.service import Order
from control.errors import InvalidInput
from control.text import nfc
from policies import RULES_ZONE

NAMES = ("login", "document", "until")
DATE_FORMS = ("%d/%m/%Y", "%Y-%m-%d")
DOCUMENT_CHARACTERS = 60


def read_order(form: Mapping[str, str]) -> Order | tuple[InvalidInput, ...]:
    """Return the order, or every fault. The last day counts whole: the assignment ends with it."""
    faults: list[InvalidInput] = []
    login = nfc(form.get("login", "")).strip()
    if not login:
        faults.append(InvalidInput("input.not_a_choice", field="login"))
    document = " ".join(nfc(form.get("document", "")).split())
    if not document or any(unicodedata.category(character) in {"Cc", "Cs"} for character in document):
        faults.append(InvalidInput("input.required", field="document"))
    elif len(document) > DOCUMENT_CHARACTERS:
        faults.append(InvalidInput("input.too_long", field="document", maximum=DOCUMENT_CHARACTERS))
    until = _end_of_day(form.get("until", "").strip())
    if until is None:
        faults.append(InvalidInput("input.not_a_date", field="until"))
    if faults or until is None:
        return tuple(faults)
    return Order(login=login, document=document, until=until)


def _end_of_day(text: str) -> datetime | None:
    for form in DATE_FORMS:
        try:
            day = datetime.strptime(text, form).replace(tzinfo=RULES_ZONE)
        except ValueError:
            continue
        return day + timedelta(days=1) if 2000 <= day.year <= 2100 else None
    return None
