"""What this wing's routes, commands and ports take from the running application, in one place.

Not for: rules. Invariant: below this module nothing reads settings.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from flask import g, request
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session

from control.acts import Act, Actor
from control.frame import Part, PartState
from control.people.directory.client import Directory, Readers
from control.people.directory.models import PERSON_KINDS, DirectoryContact
from control.people.factors.webauthn import RelyingParty
from control.people.local.service import owes_new_password
from control.people.rules import factor_rules, local_rules, number_of, session_rules, sign_in_rules
from control.people.sessions.service import came_by_identity, resume_session
from control.people.signin.service import Rules
from control.people.ways import way_closed_by_rule, ways_for
from control.services import services
from control.settings import Settings
from policies import RULES_ZONE, Overlay, Policies

ASKED_LATELY = timedelta(minutes=10)
ANSWER_MARGIN_SECONDS = 1.0  # a page has to be drawn too before the whole time-out is over


def directory_of(settings: Settings, *, policies: Policies, readers: Readers | None = None) -> Directory:
    """Return the directory that the settings name; with `readers`, its reading connections outlive a question."""
    return Directory(
        url=settings.ldap_url,
        ca_file=settings.ldap_ca_file,
        bind_dn=settings.ldap_bind_dn,
        bind_password=settings.ldap_bind_password,
        people_base=settings.ldap_people_base,
        groups_base=settings.ldap_groups_base,
        limit_seconds=float(policies.parameter("directory_timeout_seconds").value) - ANSWER_MARGIN_SECONDS,
        readers=readers,
    )


def rules_of(settings: Settings, *, policies: Policies, now: datetime) -> Rules:
    """Return everything policies say about signing in on the day of `now`."""
    on = now.astimezone(RULES_ZONE).date()
    days = number_of(policies, "known_device_days", profile=settings.profile, on=on)
    hours = number_of(policies, "key_first_directory_hours", profile=settings.profile, on=on)
    return Rules(
        sign_in=sign_in_rules(policies, settings=settings, on=on),
        factor=factor_rules(policies, settings=settings, on=on),
        session=session_rules(policies, settings=settings, on=on),
        roles=policies.roles,
        device_life=timedelta(days=days),
        directory_age=timedelta(hours=hours),
        local=local_rules(policies, settings=settings, on=on),
        ways={kind: ways_for(policies, kind=kind, settings=settings, on=on) for kind in PERSON_KINDS},
    )


def present_directory() -> Directory:
    """Return the directory of the application that answers the present request."""
    held = services()
    return directory_of(held.settings, policies=held.policies, readers=held.ports["directory_readers"])


def present_closed_rule() -> Overlay | None:
    """Return the national rule that closed the passwords of citizens today; pages say so to everybody alike."""
    held = services()
    on = g.now.astimezone(RULES_ZONE).date()
    return way_closed_by_rule(held.policies, kind="citizen", settings=held.settings, on=on)


def present_number(name: str) -> int:
    """Return one whole number of the law as it stands at the present request."""
    held = services()
    on = g.now.astimezone(RULES_ZONE).date()
    return number_of(held.policies, name, profile=held.settings.profile, on=on)


def present_vouched(session: Session) -> bool:
    """Whether an identity provider has vouched for an applicant so lately that no password is asked for besides."""
    within = timedelta(minutes=present_number("step_up_max_age_minutes"))
    return bool(g.actor.is_applicant and came_by_identity(session, within=within, act=g.act))


def relying_party() -> RelyingParty:
    """Return who security keys answer to: the address people type."""
    return RelyingParty.of(services().settings.base_url)


def present_rules() -> Rules:
    """Return the rules as they stand at the present request: with the second clock, and who looks at new sessions."""
    known: Rules | None = g.get("people_rules")
    if known is None:
        held = services()
        known = rules_of(held.settings, policies=held.policies, now=g.now)
        watch = held.ports.get("session_watch")
        if watch is not None:
            seen = partial(watch, law=held.policies, alarm=held.ports["alarm"])
            known = replace(known, session=replace(known.session, watch=seen, alarm=held.ports["alarm"]))
        known = replace(known, factor=replace(known.factor, second_clock=held.ports["second_clock"]))
        g.people_rules = known
    return known


def resume(session: Session, *, token: str, now: datetime, act: Act) -> Actor | None:
    """Answer the port `session_resume`; a fragment that refreshes itself does not keep a session alive (D9)."""
    refreshes_itself = request.method == "GET" and request.headers.get("HX-Request") == "true"
    actor = resume_session(
        session, token=token, now=now, act=act, roles=services().policies.roles, is_activity=not refreshes_itself
    )
    if actor is None or actor.kind == "staff":
        return actor
    held = services()
    rules = local_rules(held.policies, settings=held.settings, on=now.astimezone(RULES_ZONE).date())
    return replace(actor, owes_password=owes_new_password(session, person_id=actor.id, rules=rules, now=now))


def directory_part(session: Session, now: datetime) -> Part | None:
    """Answer the port `degraded:directory` from what the last questions found; None before the first."""
    contact = session.get(DirectoryContact, 1)
    if contact is None:
        return None
    if contact.failing_since is None:
        return Part(name=lazy_gettext("Directory"), state=PartState.GOOD, is_public=True)
    is_fresh = contact.last_failure_at is not None and now - contact.last_failure_at < ASKED_LATELY
    return Part(
        name=lazy_gettext("Directory"),
        state=PartState.BAD if is_fresh else PartState.BLIND,
        since=contact.failing_since,
        meaning=lazy_gettext("nobody can sign in by password; keys and open sessions go on")
        if is_fresh
        else lazy_gettext("it did not answer when it was last asked"),
        is_public=True,
    )
