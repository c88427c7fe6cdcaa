"""What a person confirms with a second factor before a request is filed, amended or decided.

Not for: deciding. Invariant: a matter binds the digest of the request itself, so that the proof is for this request and
for no other; where a rule would refuse anyway there is no matter, and nobody is asked for a proof in vain.
"""

from __future__ import annotations

from datetime import datetime

from flask import url_for
from flask_babel import gettext
from sqlalchemy.orm import Session

from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.frame.formats import short_moment
from control.frame.i18n import language
from control.people.stepup import Matter
from control.privilege.documents.domain import NewDocument
from control.privilege.requests import domain, service
from control.privilege.requests.checking import Checked, check
from control.privilege.requests.domain import Decider, Terms, Verdict
from control.privilege.requests.forms import Draft
from control.privilege.requests.models import PrivilegeRequest


def filing(session: Session, *, draft: Draft, act: Act, terms: Terms) -> Matter | None:
    """Return what filing this draft means; None while it has faults."""
    found = check(session, draft=draft, act=act, terms=terms, filed_by_id=act.actor.id)
    if found.faults:
        return None
    return Matter(
        action=Action.PRIVILEGE_REQUEST_FILE,
        binds=_wish_binds(found, filed_by_id=act.actor.id),
        lines=_wish_lines(found, now=act.now),
        title=gettext("File a request"),
        back=url_for("privilege_requests.new"),
    )


def amending(session: Session, *, row: PrivilegeRequest, draft: Draft, act: Act, terms: Terms) -> Matter | None:
    """Return what amending the request means; None while the draft has faults or a rule refuses."""
    if isinstance(domain.may_amend(service.facts_of(row), actor_id=act.actor.id, now=act.now), Deny):
        return None
    found = check(session, draft=draft, act=act, terms=terms, filed_by_id=row.filed_by_id)
    if found.faults:
        return None
    binds = _wish_binds(found, filed_by_id=row.filed_by_id)
    return Matter(
        action=Action.PRIVILEGE_REQUEST_AMEND,
        binds={**binds, "request": row.code, "version": str(row.version + 1)},
        lines=((gettext("Request"), row.code), *_wish_lines(found, now=act.now)),
        title=gettext("Amend %(code)s", code=row.code),
        back=url_for("privilege_requests.edit", code=row.code),
        about=service.about(row),
    )


def deciding(row: PrivilegeRequest, *, choice: service.Choice, decider: Decider, now: datetime) -> Matter | None:
    """Return what this decision means; None when a rule refuses it."""
    if isinstance(domain.may_decide(service.facts_of(row), decider, now=now, verdict=choice.verdict), Deny):
        return None
    is_approval = choice.verdict is Verdict.APPROVE
    lines = [
        (gettext("Request"), f"{row.code}, {gettext('version %(version)s', version=choice.read_version)}"),
        (gettext("Account"), row.account.code),
        (gettext("Holder"), f"{row.holder.display_name} ({row.holder.login})"),
        (gettext("Time window"), _window(row.starts_at, row.ends_at, now=now)),
        (gettext("Authorising document"), row.document.number),
        (gettext("SHA-256 of the request"), choice.read_sha256),
    ]
    if choice.reason:
        lines.append((gettext("Reason"), choice.reason))
    return Matter(
        action=service.ACTION_OF[choice.verdict],
        binds={
            "request": row.code,
            "version": str(choice.read_version),
            "sha256": choice.read_sha256,
            "verdict": choice.verdict.value,
            "reason": choice.reason,
        },
        lines=tuple(lines),
        title=gettext("Approve %(code)s", code=row.code) if is_approval else gettext("Reject %(code)s", code=row.code),
        back=url_for("privilege_requests.decision", code=row.code),
        about=service.about(row),
    )


def _wish_binds(found: Checked, *, filed_by_id: int) -> dict[str, str]:
    binds = {"sha256": found.wish(filed_by_id=filed_by_id).digest}
    document = found.document
    if isinstance(document, NewDocument):
        binds |= {
            "document": document.number,
            "signed_on": document.signed_on.isoformat(),
            "signer": document.signer,
            "issuing_unit": document.issuing_unit,
            "subject": document.subject,
            "valid": f"{document.valid_from.isoformat()}/{document.valid_to.isoformat()}",
        }
    return binds


def _wish_lines(found: Checked, *, now: datetime) -> tuple[tuple[str, str], ...]:
    draft = found.draft
    if not (found.account and found.holder and found.document and draft.starts_at and draft.ends_at):
        raise ValueError("a draft without faults names all of these")
    return (
        (gettext("Account"), found.account.code),
        (gettext("Holder"), f"{found.holder.display_name} ({found.holder.login})"),
        (gettext("Time window"), _window(draft.starts_at, draft.ends_at, now=now)),
        (gettext("Authorising document"), found.document.number),
        (gettext("Purpose"), draft.purpose),
    )


def _window(starts_at: datetime, ends_at: datetime, *, now: datetime) -> str:
    first, last = (short_moment(at, now=now, language=language()) for at in (starts_at, ends_at))
    return f"{first} – {last}"
