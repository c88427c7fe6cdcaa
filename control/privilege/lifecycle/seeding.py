"""Invented requests about accounts for the demonstration, made through the same services as everything else.

Not for: production (the stand calls it in demonstration mode only). Safe to run again: what is there stays.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.acts import Act, Actor
from control.decisions import Deny
from control.people.models import Person
from control.privilege.documents.domain import NewDocument
from control.privilege.documents.service import file_document
from control.privilege.lifecycle.domain import FORMS_OF, Kind, Ruling, Verdict
from control.privilege.lifecycle.filing import Draft, NewPaper, Refused, attach_paper, draw_up, submit_request
from control.privilege.lifecycle.handover import confirm_receipt, note_envelope
from control.privilege.lifecycle.listing import load
from control.privilege.lifecycle.models import AccountRequest
from control.privilege.lifecycle.table import DraftLine
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.working import arrange, rule_lines, take_up
from control.privilege.processes.models import AccountProcess
from control.privilege.processes.service import NewStep, activate_process, file_process
from policies import RULES_ZONE

CLERK, MANAGER = "tap.dt", "minhhoa.pm"
PROCESS, MAIL = "QT-MINH-HOA", "vanthu@motcua.example.vn"
PDF = (
    b"%PDF-1.4\n% minh hoa: {}\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n%%EOF\n"
)
ROLES = ("tiep-nhan", "tham-dinh")


class SeedRefused(RuntimeError):
    """Raised when a rule refuses what the demonstration invents: a fault of ours, seen at the first start."""


def seed_account_requests(session: Session, act: Act, *, terms: LifecycleTerms) -> int:
    """Issue a process, ask for the clerk's account, carry it out, and leave one lock waiting; return how many."""
    if session.scalar(select(AccountProcess.id).where(AccountProcess.code == PROCESS)) is not None:
        return 0
    people = {
        person.login: person
        for person in session.scalars(select(Person).where(Person.login.in_((CLERK, MANAGER)), Person.unit != ""))
    }
    if len(people) < len((CLERK, MANAGER)):
        return 0  # the directory of this stand is another one
    clerk, manager = people[CLERK], people[MANAGER]
    _issue(session, unit=clerk.unit, act=_as(act, manager))
    made = _sent(
        session, clerk, Kind.CREATE,
        DraftLine(number=1, login=clerk.login, person_name=clerk.display_name, title=clerk.title or "Chuyên viên",
                  unit=clerk.unit, rights=ROLES),
        act=act, terms=terms,
    )  # fmt: skip
    _carry_out(session, made, manager, act=act, terms=terms)
    made = load(session, made.code)
    note_envelope(session, line_id=made.lines[0].id, envelope="", act=_as(act, manager))
    account = made.lines[0].account
    if account is None:
        raise SeedRefused("account")
    _allowed(confirm_receipt(session, account_code=account.code, act=_as(act, clerk)))
    _allowed(activate_process(session, code=PROCESS, act=_as(act, manager)))
    _sent(
        session, clerk, Kind.LOCK,
        DraftLine(number=1, account=account.code, unit=clerk.unit, reason="Nghỉ chế độ theo kế hoạch (minh hoạ)",
                  wanted_at=act.now + timedelta(days=7)),
        act=act, terms=terms,
    )  # fmt: skip
    return 2


def _issue(session: Session, *, unit: str, act: Act) -> None:
    today = act.now.astimezone(RULES_ZONE).date()
    document = file_document(
        session,
        new=NewDocument(
            number="15/QĐ-BMH",
            signed_on=today,
            signer="Lê Ví Dụ",
            issuing_unit="Bộ Minh hoạ",
            subject="Ban hành quy trình điện tử minh hoạ",
            valid_from=today,
            valid_to=today + timedelta(days=365),
            file=PDF.replace(b"{}", b"quy trinh"),
        ),
        act=act,
    )
    if isinstance(document, Deny):
        raise SeedRefused(document.reason)
    steps = (
        NewStep(title="Tiếp nhận hồ sơ", role="tiep-nhan", unit=unit),
        NewStep(title="Thẩm định hồ sơ", role="tham-dinh", unit=unit),
    )
    file_process(session, code=PROCESS, title="Cấp giấy minh hoạ", document_id=document.id, steps=steps, act=act)


def _sent(
    session: Session, clerk: Person, kind: Kind, line: DraftLine, *, act: Act, terms: LifecycleTerms
) -> AccountRequest:
    own = _as(act, clerk)
    draft = Draft(kind=kind, unit=clerk.unit, notice_mail=MAIL, asset_code="case-files", lines=(line,))
    made = draw_up(session, draft=draft, act=own, terms=terms)
    if isinstance(made, Refused):
        raise SeedRefused(" ".join(fault.code for fault in made.faults))
    for form in FORMS_OF[kind]:
        paper = NewPaper(
            form=form,
            number=f"{made.id:02d}/MC-{form}",
            signed_on=act.now.astimezone(RULES_ZONE).date(),
            signer="Trưởng bộ phận (minh hoạ)",
            is_copy=True,
            signature="none",
            file=PDF.replace(b"{}", f"{made.code} {form}".encode()),
        )
        _allowed(attach_paper(session, code=made.code, paper=paper, act=own))
    _allowed(submit_request(session, code=made.code, received_at=act.now, act=own, terms=terms))
    return load(session, made.code)


def _carry_out(session: Session, request: AccountRequest, manager: Person, *, act: Act, terms: LifecycleTerms) -> None:
    own, steady = _as(act, manager), count()
    whole = {line.position: Ruling(verdict=Verdict.GRANTED, rights=tuple(line.rights_asked)) for line in request.lines}
    _allowed(take_up(session, code=request.code, act=own, terms=terms))
    _allowed(rule_lines(session, code=request.code, rulings=whole, act=own))
    _allowed(arrange(session, code=request.code, act=own, ticks=lambda: next(steady)))


def _as(act: Act, person: Person) -> Act:
    return replace(act, actor=Actor(id=person.id, login=person.login, name=person.display_name))


def _allowed(decision: object) -> None:
    if isinstance(decision, Deny):
        raise SeedRefused(decision.reason)
