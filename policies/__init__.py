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
    load_separations,
)
from policies.model import Control, Duty, Overlay, Parameter, Profile, Register, Role, Separation, thaw
from policies.papers import Paper, PaperColumn, PaperField, Papers, PaperSet, load_papers
from policies.retention import Assignment, Retention, RetentionClass, load_retention
from policies.worktime import DayOff, WorkCal

__all__ = [
    "DATA",
    "RULES_ZONE",
    "Amount",
    "Assignment",
    "Control",
    "DayOff",
    "Document",
    "Duty",
    "Overlay",
    "Paper",
    "PaperColumn",
    "PaperField",
    "PaperSet",
    "Papers",
    "Parameter",
    "Policies",
    "PolicyError",
    "Profile",
    "Register",
    "Retention",
    "RetentionClass",
    "Role",
    "Rules",
    "Separation",
    "Unit",
    "WorkCal",
    "digest",
    "load",
    "load_calendar",
    "load_papers",
    "load_register",
    "load_retention",
    "load_roles",
    "load_rules",
    "load_separations",
    "parse_date",
    "parse_document",
    "parse_moment",
    "read_document",
    "refuse_repeats",
    "thaw",
]
