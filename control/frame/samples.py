"""Invented data for the page of components: a demonstration ministry on one Wednesday morning.

Not for: tests of the wings. Invariant: no name, number or address here belongs to anyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from control.frame.tables import ListingRules
from control.frame.thread import Station, StationState

MORNING = datetime(2026, 11, 25, 2, 42, 42, tzinfo=UTC)
DIGEST = "5c1e90ab77f20d34b8e61c093fa2d7e519c4608be2750fa1c6d39b4802ead07f"
HOSTILE = "<script>alert('x')</script> & \"nháy\" <img src=x onerror=alert(1)>"
ROWS_SHOWN = 4
HOURS = (212, 188, 96, 174, 205, 230, 198, 141, 88, 74, 69, 66, 118, 64, 61, 59, 342, 60, 58, 61, 83, 694, 1486, 1127)
REFUSED = (2, 1, 0, 1, 3, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 9, 14)

LISTING = ListingRules(
    sorts={"account": "", "sessions": "-"}, default="account", filters=("q", "state"), size=ROWS_SHOWN
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAccount:
    """One row of the sample table."""

    account: str
    owner: str
    rests_on: str
    sessions: int
    state: str
    last_at: datetime | None


ACCOUNTS = (
    SampleAccount(
        account="csdl-01 · postgres",
        owner="Hoàng Thị Nháp",
        rests_on="CQ-0789 ← 214/QĐ-BMH",
        sessions=14,
        state="active",
        last_at=MORNING - timedelta(seconds=82),
    ),
    SampleAccount(
        account="csdl-02 · root",
        owner="Trần Văn Thử",
        rests_on="",
        sessions=1,
        state="missing",
        last_at=MORNING - timedelta(minutes=11),
    ),
    SampleAccount(
        account="mang-sw-07 · admin", owner=HOSTILE, rests_on="", sessions=0, state="not-assessed", last_at=None
    ),
    SampleAccount(
        account="ung-dung-03 · trien-khai",
        owner="Trần Văn Thử",
        rests_on="CQ-0766 ← 190/QĐ-BMH",
        sessions=1284,
        state="due",
        last_at=MORNING - timedelta(days=400),
    ),
    SampleAccount(
        account="xac-thuc-01 · root", owner="Phạm Minh Hoạ", rests_on="", sessions=3, state="draft", last_at=None
    ),
)

THREAD = (
    Station(kind="document", text="214/QĐ-BMH", href="#thread"),
    Station(kind="request", text="YC-0612", href="#thread"),
    Station(kind="approval", text="2/2", href="#thread"),
    Station(kind="grant", text="CQ-0789", state=StationState.HERE),
    Station(kind="factors", text="09:41:02", href="#thread"),
    Station(kind="session", text="P-2214", href="#thread"),
    Station(kind="entry", text="1.284.401", href="#thread"),
    Station(kind="seal", text="09:41:25", href="#thread"),
    Station(kind="alert", text="CB-0869", href="#thread"),
    Station(kind="evidence", state=StationState.NEXT),
    Station(kind="requirement", text="1.2.2", href="#thread"),
)

BROKEN_THREAD = (
    Station(kind="document", state=StationState.GONE),
    Station(kind="request", state=StationState.GONE),
    Station(kind="grant", state=StationState.GONE),
    Station(kind="session", text="csdl-02 · root", href="#thread"),
    Station(kind="entry", text="1.284.377", state=StationState.HERE),
    Station(kind="finding", text="PH-0231", href="#thread"),
    Station(kind="run", state=StationState.NEXT),
)


def all_samples(args: Mapping[str, str]) -> dict[str, Any]:
    """Return the variables of the page; `args` is the address, so that the table sorts and pages."""
    listing = LISTING.read(args)
    rows = sorted(ACCOUNTS, key=lambda row: getattr(row, listing.key), reverse=listing.is_descending)
    if listing.cursor:
        rows = [row for row in rows if (getattr(row, listing.key) > listing.cursor[0]) != listing.is_descending]
    return {
        "at": MORNING,
        "sample_thread": THREAD,
        "broken_thread": BROKEN_THREAD,
        "listing": listing,
        "accounts": listing.page(
            rows[: listing.limit], cursor=lambda row: (getattr(row, listing.key),), total=len(ACCOUNTS)
        ),
        "nothing": listing.page((), cursor=lambda _row: (0,), total=0),
        "digest_text": DIGEST,
        "hostile": HOSTILE,
        "amount": Decimal(1_400_000),
        "hours": [
            {"label": str((place + 10) % 24), "value": value, "mark": REFUSED[place], "now": place == len(HOURS) - 1}
            for place, value in enumerate(HOURS)
        ],
        "notice_days": _notice_days(),
        "soon": MORNING + timedelta(minutes=5),
    }


def _notice_days() -> list[dict[str, Any]]:
    """The eleven days from a publication to the start it allows: seven whole working days between them."""
    first = date(2026, 11, 25)
    cells: list[dict[str, Any]] = [{"day": first, "kind": "warn", "icon": "doc", "step": "published"}]
    count = 0
    for offset in range(1, 10):
        on = first + timedelta(days=offset)
        if on.isoweekday() > 5:  # Saturday and Sunday of this invented week
            cells.append({"day": on, "kind": "", "big": "·", "step": "off"})
            continue
        count += 1
        cells.append({"day": on, "kind": "ok", "big": str(count), "step": "counted"})
    cells.append({"day": first + timedelta(days=10), "kind": "info", "big": "22:00", "step": "start"})
    return cells
