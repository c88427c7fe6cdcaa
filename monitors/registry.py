"""All subjects by name, in the order they are read."""

from __future__ import annotations

from collections.abc import Mapping

from monitors.samples import Measure
from monitors.subjects import portal, trail, work

SUBJECTS: Mapping[str, Measure] = {
    "portal": portal.measure,
    "trail": trail.measure,
    "work": work.measure,
}
