"""Accounts of whoever registers by a certificate: its authority verified the number, so no officer checks it again.

Invariants: one number is one living account, whichever way it was registered by, an identity provider among them; the
account records the assurance of its way; a certificate that names no number, another's, or one that was ever on record
registers nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.levels import Level, highest
from control.people.boxes import NONCE_BYTES, BoxKeys, open_box, seal_box, token_of
from control.people.certificates.binding import Reach, bind_own, register_by_certificate, was_known
from control.people.certificates.domain import Holder
from control.people.certificates.models import ClientCertificate
from control.people.citizens.domain import NUMBER_OF, SIGNED, Elsewhere, Identity, level_of, parse_number
from control.people.citizens.models import ENDED, CitizenAccount
from control.people.citizens.registering import account_by_number, bound_to, pack, unpack, wait_for_number
from control.people.directory.models import Person
from control.people.factors.notices import notify
from control.people.oidc.identities import is_linked_number
from control.people.oidc.rules import provider_rules
from control.settings import Settings
from policies import Policies

RULE = "citizens.vouched"


@dataclass(frozen=True, slots=True, kw_only=True)
class VouchRules:
    """What registering by a certificate needs: keys, the level each way gives an account (S0-15.2), and by which digest
    identity providers know a number that registers nobody a second time.
    """

    keys: BoxKeys = field(repr=False)
    levels: Mapping[Elsewhere, Level]
    linked_as: Callable[[str], bytes | None]


def vouch_rules(law: Policies, *, settings: Settings, on: date) -> VouchRules | None:
    """Return them as they stand on a day, None in a house that takes no applicants."""
    if not settings.applicant_key:
        return None
    levels = {way: level_of(way, law=law, profile=settings.profile, on=on) for way in SIGNED}
    providers = provider_rules(law, settings=settings, on=on)
    return VouchRules(
        keys=BoxKeys.of(settings.applicant_key),
        levels=levels,
        linked_as=providers.number_digest if providers.number_links else _not_linked,
    )


def _not_linked(_number: str) -> None:
    """Answer for a house in which numbers join nobody."""


def register_holder(
    session: Session,
    *,
    holder: Holder,
    way: Elsewhere,
    login: str,
    random: bytes,
    rules: VouchRules,
    act: Act,
    reach: Reach | None = None,
    phone: str = "",
) -> ClientCertificate | Deny:
    """Make the person and the account a validated certificate stands for; `random` is NONCE_BYTES fresh bytes."""
    kind = kind_of(holder)
    number = number_of(holder, way=way)
    if number is None:
        return Deny(rule=RULE, reason="certificate.no_number")
    token = token_of(number, use="number", key=rules.keys.token)
    wait_for_number(session, token)
    if was_known(session, holder):
        return Deny(rule=RULE, reason="certificate.not_bound")
    linked = rules.linked_as(number) if kind == "citizen" else None
    is_elsewhere = linked is not None and is_linked_number(session, number_digest=linked)
    if is_elsewhere or account_by_number(session, number=number, keys=rules.keys) is not None:
        return Deny(rule=RULE, reason="certificate.number_taken")
    row = register_by_certificate(session, holder=holder, kind=kind, login=login, reach=reach, act=act)
    name = (holder.organisation or holder.name) if kind == "organisation" else holder.name
    identity = Identity(name=name, number=number, phone=phone)
    level = rules.levels[way]
    session.add(
        CitizenAccount(
            person_id=row.person_id,
            person_kind=kind,
            way=way,
            level=level,
            state="approved",
            number_token=token,
            sealed=seal_box(
                pack(identity), key=rules.keys.seal, bound_to=bound_to(row.person_id), nonce=random[:NONCE_BYTES]
            ),
            registered_at=act.now,
            decided_at=act.now,
        )
    )
    session.flush()
    act.record(
        session,
        Action.PEOPLE_APPLICANT_CONFIRM,
        about=audit.About(person_id=f"person:{row.person_id}"),
        details={"way": way, "kind": kind, "level": str(level), "certificate": row.id},
    )
    return row


def bind_to_account(
    session: Session, *, holder: Holder, way: Elsewhere, rules: VouchRules, act: Act, reach: Reach | None = None
) -> ClientCertificate | Deny:
    """Bind a proved certificate to the acting person's own account when both carry one number; its level follows."""
    account = session.get(CitizenAccount, act.actor.id, with_for_update=True, populate_existing=True)
    if account is None or account.state in ENDED:
        return Deny(rule=RULE, reason="citizen.no_account")
    identity = unpack(open_box(account.sealed, key=rules.keys.seal, bound_to=bound_to(account.person_id)))
    if kind_of(holder) != account.person_kind or number_of(holder, way=way) != identity.number:
        return Deny(rule=RULE, reason="signing.number_differs")
    if was_known(session, holder):
        return Deny(rule=RULE, reason="certificate.taken")
    person = session.get_one(Person, act.actor.id)
    row = bind_own(session, person=person, holder=holder, reach=reach, act=act)
    notify(session, person_id=person.id, code="notice.device_bound", act=act)
    before, account.level = account.level, highest([Level(account.level), rules.levels[way]])
    session.flush()
    if account.level != before:
        act.record(
            session,
            Action.PEOPLE_APPLICANT_CONFIRM,
            about=audit.About(person_id=f"person:{account.person_id}"),
            details={"way": way, "from": str(before), "level": str(account.level), "certificate": row.id},
        )
    return row


def kind_of(holder: Holder) -> str:
    """Return whether a certificate stands for a citizen or an organisation."""
    return "organisation" if holder.is_organisation else "citizen"


def number_of(holder: Holder, *, way: Elsewhere) -> str | None:
    """Return the number a certificate's authority verified, in its one form; None when it names none."""
    return parse_number(holder.number, form=NUMBER_OF[kind_of(holder), way]) if holder.number else None
