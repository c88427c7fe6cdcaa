"""Reads what the frame shows from the services of the application.

Not for: asking a neighbour whether it works (the port `frame_parts` does, cheaply). Invariant: only names and digests
of public data; no secret passes through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from control.frame.context import FrameFacts, Part
from control.services import Services, services
from control.version import VERSION

DEMONSTRATION_MINISTRY = "Bộ Minh hoạ"


def facts_of(held: Services) -> FrameFacts:
    """Return the facts of one application; ports are asked when a page is drawn, not now."""
    titles = {role.id: {"vi": role.title_vi, "en": role.title_en} for role in held.policies.roles.values()}

    def parts(now: datetime) -> Sequence[Part]:
        report = services().ports.get("frame_parts")
        return tuple(report(now)) if report is not None else ()

    def role_title(role: str, language: str) -> str:
        return titles.get(role, {}).get(language, role)

    return FrameFacts(
        version=VERSION,
        organisation=DEMONSTRATION_MINISTRY if held.settings.is_demonstration else held.settings.organisation,
        profile=held.settings.profile,
        policy_digest=held.policies.digest,
        is_demonstration=held.settings.is_demonstration,
        is_separated=held.settings.separation,
        parts=parts,
        role_title=role_title,
    )
