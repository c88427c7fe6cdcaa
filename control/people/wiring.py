"""What the wing `people` adds to the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, url_for

from control.messages import Message
from control.people import messages
from control.people.certificates.routes import certificates
from control.people.circumstances import directory_part, resume
from control.people.citizens import messages as applicant_messages
from control.people.citizens.officers import applicants_desk
from control.people.citizens.own import filing_guard, own_account
from control.people.citizens.public import registration
from control.people.directory.client import Readers
from control.people.directory.routes import people
from control.people.factors.resetting import factors
from control.people.issues.routes import issues
from control.people.levels.routes import levels, raise_level_url
from control.people.local.routes import passwords
from control.people.oidc.routes import oidc
from control.people.recoveries.routes import recovering
from control.people.roles.routes import matrix
from control.people.seniors.routes import seniors
from control.people.sessions.routes import sessions
from control.people.signin.keyroutes import signin
from control.people.signing import messages as signing_messages
from control.people.signing.routes import signing
from control.people.stepup.routes import step_up


def sign_in_url() -> str:
    """Return the address of the sign-in page."""
    return url_for("signin.ask")


BLUEPRINTS: tuple[Blueprint, ...] = (
    signin,
    sessions,
    people,
    matrix,
    step_up,
    factors,
    levels,
    oidc,
    certificates,
    signing,
    seniors,
    passwords,
    registration,
    own_account,
    applicants_desk,
    issues,
    recovering,
)
MESSAGES: Mapping[str, Message] = {**messages.MESSAGES, **applicant_messages.MESSAGES, **signing_messages.MESSAGES}
PORTS: Mapping[str, Any] = {
    "degraded:directory": directory_part,
    "directory_readers": Readers(),
    "may_file": filing_guard,
    "raise_level_url": raise_level_url,
    "session_resume": resume,
    "sign_in_url": sign_in_url,
}
