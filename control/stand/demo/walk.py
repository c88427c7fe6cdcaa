"""The golden thread, walked once over real HTTP by the people of the demonstration: step by step, each with its proof.

Not for: production (it needs up.json, which only a demonstration writes); what a step does (a module of its own beside
this one). Invariants: every step presses only what a page offers; what a step stopped is started again whatever
happens; the whole can be walked again and again.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from audit.reconciliations import Reconciliation
from control.stand.demo import alarming, applicants, evidence, granting, identity, register, signer
from control.stand.demo.guarded import walk_break_glass, walk_review
from control.stand.demo.locking import lock_and_open_again
from control.stand.demo.population import PopulationStep
from control.stand.demo.vault import Borrowing, borrow_and_return
from control.stand.demo.visitor import NotOfferedError
from control.stand.demo.walker import (
    ADMINISTRATOR,
    APPROVER,
    AUDITOR,
    HOLDER,
    NEWCOMER,
    OFFICER,
    OPERATOR,
    Told,
    Walker,
)

FAILURES = (NotOfferedError, OSError, http.client.HTTPException, KeyError, ValueError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did and what was seen."""

    step: int
    title: str
    ok: bool
    ids: Mapping[str, str]
    seen: str


@dataclass(slots=True, kw_only=True)
class Walk:
    """One walk; every callable but `now` is what only the stand can do."""

    up: Mapping[str, Any]
    now: Callable[[], datetime]
    forget_factor: Callable[[str], None]
    refuse_alone: Callable[[str], str]
    compare_copies: Callable[[], tuple[Reconciliation, ...]]
    hold: Callable[[str], None]
    release: Callable[[str], None]
    folder: Path

    def steps(self) -> Iterator[Step]:
        """Walk all; a step that fails says why, and the next ones say what they miss."""
        walker = Walker(up=self.up, now=self.now)
        try:
            for number, (title, act) in enumerate(self._titled(walker), start=1):
                yield _one(walker, number, title, act)
        finally:
            self.release("portal")

    def _titled(self, walker: Walker) -> tuple[tuple[str, Callable[[], Told]], ...]:
        """Return every step with its title, in order."""
        up, now, person = self.up, self.now, walker.person
        return (
            (
                "Hai cán bộ đăng nhập bằng LDAP và mã một lần, người mới ghi danh bằng QR",
                partial(_people_sign_in, walker, forget_factor=self.forget_factor),
            ),
            (
                "Yêu cầu, văn bản, phê duyệt của người thứ hai, cấp quyền",
                partial(granting.grant_on_a_document, walker, refuse_alone=self.refuse_alone),
            ),
            (
                "Mở hồ sơ dưới cấp quyền; không có thì bị từ chối; tìm thấy trong dấu vết",
                partial(granting.open_and_search, walker),
            ),
            (
                "Cổng mô phỏng dừng, quy tắc báo động, cảnh báo hiện kèm sổ tay",
                partial(alarming.alert, walker, hold=self.hold),
            ),
            (
                "Từ sổ tay, kịch bản chạy dưới giám sát, kết quả và mã băm đứng trên cảnh báo",
                partial(alarming.run, walker),
            ),
            (
                "Yêu cầu cấp độ 3 có bằng chứng; gói kiểm được ngoài mạng; sửa một byte là lộ",
                partial(evidence.prove_requirement, walker, folder=self.folder),
            ),
            (
                "Bản sao để tìm kiếm được so với sổ gốc, hai chiều, từng mục: trùng khớp",
                partial(evidence.compare, walker, compare_copies=self.compare_copies),
            ),
            (
                "Bị từ chối nhiều lần thành phát hiện; giải trình bằng văn bản, người khác đóng",
                partial(evidence.explain_a_finding, walker),
            ),
            (
                "Mốc ký có người làm chứng độc lập; gói mang theo chữ ký ấy và tự kiểm được",
                partial(evidence.anchor, walker, folder=self.folder),
            ),
            (identity.TITLE, partial(_sign_in_by_identity, walker)),
            (applicants.TITLE, applicants.ApplicantStep(up=up, person=person, now=now)),
            (signer.TITLE, signer.SigningStep(up=up, now=now)),
            (
                "Cam kết ký số, đăng ký hai nơi, tra cứu dân cư cho một hồ sơ; thiếu thì bị từ chối",
                PopulationStep(up=up, person=person, now=now),
            ),
            (
                "Khoá ngay một tài khoản theo điện thoại, đồng hồ thông báo chạy; mở lại bằng biểu mẫu",
                partial(_lock, walker),
            ),
            (register.TITLE, register.RegisterStep(up=up, person=person, now=now)),
            (
                "Bí mật mượn theo cấp quyền, hiện một lần, trả thì được thay; máy thật từ chối bí mật cũ",
                partial(_borrow, walker),
            ),
            (
                "Chủ tài khoản rà soát quyền trong hạn; bằng chứng kiểm được bằng mã băm",
                partial(walk_review, person, officer=OFFICER, reviewer=ADMINISTRATOR, auditor=AUDITOR),
            ),
            (
                "Hai người niêm phong và phá niêm; dùng trong giờ từ một địa chỉ; đóng là bị đưa ra",
                partial(_break_glass, walker),
            ),
        )


def _one(walker: Walker, number: int, title: str, act: Callable[[], Told]) -> Step:
    try:
        ids, seen = act()
    except FAILURES as error:
        missing = f"{type(error).__name__}: {error}"
        return Step(step=number, title=title, ok=False, ids=dict(walker.ids), seen=missing)
    walker.ids |= ids
    return Step(step=number, title=title, ok=True, ids=ids, seen=seen)


def _people_sign_in(walker: Walker, *, forget_factor: Callable[[str], None]) -> Told:
    for login in (OFFICER, APPROVER):
        walker.person(login)
    forget_factor(NEWCOMER)
    walker.enrol_newcomer()
    return (
        {"officers": f"{OFFICER} {APPROVER}", "newcomer": NEWCOMER},
        f"{OFFICER}, {APPROVER} đã vào; {NEWCOMER} đọc khoá từ trang QR và đã vào",
    )


def _sign_in_by_identity(walker: Walker) -> Told:
    return identity.sign_in_by_identity(officer=walker.person(OFFICER), url=walker.up["url"])


def _lock(walker: Walker) -> Told:
    return lock_and_open_again(
        walker.signed_in_anew, guard=OFFICER, filer=ADMINISTRATOR, manager=NEWCOMER, now=walker.now
    )


def _borrow(walker: Walker) -> Told:
    lent = Borrowing(
        holder=walker.person(HOLDER),
        reader=walker.person(ADMINISTRATOR),
        grant_on=partial(granting.granted, walker),
        database_url=walker.up["database_url"],
    )
    return borrow_and_return(lent)


def _break_glass(walker: Walker) -> Told:
    return walk_break_glass(
        walker.person, officer=OFFICER, approver=APPROVER, user=OPERATOR, auditor=AUDITOR, url=walker.up["url"]
    )
