"""Every table of the wing, for the migrations' metadata."""

from control.assurance.compliance.models import ComplianceObservation
from control.assurance.findings.models import Finding, FindingOccurrence, FindingScan, FindingStep
from control.assurance.integrity.models import TrailCheckRun, TrailMeasure
from control.assurance.keeping.models import KeepingDecision, KeepingProposal, KeepingSurvey
from control.assurance.reports.models import AccessReport
from control.assurance.reveals.models import PersonalReveal
from control.assurance.searches.models import TrailSearch

__all__ = [
    "AccessReport",
    "ComplianceObservation",
    "Finding",
    "FindingOccurrence",
    "FindingScan",
    "FindingStep",
    "KeepingDecision",
    "KeepingProposal",
    "KeepingSurvey",
    "PersonalReveal",
    "TrailCheckRun",
    "TrailMeasure",
    "TrailSearch",
]
