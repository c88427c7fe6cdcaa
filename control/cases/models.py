"""Tables of this wing, gathered for the metadata."""

from control.cases.assignments.models import CaseAssignment
from control.cases.files.models import CaseApplicant, CaseFile, Procedure

__all__ = ["CaseApplicant", "CaseAssignment", "CaseFile", "Procedure"]
