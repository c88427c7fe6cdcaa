"""The stations of the golden thread of a right: proposal, papers, receipts, the right, its newest case, the trail.

Not for: drawing (the frame's macro). Invariant: what should be there and is not stands as still to come.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import url_for

from control.frame.thread import Station, StationState
from control.privilege.population.models import PopulationRight
from control.privilege.population.uses import PopulationQuery


def right_stations(right: PopulationRight, queries: Sequence[PopulationQuery]) -> tuple[Station, ...]:
    """Return the thread of a loaded right, seen from itself; `queries` are the holder's newest look-ups first."""
    registered = url_for("population_papers.registration", registration_id=right.registration_id)
    newest = next((one for one in queries if one.right_id == right.id), None)
    return (
        Station(
            kind="document",
            text=right.document.number,
            href=url_for("privilege_documents.show", document_id=right.document_id),
        ),
        Station(kind="filed", text=right.commitment.number, href=registered),
        Station(
            kind="accepted",
            text=right.registration.unit if not right.registration.lacking else "",
            href=registered,
            state=StationState.NEXT if right.registration.lacking else StationState.DONE,
        ),
        Station(kind="grant", text=right.code, state=StationState.HERE),
        (
            Station(kind="case", text=newest.case_code, href=f"/cases/{newest.case_code}")
            if newest
            else Station(kind="case", state=StationState.NEXT)
        ),
        Station(kind="entry", text=right.code, href=f"/trail?account={right.code}"),
    )
