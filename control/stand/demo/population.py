"""One step of the walk: an officer signs the commitment, gets the right, looks somebody up for a case, and no further.

Not for: production. Invariant: everything goes through the pages; what an earlier walk left is withdrawn first.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from control.stand import signing
from control.stand.demo.visitor import OK, Answer, NotOfferedError, Visitor

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
BASE = "/privilege/population"
KEEPER, HOLDER, OFFICER, ADMINISTRATOR, INSPECTOR = "giu.nt", "tap.dt", "mau.nt", "minhhoa.pm", "kiem.cv"
UNIT, ACCOUNT = "Bộ phận Một cửa", "csdl-dan-cu.quan-tri"
FORBIDDEN = 403
KINDS = ("06", "07", "08")
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n"


@dataclass(slots=True, kw_only=True)
class PopulationStep:
    """The step, with what it needs of the walk."""

    up: Mapping[str, Any]
    person: Callable[[str], Visitor]
    now: Callable[[], datetime]

    def __call__(self) -> tuple[dict[str, str], str]:
        """Walk it. Raises NotOfferedError when a page does not offer what it should."""
        holder = self.person(HOLDER)
        case, number = self._open_case(holder)
        self._withdraw_earlier()
        refused = self._look_up(holder, case=case, number=number)
        if refused.status != FORBIDDEN:
            raise NotOfferedError(f"{HOLDER} looked somebody up without the right: {refused.status}")
        document = self._file_document()
        self._record_link(document)
        self._appoint(document)
        papers = [self._file_paper(kind) for kind in KINDS]
        self._register()
        right = self._grant(document)
        found = self._look_up(holder, case=case, number=number)
        code = found.find(r"(TC-\d{4,})")
        if found.status != OK or "Họ tên" not in html.unescape(found.text):
            raise NotOfferedError(f"{HOLDER} was refused with {right}: {found.status}")
        without = self._look_up(holder, case="G00-000000-0000", number=number)
        if without.status != FORBIDDEN:
            raise NotOfferedError(f"{HOLDER} looked somebody up without a case: {without.status}")
        holder.submit(holder.get(f"{BASE}/lookup").form(r"/lookup/release$"))
        report = self.person(INSPECTOR).get(f"{BASE}/usage")
        if report.status != OK or UNIT not in html.unescape(report.text):
            raise NotOfferedError(f"the police role does not see the use of {UNIT}: {report.status}")
        return (
            {"population_right": right, "population_query": code, "population_case": case},
            (
                f"chưa có quyền: 403; cam kết {', '.join(papers)} ký số, hai nơi ghi nhận → {right}; "
                f"tra cứu cho {case} → {code}; không có hồ sơ: 403; {INSPECTOR} xem báo cáo theo đơn vị"
            ),
        )

    def _open_case(self, holder: Visitor) -> tuple[str, str]:
        """Return an open case of the holder, and the invented number of its applicant."""
        page = holder.get("/cases?state=open").text
        code = next(iter(re.findall(r'href="/cases/(G\d{2}-\d{6}-\d{4})', page)), "")
        if not code:
            raise NotOfferedError(f"{HOLDER} has no open case")
        return code, f"999{int(code.rpartition('-')[2]):09d}"

    def _look_up(self, holder: Visitor, *, case: str, number: str) -> Answer:
        """Press the button; without the right the page has none, and the same is sent as if it had."""
        page = holder.get(f"{BASE}/lookup")
        is_offered = f'action="{BASE}/lookup"' in page.text
        form = page.form(r"/lookup$" if is_offered else r"/sign-out$")
        form.action = f"{BASE}/lookup"
        return holder.submit(form, case=case, purpose="verify-applicant", number=number)

    def _withdraw_earlier(self) -> None:
        keeper = self.person(KEEPER)
        for code in re.findall(r"/rights/(DC-\d{4,})", keeper.get(f"{BASE}/rights?q={HOLDER}").text):
            page = keeper.get(f"{BASE}/rights/{code}")
            if f"{code}/withdrawal" in page.text:
                form = page.form(rf"{code}/need$")
                form.action = f"{BASE}/rights/{code}/withdrawal"
                keeper.submit(form, reason="Kết thúc lần minh hoạ trước")

    def _file_document(self) -> str:
        """File the agreement and proposal by the administrator, and return its number."""
        administrator = self.person(ADMINISTRATOR)
        local = self.now().astimezone(ZONE)
        number, day = f"DC{local:%H%M%S}/QĐ-BMH", f"{local:%d/%m/%Y}"
        answer = administrator.submit(
            administrator.get("/privilege/documents/new").form(r"/privilege/documents$"),
            files={"file": ("de-xuat.pdf", "application/pdf", PDF + number.encode() + b"\n%%EOF\n")},
            number=number,
            signed_on=day,
            signer="Lê Ví Dụ",
            issuing_unit="Bộ Minh hoạ",
            subject="Thoả thuận kết nối và đề xuất khai thác dữ liệu dân cư",
            valid_from=day,
            valid_to=f"{local + timedelta(days=180):%d/%m/%Y}",
        )
        if answer.status != OK:
            raise NotOfferedError(f"the proposal was not filed: {answer.status}")
        return number

    def _record_link(self, document: str) -> None:
        keeper = self.person(KEEPER)
        page = keeper.get(f"{BASE}/link/new")
        keeper.submit(
            page.form(rf"{BASE}/link$"),
            document=_choice(page, document),
            conditions="Kênh riêng, khoá ký hai chiều, kiểm tra sáu tháng một lần",
            responsible=KEEPER,
            technical=ADMINISTRATOR,
            police_unit="Phòng Cảnh sát QLHC về TTXH (minh hoạ)",
            police_contact="Cao Văn Kiểm",
            police_phone="0000 000 113",
        )
        form = keeper.get(f"{BASE}/link").form(r"/link/checks$")
        today = f"{self.now().astimezone(ZONE):%d/%m/%Y}"
        keeper.submit(form, checked_on=today, result="kept", note="Đã xem kênh riêng và khoá ký")

    def _appoint(self, document: str) -> None:
        officer = self.person(OFFICER)
        if ACCOUNT in officer.get(f"{BASE}/link").text:
            return
        page = officer.get(f"{BASE}/custodian/new")
        answer = officer.submit(
            page.form(r"/custodian$"), person=KEEPER, account=ACCOUNT, document=_choice(page, document)
        )
        if answer.status != OK:
            raise NotOfferedError(f"{KEEPER} was not appointed: {answer.status}")

    def _file_paper(self, kind: str) -> str:
        """Take the empty form, sign it, and file it."""
        keeper = self.person(KEEPER)
        local = self.now().astimezone(ZONE)
        empty = keeper.get(f"/privilege/papers/{kind}.pdf")
        content = signing.sign(Path(self.up["data"]), empty.content, field=f"ChuKy{kind}")
        number = f"{kind}-{local:%H%M%S}"
        answer = keeper.submit(
            keeper.get(f"{BASE}/papers/new").form(r"/papers$"),
            files={"file": (f"mau-{kind}.pdf", "application/pdf", content)},
            kind=kind,
            number=number,
            signed_on=f"{local:%d/%m/%Y}",
            unit=UNIT,
            people=HOLDER,
        )
        if answer.status != OK:
            raise NotOfferedError(f"form {kind} was not taken: {answer.status} {_faults(answer)}")
        return number

    def _register(self) -> None:
        keeper = self.person(KEEPER)
        page = keeper.get(f"{BASE}/registrations")
        commitment, list_ = (_newest(page.text, name) for name in ("commitment", "list"))
        answer = keeper.submit(page.form(r"/registrations$"), commitment=commitment, list=list_)
        show = answer.find(rf"{BASE}/registrations/(\d+)")
        day = f"{self.now().astimezone(ZONE):%d/%m/%Y}"
        for office in ("centre", "police"):
            form = keeper.get(f"{BASE}/registrations/{show}").form(r"/receipts$")
            keeper.submit(form, office=office, number=f"{office}-{show}", received_on=day)

    def _grant(self, document: str) -> str:
        keeper = self.person(KEEPER)
        page = keeper.get(f"{BASE}/rights/new")
        answer = keeper.submit(page.form(r"/rights$"), person=HOLDER, document=_choice(page, document))
        if answer.status != OK or "/rights/DC-" not in answer.path:
            raise NotOfferedError(f"{HOLDER} got no right: {answer.status} {_faults(answer)}")
        return answer.path.rpartition("/")[2]


def _choice(page: Answer, number: str) -> str:
    """Return the value of the choice that begins with a document's number."""
    return page.find(rf'<option value="(\d+)"[^>]*>{re.escape(number)}')


def _newest(text: str, name: str) -> str:
    """Return the newest choice of one list: the largest number."""
    found = re.search(rf'(?s)<select[^>]*name="{name}".*?</select>', text)
    return str(max(map(int, re.findall(r'<option value="(\d+)"', found[0] if found else "")), default=0))


def _faults(answer: Answer) -> str:
    return html.unescape(" ".join(re.findall(r'class="fault"[^>]*>(?:<svg.*?</svg>)?\s*([^<]+)', answer.text)))
