"""Applicants of the demonstration, plainly invented: one citizen, one organisation, both checked by an officer.

Not for: production, which refuses. Safe to run again: a number that is known stays as it is.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from control.acts import Act, Actor
from control.people.citizens.checking import decide
from control.people.citizens.circumstances import registration_rules, say
from control.people.citizens.domain import Identity, Way
from control.people.citizens.registering import account_by_number, make_account
from control.people.directory.models import Person
from control.people.local.hashing import make_hash
from control.people.oidc.identities import is_linked_number
from control.people.oidc.rules import provider_rules
from control.people.rules import local_rules
from control.settings import Settings
from policies import RULES_ZONE, Policies

OFFICER = "tap.dt"  # who checks registrations in the demonstration


@dataclass(frozen=True, slots=True, kw_only=True)
class Invented:
    """Somebody nobody is: numbers begin with 999, which no province and no tax office has."""

    kind: str
    way: Way
    identity: Identity


INVENTED = (
    Invented(
        kind="citizen",
        way=Way.PORTAL,  # an account of former years; the number is that of congdan.a at the simulated provider
        identity=Identity(
            name="Trần Thị Công Dân",
            number="999000000007",
            phone="+84000001021",
            email="congdan.a@hopthu-minh-hoa.example",
            address="Số 1, phố Giả Định, phường Bản Nháp",
        ),
    ),
    Invented(
        kind="organisation",
        way=Way.TAX,
        identity=Identity(
            name="Công ty Ví Dụ",
            number="9990000011",
            phone="+84000001022",
            email="congty.vidu@hopthu-minh-hoa.example",
            address="Số 2, đường Minh Hoạ, phường Mô Phỏng",
        ),
    ),
)


def seed_applicants(session: Session, *, password: str, settings: Settings, law: Policies, act: Act) -> int:
    """Register and approve who is missing, as an officer would; return how many. Raises RuntimeError in production."""
    if settings.is_production:
        raise RuntimeError("invented applicants are for demonstrations, never for production")
    officer = session.scalar(select(Person).where(Person.login == OFFICER, Person.state == "active"))
    if officer is None or not settings.applicant_key:
        return 0
    checks = act.as_actor(Actor(id=officer.id, login=officer.login, name=officer.display_name))
    added = 0
    for one in INVENTED:
        rules = registration_rules(settings, law=law, way=one.way, now=act.now)
        if _is_known(session, one, settings=settings, law=law, act=act):
            continue
        cost = local_rules(law, settings=settings, on=act.now.astimezone(RULES_ZONE).date()).cost
        person = make_account(
            session,
            identity=one.identity,
            kind=one.kind,
            way=one.way,
            password_hash=make_hash(password, cost=cost),
            has_phone=True,
            random=secrets.token_bytes(32),
            rules=rules,
            act=act,
        )
        words = tuple(
            say(code, organisation=settings.organisation) for code in ("outbox.subject", "outbox.account_approved")
        )
        decide(
            session,
            login=person.login,
            verdict="approve",
            reason="",
            version=1,
            words=(words[0], words[1]),
            random=secrets.token_bytes(48),
            keys=rules.keys,
            act=checks,
        )
        added += 1
    return added


def _is_known(session: Session, one: Invented, *, settings: Settings, law: Policies, act: Act) -> bool:
    keys = registration_rules(settings, law=law, way=one.way, now=act.now).keys
    if account_by_number(session, number=one.identity.number, keys=keys) is not None:
        return True
    rules = provider_rules(law, settings=settings, on=act.now.astimezone(RULES_ZONE).date())
    digest = rules.number_digest(one.identity.number) if one.kind == "citizen" else None
    return digest is not None and is_linked_number(session, number_digest=digest)
