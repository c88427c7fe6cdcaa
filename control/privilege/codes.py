"""Codes people read (`YC-0612`, `CQ-0789`) and the numbers behind them."""

from __future__ import annotations

MAXIMUM_DIGITS = 15


def id_from(code: str, *, prefix: str) -> int:
    """Return the number in a code; 0, which no row has, for anything that is not such a code."""
    digits = code.removeprefix(prefix)
    is_ours = code.startswith(prefix) and digits.isascii() and digits.isdigit() and len(digits) <= MAXIMUM_DIGITS
    return int(digits) if is_ours else 0
