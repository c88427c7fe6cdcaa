"""Panels that other capabilities of this wing hang on the page of an account: secrets, reviews, life of the account.

A capability names one in the wing's wiring, `PORTS["account_panel:<name>"]`; names give the order. Not for: deciding.
Invariant: a panel asks for nothing the viewer may not see; without one the page is whole all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from control.acts import Actor
from control.privilege.accounts.models import PrivilegedAccount

PORT = "account_panel:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: its template is included with `panel` in sight, on the side when it is small."""

    key: str
    title: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    meta: str = ""
    is_aside: bool = False


class AccountPanel(Protocol):
    """Makes the panel of one capability for one account."""

    def __call__(self, session: Session, *, account: PrivilegedAccount, viewer: Actor, now: datetime) -> Panel | None:
        """Return the panel, None when there is nothing this viewer may see."""


def panels_of(session: Session, *, account: PrivilegedAccount, viewer: Actor, now: datetime) -> tuple[Panel, ...]:
    """Return the panels of all capabilities that have something to say of this account."""
    from control.privilege import wiring  # the wiring knows every capability; they know this module

    makers = sorted((name, port) for name, port in wiring.PORTS.items() if name.startswith(PORT))
    found = (make(session, account=account, viewer=viewer, now=now) for _, make in makers)
    return tuple(panel for panel in found if panel is not None)
