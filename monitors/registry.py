"""All subjects by name, in the order they are read."""

from __future__ import annotations

from collections.abc import Mapping

from monitors.samples import Measure
from monitors.subjects import findings, portal, trail, vouching, work

SUBJECTS: Mapping[str, Measure] = {
    "findings": findings.measure,
    "portal": portal.measure,
    "trail": trail.measure,
    "vouching": vouching.measure,
    "work": work.measure,
}
