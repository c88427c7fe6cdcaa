"""Order, prepare and settle rotations: a new secret on the target, proven by a new connection, and none ever lost.

Not for: reaching the target (a playbook does, under the runs of operations). Invariants: the candidate is stored,
encrypted, before the target hears of it; whatever may be the one that works is kept until another was proven; one
rotation of an account at a time; what a run found is judged by a closed vocabulary (pam.md 5.7, H1 to H5).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.db import Database
from control.decisions import Deny
from control.errors import Unavailable
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.vault import sealing
from control.privilege.vault.custody import Custody, CustodyRefused
from control.privilege.vault.domain import (
    OFFERED_AT_MOST,
    ROTATE_RULE,
    CustodyFacts,
    Judged,
    Offered,
    Result,
    VaultTerms,
    judge,
    may_rotate,
)
from control.privilege.vault.generator import generate
from control.privilege.vault.models import SecretCustody, SecretRotation, SecretVersion
from control.privilege.vault.sealing import DATA_KEY_BYTES, NONCE_BYTES

LIVE_ROLES = ("candidate", "current", "previous")
RUN_PREFIX = "LC-"
BATCH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a playbook is given in a private file: the target, and every secret it may try."""

    account: str
    target: Mapping[str, str | int]
    login: str
    kind: str
    secrets: tuple[tuple[int, str, str], ...] = field(repr=False)  # number, role, secret

    @property
    def body(self) -> dict[str, Any]:
        """The content of the file."""
        return {
            "kind": self.kind,
            "target": dict(self.target),
            "login": self.login,
            "secrets": [{"number": str(n), "role": role, "secret": text} for n, role, text in self.secrets],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of one rotation, for whoever raises alerts."""

    account: str
    result: Result
    detail: str
    works: int | None
    is_as_wanted: bool


def order(
    session: Session, *, account: PrivilegedAccount, cause: str, act: Act, kind: str = "replace"
) -> SecretRotation | Deny:
    """Put a rotation in the queue, or refuse because one is under way; the caller holds the account locked."""
    custody = session.get_one(SecretCustody, account.id)
    has_candidate = session.scalar(
        select(SecretVersion.id).where(SecretVersion.account_id == account.id, SecretVersion.role == "candidate")
    )
    rotation = SecretRotation(
        account_id=account.id,
        # What nobody is sure of is looked at before it is changed again.
        kind="prove" if has_candidate is not None or custody.state == "unknown" else kind,
        cause=cause,
        asked_by_id=(act.actor.id or None) if cause == "asked" else None,
        asked_at=act.now,
    )
    try:
        with session.begin_nested():
            session.add(rotation)
            session.flush()
    except IntegrityError as error:
        if "ix_secret_rotation_open" not in str(error.orig):
            raise
        return Deny(rule=ROTATE_RULE, reason="vault.rotating")
    return rotation


def ask(session: Session, *, account: PrivilegedAccount, facts: CustodyFacts, act: Act) -> SecretRotation | Deny:
    """Let a person have a secret changed now, or refuse; the entry is written in both cases."""
    decision = may_rotate(facts)
    found = decision if isinstance(decision, Deny) else order(session, account=account, cause="asked", act=act)
    spoken_of = _about(account)
    if isinstance(found, Deny):
        act.refuse(session, Action.PRIVILEGE_ROTATION_ASK, found, about=spoken_of)
        return found
    act.record(session, Action.PRIVILEGE_ROTATION_ASK, about=spoken_of, details={"kind": found.kind})
    return found


def waiting(session: Session) -> Sequence[SecretRotation]:
    """Return the rotations that have no run yet, locked, oldest first; two workers take different ones."""
    return session.scalars(
        select(SecretRotation)
        .where(SecretRotation.ended_at.is_(None), SecretRotation.run_code.is_(None))
        .order_by(SecretRotation.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()


def under_way(session: Session) -> Sequence[SecretRotation]:
    """Return the rotations that have a run, locked, oldest first."""
    return session.scalars(
        select(SecretRotation)
        .where(SecretRotation.ended_at.is_(None), SecretRotation.run_code.is_not(None))
        .order_by(SecretRotation.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()


def prepare(database: Database, *, rotation_id: int, custody: Custody, terms: VaultTerms, act: Act) -> Prepared:
    """Store the candidate and gather what the playbook needs; the rotation is under way from here.

    Raises Unavailable when it is not this run's to make or the signer does not open; nothing has reached the target.
    """
    with database.unit_of_work() as session:
        rotation = _locked(session, rotation_id)
        if rotation is None or rotation.ended_at is not None or rotation.started_at is not None:
            raise Unavailable("vault.rotation_taken")
        kept = session.get_one(SecretCustody, rotation.account_id)
        account = _account(session, rotation.account_id)
        rotation.started_at = act.now
        if rotation.kind == "replace":
            _add_candidate(session, account, custody=custody, terms=terms, act=act)
        versions = _offered(session, account_id=account.id)
        target: dict[str, str | int] = {
            "host": kept.host or "",
            "port": kept.port or 0,
            "database": kept.database or "",
        }
        kind = rotation.kind
    opened = []
    for version in versions:
        try:
            data_key = custody.open_for_rotation(rotation_id, version_id=version.id)
            text = sealing.unseal(
                version.ciphertext or b"", data_key=data_key, account=account.code, number=version.number
            )
        except (CustodyRefused, sealing.NotThisSecretError, Unavailable) as error:
            with database.unit_of_work() as session:
                give_up(session, rotation_id=rotation_id, act=act)
            raise Unavailable("vault.release_refused") from error
        opened.append((version.number, version.role, text))
    return Prepared(account=account.code, target=target, login=account.name, kind=kind, secrets=tuple(opened))


def _add_candidate(
    session: Session, account: PrivilegedAccount, *, custody: Custody, terms: VaultTerms, act: Act
) -> None:
    number = (
        session.scalar(select(func.max(SecretVersion.number)).where(SecretVersion.account_id == account.id)) or 0
    ) + 1
    data_key = secrets.token_bytes(DATA_KEY_BYTES)
    text = generate(terms.password, below=secrets.randbelow)
    ciphertext = sealing.seal(
        text, data_key=data_key, nonce=secrets.token_bytes(NONCE_BYTES), account=account.code, number=number
    )
    wrapped = custody.wrap(data_key, account=account.code, number=number)
    session.add(
        SecretVersion(
            account_id=account.id,
            number=number,
            role="candidate",
            origin="rotation",
            ciphertext=ciphertext,
            wrapped_key=wrapped.content,
            kek=wrapped.kek,
            created_at=act.now,
        )
    )
    session.flush()


def give_up(session: Session, *, rotation_id: int, act: Act) -> None:
    """End a rotation that never reached its target; the candidate is kept until the next success, like any other."""
    rotation = _locked(session, rotation_id)
    if rotation is None or rotation.ended_at is not None:
        return
    account = _account(session, rotation.account_id)
    judged = Judged(result=Result.NOT_PREPARED, works=None, detail="failed")
    _move_versions(session, account_id=account.id, judged=judged, act=act)
    rotation.ended_at, rotation.result, rotation.detail = act.now, str(judged.result), judged.detail
    session.flush()
    _tell(session, rotation, account=account, judged=judged, is_good=False, act=act)


def settle(session: Session, *, rotation_id: int, found: Mapping[str, Any] | None, act: Act) -> Settled | None:
    """Judge what a run found, move the versions accordingly, and write it down; None when it was settled before.

    `found` is None when the run ended without a word: then a look at what works is ordered, once.
    """
    rotation = _locked(session, rotation_id)
    if rotation is None or rotation.ended_at is not None:
        return None
    account = _account(session, rotation.account_id)
    offered = [Offered(number=one.number, role=one.role) for one in _offered(session, account_id=account.id)]
    judged = judge(found or {}, offered=offered)
    if rotation.started_at is None:
        judged = Judged(result=Result.NOT_PREPARED, works=None, detail="failed")
    elif judged.result is Result.INTERRUPTED and rotation.cause == "recovery":
        judged = Judged(result=Result.UNKNOWN, works=None, detail=judged.detail)
    _move_versions(session, account_id=account.id, judged=judged, act=act)
    rotation.ended_at, rotation.result, rotation.detail = act.now, str(judged.result), judged.detail
    session.flush()
    # A look that was asked for wants no more than to know; one after an accident still owes the new secret.
    is_as_wanted = judged.result is Result.ROTATED or (rotation.cause == "asked" and judged.works is not None)
    _tell(session, rotation, account=account, judged=judged, is_good=is_as_wanted, act=act)
    if judged.result is Result.INTERRUPTED:
        order(session, account=account, cause="recovery", kind="prove", act=act)
    return Settled(
        account=account.code,
        result=judged.result,
        detail=judged.detail,
        works=judged.works,
        is_as_wanted=is_as_wanted,
    )


def _move_versions(session: Session, *, account_id: int, judged: Judged, act: Act) -> None:
    """Give every version its role after a judgement; what was replaced by a proven one stays until the next success."""
    custody = session.get_one(SecretCustody, account_id)
    if judged.result is Result.INTERRUPTED:
        return
    if judged.result is Result.UNKNOWN:
        custody.state = "unknown"  # candidate, current and previous all stay as they are
        session.flush()
        return
    if judged.result in {Result.ROTATED, Result.RESTORED}:
        if judged.result is Result.ROTATED:
            _spend_previous(session, account_id=account_id)
        move(session, account_id=account_id, role="current", to="previous")
        session.execute(
            update(SecretVersion)
            .where(SecretVersion.account_id == account_id, SecretVersion.number == judged.works)
            .values(role="current")
        )
    move(session, account_id=account_id, role="candidate", to="previous")
    if judged.works is not None:
        custody.state = "known"
        session.execute(
            update(SecretVersion)
            .where(SecretVersion.account_id == account_id, SecretVersion.number == judged.works)
            .values(verified_at=act.now)
        )
    session.flush()
    session.expire_all()


def _spend_previous(session: Session, *, account_id: int) -> None:
    session.execute(
        update(SecretVersion)
        .where(SecretVersion.account_id == account_id, SecretVersion.role == "previous")
        .values(role="spent", ciphertext=None, wrapped_key=None, kek=None)
    )


def move(session: Session, *, account_id: int, role: str, to: str) -> None:
    """Give the versions of one role another."""
    session.execute(
        update(SecretVersion).where(SecretVersion.account_id == account_id, SecretVersion.role == role).values(role=to)
    )


def _tell(
    session: Session,
    rotation: SecretRotation,
    *,
    account: PrivilegedAccount,
    judged: Judged,
    is_good: bool,
    act: Act,
) -> None:
    details: dict[str, str | int | bool] = {
        "result": str(judged.result),
        "detail": judged.detail,
        "kind": rotation.kind,
        "cause": rotation.cause,
    }
    if judged.works is not None:
        details["version"] = judged.works
    act.record(
        session,
        Action.PRIVILEGE_VAULT_ROTATE,
        about=_about(account, run=rotation.run_code),
        details=details,
        outcome=audit.Outcome.SUCCESS if is_good else audit.Outcome.FAILURE,
        reason=None if is_good else f"vault.rotation_{str(judged.result).replace('-', '_')}",
        titles=(account.use,),
    )
    if judged.result is Result.UNKNOWN:
        act.record(
            session,
            Action.PRIVILEGE_VAULT_LOSE,
            about=_about(account, run=rotation.run_code),
            details={"account": account.code, "detail": judged.detail},
            outcome=audit.Outcome.FAILURE,
            reason="vault.rotation_unknown",
        )


def _offered(session: Session, *, account_id: int) -> Sequence[SecretVersion]:
    """Return the versions that may work, in the order of likelihood: candidate, current, then the newest previous."""
    rows = session.scalars(
        select(SecretVersion).where(SecretVersion.account_id == account_id, SecretVersion.role.in_(LIVE_ROLES))
    ).all()
    ordered = sorted(rows, key=lambda one: (LIVE_ROLES.index(one.role), -one.number))
    return ordered[:OFFERED_AT_MOST]


def _locked(session: Session, rotation_id: int) -> SecretRotation | None:
    return session.get(SecretRotation, rotation_id, with_for_update=True, populate_existing=True)


def _account(session: Session, account_id: int) -> PrivilegedAccount:
    return session.scalars(
        select(PrivilegedAccount).options(joinedload(PrivilegedAccount.asset)).where(PrivilegedAccount.id == account_id)
    ).one()


def _about(account: PrivilegedAccount, *, run: str | None = None) -> audit.About:
    return audit.About(account_id=account.code, asset_id=account.asset.code, run_id=run)
