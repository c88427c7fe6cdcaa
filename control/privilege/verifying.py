"""Ask the whole database whether the promises of privilege hold: one query each, and what breaks it (pam.md §5.4).

Not for: keeping the promises (constraints, rules and passes do). Invariant: each query stands on its own and reads only
what is stored, so that it also finds what was changed behind every service's back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

ROWS_SHOWN = 100

_I2 = text(
    "SELECT 'grant' AS kind, g.id, 'document not in force on every day of the grant' AS why "
    "FROM privilege_grant g LEFT JOIN authorising_document d ON d.id = g.document_id "
    "WHERE g.state IN ('active', 'suspended') AND (d.id IS NULL "
    " OR CAST(lower(g.span) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) < d.valid_from "
    " OR CAST((upper(g.span) AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond' AS date) > d.valid_to) "
    "ORDER BY g.id LIMIT :most"
)
_I3 = text(
    "SELECT 'request' AS kind, r.id, CASE "
    "  WHEN bool_or(a.approver_id IN (r.requester_id, r.filed_by_id, r.holder_id)) THEN 'an approver is a party' "
    "  WHEN r.class = 'high' AND bool_or(a.approver_id = c.owner_id) THEN 'an approver owns the account' "
    "  WHEN count(a.approver_id) < CASE r.class WHEN 'high' THEN 2 ELSE 1 END THEN 'too few approvers' "
    "  ELSE 'nobody of the security unit approved' END AS why "
    "FROM privilege_request r JOIN privilege_grant g ON g.request_id = r.id "
    "JOIN privilege_account c ON c.id = r.account_id "
    "LEFT JOIN privilege_approval a ON a.request_id = r.id AND a.decision = 'approve' AND a.version = r.version "
    " AND a.body_sha256 = r.body_sha256 "
    "GROUP BY r.id, r.class, r.requester_id, r.filed_by_id, r.holder_id, c.owner_id "
    "HAVING coalesce(bool_or(a.approver_id IN (r.requester_id, r.filed_by_id, r.holder_id)), false) "
    " OR (r.class = 'high' AND coalesce(bool_or(a.approver_id = c.owner_id), false)) "
    " OR count(a.approver_id) < CASE r.class WHEN 'high' THEN 2 ELSE 1 END "
    " OR (r.class = 'high' AND NOT coalesce(bool_or(a.for_security), false)) "
    "ORDER BY r.id LIMIT :most"
)
_I4 = text(
    "SELECT 'grant' AS kind, g.id, CASE WHEN a.approver_roles IS NOT NULL "
    "   AND NOT string_to_array(a.approver_roles, ' ') && CAST(:roles AS text[]) "
    "  THEN 'an approver had no approving role when deciding' "
    "  ELSE 'in force although an approver had lost the role at its start' END AS why "
    "FROM privilege_grant g JOIN privilege_approval a ON a.request_id = g.request_id AND a.decision = 'approve' "
    "WHERE g.state = 'active' AND upper(g.span) > :now AND ("
    " (a.approver_roles IS NOT NULL AND NOT string_to_array(a.approver_roles, ' ') && CAST(:roles AS text[])) "
    " OR (g.started_at IS NULL AND lower(g.span) <= CAST(:now AS timestamptz) - interval '1 minute' AND NOT EXISTS ("
    "   SELECT 1 FROM person p JOIN person_role pr ON pr.person_id = p.id "
    "   WHERE p.id = a.approver_id AND p.state = 'active' AND pr.role = ANY(CAST(:roles AS text[]))))) "
    "ORDER BY g.id LIMIT :most"
)
_I7 = text(
    "SELECT 'account' AS kind, c.id, 'nobody at work answers for it, and no finding or alert says so' AS why "
    "FROM privilege_account c LEFT JOIN person p ON p.id = c.owner_id "
    "WHERE c.state NOT IN ('retired', 'orphan') AND (p.id IS NULL OR p.state <> 'active') "
    " AND NOT EXISTS (SELECT 1 FROM alert al WHERE al.name = 'OwnerLeft' AND al.ends_at IS NULL "
    "                 AND al.labels ->> 'subject' = p.login) "
    "ORDER BY c.id LIMIT :most"
)
_I11 = text(
    "SELECT 'grant' AS kind, g.id, 'held by somebody who has left' AS why "
    "FROM privilege_grant g JOIN person p ON p.id = g.person_id "
    "WHERE g.state = 'active' AND upper(g.span) > :now AND p.state = 'left' ORDER BY g.id LIMIT :most"
)
QUERIES: Mapping[str, tuple[TextClause, str, str]] = {
    "I2": (
        _I2,
        "cấp quyền nào cũng có văn bản còn hiệu lực mọi ngày",
        "every grant has a document in force on all its days",
    ),
    "I3": (
        _I3,
        "người duyệt không phải bên liên quan; loại cao có hai người, một của an toàn thông tin",
        "no approver is a party; class high has two, one of the security unit",
    ),
    "I4": (
        _I4,
        "người duyệt có thẩm quyền khi duyệt và khi cấp quyền bắt đầu",
        "approvers had the role when deciding and when the grant started",
    ),
    "I7": (
        _I7,
        "tài khoản nào cũng có chủ đang làm việc, hoặc đã có cảnh báo",
        "every account has an owner at work, or an alert",
    ),
    "I11": (
        _I11,
        "người đã thôi việc không còn cấp quyền nào",
        "nobody who has left holds a grant",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One row that breaks a promise."""

    kind: str
    id: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One promise and what breaks it, at most a hundred rows."""

    name: str
    text_vi: str
    text_en: str
    breaches: tuple[Breach, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing breaks it."""
        return not self.breaches


def verify(session: Session, *, approver_roles: Sequence[str], now: datetime) -> tuple[Checked, ...]:
    """Return every promise with what breaks it, in the order of their numbers."""
    found = []
    for name, (query, vi, en) in QUERIES.items():
        values: dict[str, Any] = {"roles": sorted(approver_roles), "now": now, "most": ROWS_SHOWN}
        used = {key: values[key] for key in query.compile().params}
        rows = session.execute(query, used)
        breaches = tuple(Breach(kind=row.kind, id=row.id, why=row.why) for row in rows)
        found.append(Checked(name=name, text_vi=vi, text_en=en, breaches=breaches))
    return tuple(found)
