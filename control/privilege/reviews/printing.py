"""The evidence of a campaign on paper: what was asked about, who decided what and when, to be signed and filed.

Not for: the whole record of each right (items.csv). Invariants: people stand by their logins, which never change, so
that the same campaign gives the same bytes; a reason, which may speak of people, stays inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from control.frame.paper import pdf_of
from control.privilege.reviews.models import AccessReview, AccessReviewItem
from control.privilege.reviews.service import Progress
from policies import RULES_ZONE

FOLDER = Path(__file__).parent / "templates" / "reviews"
ROWS_AT_MOST = 2_000
KINDS = {"account": "tài khoản", "grant": "cấp quyền", "key": "khoá kết nối", "role": "vai trò"}
DECISIONS = {"keep": "giữ", "change": "đổi", "remove": "thu hồi"}
OUTCOMES = {
    "asked": "chờ yêu cầu thay đổi",
    "directory": "gỡ bằng tay trong danh bạ",
    "ended": "cấp quyền đã kết thúc",
    "kept": "giữ nguyên",
    "lifted": "bỏ tạm ngừng",
    "over-already": "đã hết từ trước",
    "retired": "tài khoản đã thu hồi",
    "revoked": "khoá đã thu hồi",
}
MOMENT = "%H:%M %d/%m/%Y"
# A table of seven columns on an upright sheet; logins and codes stay in one piece where they can.
STYLE = (
    ".text + .data { margin-top: 2mm; } .rights { font-size: 9.5pt; table-layout: fixed; } "
    ".rights th, .rights td { padding: 0.7mm 1.2mm; box-sizing: border-box; } "
    + " ".join(f".rights th:nth-child({place}) {{ width: {share}%; }}"
               for place, share in enumerate((6, 24, 10, 14, 14, 17, 15), start=1))
)  # fmt: skip


def evidence_page(
    review: AccessReview, *, items: Sequence[AccessReviewItem], progress: Progress, organisation: str
) -> str:
    """Return the words of the paper, as the page that is printed."""
    made = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return made.get_template("evidence.xhtml").render(
        review=review,
        items=items[:ROWS_AT_MOST],
        left_out=max(0, len(items) - ROWS_AT_MOST),
        progress=progress,
        organisation=organisation,
        scope=_scope(review),
        kinds=", ".join(KINDS.get(kind, kind) for kind in review.kinds.split()),
        kind_words=KINDS,
        decision_words=DECISIONS,
        outcome_words=OUTCOMES,
        moment=_moment,
        closed=(review.closed_at or review.opened_at).astimezone(RULES_ZONE),
    )


def evidence_paper(
    review: AccessReview, *, items: Sequence[AccessReviewItem], progress: Progress, organisation: str
) -> bytes:
    """Return the paper as PDF (A4)."""
    page = evidence_page(review, items=items, progress=progress, organisation=organisation)
    return pdf_of(page, more_style=STYLE)


def _scope(review: AccessReview) -> str:
    value = {"normal": "thường", "high": "cao"}.get(review.scope_value, review.scope_value)
    words = {"all": "toàn bộ", "unit": f"đơn vị {value}", "owner": f"tài khoản của {value}", "class": f"mức {value}"}
    return words[review.scope]


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(RULES_ZONE):{MOMENT}}" if at else "–"
