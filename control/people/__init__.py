"""People: who they are, how they prove it, what they may do. These names are what other wings use.

Not for: privileged accounts (control/privilege). Nothing here knows any other wing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from control.acts import Act
from control.db import Database
from control.errors import Unavailable
from control.people.applicants import (
    end_stale_registrations,
    escalate_missed_clocks,
    put_unused_to_sleep,
    send_messages,
)
from control.people.citizens.numbers import NumberBook
from control.people.citizens.seeding import INVENTED as INVENTED_APPLICANTS
from control.people.citizens.seeding import seed_applicants
from control.people.directory.client import Directory, IncompleteListing
from control.people.directory.service import (
    PersonRef,
    SyncReport,
    apply_listing,
    note_contact,
    people_by_id,
    person_by_id,
    person_by_login,
    person_choices,
    person_named,
    record_failed_listing,
)
from control.people.factors.enrolment import open_unsafe_enrolment
from control.people.factors.forgetting import forget_demonstration_factor
from control.people.factors.sealing import NONCE_BYTES
from control.people.factors.service import FactorRules, enrol_known_secret
from control.people.local.hashing import check_local_password
from control.people.local.service import create_local_person, local_identity, set_local_password
from control.people.locks.models import LOCK_CAUSES, PersonLock
from control.people.locks.service import Paper, lock_person, unlock_person
from control.people.locks.standing import reason_to_stay_out, standing_locks
from control.people.roles.service import roles_of
from control.people.scope.domain import RULE as SCOPE_RULE
from control.people.scope.domain import Scope
from control.people.scope.service import of_people, unit_for, within
from control.people.sessions.service import end_sessions
from control.people.signin.devices import forget_devices
from control.settings import Settings
from policies import Role

__all__ = [
    "INVENTED_APPLICANTS",
    "LOCK_CAUSES",
    "SCOPE_RULE",
    "Directory",
    "NumberBook",
    "Paper",
    "PersonLock",
    "PersonRef",
    "Scope",
    "SyncReport",
    "check_directory",
    "check_local_password",
    "create_local_person",
    "end_sessions",
    "end_stale_registrations",
    "enrol_known_factor",
    "escalate_missed_clocks",
    "forget_demonstration_factor",
    "local_identity",
    "lock_person",
    "of_people",
    "open_unsafe_enrolment",
    "people_by_id",
    "person_by_id",
    "person_by_login",
    "person_choices",
    "put_unused_to_sleep",
    "reason_to_stay_out",
    "roles_of",
    "seed_applicants",
    "send_messages",
    "set_local_password",
    "standing_locks",
    "sync_people",
    "unit_for",
    "unlock_person",
    "within",
]


def sync_people(database: Database, *, directory: Directory, roles: Mapping[str, Role], act: Act) -> SyncReport:
    """Read everybody from the directory and store it; who has left loses every session in the same transaction.

    Raises Unavailable when the directory does not answer or its listing may miss somebody; that is on record then.
    """
    try:
        entries = directory.list_people()
    except Unavailable as error:
        with database.unit_of_work() as session:
            note_contact(session, answered=isinstance(error, IncompleteListing), now=act.now)
            record_failed_listing(session, reason=error.code, act=act)
        raise
    with database.unit_of_work() as session:
        note_contact(session, answered=True, now=act.now)
        report = apply_listing(session, entries=entries, roles=roles, act=act)
        for person_id in (*report.left, *report.suspended):
            forget_devices(session, person_id=person_id)
            end_sessions(session, person_id=person_id, reason="person-not-active", act=act)
    return report


def check_directory(database: Database, *, directory: Directory, now: datetime) -> bool:
    """Ask the directory whether it answers, and remember it for the header of every page."""
    try:
        directory.check()
        answers = True
    except Unavailable:
        answers = False
    with database.unit_of_work() as session:
        note_contact(session, answered=answers, now=now)
    return answers


def enrol_known_factor(session: Session, *, login: str, secret: str, settings: Settings, act: Act) -> bool:
    """Enrol a second factor whose base-32 key is known: for demonstration people and tests, so that a script can
    sign in as them. Safe to run twice; False when the person has a factor already.

    Raises NotFound for an unknown login, RuntimeError in production.
    """
    if settings.is_production:
        raise RuntimeError("a known second factor is for demonstrations and tests, never for production")
    person = person_named(session, login)
    rules = FactorRules(key=settings.factor_key, drift_steps=1)
    nonce = secrets.token_bytes(NONCE_BYTES)
    return enrol_known_secret(session, person_id=person.id, secret=secret, nonce=nonce, rules=rules, act=act)
