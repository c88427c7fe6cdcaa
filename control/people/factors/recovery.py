"""Recovery codes: ten at a time, shown once, each good for one sign-in when the other factors are lost.

Invariant: a code is used up by the conditional UPDATE that accepts it; a new set ends the old one whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.people.factors.codes import CODE_BYTES, RECOVERY, digest_of, new_code, parse_typed
from control.people.factors.models import Factor, RecoveryCode
from control.people.factors.notices import notify
from control.people.factors.service import FactorRules


def make_codes(
    session: Session, *, person_id: int, random: bytes, count: int, rules: FactorRules, act: Act
) -> Sequence[str]:
    """Replace the person's codes by `count` new ones and return them: this is the only time they are readable.

    `random` holds CODE_BYTES bytes for each code.
    """
    session.execute(
        update(Factor)
        .where(Factor.person_id == person_id, Factor.kind == "recovery", Factor.state == "active")
        .values(state="removed", removed_at=act.now)
    )
    factor = Factor(person_id=person_id, kind="recovery", state="active", created_at=act.now, confirmed_at=act.now)
    session.add(factor)
    session.flush()
    codes = [new_code(random[start : start + CODE_BYTES]) for start in range(0, count * CODE_BYTES, CODE_BYTES)]
    for code in codes:
        stored = digest_of(parse_typed(code) or "", use=RECOVERY, person_id=person_id, key=rules.key)
        session.add(RecoveryCode(factor_id=factor.id, digest=stored))
    session.flush()
    act.record(
        session,
        Action.FACTOR_RECOVERY_MAKE,
        about=audit.About(person_id=f"person:{person_id}"),
        details={"factor": f"factor:{factor.id}", "codes": count},
    )
    notify(session, person_id=person_id, code="notice.recovery_made", act=act)
    return codes


def codes_left(session: Session, *, person_id: int) -> int | None:
    """Return how many codes a person still has; None when they never made any."""
    factor = _set_of(session, person_id=person_id)
    if factor is None:
        return None
    left = select(func.count()).where(RecoveryCode.factor_id == factor.id, RecoveryCode.used_at.is_(None))
    return session.scalar(left) or 0


def use_code(session: Session, *, person_id: int, text: str, rules: FactorRules, act: Act) -> Factor | None:
    """Use a code up and return the set it came from; None for any other text. The person is told."""
    code, factor = parse_typed(text), _set_of(session, person_id=person_id)
    if code is None or factor is None:
        return None
    used = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.factor_id == factor.id,
            RecoveryCode.digest == digest_of(code, use=RECOVERY, person_id=person_id, key=rules.key),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=act.now)
    )
    if cast("CursorResult[Any]", used).rowcount != 1:
        return None
    factor.last_used_at = act.now
    session.flush()
    notify(session, person_id=person_id, code="notice.recovery_used", act=act)
    return factor


def _set_of(session: Session, *, person_id: int) -> Factor | None:
    return session.scalar(
        select(Factor).where(Factor.person_id == person_id, Factor.kind == "recovery", Factor.state == "active")
    )
