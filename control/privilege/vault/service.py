"""Deposit a secret, check it out, give it back; every step is an entry, a refusal too.

Not for: rules (domain.py), opening (the signer) or changing it on the target (rotations.py). Invariants: a secret in
clear is never an argument of anything that is stored or recorded; a check-out is committed before its key is asked
for, and that it was shown is committed before a page shows it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import InvalidInput, NotFound
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.accounts.using import note_use
from control.privilege.codes import id_from
from control.privilege.documents.domain import is_in_force
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.service import facts_of as grant_facts
from control.privilege.grants.service import holds_at
from control.privilege.vault import rotations, sealing
from control.privilege.vault.custody import Custody
from control.privilege.vault.domain import (
    CHECKOUT_PREFIX,
    CustodyFacts,
    Method,
    VaultTerms,
    may_check_out,
    may_deposit,
    may_return,
)
from control.privilege.vault.models import (
    SecretCheckout,
    SecretCustody,
    SecretRelease,
    SecretRotation,
    SecretVersion,
)
from control.privilege.vault.sealing import DATA_KEY_BYTES, NONCE_BYTES, Sealed
from policies import RULES_ZONE

CLOSE_BATCH = 200
TOKEN_BYTES = 32
NEIGHBOURS = (
    joinedload(SecretCheckout.account).joinedload(PrivilegedAccount.asset),
    joinedload(SecretCheckout.person),
    joinedload(SecretCheckout.grant).joinedload(PrivilegeGrant.document),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where and how the secret is changed; empty for what people change by hand."""

    method: Method
    host: str | None = None
    port: int | None = None
    database: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A check-out with the token that the signer wants to see; the token is nowhere else."""

    checkout: SecretCheckout
    ciphertext: bytes
    number: int
    token: str


def about(
    account: PrivilegedAccount, *, grant: PrivilegeGrant | None = None, document: str | None = None
) -> audit.About:
    """Return what an entry on a secret is about."""
    return audit.About(
        account_id=account.code,
        asset_id=account.asset.code,
        grant_id=grant.code if grant else None,
        document_number=document,
    )


def facts_of(session: Session, account: PrivilegedAccount) -> CustodyFacts:
    """Return the account's secret as the rules see it."""
    custody = session.get(SecretCustody, account.id)
    open_one = session.execute(
        select(SecretCheckout.person_id, SecretCheckout.until).where(
            SecretCheckout.account_id == account.id, SecretCheckout.closed_at.is_(None)
        )
    ).one_or_none()
    rotating = session.scalar(
        select(SecretRotation.id).where(SecretRotation.account_id == account.id, SecretRotation.ended_at.is_(None))
    )
    return CustodyFacts(
        is_kept=custody is not None,
        account_state=account.state,
        account_kind=account.kind,
        owner_id=account.owner_id,
        state=custody.state if custody else "known",
        method=custody.method if custody else Method.MANUAL,
        open_by=open_one.person_id if open_one else None,
        open_until=open_one.until if open_one else None,
        is_rotating=rotating is not None,
    )


def load_account(session: Session, code: str, *, lock: bool = False) -> PrivilegedAccount:
    """Return an account with its asset; locked, what happens to its secret waits. Raises NotFound."""
    query = select(PrivilegedAccount).options(joinedload(PrivilegedAccount.asset)).where(PrivilegedAccount.code == code)
    if lock:
        query = query.with_for_update(of=PrivilegedAccount).execution_options(populate_existing=True)
    account = session.scalar(query) if code.isprintable() else None
    if account is None:
        raise NotFound("account", code)
    return account


def seal_new(session: Session, account: PrivilegedAccount, *, secret: str, custody: Custody) -> Sealed:
    """Encrypt a secret as the next version of the account, the data key wrapped by the signer. Raises Unavailable."""
    number = next_number(session, account_id=account.id)
    data_key = secrets.token_bytes(DATA_KEY_BYTES)
    ciphertext = sealing.seal(
        secret, data_key=data_key, nonce=secrets.token_bytes(NONCE_BYTES), account=account.code, number=number
    )
    wrapped = custody.wrap(data_key, account=account.code, number=number)
    return Sealed(number=number, ciphertext=ciphertext, wrapped_key=wrapped.content, kek=wrapped.kek)


def next_number(session: Session, *, account_id: int) -> int:
    """Return the number of the account's next version."""
    last = session.scalar(select(func.max(SecretVersion.number)).where(SecretVersion.account_id == account_id))
    return (last or 0) + 1


