"""Reads the number or account a signature is asked of, and the number that is registered."""

from __future__ import annotations

import re
from collections.abc import Mapping

from control.errors import InvalidInput
from control.people.citizens.domain import NUMBER_OF, Elsewhere, parse_number, parse_phone

ACCOUNT_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]{2,119}")


def read_subject(form: Mapping[str, str], *, way: str, faults: list[InvalidInput]) -> str | None:
    """Return the phone number (signing SIM) or the account (remote signing), or None after its fault was added."""
    text = form.get("subject", "").strip()
    if way == "signing-sim":
        found = parse_phone(text)
        if found is None:
            faults.append(InvalidInput("citizen.phone", field="subject"))
        return found
    if ACCOUNT_FORM.fullmatch(text):
        return text.casefold()
    faults.append(InvalidInput("signing.account", field="subject"))
    return None


def read_number(form: Mapping[str, str], *, kind: str, way: Elsewhere, faults: list[InvalidInput]) -> str | None:
    """Return the identity number or tax code that is registered, or None after its fault was added."""
    number = parse_number(form.get("number", ""), form=NUMBER_OF[kind, way])
    if number is None:
        faults.append(InvalidInput("citizen.number", field="number"))
    return number
