"""How break-glass stands now: which seals, reviews and drills are overdue, and which are not."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.acts import Act
from control.people.months import months_after
from control.privilege.breakglass.domain import State, Terms
from control.privilege.breakglass.models import BreakGlassOpening
from control.privilege.breakglass.opening import last_drills
from control.privilege.breakglass.sealing import sealed_accounts

LATELY = 200

Subjects = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is overdue and what is fine, for seals, reviews and drills in this order; and what is reviewed."""

    due: tuple[Subjects, Subjects, Subjects]
    fine: tuple[Subjects, Subjects, Subjects]
    reviewed: Subjects


def standing_of(session: Session, *, act: Act, terms: Terms) -> Standing:
    """Return how every sealed account and every recent opening stands at the moment of the act."""
    accounts, drills = sealed_accounts(session), last_drills(session)
    seals = {one.account.code: one.state != State.OPEN.value and one.due_at <= act.now for one in accounts}
    drilled = {
        one.account.code: months_after(drills.get(one.id, one.created_at), terms.drill_months) <= act.now
        for one in accounts
    }
    rows = session.scalars(select(BreakGlassOpening).order_by(BreakGlassOpening.id.desc()).limit(LATELY)).all()
    reviews = {
        one.code: one.reviewed_at is None and one.review_due_at is not None and one.review_due_at <= act.now
        for one in rows
    }
    found = (seals, reviews, drilled)
    due, fine = (
        tuple(tuple(sorted(name for name, is_due in one.items() if is_due is wanted)) for one in found)
        for wanted in (True, False)
    )
    return Standing(
        due=(due[0], due[1], due[2]),
        fine=(fine[0], fine[1], fine[2]),
        reviewed=tuple(one.code for one in rows if one.reviewed_at is not None),
    )
