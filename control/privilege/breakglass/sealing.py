"""Register a sealed account and seal it: two people, each with one half nobody else ever sees.

The officer of the security unit gets the first half; the approver gets the second, and with it the second factor. The
password is both halves, known whole to nobody, and only its Argon2id hash is kept. Between the two steps the first half
waits here sealed under the key of the factors, and is wiped by the second.

Invariants: until two people open it the person behind it is locked, so that even both halves together sign nobody in; a
new seal ends the old password and the old factor in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload, undefer

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.errors import NotFound
from control.people import create_local_person, lock_person, set_local_password
from control.people.factors.models import Factor
from control.people.factors.sealing import seal, unseal
from control.people.factors.service import FactorRules, enrol_known_secret
from control.people.local.domain import LocalRules
from control.people.months import months_after
from control.people.rules import factor_rules, local_rules
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.breakglass.domain import LOCK, Hand, State, Terms, may_complete, may_prepare, whole_of
from control.privilege.breakglass.models import BreakGlassAccount
from control.privilege.grants.standing import approver_roles
from control.privilege.requests.domain import SECURITY_ROLE
from control.settings import Settings
from policies import RULES_ZONE, Policies

NEIGHBOURS = (
    joinedload(BreakGlassAccount.person),
    joinedload(BreakGlassAccount.account).joinedload(PrivilegedAccount.asset),
    joinedload(BreakGlassAccount.half_by),
    joinedload(BreakGlassAccount.sealed_by),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What the edge drew for the second step; never stored or written down in clear."""

    half: str = field(repr=False)
    totp_secret: str = field(repr=False)
    nonce: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealRules:
    """What sealing needs from the law and the settings."""

    terms: Terms
    factor: FactorRules
    local: LocalRules


def seal_rules(law: Policies, *, settings: Settings, now: datetime) -> SealRules:
    """Return what sealing needs of the law and the settings on the day of `now`."""
    on = now.astimezone(RULES_ZONE).date()
    return SealRules(
        terms=Terms.of(law),
        factor=factor_rules(law, settings=settings, on=on),
        local=local_rules(law, settings=settings, on=on),
    )


def hand_of(act: Act) -> Hand:
    """Return the acting person as the rules of break-glass see them."""
    roles = act.actor.roles
    return Hand(
        id=act.actor.id,
        is_security=SECURITY_ROLE in roles,
        is_approver=bool(roles & (approver_roles() - {SECURITY_ROLE})),
    )


def about(sealed: BreakGlassAccount) -> audit.About:
    """Return what every entry on a sealed account is about."""
    return audit.About(
        account_id=sealed.account.code,
        asset_id=sealed.account.asset.code,
        person_id=f"person:{sealed.person_id}",
    )


def register_account(session: Session, *, code: str, act: Act, terms: Terms) -> BreakGlassAccount | Deny:
    """Make a sealed account of a privileged account of kind break-glass, locked from its first moment; or refuse."""
    account = session.scalar(
        select(PrivilegedAccount).options(joinedload(PrivilegedAccount.asset)).where(PrivilegedAccount.code == code)
    )
    if account is None:
        raise NotFound("account", code)
    decision = _may_register(session, account)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_BREAKGLASS_REGISTER, decision, about=audit.About(account_id=account.code))
        return decision
    person = create_local_person(
        session,
        login=f"khan-cap.{account.id}",
        name=f"Khẩn cấp {account.code}",
        kind="break-glass",
        act=act,
    )
    lock_person(session, person_id=person.id, cause=LOCK, until=None, act=act)
    sealed = BreakGlassAccount(
        person_id=person.id,
        account_id=account.id,
        state=State.UNSEALED.value,
        due_at=act.now + terms.reseal_within,
        created_at=act.now,
    )
    try:
        with session.begin_nested():
            session.add(sealed)
            session.flush()
    except IntegrityError as error:
        raise NotFound("account", code) from error
    found = load_sealed(session, sealed_id=sealed.id)
    act.record(session, Action.PRIVILEGE_BREAKGLASS_REGISTER, about=about(found), titles=(account.use,))
    return found


def prepare_seal(session: Session, *, sealed_id: int, half: str, nonce: bytes, act: Act, rules: SealRules) -> Decision:
    """Take the first half for the officer of the security unit; the caller shows it, once, after the commit."""
    sealed = load_sealed(session, sealed_id=sealed_id, locked=True)
    decision = may_prepare(State(sealed.state), hand_of(act))
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_BREAKGLASS_PREPARE, decision, about=about(sealed))
        return decision
    sealed.state, sealed.half_by_id, sealed.half_at = State.PREPARING.value, act.actor.id, act.now
    sealed.sealed_by_id = None
    sealed.half_secret = seal(half, key=rules.factor.key, factor_id=-sealed.id, nonce=nonce)
    session.flush()
    act.record(session, Action.PRIVILEGE_BREAKGLASS_PREPARE, about=about(sealed))
    return decision


