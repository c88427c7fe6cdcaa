"""What the wing `assurance` adds to the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from control.assurance.compliance.jobs import EVERY_HOUR, TASK, run_checks
from control.assurance.compliance.routes import compliance
from control.assurance.entries.routes import entries
from control.assurance.evidence.routes import evidence
from control.assurance.findings.jobs import SCHEDULE as FIND
from control.assurance.findings.jobs import TASK as FIND_TASK
from control.assurance.findings.jobs import find_findings
from control.assurance.findings.routes import findings
from control.assurance.follows.routes import follows
from control.assurance.integrity.jobs import SCHEDULE as MEASURE
from control.assurance.integrity.jobs import TASK as MEASURE_TASK
from control.assurance.integrity.jobs import measure_trail, verify_trail
from control.assurance.integrity.routes import integrity
from control.assurance.integrity.service import VERIFY_TASK
from control.assurance.keeping.jobs import EVERY_NIGHT, survey_keeping
from control.assurance.keeping.jobs import TASK as SURVEY_TASK
from control.assurance.keeping.pages import keeping
from control.assurance.messages import MESSAGES
from control.assurance.parts import search_part
from control.assurance.reports.jobs import TASK as REPORT_TASK
from control.assurance.reports.jobs import make_report
from control.assurance.reports.routes import reports
from control.assurance.reveals.routes import reveals
from control.assurance.searches.routes import searches
from control.assurance.trail.routes import trail

__all__ = ["BLUEPRINTS", "MESSAGES", "PORTS"]

BLUEPRINTS: tuple[Blueprint, ...] = (
    evidence,
    entries,
    follows,
    reports,
    keeping,
    reveals,
    searches,
    trail,
    findings,
    integrity,
    compliance,
)
PORTS: Mapping[str, Any] = {
    "degraded:search": search_part,
    f"job:{TASK}": run_checks,
    f"job:{REPORT_TASK}": make_report,
    f"job:{FIND_TASK}": find_findings,
    f"job:{MEASURE_TASK}": measure_trail,
    f"job:{VERIFY_TASK}": verify_trail,
    f"schedule:{MEASURE.slug}": MEASURE,
    f"schedule:{FIND.slug}": FIND,
    f"schedule:{EVERY_HOUR.slug}": EVERY_HOUR,
    f"job:{SURVEY_TASK}": survey_keeping,
    f"schedule:{EVERY_NIGHT.slug}": EVERY_NIGHT,
}
