"""One sealed account of the demonstration, so that the page shows what a seal is; its halves are the stand's own.

Not for: production, where no process ever knows both halves. Safe to run again: what is under seal stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.acts import Act, Actor
from control.decisions import Deny
from control.people.models import Person, PersonRole
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.breakglass.models import BreakGlassAccount
from control.privilege.breakglass.sealing import Drawn, complete_seal, prepare_seal, register_account, seal_rules
from control.settings import Settings
from policies import Policies

SEALED = "vong-lau.khan-cap"
OFFICER, APPROVER = "mau.nt", "vidu.l"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSeal:
    """What a demonstration knows of a seal; `nonces` seal the first half and the second factor where they wait."""

    first: str = field(repr=False)
    second: str = field(repr=False)
    totp_secret: str = field(repr=False)
    nonces: tuple[bytes, bytes]


def seed_seal(session: Session, act: Act, *, known: KnownSeal, law: Policies, settings: Settings) -> bool:
    """Put the invented account under seal by the officer and the approver, as the pages do; tell whether it was done.

    Raises ValueError when a rule refuses it: a fault of ours, seen at the first start.
    """
    account = session.scalar(select(PrivilegedAccount).where(PrivilegedAccount.code == SEALED))
    people = [_actor(session, login) for login in (OFFICER, APPROVER)]
    if account is None or account.state != "active" or None in people:
        return False  # the directory of this stand is another one
    if session.scalar(select(BreakGlassAccount.id).where(BreakGlassAccount.account_id == account.id)) is not None:
        return False
    officer, approver = (replace(act, actor=person) for person in people if person is not None)
    rules = seal_rules(law, settings=settings, now=act.now)
    sealed = register_account(session, code=SEALED, act=officer, terms=rules.terms)
    if isinstance(sealed, Deny):
        raise ValueError(f"{SEALED} was not registered: {sealed.reason}")  # noqa: TRY004 - a refusal is no wrong type
    drawn = Drawn(half=known.second, totp_secret=known.totp_secret, nonce=known.nonces[1])
    for decision in (
        prepare_seal(session, sealed_id=sealed.id, half=known.first, nonce=known.nonces[0], act=officer, rules=rules),
        complete_seal(session, sealed_id=sealed.id, drawn=drawn, act=approver, rules=rules),
    ):
        if isinstance(decision, Deny):
            raise ValueError(f"{SEALED} was not sealed: {decision.reason}")  # noqa: TRY004 - as above
    return True


def _actor(session: Session, login: str) -> Actor | None:
    person = session.scalar(select(Person).where(Person.login == login, Person.state == "active"))
    if person is None:
        return None
    roles = frozenset(session.scalars(select(PersonRole.role).where(PersonRole.person_id == person.id)))
    return Actor(id=person.id, login=person.login, name=person.display_name, roles=roles)
