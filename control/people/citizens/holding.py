"""What the holder of an account does with it: pause it, take it up again, cancel it (S3-30.1.b).

Invariants: a cancelled account never comes back; its dossiers stay with the authority; pausing ends every session.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Allow, Decision, Deny
from control.people.citizens.models import ENDED, CitizenAccount
from control.people.directory.models import Person
from control.people.locks.service import lock_person
from control.people.sessions.service import end_sessions

RULE = "citizens.own_account"


def pause(session: Session, *, act: Act) -> None:
    """Pause one's own account until one takes it up again by both proofs; every session ends, this one too."""
    lock_person(session, person_id=act.actor.id, cause="owner-paused", until=None, act=act)


def cancel(session: Session, *, act: Act) -> Decision:
    """Cancel one's own account for good; whoever came by electronic identity has no registration here to end."""
    account = session.get(CitizenAccount, act.actor.id, with_for_update=True, populate_existing=True)
    about = audit.About(person_id=f"person:{act.actor.id}")
    if account is not None and account.state in ENDED:
        wrong = Deny(rule=RULE, reason="citizen.no_account")
        act.refuse(session, Action.PEOPLE_APPLICANT_CANCEL, wrong, about=about)
        return wrong
    if account is not None:
        account.state, account.cancelled_at = "cancelled", act.now
    person = session.get_one(Person, act.actor.id, with_for_update=True)
    person.state, person.left_at = "left", act.now
    session.flush()
    act.record(session, Action.PEOPLE_APPLICANT_CANCEL, about=about, details={"registered_here": account is not None})
    end_sessions(session, person_id=act.actor.id, reason="person-not-active", act=act)
    return Allow(rule=RULE)
