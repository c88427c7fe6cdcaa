"""Tables of this wing, gathered for the metadata."""

from control.cases.files.models import CaseApplicant, CaseFile, Procedure

__all__ = ["CaseApplicant", "CaseFile", "Procedure"]
