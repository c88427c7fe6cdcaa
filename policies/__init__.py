"""Law as data: regimes, profiles, clocks, calendars, roles and requirements, and the pure rules that read them.

Imports nothing of ours and no web framework. Importing it reads no file: `load()` does, and its caller keeps
the result.
"""

from __future__ import annotations

from policies.amounts import RULES_ZONE, Amount, Unit, parse_date, parse_moment
from policies.documents import Document, parse_document, read_document, refuse_repeats
from policies.errors import PolicyError
from policies.loader import (
    DATA,
    Policies,
    Rules,
    digest,
    load,
    load_calendar,
    load_register,
    load_roles,
    load_rules,
)
from policies.model import Control, Duty, Overlay, Parameter, Profile, Register, Role, thaw
from policies.worktime import DayOff, WorkCal

__all__ = [
    "DATA",
    "RULES_ZONE",
    "Amount",
    "Control",
    "DayOff",
    "Document",
    "Duty",
    "Overlay",
    "Parameter",
    "Policies",
    "PolicyError",
    "Profile",
    "Register",
    "Role",
    "Rules",
    "Unit",
    "WorkCal",
    "digest",
    "load",
    "load_calendar",
    "load_register",
    "load_roles",
    "load_rules",
    "parse_date",
    "parse_document",
    "parse_moment",
    "read_document",
    "refuse_repeats",
    "thaw",
]
