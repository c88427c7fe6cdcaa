"""Access to the national population database: who may look up whom, for which case, and whether they did so rightly.

Rights rest on signed papers and a proposal; each look-up is an entry before and after the call; what does not fit
becomes a finding (S0-11.1, S0-22.1, S3-15.1, S3-29.4.a).
"""

from control.privilege.population.client import PopulationClient
from control.privilege.population.linking import note_exchange
from control.privilege.population.service import compare_today, end_unfit_access, sample_last_month
from control.privilege.population.terms import Terms

__all__ = [
    "PopulationClient",
    "Terms",
    "compare_today",
    "end_unfit_access",
    "note_exchange",
    "sample_last_month",
]
