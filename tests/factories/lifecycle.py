"""A unit, its officers, a process they have roles in, and requests about their accounts; valid by default."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from control.acts import Act
from control.people.models import Person
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.documents.service import file_document
from control.privilege.lifecycle.domain import FORMS_OF, Kind, Ruling, Verdict
from control.privilege.lifecycle.filing import Draft, NewPaper, attach_paper, draw_up, submit_request
from control.privilege.lifecycle.listing import load
from control.privilege.lifecycle.models import AccountRequest
from control.privilege.lifecycle.table import DraftLine
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.working import arrange, rule_lines, take_up
from control.privilege.processes.rights import set_rights
from control.privilege.processes.service import NewStep, file_process
from control.text import fold
from tests.factories.privilege import NOON, PDF, actor_of, law, make_act, make_person, new_document

PROVINCE = "province-tuyen-quang-2025"
UNIT, OTHER_UNIT = "Sở Minh hoạ", "Sở Khác"
MAIL = "vanthu@so.example.vn"
ticks = itertools.count(0, 5_000_000)


def terms(profile: str = PROVINCE) -> LifecycleTerms:
    """The terms of the province, the only text with all these clocks."""
    return LifecycleTerms.of(law(), profile=profile)


def pdf_of(name: str) -> bytes:
    """A file of its own: the same bytes are never two documents."""
    return PDF.replace(b"invented data", name.encode())


def tick() -> int:
    """A steady clock: five milliseconds each time it is asked."""
    return next(ticks)


class Unit:
    """A unit with its clerk, an officer, two administrators, a leader, and a process with two roles."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.clerk = self.person("vanthu.dv", "Vũ Văn Thư", roles=("case-officer",))
        self.officer = self.person("canbo.mot", "Cao Bộ Một")
        self.admin = self.person("quantri.mot", "Phạm Quản Trị", roles=("administrator",), unit="Trung tâm")
        self.second = self.person("quantri.hai", "Hoàng Quản Trị", roles=("administrator",), unit="Trung tâm")
        self.leader = self.person("lanhdao.mot", "Lê Lãnh Đạo", roles=("approver",), unit="Trung tâm")
        self.guard = self.person("antoan.mot", "Nguyễn An Toàn", roles=("security-officer",), unit="Trung tâm")
        self.asset = Asset(
            code="xu-ly", title="Mô-đun xử lý hồ sơ", kind="software", unit="Trung tâm", level=3, created_at=NOON
        )
        session.add(self.asset)
        session.flush()
        self.decision = file_document(session, new=new_document(), act=self.act(self.admin))
        self.process = file_process(
            session,
            code="QT-CAP-PHEP",
            title="Cấp phép minh hoạ",
            document_id=self.decision.id,
            steps=(
                NewStep(title="Tiếp nhận", role="tiep-nhan", unit=UNIT),
                NewStep(title="Thẩm định", role="tham-dinh", unit=UNIT),
            ),
            act=self.act(self.admin),
        )

    def person(self, login: str, name: str, *, roles: tuple[str, ...] = (), unit: str = UNIT) -> Person:
        """Somebody of a unit, by default ours."""
        found = make_person(self.session, login=login, name=name, roles=roles)
        found.unit, found.title = unit, "Chuyên viên"
        self.session.flush()
        return found

    def act(self, person: Person, *, now: datetime = NOON) -> Act:
        """What a request of this person carries, with the permissions of their roles."""
        roles = {
            self.clerk.id: ("case-officer",) if hasattr(self, "clerk") else (),
        }
        for who, name in (("admin", "administrator"), ("second", "administrator"), ("leader", "approver"),
                          ("guard", "security-officer")):  # fmt: skip
            if hasattr(self, who):
                roles[getattr(self, who).id] = (name,)
        return make_act(actor_of(person, roles=roles.get(person.id, ()), now=now), now=now)

    def account(self, person: Person | None = None, **changes: Any) -> PrivilegedAccount:
        """An active access account of an officer."""
        holder = person or self.officer
        values: dict[str, Any] = {
            "asset_id": self.asset.id, "code": f"xu-ly.{holder.login}", "name": holder.login, "use": "Xử lý hồ sơ",
            "kind": "personal", "category": "officer", "class_": "normal", "owner_id": holder.id,
            "person_id": holder.id, "state": "active", "search_text": fold(holder.login), "created_at": NOON,
        }  # fmt: skip
        account = PrivilegedAccount(**(values | changes))
        self.session.add(account)
        self.session.flush()
        return account

    def give(self, account: PrivilegedAccount, *roles: str, unit: str = UNIT) -> None:
        """Let an account have rights by the process."""
        set_rights(
            self.session, account=account, unit=unit, wanted=roles, approved_by_id=None, request_code="TK-0000",
            act=self.act(self.admin),
        )  # fmt: skip

    def line(self, number: int = 1, **changes: Any) -> DraftLine:
        """One row: the officer's account, at noon the next day."""
        values: dict[str, Any] = {"account": f"xu-ly.{self.officer.login}", "unit": UNIT, "reason": "Chuyển công tác",
                                  "wanted_at": NOON}  # fmt: skip
        return DraftLine(number=number, **(values | changes))

    def new_line(self, person: Person | None = None, *, number: int = 1, **changes: Any) -> DraftLine:
        """One row for a new account."""
        who = person or self.officer
        values: dict[str, Any] = {"login": who.login, "person_name": who.display_name, "title": "Chuyên viên",
                                  "unit": UNIT, "rights": ("tiep-nhan",)}  # fmt: skip
        return DraftLine(number=number, **(values | changes))

    def draft(self, kind: Kind, *lines: DraftLine, **changes: Any) -> Draft:
        """A faultless draft."""
        rows = lines or ((self.new_line(),) if kind is Kind.CREATE else (self.line(),))
        values: dict[str, Any] = {"kind": kind, "unit": UNIT, "notice_mail": MAIL, "asset_code": "xu-ly",
                                  "lines": rows}  # fmt: skip
        return Draft(**(values | changes))

    def drawn(self, kind: Kind, *lines: DraftLine, act: Act | None = None, **changes: Any) -> AccountRequest:
        """A stored draft without papers."""
        made = draw_up(
            self.session, draft=self.draft(kind, *lines, **changes), act=act or self.act(self.clerk), terms=terms()
        )
        assert isinstance(made, AccountRequest), made
        return made

    def papers(self, request: AccountRequest, *, act: Act | None = None, **changes: Any) -> None:
        """Attach every form its kind needs."""
        for place, form in enumerate(FORMS_OF[Kind(request.kind)]):
            values: dict[str, Any] = {"form": form, "number": f"{request.id}{place}/SMH-VP", "signed_on": NOON.date(),
                                      "signer": "Giám đốc Mẫu", "is_copy": False, "signature": "valid",
                                      "signature_by": "Sở Minh hoạ", "file": pdf_of(f"{request.id}{form}")}  # fmt: skip
            done = attach_paper(
                self.session, code=request.code, paper=NewPaper(**(values | changes)), act=act or self.act(self.clerk)
            )
            assert not hasattr(done, "reason"), done

    def sent(self, kind: Kind, *lines: DraftLine, now: datetime = NOON, **changes: Any) -> AccountRequest:
        """A request that was sent with its papers."""
        request = self.drawn(kind, *lines, act=self.act(self.clerk, now=now), **changes)
        self.papers(request, act=self.act(self.clerk, now=now))
        done = submit_request(
            self.session, code=request.code, received_at=now, act=self.act(self.clerk, now=now), terms=terms()
        )
        assert not hasattr(done, "reason"), done
        return load(self.session, request.code)

    def taken(self, kind: Kind, *lines: DraftLine, now: datetime = NOON, **changes: Any) -> AccountRequest:
        """A request an administrator has taken up."""
        request = self.sent(kind, *lines, now=now, **changes)
        done = take_up(self.session, code=request.code, act=self.act(self.admin, now=now), terms=terms())
        assert not hasattr(done, "reason"), done
        return load(self.session, request.code)

    def done(self, kind: Kind, *lines: DraftLine, now: datetime = NOON, **changes: Any) -> AccountRequest:
        """A request granted whole and carried out."""
        request = self.taken(kind, *lines, now=now, **changes)
        rulings = {
            line.position: Ruling(verdict=Verdict.GRANTED, rights=tuple(line.rights_asked)) for line in request.lines
        }
        for act in (
            rule_lines(self.session, code=request.code, rulings=rulings, act=self.act(self.admin, now=now)),
            arrange(self.session, code=request.code, act=self.act(self.admin, now=now), ticks=tick),
        ):
            assert not hasattr(act, "reason"), act
        return load(self.session, request.code)
