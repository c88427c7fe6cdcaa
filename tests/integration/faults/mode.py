"""How long a fault test runs: short as part of every run of the tests, full by `bin/test faults`."""

from __future__ import annotations

import os
from typing import TypeVar

FULL = os.environ.get("VONGLAU_FAULTS") == "full"

Size = TypeVar("Size", int, float)


def sized(*, short: Size, full: Size) -> Size:
    """Return the size of this run: a few kills in `bin/test` stand in for the 200 that `bin/test faults` does."""
    return full if FULL else short
