"""One step of the demonstration: an account is locked on a telephone call, the clock of its notice runs, the unit is
told, and by another's hand the account opens again on the unit's signed form.

Invariant: the account is as it was before, so that the step can be walked again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from control.stand.demo.visitor import OK, Answer, NotOfferedError, Visitor

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ACCOUNT, UNIT = "ung-dung-02.root", "Trung tâm Công nghệ thông tin"
BASE = "/privilege/account-requests"
PDF = (
    b"%PDF-1.4\n% minh hoa: {}\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n%%EOF\n"
)


def lock_and_open_again(
    person: Callable[[str], Visitor], *, guard: str, filer: str, manager: str, now: Callable[[], datetime]
) -> tuple[dict[str, str], str]:
    """Lock, tell, and open again; return the codes and what was seen."""
    watch = person(guard)
    stamp = f"{now().astimezone(ZONE):%H%M%S}"
    lock = _lock(watch, stamp)
    took, due = lock.find(r"mất ([\d.]+) ms"), lock.find(r'phải thông báo trước\s*<time[^>]*datetime="([^"]+)"')
    locked, notice = _code(lock), lock.find(r"/privilege/notices/(TB-\d{4,})")
    told = _tell(watch, notice)
    opened = _ask(person(filer), stamp, now=now)
    _carry_out(person(manager), opened)
    return (
        {"lock": locked, "notice": notice, "activation": opened, "locked_account": ACCOUNT},
        (
            f"{locked}: {ACCOUNT} khoá sau {took} ms, phải báo trước {due[:16]}; {notice} {told}; {opened} mở lại "
            f"bằng Mẫu số 03, người thực hiện khác người lập"
        ),
    )


def _lock(guard: Visitor, stamp: str) -> Answer:
    form = guard.get(f"{BASE}/urgent?account={ACCOUNT}").form(r"/urgent$")
    answer = guard.submit(
        form,
        accounts=ACCOUNT,
        mode="emergency",
        caller="Trưởng phòng Hạ tầng (minh hoạ)",
        channel="phone",
        reason="Nghi lộ mật khẩu quản trị (minh hoạ)",
        incident=f"SC-{stamp}",
    )
    if answer.status != OK or "/TK-" not in answer.path:
        raise NotOfferedError(f"{ACCOUNT} was not locked: {answer.status} {_faults(answer)}")
    return answer


def _tell(guard: Visitor, notice: str) -> str:
    """Tell the unit by telephone, unless the relay was faster."""
    page = guard.get(f"/privilege/notices/{notice}")
    if "/telling" in page.text:
        answer = guard.submit(page.form(r"/telling$"), channel="phone", note="Đã gọi văn phòng đơn vị (minh hoạ)")
        if "qua điện thoại" in answer.text:
            return "đã báo qua điện thoại, trong hạn"
        page = guard.get(f"/privilege/notices/{notice}")
    if "qua thư" not in page.text:
        raise NotOfferedError(f"{notice} was not told: {page.status}")
    return "đã báo qua thư mô phỏng, trong hạn"


def _ask(filer: Visitor, stamp: str, *, now: Callable[[], datetime]) -> str:
    wanted = now().astimezone(ZONE)
    form = filer.get(f"{BASE}/new?kind=activate").form(r"/account-requests$")
    values = {
        "line-1-account": ACCOUNT,
        "line-1-wanted_at": f"{wanted:%d/%m/%Y %H:%M}",
        "line-1-reason": "Đã đổi mật khẩu (minh hoạ)",
    }
    form.fields |= values
    answer = filer.submit(form, unit=UNIT, notice_mail="vanthu@ttcntt.example.vn")
    if answer.status != OK or "/TK-" not in answer.path:
        raise NotOfferedError(f"the activation was not drawn up: {answer.status} {_faults(answer)}")
    code = _code(answer)
    paper = answer.form(rf"{code}/papers$")
    paper.fields |= {"form": "03"}
    attached = filer.submit(
        paper,
        files={"file": ("mau-03.pdf", "application/pdf", PDF.replace(b"{}", stamp.encode()))},
        number=f"{stamp}/TTCNTT",
        signed_on=f"{wanted:%d/%m/%Y}",
        signer="Phó Giám đốc (minh hoạ)",
        is_copy="yes",
    )
    sent = filer.submit(attached.form(rf"{code}/submission$"))
    if sent.status != OK or f"{code}" not in sent.path:
        raise NotOfferedError(f"{code} was not sent: {sent.status}")
    return code


def _carry_out(manager: Visitor, code: str) -> None:
    page = manager.submit(manager.get(f"{BASE}/{code}").form(rf"{code}/taking$"))
    ruling = page.form(rf"{code}/ruling$")
    ruling.fields |= {"verdict-1": "grant"}
    page = manager.submit(ruling)
    page = manager.submit(page.form(rf"{code}/execution$"))
    if page.status != OK or "xong" not in page.text:
        raise NotOfferedError(f"{code} was not carried out: {page.status}")


def _code(answer: Answer) -> str:
    return answer.path.rpartition("/")[2]


def _faults(answer: Answer) -> str:
    return " ".join(re.findall(r'class="fault"[^>]*>(?:<svg.*?</svg>)?\s*([^<]+)', answer.text))
