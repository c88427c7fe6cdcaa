"""Steps of the walk: a right is asked for on a document, granted by a second person, used, and found in the trail.

Not for: production. Invariant: what an earlier walk was granted is revoked first, so that the refusal can be shown.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

from control.stand.demo.visitor import OK, NotOfferedError, Visitor
from control.stand.demo.walker import ADMINISTRATOR, APPROVER, HOLDER, LOOK_SECONDS, OFFICER, ZONE, Told, Walker, first

ACCOUNT = "case-files.tra-cuu"
FORBIDDEN = 403
SEARCH_SECONDS, NODE_SECONDS = 60.0, 360.0  # what is found late is found, and its seconds are told
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n"


def grant_on_a_document(walker: Walker, *, refuse_alone: Callable[[str], str]) -> Told:
    """File a request on a document, let nobody approve it alone, let somebody else approve it."""
    _end_earlier_grants(walker, ACCOUNT)
    _try_without_a_grant(walker)
    code, number = _file_request(walker, ACCOUNT)
    refusal = refuse_alone(code)
    _approve(walker, code)
    grant = walker.person(ADMINISTRATOR).get(f"/privilege/requests/{code}").find(r"(CQ-\d{4,})")
    return (
        {"document": number, "request": code, "grant": grant, "account": ACCOUNT},
        f"{number} → {code} → {APPROVER} duyệt → {grant}; tự duyệt bị cơ sở dữ liệu từ chối ({refusal})",
    )


def _try_without_a_grant(walker: Walker) -> None:
    """Let the holder-to-be try one case now: without a grant there is no opening."""
    holder = walker.person(HOLDER)
    case = holder.get("/cases").find(r'href="/cases/(G\d{2}-\d{6}-\d{4})')
    status = _open(holder, case)
    if status != FORBIDDEN:
        raise NotOfferedError(f"{HOLDER} opened {case} without a grant: {status}")
    walker.ids["case"] = case


def _end_earlier_grants(walker: Walker, account: str) -> None:
    """Revoke what an earlier walk left, so that the refusal without a grant can be shown again."""
    administrator = walker.person(ADMINISTRATOR)
    page = administrator.get(f"/privilege/accounts/{quote(account)}")
    for code in dict.fromkeys(re.findall(r"/privilege/grants/(CQ-\d{4,})", page.text)):
        shown = administrator.get(f"/privilege/grants/{code}")
        if f"/privilege/grants/{code}/revocation" in shown.text:
            form = shown.form(r"/revocation$")
            administrator.submit(form, reason="Kết thúc lần minh hoạ trước")


def _file_request(walker: Walker, account: str) -> tuple[str, str]:
    administrator = walker.person(ADMINISTRATOR)
    local = walker.now().astimezone(ZONE)
    number = f"{local:%H%M%S}/QĐ-BMH"
    day = f"{local:%d/%m/%Y}"
    form = administrator.get("/privilege/requests/new").form(r"/privilege/requests$")
    answer = administrator.submit(
        form,
        files={"file": ("quyet-dinh.pdf", "application/pdf", PDF + number.encode() + b"\n%%EOF\n")},
        account=account,
        holder=HOLDER,
        document="new",
        starts_at=f"{local - timedelta(minutes=1) if local.minute or local.hour else local:%d/%m/%Y %H:%M}",
        ends_at=f"{local + timedelta(hours=2):%d/%m/%Y %H:%M}",
        purpose="Thẩm định hồ sơ trong đợt minh hoạ",
        number=number,
        signed_on=day,
        issuing_unit="Bộ Minh hoạ",
        signer="Lê Ví Dụ",
        subject="Giao quyền mở dữ liệu cá nhân trong hồ sơ",
        valid_from=day,
        valid_to=f"{local + timedelta(days=30):%d/%m/%Y}",
    )
    if answer.status != OK or "/privilege/requests/YC-" not in answer.path:
        faults = " ".join(re.findall(r'class="fault"[^>]*>(?:<svg.*?</svg>)?\s*([^<]+)', answer.text))
        raise NotOfferedError(f"the request was not taken: {answer.status} {html.unescape(faults)}")
    return answer.path.rpartition("/")[2], number


def _approve(walker: Walker, code: str) -> None:
    approver = walker.person(APPROVER)
    page = approver.get(f"/privilege/requests/{code}/approval")
    answer = approver.submit(page.form(r"/approval$"), verdict="approve")
    if answer.status != OK:
        raise NotOfferedError(f"{APPROVER} could not approve {code}: {answer.status}")


def open_and_search(walker: Walker) -> Told:
    """Open the case under the grant, then find the entry of it in four ways."""
    holder, grant = walker.person(HOLDER), walker.ids["grant"]
    case = walker.ids["case"]
    walker.wait_for(OFFICER, "/trail", "nguồn Elasticsearch", seconds=NODE_SECONDS)
    opened = _open(holder, case)
    if opened != OK:
        raise NotOfferedError(f"{HOLDER} could not open {case} under {grant}: {opened}")
    deadline = time.monotonic() + SEARCH_SECONDS
    searches = (f"case={case}", f"account={ACCOUNT}&case={case}", "q=mở+hồ+sơ", "q=mo+ho+so")
    entry = ""
    for search in searches:
        path = f"/trail?outcome=success&action=cases:file:open&{quote(search, safe='=&+')}"
        left = max(LOOK_SECONDS, deadline - time.monotonic())
        page = walker.wait_for(OFFICER, path, rf"(?s)nguồn Elasticsearch.*/trail/follow/grant/{grant}", seconds=left)
        entry = entry or first(page, r'href="/trail/(\d+)"')
    took = SEARCH_SECONDS - (deadline - time.monotonic())
    return (
        {"case": case, "entry": entry},
        f"{case}: chưa có cấp quyền 403, có {grant} 200; tìm thấy bốn cách sau {took:.1f} giây từ Elasticsearch",
    )


def _open(visitor: Visitor, case: str) -> int:
    form = visitor.get(f"/cases/{case}").form(rf"/cases/{case}$")
    return visitor.submit(form, purpose="case.appraisal").status


def granted(walker: Walker, account: str) -> str:
    """Make a grant on an account anew, in the ordinary way; return its code."""
    _end_earlier_grants(walker, account)
    code, _ = _file_request(walker, account)
    _approve(walker, code)
    return walker.person(ADMINISTRATOR).get(f"/privilege/requests/{code}").find(r"(CQ-\d{4,})")
