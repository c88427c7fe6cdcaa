"""Every table of the wing, for the migrations' metadata."""

from control.assurance.compliance.models import ComplianceObservation
from control.assurance.findings.models import Finding, FindingOccurrence, FindingScan, FindingStep

__all__ = ["ComplianceObservation", "Finding", "FindingOccurrence", "FindingScan", "FindingStep"]