def deposit(
    session: Session, *, code: str, sealed: Sealed, target: Target, document_id: int, act: Act
) -> SecretVersion | Deny:
    """Store a sealed secret as the current one, or refuse; what the target can do by playbook is changed at once.

    Raises InvalidInput for a document that is not in force, or a secret sealed for another version.
    """
    account = load_account(session, code, lock=True)
    decision = may_deposit(facts_of(session, account), person_id=act.actor.id)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_VAULT_DEPOSIT, decision, about=about(account))
        return decision
    document = session.get(AuthorisingDocument, document_id)
    today = act.now.astimezone(RULES_ZONE).date()
    if document is None or not is_in_force(
        document.valid_from, document.valid_to, on=today, withdrawn_from=document.withdrawn_from
    ):
        raise InvalidInput("vault.document_not_in_force", field="document")
    if sealed.number != next_number(session, account_id=account.id):
        raise InvalidInput("vault.version_moved", field="secret")
    _keep(session, account, target=target, document_id=document.id, act=act)
    for role in ("candidate", "current"):
        rotations.move(session, account_id=account.id, role=role, to="previous")
    version = SecretVersion(
        account_id=account.id,
        number=sealed.number,
        role="current",
        origin="deposit",
        ciphertext=sealed.ciphertext,
        wrapped_key=sealed.wrapped_key,
        kek=sealed.kek,
        created_at=act.now,
        created_by_id=act.actor.id,
    )
    session.add(version)
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_VAULT_DEPOSIT,
        about=about(account, document=document.number),
        details={"version": version.number, "method": str(target.method)},
        titles=(account.use,),
    )
    if target.method is not Method.MANUAL:
        rotations.order(session, account=account, cause="deposit", act=act)
    return version


def _keep(session: Session, account: PrivilegedAccount, *, target: Target, document_id: int, act: Act) -> None:
    custody = session.get(SecretCustody, account.id)
    if custody is None:
        custody = SecretCustody(account_id=account.id)
        session.add(custody)
    custody.method, custody.host, custody.port = str(target.method), target.host, target.port
    custody.database, custody.state, custody.document_id = target.database, "known", document_id
    custody.deposited_by_id, custody.deposited_at = act.actor.id, act.now
    session.flush()


def grant_for(session: Session, *, person_id: int, account_id: int, now: datetime) -> PrivilegeGrant | None:
    """Return the grant under which a person may use exactly this account now, the one that ends last."""
    return session.scalar(
        select(PrivilegeGrant)
        .options(joinedload(PrivilegeGrant.document))
        .where(PrivilegeGrant.person_id == person_id, PrivilegeGrant.account_id == account_id, holds_at(now))
        .order_by(func.upper(PrivilegeGrant.span).desc(), PrivilegeGrant.id.desc())
        .limit(1)
    )


def judge_check_out(
    session: Session, *, code: str, act: Act
) -> tuple[PrivilegedAccount, PrivilegeGrant | None, Decision]:
    """Return whether the acting person may have the secret of an account now, and under which grant."""
    account = load_account(session, code, lock=True)
    grant = grant_for(session, person_id=act.actor.id, account_id=account.id, now=act.now)
    facts = facts_of(session, account)
    return account, grant, may_check_out(facts, person_id=act.actor.id, has_grant=grant is not None)


def check_out(session: Session, *, code: str, reason: str, act: Act, terms: VaultTerms) -> Opened | Deny:
    """Note that the acting person takes the secret, or refuse; commit this before the signer is asked."""
    account, grant, decision = judge_check_out(session, code=code, act=act)
    version = session.scalar(
        select(SecretVersion).where(SecretVersion.account_id == account.id, SecretVersion.role == "current")
    )
    if isinstance(decision, Deny) or grant is None or version is None or version.ciphertext is None:
        refused = decision if isinstance(decision, Deny) else Deny(rule=decision.rule, reason="vault.not_kept")
        act.refuse(session, Action.PRIVILEGE_VAULT_TAKE, refused, about=about(account, grant=grant))
        return refused
    token = secrets.token_urlsafe(TOKEN_BYTES)
    checkout = SecretCheckout(
        account_id=account.id,
        version_id=version.id,
        grant_id=grant.id,
        person_id=act.actor.id,
        reason=reason,
        token_sha256=sha256(token.encode()).hexdigest(),
        opened_at=act.now,
        until=min(grant_facts(grant).ends_at, act.now + terms.longest),
    )
    session.add(checkout)
    session.flush()
    note_use(session, account_id=account.id, at=act.now)
    act.record(
        session,
        Action.PRIVILEGE_VAULT_TAKE,
        about=about(account, grant=grant, document=grant.document.number),
        details={"checkout": checkout.code, "version": version.number, "until": checkout.until.isoformat()},
        personal={"reason": reason},
        titles=(account.use,),
    )
    return Opened(checkout=checkout, ciphertext=version.ciphertext, number=version.number, token=token)


