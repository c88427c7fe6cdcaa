"""What the pages and jobs of applicants take from the running application: keys, clocks, senders, sentences.

Not for: rules. Invariant: below this module nothing reads settings.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from flask import g
from sqlalchemy.orm import Session

from control.mail import MailRelay
from control.people.boxes import BoxKeys
from control.people.citizens.checking import tell
from control.people.citizens.domain import Way, clock, level_of
from control.people.citizens.messages import MESSAGES
from control.people.citizens.models import CitizenAccount
from control.people.citizens.registering import RegistrationRules
from control.people.citizens.smscodes import SmsRules
from control.people.issues.service import IssueRules
from control.people.outbox.service import Senders, send_waiting
from control.people.rules import number_of
from control.services import services
from control.settings import Settings
from control.sms import SmsGateway
from policies import RULES_ZONE, Policies


def due_by(law: Policies, name: str, *, own: str, profile: str) -> Callable[[datetime], datetime]:
    """Return the clock of the law as a function of the moment it starts at."""

    def due(start: datetime) -> datetime:
        amount, _citation = clock(law, name, own=own, profile=profile, on=start.astimezone(RULES_ZONE).date())
        return law.calendar.add(start, amount).astimezone(start.tzinfo)

    return due


def registration_rules(settings: Settings, *, law: Policies, way: Way, now: datetime) -> RegistrationRules:
    """Return what registering one way needs on the day of `now`."""
    on = now.astimezone(RULES_ZONE).date()
    return RegistrationRules(
        keys=BoxKeys.of(settings.applicant_key),
        code_life=timedelta(minutes=number_of(law, "contact_code_minutes", profile=settings.profile, on=on)),
        check_by=due_by(law, "citizen_account_approval", own="applicant_check_own", profile=settings.profile),
        level=level_of(way, law=law, profile=settings.profile, on=on),
    )


def issue_rules(settings: Settings, *, law: Policies) -> IssueRules:
    """Return the clocks of complaints."""
    return IssueRules(
        acknowledge_by=due_by(
            law, "account_issue_acknowledge", own="account_issue_acknowledge_own", profile=settings.profile
        ),
        result_by=due_by(law, "account_issue_result", own="account_issue_result_own", profile=settings.profile),
        keys=BoxKeys.of(settings.applicant_key),
    )


def present_registration_rules(way: Way) -> RegistrationRules:
    """Return them as they stand at the present request."""
    held = services()
    return registration_rules(held.settings, law=held.policies, way=way, now=g.now)


def present_issue_rules() -> IssueRules:
    """Return them as they stand at the present request."""
    held = services()
    return issue_rules(held.settings, law=held.policies)


def present_sms_rules() -> SmsRules:
    """Return the numbers of codes by short message."""
    held, on = services(), g.now.astimezone(RULES_ZONE).date()

    def number(name: str) -> int:
        return number_of(held.policies, name, profile=held.settings.profile, on=on)

    return SmsRules(life=timedelta(minutes=number("contact_code_minutes")), an_hour=number("contact_codes_an_hour"))


def present_keys() -> BoxKeys:
    """Return the keys of sealed identities."""
    return BoxKeys.of(services().settings.applicant_key)


def senders_of(settings: Settings) -> Senders:
    """Return what messages leave through."""
    return Senders(sms=SmsGateway.of(settings), mail=MailRelay.of(settings))


def send_now(key: str | None) -> None:
    """Send one message that was just committed; what cannot go now waits for the job."""
    if key is None:
        return
    held = services()
    send_waiting(held.database, senders=senders_of(held.settings), seal_key=present_keys().seal, act=g.act, key=key)


def warn_applicant(session: Session, *, person_id: int, sentence: str) -> None:
    """Tell an applicant what officers do with their account, by every registered way; staff read notices here."""
    account = session.get(CitizenAccount, person_id)
    if account is None:
        return
    organisation = services().settings.organisation
    for channel in ("sms", "mail"):
        tell(
            session,
            account,
            subject=say("outbox.subject", organisation=organisation),
            body=say(sentence, organisation=organisation),
            purpose="account-state",
            random=fresh(32),
            keys=present_keys(),
            act=g.act,
            channel=channel,
        )
    services().ports["send_soon"](session)


def say(sentence: str, /, **params: object) -> str:
    """Return a sentence that leaves the house, in Vietnamese, which whoever receives it reads."""
    return MESSAGES[sentence].vi.format(**params)


def fresh(count: int) -> bytes:
    """Return random bytes, drawn at the edge."""
    return secrets.token_bytes(count)
