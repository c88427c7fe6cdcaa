"""Stations of the golden thread: one link of the chain from an authorising document to the dossier.

Not for: finding the neighbours (each wing knows its own). Invariant: a station is either a link to the neighbour
itself, the present place, one that is still to come, or one that should be there and is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StationState(StrEnum):
    """How the knot is drawn."""

    DONE = "done"
    HERE = "here"
    NEXT = "next"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One knot; `kind` names the word above it unless `label` is given; `text` is the neighbour's own code."""

    kind: str
    text: str = ""
    href: str | None = None
    state: StationState = StationState.DONE
    label: str = ""
