"""Issues, rotates, blocks and revokes connection keys, and lets calls pass or not.

Not for: rules (domain.py). Invariants: a call is counted and judged in one transaction of its own, committed before the
call goes on; the quota is one conditional UPDATE, so callers at once cannot pass it together; a refusal is an entry.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act, Actor
from control.decisions import Allow, Decision, Deny
from control.errors import Conflict, InvalidInput, NotFound
from control.frame.tables import Listing, Page
from control.permissions import Permission
from control.privilege.codes import id_from
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.keys import watching
from control.privilege.keys.domain import (
    CODE_PREFIX,
    PREFIX_BYTES,
    SECRET_BYTES,
    STATE_AFTER,
    KeyState,
    KeyStep,
    Network,
    Token,
    make_token,
    may_step,
    may_use,
    parse_token,
)
from control.privilege.keys.models import ApiKey, ApiKeyUse
from control.text import fold
from policies import RULES_ZONE, Policies

ACTION_OF = {
    KeyStep.BLOCK: Action.PRIVILEGE_KEY_BLOCK,
    KeyStep.UNBLOCK: Action.PRIVILEGE_KEY_UNBLOCK,
    KeyStep.REVOKE: Action.PRIVILEGE_KEY_REVOKE,
}
NEIGHBOURS = (joinedload(ApiKey.issued_by), joinedload(ApiKey.document))
QUOTA_RULE = "privilege.key.quota"
HOURS_SHOWN = 24
SEEN_EVERY = timedelta(minutes=1)  # calls are counted one by one; when the key was last used is known to the minute

# One row a minute; a call over the quota finds no row to change and is counted as refused instead.
_COUNT = text(
    "INSERT INTO api_key_use AS used (key_id, minute, calls, refused) VALUES (:key, :minute, 1, 0) "
    "ON CONFLICT (key_id, minute) DO UPDATE SET calls = used.calls + 1 WHERE used.calls < :quota RETURNING used.calls"
)
_COUNT_REFUSED = text(
    "INSERT INTO api_key_use AS used (key_id, minute, calls, refused) VALUES (:key, :minute, 0, 1) "
    "ON CONFLICT (key_id, minute) DO UPDATE SET refused = used.refused + 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """The operator's values a key is held to."""

    quota_default: int
    quota_maximum: int
    longest: timedelta
    overlap: timedelta

    @classmethod
    def of(cls, law: Policies) -> KeyTerms:
        """Read the terms from the policies."""
        return cls(
            quota_default=law.parameter("api_quota_per_minute").value,
            quota_maximum=law.parameter("api_quota_max_per_minute").value,
            longest=timedelta(days=law.parameter("api_key_longest_days").value),
            overlap=timedelta(hours=law.parameter("api_key_overlap_hours").value),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What is asked for; every field was read and is complete."""

    system: str
    holder_unit: str
    focal_unit: str
    focal_contact: str
    purpose: str
    scopes: tuple[str, ...]
    ranges: tuple[Network, ...]
    quota_per_minute: int
    document_id: int
    expires_at: datetime
    form_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The system behind a call that may pass."""

    actor: Actor
    key_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Calls of one key in one hour."""

    start: datetime
    calls: int
    refused: int


def about(key: ApiKey) -> audit.About:
    """Return what every entry on a key is about."""
    return audit.About(account_id=key.code, document_number=key.document.number)


def issue_key(session: Session, *, new: NewKey, act: Act, terms: KeyTerms) -> tuple[ApiKey, Token]:
    """Store a new key and return it with its secret, which is nowhere else. Raises InvalidInput, Conflict."""
    document = session.get(AuthorisingDocument, new.document_id)
    if document is None:
        raise InvalidInput("input.not_a_choice", field="document")
    _check_window(new.expires_at, document=document, now=act.now, terms=terms)
    token = _new_token()
    key = ApiKey(
        prefix=token.prefix,
        secret_sha256=token.sha256,
        system=new.system,
        holder_unit=new.holder_unit,
        focal_unit=new.focal_unit,
        focal_contact=new.focal_contact,
        purpose=new.purpose,
        scopes=sorted(new.scopes),
        ranges=[str(network) for network in new.ranges],
        quota_per_minute=min(new.quota_per_minute, terms.quota_maximum),
        document_id=document.id,
        document_valid_from=document.valid_from,
        document_valid_to=document.valid_to,
        starts_at=act.now,
        expires_at=new.expires_at,
        state=KeyState.ACTIVE.value,
        issued_by_id=act.actor.id,
        form_token=new.form_token,
        search_text=fold(f"{new.system} {new.holder_unit} {new.focal_unit} {document.number}"),
    )
    return _store(session, key, action=Action.PRIVILEGE_KEY_ISSUE, act=act), token


def rotate_key(
    session: Session, *, code: str, form_token: str, act: Act, terms: KeyTerms
) -> tuple[ApiKey, Token] | Deny:
    """Issue the successor of a key; the old one ends after the overlap, or at its own end if that is sooner."""
    old = _load_locked(session, code)
    decision = may_step(old.facts, step=KeyStep.REVOKE)
    if isinstance(decision, Allow) and old.expires_at <= act.now:
        decision = Deny(rule="privilege.key.states", reason="key.no_such_step", params={"state": "expired"})
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_KEY_ROTATE, decision, about=about(old))
        return decision
    token = _new_token()
    kept = (
        "system", "holder_unit", "focal_unit", "focal_contact", "purpose", "scopes", "ranges", "quota_per_minute",
        "document_id", "document_valid_from", "document_valid_to", "expires_at", "search_text",
    )  # fmt: skip
    key = ApiKey(
        **{name: getattr(old, name) for name in kept},
        prefix=token.prefix,
        secret_sha256=token.sha256,
        starts_at=act.now,
        state=KeyState.ACTIVE.value,
        replaces_id=old.id,
        issued_by_id=act.actor.id,
        form_token=form_token,
    )
    stored = _store(session, key, action=Action.PRIVILEGE_KEY_ROTATE, act=act, replaces=old.code)
    old.expires_at = min(old.expires_at, act.now + terms.overlap)
    session.flush()
    return stored, token


def step_key(session: Session, *, code: str, step: KeyStep, reason: str, act: Act) -> Decision:
    """Block, unblock or revoke a key, or refuse and say why; the entry is written in both cases."""
    key = _load_locked(session, code)
    decision = may_step(key.facts, step=step)
    if not isinstance(decision, Allow):
        act.refuse(session, ACTION_OF[step], decision, about=about(key))
        return decision
    key.state, key.state_reason = STATE_AFTER[step].value, reason
    if step is KeyStep.REVOKE:
        key.revoked_at = act.now
    session.flush()
    act.record(
        session, ACTION_OF[step], about=about(key), personal={"reason": reason}, titles=(key.system, key.holder_unit)
    )
    return decision


def revoke_keys_on(session: Session, *, document_id: int, act: Act) -> int:
    """Revoke every key that rests on a document which was withdrawn; return how many."""
    codes = session.scalars(
        select(ApiKey.id).where(ApiKey.document_id == document_id, ApiKey.state != "revoked").order_by(ApiKey.id)
    ).all()
    for number in codes:
        step_key(session, code=f"{CODE_PREFIX}{number:04d}", step=KeyStep.REVOKE, reason="document-withdrawn", act=act)
    return len(codes)


def admit(session: Session, *, token: str, scope: str, address: str | None, act: Act) -> Caller | Deny:
    """Judge and count one call; a refusal is recorded here, under the key's own name when it is known (S3-8.1)."""
    parts = parse_token(token)
    key = None
    if parts is not None:
        key = session.scalar(select(ApiKey).options(*NEIGHBOURS).where(ApiKey.prefix == parts[0]))
    decision = may_use(
        key.facts if key else None, secret=parts[1] if parts else "", address=address, scope=scope, now=act.now
    )
    if key is None or (isinstance(decision, Deny) and decision.reason == "key.unknown"):
        unknown = decision if isinstance(decision, Deny) else Deny(rule="privilege.key.use", reason="key.unknown")
        act.refuse(session, Action.ACCESS_KEY_CALL, unknown, details={"scope": scope})
        return unknown
    caller = Caller(actor=actor_of(key), key_id=key.id)
    minute = act.now.astimezone(UTC).replace(second=0, microsecond=0)
    if isinstance(decision, Allow):
        counted = session.execute(
            _COUNT, {"key": key.id, "minute": minute, "quota": key.quota_per_minute}
        ).scalar_one_or_none()
        if counted is not None:
            if key.last_used_at is None or key.last_used_at <= act.now - SEEN_EVERY:
                key.last_used_at = act.now
            watching.note_address(session, key_id=key.id, address=address, now=act.now)
            return caller
        decision = Deny(
            rule=QUOTA_RULE,
            reason="key.quota_reached",
            citation="S3-8.3",
            params={"quota": key.quota_per_minute},
        )
    session.execute(_COUNT_REFUSED, {"key": key.id, "minute": minute})
    if decision.reason == "key.source_refused":
        watching.note_elsewhere(session, key, address=address, act=act)
    act.as_actor(caller.actor).refuse(
        session, Action.ACCESS_KEY_CALL, decision, about=about(key), details={"scope": scope}, titles=(key.system,)
    )
    return decision


def actor_of(key: ApiKey) -> Actor:
    """Return the system behind a key as the trail names it: `system:key:KN-0003`, with its scopes as permissions."""
    scopes = frozenset(Permission(scope) for scope in key.scopes if scope in set(Permission))
    return Actor(id=0, login=f"key:{key.code}", name=key.system, permissions=scopes, house=scopes)


def list_keys(session: Session, *, listing: Listing, now: datetime) -> Page[ApiKey]:
    """Return one page of keys for the listing's words and state, newest first."""
    query = select(ApiKey)
    if listing.filters["q"]:
        query = query.where(ApiKey.search_text.contains(fold(listing.filters["q"]), autoescape=True))
    state = listing.filters["state"]
    if state == "expired":
        query = query.where(ApiKey.state == "active", ApiKey.expires_at <= now)
    elif state == "active":
        query = query.where(ApiKey.state == "active", ApiKey.expires_at > now)
    elif state:
        query = query.where(ApiKey.state == state)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = query.options(*NEIGHBOURS).where(listing.after(ApiKey.id)).order_by(*listing.order(ApiKey.id))
    return listing.page(session.scalars(shown.limit(listing.limit)).all(), cursor=lambda row: (row.id,), total=total)


def load_key(session: Session, code: str) -> ApiKey:
    """Return one key with its document. Raises NotFound."""
    key = session.scalar(select(ApiKey).options(*NEIGHBOURS).where(ApiKey.id == id_from(code, prefix=CODE_PREFIX)))
    if key is None:
        raise NotFound("key", code)
    return key


def hours_of(session: Session, *, key_id: int, now: datetime) -> tuple[Hour, ...]:
    """Return the last 24 hours of one key, empty ones included, oldest first."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=HOURS_SHOWN - 1)
    hour = func.date_trunc("hour", ApiKeyUse.minute, "UTC").label("hour")
    rows = session.execute(
        select(hour, func.sum(ApiKeyUse.calls), func.sum(ApiKeyUse.refused))
        .where(ApiKeyUse.key_id == key_id, ApiKeyUse.minute >= first)
        .group_by(hour)
    )
    found = {row[0].astimezone(UTC): (int(row[1]), int(row[2])) for row in rows}
    starts = (first + place * timedelta(hours=1) for place in range(HOURS_SHOWN))
    return tuple(Hour(start=at, calls=found.get(at, (0, 0))[0], refused=found.get(at, (0, 0))[1]) for at in starts)


def calls_today(session: Session, *, key_ids: Sequence[int], now: datetime) -> Mapping[int, tuple[int, int]]:
    """Return key → (calls, refused) since midnight of the rules' zone; one query."""
    midnight = now.astimezone(RULES_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = session.execute(
        select(ApiKeyUse.key_id, func.sum(ApiKeyUse.calls), func.sum(ApiKeyUse.refused))
        .where(ApiKeyUse.key_id.in_(list(key_ids)), ApiKeyUse.minute >= midnight)
        .group_by(ApiKeyUse.key_id)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def _check_window(expires_at: datetime, *, document: AuthorisingDocument, now: datetime, terms: KeyTerms) -> None:
    last_day = (expires_at - timedelta(microseconds=1)).astimezone(RULES_ZONE).date()
    if expires_at <= now:
        raise InvalidInput("key.window.past", field="expires_at")
    if expires_at - now > terms.longest:
        raise InvalidInput("key.window.too_long", field="expires_at", days=terms.longest.days)
    is_withdrawn = document.withdrawn_from is not None and last_day >= document.withdrawn_from
    if last_day > document.valid_to or now.astimezone(RULES_ZONE).date() < document.valid_from or is_withdrawn:
        raise InvalidInput("key.window.document", field="expires_at", number=document.number)


def _store(session: Session, key: ApiKey, *, action: Action, act: Act, replaces: str | None = None) -> ApiKey:
    try:
        with session.begin_nested():
            session.add(key)
            session.flush()
    except IntegrityError as error:
        if "uq_api_key_form_token" not in str(error.orig):
            raise
        raise Conflict("key.already_issued") from error
    stored = load_key(session, key.code)
    details: dict[str, Any] = {
        "system": stored.system,
        "scopes": " ".join(stored.scopes),
        "ranges": " ".join(stored.ranges),
        "quota_per_minute": stored.quota_per_minute,
        "expires_at": stored.expires_at.astimezone(UTC).isoformat(),
        **({"replaces": replaces} if replaces else {}),
    }
    act.record(session, action, about=about(stored), details=details, titles=(stored.system, stored.holder_unit))
    return stored


def _new_token() -> Token:
    return make_token(secrets.token_bytes(PREFIX_BYTES + SECRET_BYTES))


def _load_locked(session: Session, code: str) -> ApiKey:
    session.execute(select(ApiKey.id).where(ApiKey.id == id_from(code, prefix=CODE_PREFIX)).with_for_update())
    return load_key(session, code)
