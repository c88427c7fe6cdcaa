"""The operator's values a request about accounts is held to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from control.privilege.lifecycle.clocks import LegalClocks
from policies import Policies


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleTerms:
    """What policies say about requests, under the profile the product runs by."""

    profile: str
    clocks: LegalClocks
    must_be_signed: bool
    lines_maximum: int
    letter_valid: timedelta
    maximum_mib: int

    @classmethod
    def of(cls, law: Policies, *, profile: str) -> LifecycleTerms:
        """Read the terms from the policies."""
        return cls(
            profile=profile,
            clocks=LegalClocks.of(law, profile=profile),
            must_be_signed=profile in law.parameter("account_request_signed_profiles").value,
            lines_maximum=law.parameter("account_request_lines_max").value,
            letter_valid=timedelta(days=law.parameter("account_letter_valid_days").value),
            maximum_mib=law.parameter("authorising_document_max_mib").value,
        )
