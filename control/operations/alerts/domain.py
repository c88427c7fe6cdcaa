"""What a delivery from Alertmanager means, and which alerts the worker raises itself. Pure.

Invariant: any JSON value gives deliveries or UnreadableDelivery, nothing else; what is read has no control characters
and bounded lengths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from control.errors import NotFound

_CODE = re.compile(r"CB-([0-9]{4,12})")
_SLUG = re.compile(r"[a-z0-9-]{1,80}")
MAX_LABELS = 40
MAX_TEXT_CHARACTERS = 500
HEARTBEAT = "heartbeat"


class UnreadableDelivery(ValueError):
    """Raised when a delivery is not of the form Alertmanager sends."""


class Severity(StrEnum):
    """Whether it wakes somebody now or can wait until the day."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One alert as delivered; `ends_at` is empty while it burns."""

    fingerprint: str
    starts_at: datetime
    ends_at: datetime | None
    name: str
    severity: str
    labels: Mapping[str, str]
    summary: str
    summary_en: str
    runbook: str

    @property
    def is_beat(self) -> bool:
        """Whether it is the chain's own heartbeat, which is no alert."""
        return self.severity == HEARTBEAT


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAlert:
    """An alert the worker raises itself, because it saw the fact with its own eyes."""

    severity: Severity
    summary: str
    summary_en: str
    runbook: str


OWN_ALERTS: Mapping[str, OwnAlert] = {
    "AccountRequestOverdue": OwnAlert(
        severity=Severity.TICKET,
        summary="Yêu cầu tài khoản hoặc thông báo {subject} đã quá hạn theo luật",
        summary_en="Account request or notice {subject} is past its legal date",
        runbook="account-requests",
    ),
    "AdminSignInUnregistered": OwnAlert(
        severity=Severity.PAGE,
        summary="{subject} đăng nhập với quyền quản trị mà không đứng tên tài khoản quản trị nào",
        summary_en="{subject} signed in with rights of administration and is named by no administration account",
        runbook="admin-sign-in",
    ),
    "BreakGlassDrillDue": OwnAlert(
        severity=Severity.TICKET,
        summary="Tài khoản phá niêm {subject} quá kỳ diễn tập",
        summary_en="The drill of break-glass account {subject} is overdue",
        runbook="break-glass",
    ),
    "BreakGlassMisused": OwnAlert(
        severity=Severity.PAGE,
        summary="Tài khoản phá niêm {subject} bị dùng trái lần mở",
        summary_en="Break-glass account {subject} was used otherwise than it was opened for",
        runbook="break-glass",
    ),
    "BreakGlassOpened": OwnAlert(
        severity=Severity.PAGE,
        summary="Phá niêm khẩn cấp {subject}",
        summary_en="Break-glass opening {subject}",
        runbook="break-glass",
    ),
    "BreakGlassReviewOverdue": OwnAlert(
        severity=Severity.TICKET,
        summary="Lần phá niêm {subject} quá hạn xem xét",
        summary_en="The review of break-glass opening {subject} is overdue",
        runbook="break-glass",
    ),
    "BreakGlassSealDue": OwnAlert(
        severity=Severity.TICKET,
        summary="Tài khoản phá niêm {subject} phải được niêm phong lại",
        summary_en="Break-glass account {subject} must be sealed again",
        runbook="break-glass",
    ),
    "BreakGlassUnexplained": OwnAlert(
        severity=Severity.PAGE,
        summary="Lần dùng tài khoản phá niêm {subject} không có lần mở nào giải thích",
        summary_en="No opening explains a use of break-glass account {subject}",
        runbook="break-glass",
    ),
    "ConnectionKeyUnusual": OwnAlert(
        severity=Severity.TICKET,
        summary="Khoá kết nối {subject} được dùng khác thường",
        summary_en="Connection key {subject} is used unusually",
        runbook="key-unusual",
    ),
    "ApplicantClockMissed": OwnAlert(
        severity=Severity.TICKET,
        summary="Quá hạn với {subject}: chưa duyệt đăng ký, hoặc chưa trả lời khiếu nại tài khoản",
        summary_en="Late for {subject}: a registration unchecked, or a complaint about an account unanswered",
        runbook="applicant-clocks",
    ),
    "DirectoryListingRefused": OwnAlert(
        severity=Severity.TICKET,
        summary="Đọc danh bạ theo lịch bị từ chối ({subject}); chưa ai bị thay đổi",
        summary_en="The scheduled reading of the directory was refused ({subject}); nobody was changed",
        runbook="directory-listing",
    ),
    "FindingOverdue": OwnAlert(
        severity=Severity.TICKET,
        summary="Phát hiện {subject} quá hạn, chưa được đóng",
        summary_en="Finding {subject} is overdue and not closed",
        runbook="finding-overdue",
    ),
    "JobInterrupted": OwnAlert(
        severity=Severity.TICKET,
        summary="Việc nền {subject} dở dang vì tiến trình nền chết",
        summary_en="Job {subject} was left undone when its worker died",
        runbook="jobs-waiting",
    ),
    "LeaverUnmatched": OwnAlert(
        severity=Severity.TICKET,
        summary="Có cán bộ đã thôi việc mà chưa đơn vị nào đề nghị thu hồi tài khoản ({subject})",
        summary_en="Somebody has left and no unit has asked to revoke the account ({subject})",
        runbook="account-requests",
    ),
    "OwnerLeft": OwnAlert(
        severity=Severity.TICKET,
        summary="{subject} đã thôi việc mà còn đứng tên chủ tài khoản đặc quyền",
        summary_en="{subject} has left and still owns privileged accounts",
        runbook="directory-listing",
    ),
    "PortalMessageRefused": OwnAlert(
        severity=Severity.TICKET,
        summary="Cổng Dịch vụ công quốc gia từ chối bản tin {subject}",
        summary_en="The national portal refused message {subject}",
        runbook="portal-link-down",
    ),
    "ReviewOverdue": OwnAlert(
        severity=Severity.TICKET,
        summary="Đợt rà soát quyền {subject} quá hạn; quyền chưa rà soát đã bị tạm ngừng",
        summary_en="Access review {subject} is overdue; what was not reviewed is suspended",
        runbook="review-overdue",
    ),
    "ProcessRoleVacant": OwnAlert(
        severity=Severity.TICKET,
        summary="Có vai trò trong quy trình đang chạy chưa có tài khoản hoạt động ({subject})",
        summary_en="A role of an active process has no active account ({subject})",
        runbook="account-requests",
    ),
    "RunInterrupted": OwnAlert(
        severity=Severity.PAGE,
        summary="Lượt chạy {subject} bị gián đoạn, không tự chạy lại",
        summary_en="Run {subject} was interrupted and does not run again by itself",
        runbook="run-interrupted",
    ),
    "ScheduleMissed": OwnAlert(
        severity=Severity.TICKET,
        summary="Lịch {subject} đã lỡ giờ",
        summary_en="Schedule {subject} missed its time",
        runbook="schedule-missed",
    ),
    "SecretOverdue": OwnAlert(
        severity=Severity.TICKET,
        summary="Bí mật của {subject} quá hạn thay",
        summary_en="The secret of {subject} is older than allowed",
        runbook="secret-rotation",
    ),
    "SecretRotationFailed": OwnAlert(
        severity=Severity.TICKET,
        summary="Chưa thay được bí mật của {subject}; bí mật cũ vẫn dùng được",
        summary_en="The secret of {subject} could not be changed; the old one still works",
        runbook="secret-rotation",
    ),
    "SecretTaken": OwnAlert(
        severity=Severity.PAGE,
        summary="Bí mật của {subject} có thể đã bị lấy, chưa được thay",
        summary_en="Somebody may have taken the secret of {subject}; it is not changed yet",
        runbook="secret-rotation",
    ),
    "SecretUnknown": OwnAlert(
        severity=Severity.PAGE,
        summary="Không bí mật nào đang giữ của {subject} còn dùng được",
        summary_en="None of the kept secrets of {subject} works",
        runbook="secret-unknown",
    ),
    "SignedInElsewhere": OwnAlert(
        severity=Severity.TICKET,
        summary="Tài khoản {subject} đăng nhập ở hai nơi cùng lúc",
        summary_en="The account of {subject} is signed in from two places at once",
        runbook="unusual-access",
    ),
    "StaffAccountUnrequested": OwnAlert(
        severity=Severity.TICKET,
        summary="Có tài khoản cán bộ hoạt động mà không có yêu cầu của đơn vị ({subject})",
        summary_en="A staff account is active without a request of its unit ({subject})",
        runbook="account-requests",
    ),
}