def complete_seal(session: Session, *, sealed_id: int, drawn: Drawn, act: Act, rules: SealRules) -> Decision:
    """Finish the seal with the approver's half and the second factor, or refuse; the caller shows both, once."""
    sealed = load_sealed(session, sealed_id=sealed_id, locked=True)
    decision = may_complete(State(sealed.state), hand_of(act), half_by=sealed.half_by_id)
    if isinstance(decision, Allow) and sealed.half_secret is not None:
        first = unseal(sealed.half_secret, key=rules.factor.key, factor_id=-sealed.id)
        text = whole_of(first, drawn.half)
        decision = set_local_password(session, person=sealed.person, text=text, rules=rules.local, act=act)
    if isinstance(decision, Deny):
        act.refuse(session, Action.PRIVILEGE_BREAKGLASS_SEAL, decision, about=about(sealed))
        return decision
    _replace_factor(session, sealed, drawn=drawn, rules=rules, act=act)
    lock_person(session, person_id=sealed.person_id, cause=LOCK, until=None, act=act)
    sealed.state, sealed.half_secret = State.SEALED.value, None
    sealed.sealed_by_id, sealed.sealed_at = act.actor.id, act.now
    # An administrator's password must change in time; the seal is renewed before that, or nobody could sign in.
    sealed.due_at = months_after(act.now, rules.terms.seal_months) - rules.terms.reseal_within
    session.flush()
    act.record(
        session,
        Action.PRIVILEGE_BREAKGLASS_SEAL,
        about=about(sealed),
        details={"half_by": f"person:{sealed.half_by_id}", "renew_by": sealed.due_at.isoformat()},
    )
    return decision


def load_sealed(session: Session, *, sealed_id: int, locked: bool = False) -> BreakGlassAccount:
    """Return a sealed account with its neighbours. Raises NotFound."""
    if locked:
        session.execute(select(BreakGlassAccount.id).where(BreakGlassAccount.id == sealed_id).with_for_update())
    query = select(BreakGlassAccount).options(*NEIGHBOURS, undefer(BreakGlassAccount.half_secret))
    found = session.scalar(query.where(BreakGlassAccount.id == sealed_id).execution_options(populate_existing=True))
    if found is None:
        raise NotFound("sealed account", sealed_id)
    return found


def sealed_accounts(session: Session, *, limit: int = 200) -> tuple[BreakGlassAccount, ...]:
    """Return every sealed account in the order of their codes."""
    query = select(BreakGlassAccount).options(*NEIGHBOURS).join(BreakGlassAccount.account)
    return tuple(session.scalars(query.order_by(PrivilegedAccount.code).limit(limit)))


def accounts_to_register(session: Session) -> tuple[PrivilegedAccount, ...]:
    """Return the privileged accounts of kind break-glass nobody has sealed yet."""
    known = select(BreakGlassAccount.account_id)
    query = select(PrivilegedAccount).where(
        PrivilegedAccount.kind == "break-glass", PrivilegedAccount.state == "active", PrivilegedAccount.id.not_in(known)
    )
    return tuple(session.scalars(query.order_by(PrivilegedAccount.code).limit(200)))


def _may_register(session: Session, account: PrivilegedAccount) -> Decision:
    is_known = session.scalar(select(BreakGlassAccount.id).where(BreakGlassAccount.account_id == account.id))
    if account.kind != "break-glass" or account.state != "active":
        return Deny(rule="breakglass.account", reason="breakglass.not_such_an_account")
    if is_known is not None:
        return Deny(rule="breakglass.account", reason="breakglass.registered")
    return Allow(rule="breakglass.account")


def _replace_factor(session: Session, sealed: BreakGlassAccount, *, drawn: Drawn, rules: SealRules, act: Act) -> None:
    removed = session.scalars(
        update(Factor)
        .where(Factor.person_id == sealed.person_id, Factor.state != "removed")
        .values(state="removed", removed_at=act.now)
        .returning(Factor.id)
    ).all()
    if removed:
        act.record(
            session,
            Action.FACTOR_TOTP_FORGET,
            about=audit.About(person_id=f"person:{sealed.person_id}"),
            details={"factors": len(removed), "why": "break-glass-resealed"},
        )
    enrol_known_secret(
        session, person_id=sealed.person_id, secret=drawn.totp_secret, nonce=drawn.nonce, rules=rules.factor, act=act
    )
