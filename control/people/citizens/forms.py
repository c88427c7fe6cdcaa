"""Reads what applicants type, and keeps every fault, so that all are shown at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime

from control.errors import InvalidInput
from control.mail import is_address
from control.people.citizens.domain import NUMBER_OF, Identity, Way, parse_number, parse_phone
from control.text import nfc
from policies import RULES_ZONE

NAME_CHARACTERS, ADDRESS_CHARACTERS, TEXT_CHARACTERS, NUMBER_CHARACTERS = 120, 200, 2_000, 60
DATE_FORMS = ("%d/%m/%Y", "%Y-%m-%d")
IDENTITY_FIELDS = ("name", "number", "phone", "email", "insurance", "address")


def line(form: Mapping[str, str], name: str) -> str:
    """Return one line of text in NFC, without control characters."""
    text = " ".join(nfc(form.get(name, "")).split())
    return "".join(character for character in text if unicodedata.category(character) not in {"Cc", "Cs"})


def lines(form: Mapping[str, str], name: str) -> str:
    """Return a text of several lines in NFC."""
    text = nfc(form.get(name, "")).replace("\r\n", "\n").strip()
    return "".join(
        character for character in text if character == "\n" or unicodedata.category(character) not in {"Cc", "Cs"}
    )


def read_identity(form: Mapping[str, str], *, kind: str, way: Way, faults: list[InvalidInput]) -> Identity | None:
    """Return what somebody says of themselves, or None after its faults were added."""
    before = len(faults)
    name, address = line(form, "name"), line(form, "address")
    if not name or len(name) > NAME_CHARACTERS:
        faults.append(InvalidInput("citizen.name", field="name"))
    if len(address) > ADDRESS_CHARACTERS:
        faults.append(InvalidInput("input.too_long", field="address", maximum=ADDRESS_CHARACTERS))
    number = parse_number(form.get("number", ""), form=NUMBER_OF[kind, way])
    if number is None:
        faults.append(InvalidInput("citizen.number", field="number"))
    insurance = ""
    if way is Way.INSURANCE:
        insurance = parse_number(form.get("insurance", ""), form="insurance") or ""
        if not insurance:
            faults.append(InvalidInput("citizen.number", field="insurance"))
    phone, email = read_reach(form, faults=faults, needs_phone=True)
    if len(faults) > before or number is None:
        return None
    return Identity(name=name, number=number, phone=phone, email=email, insurance=insurance, address=address)


def read_reach(form: Mapping[str, str], *, faults: list[InvalidInput], needs_phone: bool) -> tuple[str, str]:
    """Return phone and mail address, each empty when none was given."""
    phone = parse_phone(form.get("phone", "")) if form.get("phone") or needs_phone else ""
    if phone is None:
        faults.append(InvalidInput("citizen.phone", field="phone"))
    email = form.get("email", "").strip()
    if email and not is_address(email):
        faults.append(InvalidInput("citizen.email", field="email"))
    return phone or "", email


def read_day(form: Mapping[str, str], name: str, *, faults: list[InvalidInput]) -> date | None:
    """Return a date written as day/month/year."""
    text = line(form, name)
    for pattern in DATE_FORMS:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=RULES_ZONE).date()
        except ValueError:
            continue
    faults.append(InvalidInput("input.not_a_date", field=name))
    return None