def code_of(alert_id: int) -> str:
    """Return the name people use: `CB-0001`."""
    return f"CB-{alert_id:04d}"


def id_of(code: str) -> int:
    """Return the number in a code. Raises NotFound for anything else."""
    match = _CODE.fullmatch(code)
    if match is None:
        raise NotFound("alert", code)
    return int(match[1])


def deliveries_of(payload: object, *, now: datetime) -> tuple[Delivery, ...]:
    """Read a webhook body of Alertmanager (version 4). Raises UnreadableDelivery."""
    alerts = payload.get("alerts") if isinstance(payload, Mapping) else None
    if not isinstance(alerts, list):
        raise UnreadableDelivery("no list of alerts")
    return tuple(_delivery(alert, now=now) for alert in alerts)


def _delivery(alert: object, *, now: datetime) -> Delivery:
    if not isinstance(alert, Mapping):
        raise UnreadableDelivery("an alert is not an object")
    labels, annotations = _texts(alert.get("labels")), _texts(alert.get("annotations"))
    name, fingerprint = labels.get("alertname", ""), _text(alert.get("fingerprint"))
    if not name or not fingerprint:
        raise UnreadableDelivery("an alert without name or fingerprint")
    starts_at = _moment(alert.get("startsAt"))
    ends_at = max(_moment(alert.get("endsAt")), starts_at) if alert.get("status") == "resolved" else None
    severity = labels.get("severity", "")
    runbook = annotations.get("runbook", "")
    return Delivery(
        fingerprint=fingerprint,
        starts_at=starts_at,
        ends_at=None if ends_at is None else min(ends_at, max(now, starts_at)),
        name=name,
        severity=severity if severity in {*Severity, HEARTBEAT} else Severity.PAGE,
        labels=labels,
        summary=annotations.get("summary", name),
        summary_en=annotations.get("summary_en", name),
        runbook=runbook if _SLUG.fullmatch(runbook) else "",
    )


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {_text(key): _text(item) for key, item in list(value.items())[:MAX_LABELS]}


def _text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    printable = "".join(character if character.isprintable() else " " for character in value)
    return printable[:MAX_TEXT_CHARACTERS]


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise UnreadableDelivery("a moment is missing")
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise UnreadableDelivery("a moment that is none") from error
    if found.tzinfo is None:
        raise UnreadableDelivery("a moment without a zone")
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise UnreadableDelivery("a moment outside time") from error
