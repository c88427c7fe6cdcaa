"""Every table of the wing, for the migrations' metadata."""

from control.assurance.compliance.models import ComplianceObservation

__all__ = ["ComplianceObservation"]
