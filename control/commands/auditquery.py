"""Read the filters of `vonglau audit search|export`: K=V words into a query, and what of them may be recorded."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from sqlalchemy import Connection

    import audit as trail

RULES_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
PERSONAL_FILTERS = {"address": "sources"}


class AuditError(Exception):
    """Raised when a command of the trail cannot answer; carries its own two sentences."""

    def __init__(self, code: str, *, vi: str, en: str, exit_status: int = 1, **details: str) -> None:
        super().__init__(en)
        self.code, self.message_vi, self.message_en = code, vi, en
        self.exit_status, self.details, self.citation = exit_status, details, None


def read_query(
    filters: tuple[str, ...],
    *,
    text: str | None,
    connection: Connection,
    keys: trail.SubjectKeys,
    limit: int = 50,
) -> trail.Query:
    """Turn K=V filters into a query; a time without a zone is Vietnamese. Raises AuditError."""
    import audit as trail

    asked: dict[str, Any] = {"text": text, "limit": limit}
    for part in filters:
        name, _, value = part.partition("=")
        if not value:
            raise _bad_filter(part)
        if name in trail.FILTERS:
            asked[trail.FILTERS[name]] = value
        elif name in {"since", "until"}:
            asked[name] = _moment(value, part)
        elif name == "denied" and value in {"yes", "no", "true", "false"}:
            asked[name] = value in {"yes", "true"}
        elif name in PERSONAL_FILTERS:
            # An address is never indexed in clear: it is found by its token, or not at all.
            asked["tokens"] = trail.tokens(connection, PERSONAL_FILTERS[name], [value], keys=keys) or ("none",)
        else:
            raise _bad_filter(part)
    return trail.Query(**asked)


def _moment(value: str, part: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise _bad_filter(part) from error
    return found if found.tzinfo else found.replace(tzinfo=RULES_ZONE)


def _bad_filter(part: str) -> AuditError:
    import audit as trail

    known = ", ".join(sorted([*trail.FILTERS, *PERSONAL_FILTERS, "denied", "since", "until"]))
    return AuditError(
        "audit.filter",
        vi=f"Không hiểu bộ lọc «{part}». Dùng K=V với K là: {known}.",
        en=f"The filter “{part}” is not understood. Use K=V with K one of: {known}.",
        exit_status=2,
        filter=part,
    )


def asked_for(filters: tuple[str, ...], text: str | None) -> dict[str, str | int | bool]:
    """What was asked, as details of an entry; an address is personal and only its name is kept."""
    from control.text import nfc

    plain = [part if part.partition("=")[0] not in PERSONAL_FILTERS else part.partition("=")[0] for part in filters]
    # Free text may hold the name of a citizen: the entry says that words were given, not which.
    return {"filters": nfc(" ".join(sorted(plain))), "with_text": bool(text)}