def note_shown(session: Session, *, checkout_id: int, act: Act) -> SecretCheckout:
    """Note that the secret is about to be shown, the one time; commit this before the page is drawn."""
    checkout = _load(session, checkout_id, lock=True)
    checkout.shown_at = act.now
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_VAULT_SHOW,
        about=about(checkout.account, grant=checkout.grant, document=checkout.grant.document.number),
        details={"checkout": checkout.code},
        titles=(checkout.account.use,),
    )
    return checkout


def give_up(session: Session, *, checkout_id: int, reason: str, act: Act) -> None:
    """Close a check-out whose secret the signer did not hand out; nothing was shown."""
    checkout = _load(session, checkout_id, lock=True)
    _close(session, checkout, why="not-delivered", act=act)
    act.record(
        session,
        Action.PRIVILEGE_VAULT_SHOW,
        about=about(checkout.account, grant=checkout.grant, document=checkout.grant.document.number),
        details={"checkout": checkout.code},
        outcome=audit.Outcome.FAILURE,
        reason=reason,
    )


def check_in(session: Session, *, code: str, act: Act) -> Decision:
    """Give a secret back, or refuse; afterwards it is changed on the target, so that it is worth nothing."""
    checkout = _load(session, id_from(code, prefix=CHECKOUT_PREFIX), lock=True)
    if checkout.person_id != act.actor.id:
        raise NotFound("checkout", code)
    decision = may_return(holder_id=checkout.person_id, person_id=act.actor.id, is_open=checkout.closed_at is None)
    if isinstance(decision, Allow):
        _close(session, checkout, why="returned", act=act)
        _tell_back(session, checkout, act=act)
    else:
        act.refuse(
            session, Action.PRIVILEGE_VAULT_RETURN, decision, about=about(checkout.account, grant=checkout.grant)
        )
    return decision


def close_for_grant(session: Session, *, grant_id: int, act: Act) -> int:
    """Take back what was checked out under a grant that ends now; return how many. Safe to call twice."""
    rows = session.scalars(
        select(SecretCheckout)
        .options(*NEIGHBOURS)
        .where(SecretCheckout.grant_id == grant_id, SecretCheckout.closed_at.is_(None))
        .order_by(SecretCheckout.id)
        .with_for_update(of=SecretCheckout)
    )
    return _close_all(session, rows.all(), why="grant-ended", act=act)


def close_due(session: Session, *, act: Act) -> int:
    """Take back what is past its time, or whose grant holds no more; return how many. Safe on two workers at once."""
    is_over = (SecretCheckout.until <= act.now) | ~PrivilegeGrant.id.in_(
        select(PrivilegeGrant.id).where(holds_at(act.now))
    )
    rows = session.scalars(
        select(SecretCheckout)
        .join(PrivilegeGrant, PrivilegeGrant.id == SecretCheckout.grant_id)
        .options(*NEIGHBOURS)
        .where(SecretCheckout.closed_at.is_(None), is_over)
        .order_by(SecretCheckout.id)
        .limit(CLOSE_BATCH)
        .with_for_update(of=SecretCheckout, skip_locked=True)
    ).all()
    return sum(
        _close_all(session, [row], why="time" if row.until <= act.now else "grant-ended", act=act) for row in rows
    )


def _close_all(session: Session, rows: Iterable[SecretCheckout], *, why: str, act: Act) -> int:
    count = 0
    for checkout in rows:
        _close(session, checkout, why=why, act=act)
        _tell_back(session, checkout, act=act)
        count += 1
    return count


def _close(session: Session, checkout: SecretCheckout, *, why: str, act: Act) -> None:
    checkout.closed_at, checkout.closed_why = act.now, why
    checkout.closed_by_id = act.actor.id or None
    session.flush()
    released = session.scalar(select(SecretRelease.id).where(SecretRelease.checkout_id == checkout.id))
    custody = session.get_one(SecretCustody, checkout.account_id)
    if (released is not None or checkout.shown_at is not None) and custody.method != Method.MANUAL:
        rotations.order(session, account=checkout.account, cause="returned", act=act)


def _tell_back(session: Session, checkout: SecretCheckout, *, act: Act) -> None:
    act.record(
        session,
        Action.PRIVILEGE_VAULT_RETURN,
        about=about(checkout.account, grant=checkout.grant, document=checkout.grant.document.number),
        details={
            "checkout": checkout.code,
            "why": checkout.closed_why or "",
            "minutes": int((act.now - checkout.opened_at).total_seconds() // 60),
        },
        titles=(checkout.account.use,),
    )


def _load(session: Session, checkout_id: int, *, lock: bool = False) -> SecretCheckout:
    query = select(SecretCheckout).options(*NEIGHBOURS).where(SecretCheckout.id == checkout_id)
    if lock:
        query = query.with_for_update(of=SecretCheckout).execution_options(populate_existing=True)
    checkout = session.scalar(query)
    if checkout is None:
        raise NotFound("checkout", f"{CHECKOUT_PREFIX}{checkout_id:04d}")
    return checkout
