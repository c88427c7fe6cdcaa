"""What a route or a command declares about the trail: the action it records, or why it records nothing.

Not for: entering (access.py). Invariants: knows no web framework, because commands that need no server declare too;
every route and every command declares, which a test walks (tests/integration/core/test_completeness.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from control.actions import Action

Declared = TypeVar("Declared", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What an endpoint or a command records: an action, or the reason why nothing."""

    action: Action | None
    because: str | None = None


def audited(action: Action) -> Callable[[Declared], Declared]:
    """Declare the action this endpoint or command records."""
    return _declare(Trace(action=action))


def not_audited(*, because: str) -> Callable[[Declared], Declared]:
    """Declare that this endpoint or command records nothing of its own, and why."""
    return _declare(Trace(action=None, because=because))


def _declare(trace: Trace) -> Callable[[Declared], Declared]:
    def decorate(declared: Declared) -> Declared:
        declared.trace = trace  # type: ignore[attr-defined]  # read back by access.py and by the walk of commands
        return declared

    return decorate
