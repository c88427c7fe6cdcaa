"""Look at how connection keys are used, and note what is unusual: once, as a row and an entry (S3-8.1, S3-8.2).

Not for: rules (anomalies.py) or alerts (operations raises them). Invariants: an unusual thing is noted once, whoever
sees it first; an address stands in a row, never in an entry.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.privilege.keys.anomalies import Anomaly, HourOfUse, KeyRule, UseOfKey, WatchRules, anomalies
from control.privilege.keys.models import ApiKey, ApiKeyAddress, ApiKeyFlag, ApiKeyUse

LOOKED_AT = timedelta(hours=2)  # a key that nobody used for longer has nothing new
FLAGS_SHOWN = 20
BATCH = 200

_ADDRESS = text(
    "INSERT INTO api_key_address (key_id, address, first_at) VALUES (:key, :address, :now) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """An unusual use that nobody was told of."""

    key: str
    rule: str


def note_address(session: Session, *, key_id: int, address: str | None, now: datetime) -> None:
    """Remember where a key called from, the first time."""
    session.execute(_ADDRESS, {"key": key_id, "address": address or "", "now": now})


def note_elsewhere(session: Session, key: ApiKey, *, address: str | None, act: Act) -> None:
    """Note a call with the right secret from outside the key's range, once an hour for each address."""
    hour = act.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    anomaly = Anomaly(
        rule=KeyRule.ELSEWHERE, window=f"{hour.isoformat()} {address or '–'}", facts={"address": address or "–"}
    )
    note(session, key, anomaly, act=act)


def watch(session: Session, *, rules: WatchRules, act: Act) -> int:
    """Look at every key that was used lately; return how many unusual uses were noted. Safe on two workers at once."""
    lately = select(ApiKeyUse.key_id).where(ApiKeyUse.minute >= act.now - LOOKED_AT).distinct()
    keys = session.scalars(
        select(ApiKey).options(joinedload(ApiKey.document)).where(ApiKey.id.in_(lately)).order_by(ApiKey.id)
    ).all()
    uses = _uses(session, keys, rules=rules, now=act.now)
    return sum(
        note(session, key, anomaly, act=act)
        for key in keys
        for anomaly in anomalies(uses[key.id], rules=rules, now=act.now)
    )


def note(session: Session, key: ApiKey, anomaly: Anomaly, *, act: Act) -> bool:
    """Store one unusual use and its entry; False when it was noted before."""
    made = session.scalar(
        insert(ApiKeyFlag)
        .values(key_id=key.id, rule=str(anomaly.rule), window=anomaly.window, at=act.now, facts=anomaly.facts)
        .on_conflict_do_nothing(index_elements=["key_id", "rule", "window"])
        .returning(ApiKeyFlag.id)
    )
    if made is None:
        return False
    details = {name: value for name, value in anomaly.facts.items() if name != "address"}
    act.record(
        session,
        Action.PRIVILEGE_KEY_FLAG,
        about=audit.About(account_id=key.code, document_number=key.document.number),
        details={"key": key.code, "rule": str(anomaly.rule), "flag": made, **details},
        titles=(key.system, key.holder_unit),
    )
    return True


def untold(session: Session, *, now: datetime) -> tuple[Flagged, ...]:
    """Return what nobody was told of, and remember that somebody is now."""
    rows = session.execute(
        select(ApiKeyFlag, ApiKey)
        .join(ApiKey, ApiKey.id == ApiKeyFlag.key_id)
        .where(ApiKeyFlag.told_at.is_(None))
        .order_by(ApiKeyFlag.id)
        .limit(BATCH)
        .with_for_update(of=ApiKeyFlag, skip_locked=True)
    ).all()
    for flag, _ in rows:
        flag.told_at = now
    session.flush()
    return tuple(Flagged(key=key.code, rule=flag.rule) for flag, key in rows)


def flags_of(session: Session, *, key_id: int) -> Sequence[ApiKeyFlag]:
    """Return the newest unusual uses of one key."""
    return session.scalars(
        select(ApiKeyFlag).where(ApiKeyFlag.key_id == key_id).order_by(ApiKeyFlag.id.desc()).limit(FLAGS_SHOWN)
    ).all()


def _uses(session: Session, keys: Sequence[ApiKey], *, rules: WatchRules, now: datetime) -> Mapping[int, UseOfKey]:
    ids = [key.id for key in keys]
    hour = func.date_trunc("hour", ApiKeyUse.minute, "UTC").label("hour")
    hours: dict[int, list[HourOfUse]] = defaultdict(list)
    for key_id, start, calls in session.execute(
        select(ApiKeyUse.key_id, hour, func.sum(ApiKeyUse.calls))
        .where(ApiKeyUse.key_id.in_(ids), ApiKeyUse.minute >= now - rules.history)
        .group_by(ApiKeyUse.key_id, hour)
        .order_by(ApiKeyUse.key_id, hour)
    ):
        hours[key_id].append(HourOfUse(start=start.astimezone(UTC), calls=int(calls)))
    refused = {
        key_id: int(count)
        for key_id, count in session.execute(
            select(ApiKeyUse.key_id, func.sum(ApiKeyUse.refused))
            .where(ApiKeyUse.key_id.in_(ids), ApiKeyUse.minute > now - rules.refusals_window)
            .group_by(ApiKeyUse.key_id)
        )
    }
    addresses: dict[int, list[tuple[str, datetime]]] = defaultdict(list)
    older: dict[int, int] = defaultdict(int)
    for row in session.scalars(
        select(ApiKeyAddress)
        .where(ApiKeyAddress.key_id.in_(ids))
        .order_by(ApiKeyAddress.key_id, ApiKeyAddress.first_at)
    ):
        if row.first_at < now - LOOKED_AT:
            older[row.key_id] += 1
        else:
            addresses[row.key_id].append((row.address, row.first_at))
    begun = session.execute(
        select(ApiKeyUse.key_id, func.min(ApiKeyUse.minute)).where(ApiKeyUse.key_id.in_(ids)).group_by(ApiKeyUse.key_id)
    )
    first: dict[int, datetime] = {row[0]: row[1] for row in begun}
    return {
        key.id: UseOfKey(
            first_at=min(first.get(key.id, now), now),
            hours=hours[key.id],
            new_addresses=addresses[key.id],
            old_addresses=older[key.id],
            refused=refused.get(key.id, 0),
        )
        for key in keys
    }
