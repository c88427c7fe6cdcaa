"""Reads the forms of keeping into drafts, with every fault at once.

Not for: who may propose. Invariant: whatever is typed gives a draft or faults, never anything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from audit.holds import SCOPES, Hold
from control.assurance.keeping.domain import Draft, Kind
from control.errors import InvalidInput
from control.privilege.fields import Fields
from policies import RULES_ZONE, RetentionClass

REASON_CHARACTERS = 1000
ORDER_CHARACTERS = 120
VALUE_CHARACTERS = 120
LARGEST_VALUE = 36_525
HOLD_NAMES = ("order_number", "ordered_on", "scope", "value", "since", "until", "reason")
RELEASE_NAMES = ("order_number", "ordered_on", "reason")
ERASE_NAMES = ("subject", "sequence", "order_number", "reason")
_SUBJECT = re.compile(r"(person:[0-9]{1,15}|(citizen|entry):[A-Za-z0-9._:-]{1,120})")
_DAY = re.compile(r"\d{1,2}/\d{1,2}/\d{4}|\d{4}-\d{2}-\d{2}")
DAY = timedelta(days=1)


def read_reason(fields: Fields) -> str:
    """Return why; every proposal says so."""
    return fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)


def read_hold(form: Mapping[str, str], *, today: date) -> Draft | tuple[InvalidInput, ...]:
    """Return the draft of a hold: by which order, of what, in which time."""
    fields = Fields(form)
    number, ordered_on = _order(fields, today=today)
    scope = fields.choice("scope", among=SCOPES)
    value = fields.text("value", maximum=VALUE_CHARACTERS, is_required=bool(scope) and scope != "period")
    since, until = _edge(fields, "since"), _edge(fields, "until", is_end=True)
    if scope == "period":
        fields.faults += [
            InvalidInput("input.required", field=name) for name in ("since", "until") if not form.get(name, "").strip()
        ]
    if since and until and since >= until:
        fields.faults.append(InvalidInput("keeping.hold.reversed", field="until"))
    reason = read_reason(fields)
    if fields.faults or ordered_on is None:
        return tuple(fields.faults)
    kept = value or None
    what = {
        "ordered_on": ordered_on.isoformat(),
        "scope": scope,
        "value": None if scope == "period" else kept,
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
    }
    target = f"{number}|{scope}|{what['value'] or ''}|{what['since'] or ''}|{what['until'] or ''}"
    return Draft(kind=Kind.HOLD, what=what, reason=reason, target=target, order_number=number)


def read_release(form: Mapping[str, str], *, hold: Hold, today: date) -> Draft | tuple[InvalidInput, ...]:
    """Return the draft of a release, by which order."""
    fields = Fields(form)
    number, ordered_on = _order(fields, today=today)
    reason = read_reason(fields)
    if fields.faults or ordered_on is None:
        return tuple(fields.faults)
    what = {
        "hold": hold.id,
        "ordered_on": ordered_on.isoformat(),
        "scope": hold.scope,
        "value": hold.value,
    }
    return Draft(kind=Kind.RELEASE, what=what, reason=reason, target=f"hold:{hold.id}", order_number=number)


def read_erasure(form: Mapping[str, str], *, person_id: int | None) -> Draft | tuple[InvalidInput, ...]:
    """Return the draft of an erasure; `person_id` is who the sign-in name in `subject` belongs to, None for nobody."""
    fields = Fields(form)
    typed = fields.text("subject", maximum=VALUE_CHARACTERS)
    subject = f"person:{person_id}" if person_id is not None else typed
    if typed and not _SUBJECT.fullmatch(subject):
        fields.faults.append(InvalidInput("keeping.erase.subject", field="subject"))
    sequence: int | None = None
    if form.get("sequence", "").strip():
        sequence = fields.number("sequence")
    number = fields.text("order_number", maximum=ORDER_CHARACTERS)
    reason = read_reason(fields)
    if fields.faults:
        return tuple(fields.faults)
    target = subject if sequence is None else f"{subject}#{sequence}"
    what = {"subject": subject, "sequence": sequence}
    return Draft(kind=Kind.ERASE, what=what, reason=reason, target=target, order_number=number)


def read_value(
    form: Mapping[str, str], *, kept: RetentionClass, law: RetentionClass
) -> tuple[int, str] | tuple[InvalidInput, ...]:
    """Return the new value of a class and why. A value below the text's is a fault that names the text."""
    fields = Fields(form)
    value = fields.number("value")
    reason = read_reason(fields)
    if value is not None and value == kept.value:
        fields.faults.append(InvalidInput("keeping.value.same", field="value"))
    elif value is not None and value < law.value:
        fields.faults.append(
            InvalidInput("keeping.value.below_law", field="value", least=law.value, citation_text=law.citation)
        )
    elif value is not None and value > LARGEST_VALUE:
        fields.faults.append(InvalidInput("keeping.value.too_large", field="value", most=LARGEST_VALUE))
    if fields.faults or value is None:
        return tuple(fields.faults)
    return value, reason


def lowering(kept: RetentionClass, *, value: int, reason: str) -> Draft:
    """Return the draft of a shorter value."""
    what = {"class": kept.id, "from": kept.value, "to": value, "unit": kept.unit}
    return Draft(kind=Kind.LOWER, what=what, reason=reason, target=f"class:{kept.id}")


def _order(fields: Fields, *, today: date) -> tuple[str, date | None]:
    number = fields.text("order_number", maximum=ORDER_CHARACTERS)
    ordered_on = fields.day("ordered_on")
    if ordered_on is not None and ordered_on > today:
        fields.faults.append(InvalidInput("keeping.order.in_future", field="ordered_on"))
    return number, ordered_on


def _edge(fields: Fields, name: str, *, is_end: bool = False) -> datetime | None:
    """Return one side of a period: a day alone means all of it."""
    typed = fields.form.get(name, "").strip()
    if not typed:
        return None
    if _DAY.fullmatch(typed):
        day = fields.day(name)
        if day is None:
            return None
        return datetime.combine(day + DAY if is_end else day, time(), tzinfo=RULES_ZONE)
    return fields.moment(name)
