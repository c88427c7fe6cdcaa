"""The papers of a request: its forms filled in to be signed, and the reply that goes back to the unit.

Not for: the forms themselves (papers). Invariants: the list of a reply names exactly the accounts that were done, those
refused stand apart with their reason (S3-9.1.a-3, S3-9.1.d-2); no password is ever printed: a default one travels in
its sealed envelope, of which the paper names the number.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from control.frame.paper import pdf_of
from control.privilege.lifecycle.domain import Kind
from control.privilege.lifecycle.models import AccountHandover, AccountRequest, AccountRequestLine
from control.privilege.lifecycle.telling import DONE, TITLES
from control.privilege.papers import paper, render_paper
from policies import RULES_ZONE

FOLDER = Path(__file__).parent / "templates" / "lifecycle"
MOMENT = "%d/%m/%Y %H:%M"


def filled_form(request: AccountRequest, *, form: str, organisation: str) -> bytes:
    """Return a numbered form with what the request says. Raises KeyError for one that is not printed here."""
    wanted = paper(form)
    known = {one.id for one in wanted.fields}
    reasons = list(dict.fromkeys(line.reason for line in request.lines if line.reason))
    values: dict[str, str] = {
        "parent_unit": organisation,
        "unit": request.unit,
        "count": str(len(request.lines)),
        "contact_mail": request.notice_mail,
        **({"reason": "; ".join(reasons)} if reasons else {}),
    }
    columns = {one.id for one in wanted.columns}
    rows = [{name: text for name, text in _row(line).items() if name in columns} for line in request.lines]
    given = {name: text for name, text in values.items() if name in known and text}
    return render_paper(form, {**given, **({"rows": rows} if columns else {})})


def reply_paper(
    request: AccountRequest, *, handovers: Mapping[int, AccountHandover], organisation: str, today: date
) -> bytes:
    """Return the written reply as PDF: for new accounts the hand-over paper, for revoked ones their list."""
    return pdf_of(reply_page(request, handovers=handovers, organisation=organisation, today=today))


def reply_page(
    request: AccountRequest, *, handovers: Mapping[int, AccountHandover], organisation: str, today: date
) -> str:
    """Return the words of the written reply, as the page that is printed."""
    kind = Kind(request.kind)
    done = [line for line in request.lines if line.executed_at is not None]
    return (
        Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        .get_template("reply.xhtml")
        .render(
            request=request,
            kind=str(kind),
            title="Biên bản bàn giao tài khoản" if kind is Kind.CREATE else TITLES[kind],
            organisation=organisation,
            today=today,
            done_word=DONE[kind],
            done=[
                {**_row(line), "at": _local(line.executed_at), "envelope": _envelope(handovers.get(line.id))}
                for line in done
            ],
            fewer=[
                {**_row(line), "why": line.verdict_reason or ""}
                for line in request.lines
                if line.verdict in {"refused", "partial"}
            ],
        )
    )


def _row(line: AccountRequestLine) -> dict[str, str]:
    person = line.account.person if line.account is not None else None
    return {
        "account": line.account.code if line.account else line.login,
        "name": line.person_name or (person.display_name if person else ""),
        "title": line.title or (person.title if person else ""),
        "unit": line.unit,
        "rights": ", ".join((line.rights_granted or []) if line.verdict else line.rights_asked),
        "reason": line.reason,
        "at": _local(line.wanted_at),
    }


def _envelope(handover: AccountHandover | None) -> str:
    return (handover.envelope or "không, đã có mật khẩu riêng") if handover else ""


def _local(at: datetime | None) -> str:
    return f"{at.astimezone(RULES_ZONE):{MOMENT}}" if at else ""
