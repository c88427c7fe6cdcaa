"""What a unit is told when its request is done, in the words of its letter: Vietnamese, as letters between units are.

Not for: sending (notices). Invariants: no password is ever in a notice: a default one travels in its sealed envelope;
less than asked comes with its reason (S3-9.1.a-3); the list of revoked accounts is exactly those that are disabled
(S3-9.1.d-2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from control.acts import Act
from control.privilege.lifecycle.clocks import Clock
from control.privilege.lifecycle.domain import Kind
from control.privilege.lifecycle.models import AccountRequest, AccountRequestLine
from control.privilege.notices.models import AccountNotice
from control.privilege.notices.service import NewNotice, write_notice
from policies import RULES_ZONE

MOMENT = "%d/%m/%Y %H:%M"
TITLES = {
    Kind.CREATE: "Thông báo cấp tài khoản",
    Kind.LOCK: "Thông báo khoá tài khoản",
    Kind.ACTIVATE: "Thông báo kích hoạt tài khoản",
    Kind.REVOKE: "Thông báo danh sách tài khoản đã thu hồi, vô hiệu hoá",
    Kind.CHANGE: "Thông báo thay đổi quyền của tài khoản",
}
DONE = {
    Kind.CREATE: "đã cấp, chờ cán bộ xác nhận nhận bàn giao",
    Kind.LOCK: "đã khoá",
    Kind.ACTIVATE: "đã kích hoạt",
    Kind.REVOKE: "đã thu hồi, vô hiệu hoá",
    Kind.CHANGE: "đã đổi quyền",
}


def tell_outcome(session: Session, request: AccountRequest, *, act: Act) -> AccountNotice:
    """Leave the notice that a request is done or refused."""
    kind = Kind(request.kind)
    return write_notice(
        session,
        NewNotice(
            kind="refused" if request.state == "refused" else "done",
            request_code=request.code,
            unit=request.unit,
            mail=request.notice_mail,
            subject=f"{TITLES[kind]} ({request.code})",
            body=letter(request),
        ),
        act=act,
    )


def tell_lock(session: Session, request: AccountRequest, *, clock: Clock, act: Act) -> AccountNotice:
    """Leave the notice of a lock that was made at once, with its own clock."""
    return write_notice(
        session,
        NewNotice(
            kind={"emergency": "emergency-lock", "own-risk": "own-risk-lock"}.get(request.mode, "dormant-lock"),
            request_code=request.code,
            unit=request.unit,
            mail=request.notice_mail,
            subject=f"{TITLES[Kind.LOCK]} khẩn cấp ({request.code})",
            body=letter(request),
            due_at=clock.due_at,
            due_rule=clock.rule,
        ),
        act=act,
    )


def letter(request: AccountRequest) -> str:
    """Return the whole text of the notice on a finished request."""
    kind = Kind(request.kind)
    done = [line for line in request.lines if line.executed_at is not None]
    fewer = [line for line in request.lines if line.verdict in {"refused", "partial"}]
    parts = [f"Kính gửi: {request.unit}", "", *_opening(request), ""]
    if done:
        parts += [f"Số tài khoản {DONE[kind]}: {len(done)}.", *_rows(done, kind=kind), ""]
    if fewer:
        parts += ["Ít hơn đề nghị, lý do:", *(f"- {_named(line)}: {line.verdict_reason}" for line in fewer), ""]
    if kind is Kind.CREATE and done:
        parts += [
            "Mật khẩu mặc định ở trong phong bì niêm phong giao riêng cho từng người, phải đổi ở lần đăng nhập đầu;",
            "tài khoản chỉ hoạt động sau khi cán bộ xác nhận đã nhận bàn giao.",
            "",
        ]
    return "\n".join([*parts, f"Mã yêu cầu: {request.code}", ""])


def _opening(request: AccountRequest) -> list[str]:
    if request.document is not None:
        return [f"Trả lời văn bản số {request.document.number} ngày {request.document.signed_on:%d/%m/%Y}:"]
    return [f"Theo sự vụ {request.incident}, tài khoản dưới đây được khoá ngay. Lý do: {request.reason}"]


def _rows(lines: Sequence[AccountRequestLine], *, kind: Kind) -> list[str]:
    if kind in {Kind.CREATE, Kind.CHANGE}:
        return [f"- {_named(line)}: quyền {', '.join(line.rights_granted or [])}" for line in lines]
    return [f"- {_named(line)}, lúc {_local(line.executed_at)}" for line in lines]


def _named(line: AccountRequestLine) -> str:
    code = line.account.code if line.account else line.login
    return f"{line.person_name} ({code})" if line.person_name else code


def _local(at: datetime | None) -> str:
    return f"{at.astimezone(RULES_ZONE):{MOMENT}}" if at else "–"
