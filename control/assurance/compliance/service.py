"""Run checks, keep what they saw, and answer how the requirements stood at a moment.

Not for: judging (domain.py). Invariants: a check looks through the read-only role and its look is undone at once; its
observation and the entry that seals it are one transaction; a collector that breaks is itself an observation.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.assurance.compliance.collectors import COLLECTORS
from control.assurance.compliance.domain import Observation, Posture, Result, Standing, assess
from control.assurance.compliance.models import ComplianceObservation
from control.assurance.compliance.sight import Sight
from control.errors import NotFound
from control.version import VERSION
from policies.requirements import Check, RequirementCatalogue, Requirements

READER = "vl_reader"
LOOK_MILLISECONDS = 30_000
HISTORY = 30
DAY = timedelta(days=1)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A requirement whose state is not what it was a day before."""

    before: Standing
    after: Standing


def missing_collectors(requirements: Requirements) -> list[str]:
    """Return the collectors the catalogue names and the product does not have; empty when all is well."""
    return sorted({check.collector for check in requirements.checks} - COLLECTORS.keys())


def run_check(session: Session, *, check: Check, act: Act) -> Observation:
    """Look once, keep the observation and write its entry. Raises JournalUnavailable."""
    sight = _look(session, check, now=act.now)
    content = _content(check, sight, policy_digest=act.policy_digest)
    row = ComplianceObservation(
        check_name=check.id,
        result=str(sight.result),
        observed_from=sight.observed_from,
        observed_to=sight.observed_to,
        collected_at=act.now,
        facts=dict(sight.facts),
        witnesses=_plain_witnesses(sight),
        digest=hashlib.sha256(content).hexdigest(),
        policy_digest=act.policy_digest,
        collector=_collector(check),
    )
    session.add(row)
    session.flush()
    observation = row.observation()
    first = check.claims[0]
    act.record(
        session,
        Action.ASSURANCE_CHECK_RUN,
        about=audit.About(evidence_id=observation.code, requirement_id=first.requirement),
        details={
            "check": check.id,
            "result": str(sight.result),
            "digest": observation.digest,
            "requirements": " ".join(dict.fromkeys(claim.requirement for claim in check.claims)),
        },
        outcome=audit.Outcome.UNKNOWN if sight.result is Result.ERROR else audit.Outcome.SUCCESS,
    )
    return observation


def content_of(check: Check, observation: Observation) -> bytes:
    """Return the exact bytes whose SHA-256 stands in the observation and in the trail."""
    sight = Sight(
        result=observation.result,
        observed_from=observation.observed_from,
        observed_to=observation.observed_to,
        facts=observation.facts,
        witnesses=observation.witnesses,
    )
    return _content(check, sight, policy_digest=observation.policy_digest, collector=observation.collector)


def posture_at(
    session: Session, requirements: Requirements, *, catalogue: RequirementCatalogue, as_of: datetime
) -> Posture:
    """Return the posture of one catalogue at `as_of`, from what was in by then."""
    return assess(requirements, catalogue, observations=observations(session, until=as_of), as_of=as_of)


def changes_before(
    session: Session, requirements: Requirements, *, posture: Posture, span: timedelta = DAY
) -> tuple[Change, ...]:
    """Return what stands differently from how it stood `span` earlier, in the order of the act."""
    earlier = posture_at(session, requirements, catalogue=posture.catalogue, as_of=posture.as_of - span)
    pairs = zip(earlier.standings, posture.standings, strict=True)
    return tuple(Change(before=old, after=new) for old, new in pairs if old.state is not new.state)


def observations(session: Session, *, until: datetime) -> list[Observation]:
    """Return the newest observation of each check that was in by `until`, the one the posture is made of."""
    table = ComplianceObservation
    rows = session.scalars(
        select(table)
        .where(table.collected_at <= until)
        .ext(distinct_on(table.check_name))
        .order_by(table.check_name, table.observed_to.desc(), table.collected_at.desc(), table.id.desc())
    )
    return [row.observation() for row in rows]


def history(session: Session, *, checks: Iterable[str], until: datetime, limit: int = HISTORY) -> list[Observation]:
    """Return the last observations of these checks, newest first."""
    table = ComplianceObservation
    rows = session.scalars(
        select(table)
        .where(table.check_name.in_(list(checks)), table.collected_at <= until)
        .order_by(table.collected_at.desc(), table.id.desc())
        .limit(limit)
    )
    return [row.observation() for row in rows]


def find(session: Session, *, code: str) -> Observation:
    """Return one observation by its code. Raises NotFound."""
    number = code.removeprefix("BC-")
    row = session.get(ComplianceObservation, int(number)) if number.isascii() and number.isdigit() else None
    if row is None or row.observation().code != code:
        raise NotFound("observation", code)
    return row.observation()


def _look(session: Session, check: Check, *, now: datetime) -> Sight:
    try:
        with _reading(session):
            return COLLECTORS[check.collector](session, now, **check.limits)
    except Exception as error:  # noqa: BLE001  # whatever breaks a collector is what the check saw: an error, never a pass
        log.warning("collector_failed", extra={"check": check.id, "error_kind": type(error).__name__})
        facts: dict[str, str | int | bool] = {"error": type(error).__name__}
        return Sight(result=Result.ERROR, observed_from=now, observed_to=now, facts=facts)


@contextmanager
def _reading(session: Session) -> Iterator[None]:
    """Become the read-only role inside a savepoint, and be oneself again after it."""
    session.flush()
    connection = session.connection()
    look = connection.begin_nested()
    try:
        connection.execute(text(f"SET LOCAL ROLE {READER}"))
        connection.execute(text("SET LOCAL transaction_read_only = on"))
        connection.execute(text(f"SET LOCAL statement_timeout = {LOOK_MILLISECONDS}"))
        yield
    finally:
        look.rollback()
        session.expire_all()


def _content(check: Check, sight: Sight, *, policy_digest: str, collector: str | None = None) -> bytes:
    body: Mapping[str, Any] = {
        "check": check.id,
        "collector": collector or _collector(check),
        "result": str(sight.result),
        "observed_from": sight.observed_from.astimezone(UTC).isoformat(),
        "observed_to": sight.observed_to.astimezone(UTC).isoformat(),
        "facts": dict(sight.facts),
        "witnesses": _plain_witnesses(sight),
        "policy_digest": policy_digest,
    }
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _plain_witnesses(sight: Sight) -> list[dict[str, str]]:
    return [{"kind": one.kind, "code": one.code, "digest": one.digest, "note": one.note} for one in sight.witnesses]


def _collector(check: Check) -> str:
    return f"{check.collector}@{VERSION}"
