"""Reads the forms of requests about accounts: the draft, a paper, the decision, an urgent lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from control.errors import InvalidInput
from control.privilege.documents.domain import file_fault
from control.privilege.fields import Fields
from control.privilege.lifecycle.domain import Channel, Kind, Mode, Ruling, Verdict
from control.privilege.lifecycle.filing import Draft
from control.privilege.lifecycle.table import Read, read_lines
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.urgent import UrgentLock

DRAFT_NAMES = ("kind", "unit", "notice_mail", "asset", "pasted")
PAPER_NAMES = ("form", "number", "signed_on", "signer", "is_copy")
URGENT_NAMES = ("mode", "accounts", "reason", "incident", "caller", "channel", "notice_mail")
REASON, ENVELOPE = 500, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A draft with the rows as they were typed, for the page that shows them again."""

    draft: Draft
    rows: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperForm:
    """What was typed about one paper."""

    form: str
    number: str
    signed_on: date
    signer: str
    is_copy: bool


def read_kind(text: str) -> Kind:
    """Return the kind a page is about; a new account when nothing else is said."""
    return Kind(text) if text in set(Kind) else Kind.CREATE


def read_draft(form: Mapping[str, str], *, uploaded: str, terms: LifecycleTerms) -> Typed:
    """Return the draft with every fault of form."""
    fields = Fields(form)
    kind = read_kind(form.get("kind", ""))
    unit = fields.text("unit", maximum=160)
    mail = fields.text("notice_mail", maximum=254)
    asset = fields.text("asset", maximum=60) if kind is Kind.CREATE else ""
    pasted = "\n".join(part for part in (form.get("pasted", ""), uploaded) if part.strip())
    read: Read = read_lines(form, kind=kind, pasted=pasted, unit=unit or "–", most=terms.lines_maximum)
    draft = Draft(
        kind=kind,
        unit=unit,
        notice_mail=mail,
        asset_code=asset,
        lines=tuple(read.lines),
        faults=(*fields.faults, *read.faults),
    )
    return Typed(draft=draft, rows=tuple(read.typed))


def read_paper(fields: Fields, *, content: bytes, today: date, maximum_mib: int) -> PaperForm | None:
    """Return what was typed about a paper, or None after its faults were added to the fields' own."""
    before = len(fields.faults)
    form = fields.text("form", maximum=10)
    number = fields.text("number", maximum=60)
    signed_on = fields.day("signed_on")
    signer = fields.text("signer", maximum=120)
    if signed_on is not None and signed_on > today:
        fields.faults.append(InvalidInput("document.signed_on.in_future", field="signed_on"))
    fault = file_fault(content, name="file", maximum_mib=maximum_mib)
    if fault:
        fields.faults.append(fault)
    if len(fields.faults) > before or signed_on is None:
        return None
    is_copy = fields.form.get("is_copy") == "yes"
    return PaperForm(form=form, number=number, signed_on=signed_on, signer=signer, is_copy=is_copy)


def read_rulings(
    fields: Fields, *, positions: Mapping[int, Sequence[str]], chosen: Mapping[int, Sequence[str]]
) -> dict[int, Ruling]:
    """Return the decision on each line: the rights ticked, fewer than asked being a partial grant."""
    rulings = {}
    for position, asked in positions.items():
        verdict = fields.choice(f"verdict-{position}", among=("grant", "refuse"))
        reason = fields.text(f"reason-{position}", maximum=REASON, is_required=False, has_lines=True)
        rights = tuple(right for right in asked if right in chosen[position])
        if verdict == "refuse":
            rulings[position] = Ruling(verdict=Verdict.REFUSED, reason=reason)
        else:
            whole = len(rights) == len(asked)
            rulings[position] = Ruling(
                verdict=Verdict.GRANTED if whole else Verdict.PARTIAL, rights=rights, reason=reason
            )
    return rulings


def read_received(fields: Fields, *, now: datetime) -> datetime:
    """Return when a letter on paper was received; now for one that is sent here."""
    if not fields.form.get("received_at", "").strip():
        return now
    received = fields.moment("received_at")
    if received is not None and received > now:
        fields.faults.append(InvalidInput("lifecycle.received_in_future", field="received_at"))
    return received or now


def read_urgent(fields: Fields, *, accounts: Sequence[str]) -> UrgentLock | None:
    """Return what is to be locked at once, or None after its faults were added to the fields' own."""
    before = len(fields.faults)
    mode = fields.choice("mode", among=(Mode.EMERGENCY, Mode.OWN_RISK))
    reason = fields.text("reason", maximum=REASON, has_lines=True)
    incident = fields.text("incident", maximum=30)
    is_call = mode == Mode.EMERGENCY
    caller = fields.text("caller", maximum=160, is_required=is_call)
    channel = fields.choice("channel", among=tuple(Channel)) if is_call else ""
    mail = fields.text("notice_mail", maximum=254, is_required=False)
    if not accounts:
        fields.faults.append(InvalidInput("input.required", field="accounts"))
    if len(fields.faults) > before:
        return None
    return UrgentLock(
        mode=Mode(mode),
        accounts=tuple(accounts),
        reason=reason,
        incident=incident,
        caller=caller if is_call else "",
        channel=channel or None,
        notice_mail=mail,
    )
