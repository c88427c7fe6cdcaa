"""What the pages of findings show, gathered from the rows; no decision is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

import audit
from control.acts import Actor
from control.assurance import places
from control.assurance.findings import domain
from control.assurance.findings.domain import RUNBOOKS, Kind
from control.assurance.findings.models import Finding, FindingOccurrence
from control.assurance.findings.service import OVERDUE_ALERT
from control.assurance.trail.domain import line_of_record
from control.assurance.trail.lineage import lineage
from control.decisions import Allow
from control.frame.thread import Station
from control.operations.alerts import code_of
from control.operations.models import Alert
from control.permissions import Permission


def kind_titles() -> Mapping[Kind, str]:
    """Return what each kind is called, in the reader's language."""
    return {
        Kind.ACCOUNTS: gettext("Accounts"),
        Kind.ADMIN_SIGN_IN: gettext("Administrator not registered"),
        Kind.ANCHOR: gettext("No anchor"),
        Kind.APPROVER: gettext("Approver lost the role"),
        Kind.BREAK_GLASS: gettext("Break-glass"),
        Kind.CLOCK: gettext("Clock stepped"),
        Kind.DEAD_LETTER: gettext("Dead letter"),
        Kind.GAP: gettext("Gap"),
        Kind.INDEX: gettext("Index differs"),
        Kind.KEY_USE: gettext("Connection key used unusually"),
        Kind.OFF_HOURS: gettext("Outside hours"),
        Kind.POPULATION_LEAK: gettext("Population data leaked"),
        Kind.POPULATION_LIST: gettext("Population list differs"),
        Kind.POPULATION_QUERY: gettext("Look-up without a case"),
        Kind.POPULATION_SHARED: gettext("Shared population account"),
        Kind.REFUSALS: gettext("Repeated refusals"),
        Kind.REVIEW: gettext("Review overdue"),
        Kind.SECRET: gettext("Secret unknown"),
        Kind.SEGMENT: gettext("Segment files"),
        Kind.SENIOR: gettext("Senior account not reviewed"),
        Kind.SHARED: gettext("Shared account"),
        Kind.SILENT_ROUTE: gettext("Silent route"),
        Kind.TAMPER: gettext("Tampering"),
        Kind.UNDOCUMENTED: gettext("Account without a document"),
        Kind.VOLUME: gettext("Unusual volume"),
    }


def kind_meanings() -> Mapping[Kind, str]:
    """Return what each kind says, in one sentence."""
    return {
        Kind.ACCOUNTS: gettext("A request about accounts, a notice or a role is past what the rules allow."),
        Kind.ADMIN_SIGN_IN: gettext("Somebody with rights of administration signed in, and no account names them."),
        Kind.ANCHOR: gettext("A witness or the time stamp has not confirmed the trail for too long."),
        Kind.APPROVER: gettext("A grant was withheld at its start because whoever approved it no longer may approve."),
        Kind.BREAK_GLASS: gettext("A sealed account was opened, or used otherwise than it was opened for."),
        Kind.CLOCK: gettext("The clock of a process moved otherwise than time did."),
        Kind.DEAD_LETTER: gettext("The search copy refused an entry for good; the trail itself has it."),
        Kind.GAP: gettext("A process gave numbers to entries that never arrived in the trail."),
        Kind.INDEX: gettext("The search copy is not the trail: something is missing, extra or altered."),
        Kind.KEY_USE: gettext("A connection key was used otherwise than it ever was."),
        Kind.OFF_HOURS: gettext("Somebody signed in or saw personal data outside working hours."),
        Kind.POPULATION_LEAK: gettext("An account of the population database was reported as leaked and locked."),
        Kind.POPULATION_LIST: gettext("The rights of a unit are not those of its approved list."),
        Kind.POPULATION_QUERY: gettext("A look-up in the population database does not fit the case it named."),
        Kind.POPULATION_SHARED: gettext("One population account was used in a way that looks like several people."),
        Kind.REFUSALS: gettext("The same person was refused again and again in a short time."),
        Kind.REVIEW: gettext("Rights were not reviewed in time; what could be suspended is."),
        Kind.SECRET: gettext("None of the secrets the vault keeps of an account works."),
        Kind.SEGMENT: gettext("The copy of the trail in files was removed or contradicts the trail."),
        Kind.SENIOR: gettext("A senior account was not reviewed in its period."),
        Kind.SHARED: gettext("One person worked from two addresses at the same time."),
        Kind.SILENT_ROUTE: gettext("A page that must record what it does recorded nothing."),
        Kind.TAMPER: gettext("What stands in the trail is not what was written or signed."),
        Kind.UNDOCUMENTED: gettext("An account is known that rests on no document; nobody may use it."),
        Kind.VOLUME: gettext("One person did or saw more in an hour than work needs."),
    }


def runbook_of(finding: Finding) -> str:
    """Return the runbook of its kind."""
    return RUNBOOKS[Kind(finding.kind)]


def may(finding: Finding, *, viewer: Actor) -> Mapping[str, bool]:
    """Return which steps to offer; what is refused by a rule alone stays visible and says why when it is tried."""
    facts = finding.rule_facts()
    is_closed = finding.closed_at is not None
    explaining = domain.may_explain(facts, by=viewer, owner_id=finding.owner_id)
    return {
        "assign": not is_closed and Permission.ASSURANCE_FINDING_ASSIGN in viewer.permissions,
        "explain": isinstance(explaining, Allow),
        "close": not is_closed and Permission.ASSURANCE_FINDING_CLOSE in viewer.permissions,
    }


def stations_of(session: Session, finding: Finding, *, occurrences: Sequence[FindingOccurrence]) -> tuple[Station, ...]:
    """Return the neighbours on the thread: what led to the entry that shows it, the alert, the runbook."""
    found: list[tuple[str, str]] = []
    sequence = next((one.sequence for one in occurrences if one.sequence is not None), None)
    record = audit.Journal(session.connection()).read(sequence) if sequence is not None else None
    if record is not None:
        line = line_of_record(record)
        found += lineage(session, line).found
        found.append(("entry", str(sequence)))
    if evidence := finding.facts.get("evidence"):
        found.append(("evidence", str(evidence)))
    alert = session.scalar(
        select(Alert.id)
        .where(Alert.name == OVERDUE_ALERT, Alert.labels["subject"].astext == finding.code)
        .order_by(Alert.id.desc())
        .limit(1)
    )
    if alert is not None:
        found.append(("alert", code_of(alert)))
    found.append(("runbook", runbook_of(finding)))
    return places.stations([one for one in found if one[0] != "finding"], here=("finding", finding.code))
