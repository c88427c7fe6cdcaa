"""Read the directory on a schedule: who has left or was disabled loses sessions and grants within a quarter of an hour.

Not for: deciding who has left (control/people). Invariants: a listing that may miss somebody, or is far smaller than
the last, changes nobody and raises an alert; whatever ends, ends through the wing that owns it.
"""

from __future__ import annotations

import policies
from control import privilege
from control.errors import Unavailable
from control.operations.alerts import raise_own, settle_own
from control.operations.jobs.domain import JobContext
from control.operations.schedules import ScheduleSpec
from control.people import people_by_id, sync_people
from control.people.circumstances import directory_of

TASK = "people.sync"
# Missed at the first reading, gone at the first one ten minutes later: two and twelve minutes at the most.
SCHEDULE = ScheduleSpec(slug="people-sync", task=TASK, cron="*/2 * * * *", late_after_seconds=300)
ALERT, OWNER_ALERT, SUBJECT = "DirectoryListingRefused", "OwnerLeft", "directory"


def sync_directory(context: JobContext) -> None:
    """Synchronise people once; safe to be delivered twice. A directory that is not set up is none of our business."""
    if not context.settings.ldap_url:
        return
    act = context.act("people-sync")
    law = policies.load()
    directory = directory_of(context.settings, policies=law)
    try:
        report = sync_people(context.database, directory=directory, roles=law.roles, act=act)
    except Unavailable:  # on record already; the strip of every page says so too
        with context.database.unit_of_work() as session:
            raise_own(session, ALERT, subject=SUBJECT, act=act)
        return
    with context.database.unit_of_work() as session:
        if report.refused:
            raise_own(session, ALERT, subject=SUBJECT, act=act)
            return
        settle_own(session, ALERT, subject=SUBJECT, act=act)
        # A move takes the rights of the old unit away now, and both it and a leaving become requests (S4-41.2).
        terms = privilege.LifecycleTerms.of(law, profile=context.settings.profile)
        privilege.notice_personnel(session, act=act, terms=terms)
        names = people_by_id(session, person_ids=report.left)
        for person_id in report.left:
            privilege.end_grants_of(session, person_id=person_id, act=act)
            if privilege.owned_accounts(session, person_id=person_id) and person_id in names:
                raise_own(session, OWNER_ALERT, subject=names[person_id].login, act=act)
        privilege.end_unfit_access(session, act=act)  # also of those who only moved to another unit
