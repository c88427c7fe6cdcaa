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
    "alert": "/operations/alerts/{}",
    "approval": "/privilege/requests/{}",
    "case": "/cases/{}",
    "entry": "/trail/{}",
    "evidence": "/compliance/evidence/{}",
    "grant": "/privilege/grants/{}",
    "request": "/privilege/requests/{}",
    "requirement": "/compliance/{}",
    "run": "/operations/runs/{}",
    "runbook": "/operations/runbooks/{}",
}
_SEARCHES: Mapping[str, tuple[str, str]] = {
    "asset": ("/trail", "q"),
    "document": ("/privilege/documents", "q"),
    "person": ("/trail", "who"),
    "session": ("/trail", "session"),
}


def address(kind: str, code: str) -> str | None:
    """Return the page of one thing, the list that finds it, or None when it has none."""
    if kind in _PAGES:
        return _PAGES[kind].format(quote(code, safe=""))
    if kind in _SEARCHES:
        path, name = _SEARCHES[kind]
        return f"{path}?{urlencode({name: code})}"
    return None


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
