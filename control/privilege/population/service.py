"""What the worker does about access to the population database, as whole steps.

Not for: HTTP or schedules. Invariant: each step is safe to be done twice.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from control.acts import Act
from control.people.months import day_months_after
from control.ports import CaseDossiers
from control.privilege.population import checks
from control.privilege.population.custody import end_unfit_custodian
from control.privilege.population.rights import end_unfit_rights
from control.privilege.population.terms import Terms
from policies import RULES_ZONE


def end_unfit_access(session: Session, *, act: Act) -> int:
    """End and stop whatever of rights and custody may not stand any longer; note look-ups that were cut off."""
    return (
        end_unfit_rights(session, act=act)
        + end_unfit_custodian(session, act=act)
        + checks.note_cut_off(session, act=act)
    )


def compare_today(session: Session, *, act: Act) -> bool:
    """Compare rights and lists unless today's comparison is on record; tell whether it was done now."""
    day = act.now.astimezone(RULES_ZONE).date()
    if checks.was_compared(session, kind=checks.COMPARISON, period=day.isoformat()):
        return False
    checks.compare_lists(session, act=act)
    return True


def sample_last_month(session: Session, *, seed: str, dossiers: CaseDossiers, act: Act, terms: Terms) -> bool:
    """Compare last month's look-ups with their cases unless that is on record; tell whether it was done now."""
    month = day_months_after(act.now.astimezone(RULES_ZONE).date().replace(day=1), -1)
    if checks.was_compared(session, kind=checks.SAMPLE, period=f"{month:%Y-%m}"):
        return False
    checks.sample_queries(session, month=month, seed=seed, dossiers=dossiers, act=act, terms=terms)
    return True
