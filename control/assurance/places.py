"""Where each thing on the golden thread has its page, and the thread of what an observation rests on.

Not for: reading those things. Invariant: stations keep the order of the chain, one knot a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

from control.frame.thread import Station, StationState

ORDER = (
    "document",
    "request",
    "approval",
    "grant",
    "factors",
    "session",
    "entry",
    "seal",
    "finding",
    "alert",
    "runbook",
    "run",
    "evidence",
    "requirement",
    "dossier",
)
_PAGES: Mapping[str, str] = {
    "account": "/privilege/accounts/{}",
    "account-request": "/privilege/account-requests/{}",
    "alert": "/operations/alerts/{}",
    "approval": "/privilege/requests/{}",
    "case": "/cases/{}",
    "entry": "/trail/{}",
    "evidence": "/compliance/evidence/{}",
    "finding": "/trail/findings/{}",
    "grant": "/privilege/grants/{}",
    "opening": "/privilege/break-glass/openings/{}",
    "request": "/privilege/requests/{}",
    "requirement": "/compliance/{}",
    "review": "/privilege/reviews/{}",
    "run": "/operations/runs/{}",
    "runbook": "/operations/runbooks/{}",
}
_SEARCHES: Mapping[str, tuple[str, str]] = {
    "asset": ("/trail", "q"),
    "document": ("/privilege/documents", "q"),
}
# What the trail follows on a page of its own (control/assurance/follows).
FOLLOWED = (
    "person",
    "account",
    "case",
    "grant",
    "session",
    "document",
    "request",
    "alert",
    "run",
    "evidence",
    "requirement",
    "asset",
    "finding",
)


def address(kind: str, code: str) -> str | None:
    """Return the page of one thing, the list that finds it, its page in the trail, or None when it has none."""
    if kind in _PAGES:
        return _PAGES[kind].format(quote(code, safe=""))
    if kind in _SEARCHES:
        path, name = _SEARCHES[kind]
        return f"{path}?{urlencode({name: code})}"
    return follow(kind, code)


def follow(kind: str, code: str) -> str | None:
    """Return the page that follows one thing through the trail, None for what the trail does not name."""
    return f"/trail/follow/{kind}/{quote(code, safe='/')}" if kind in FOLLOWED else None


def stations(
    found: Iterable[tuple[str, str]], *, here: tuple[str, str] | None = None, expected: Iterable[str] = ()
) -> tuple[Station, ...]:
    """Return the knots in the order of the chain: the first of each kind, `here`, and what is expected and missing."""
    first: dict[str, str] = {}
    for kind, code in found:
        first.setdefault(kind, code)
    if here is not None:
        first[here[0]] = here[1]
    wanted = set(expected)
    return tuple(
        _station(kind, first.get(kind), is_here=here is not None and kind == here[0])
        for kind in ORDER
        if kind in first or kind in wanted
    )


def _station(kind: str, code: str | None, *, is_here: bool) -> Station:
    if code is None:
        return Station(kind=kind, state=StationState.GONE)
    if is_here:
        return Station(kind=kind, text=code, state=StationState.HERE)
    return Station(kind=kind, text=code, href=address(kind, code))
