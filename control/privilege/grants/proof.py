"""What the database keeps true of a grant, read back from its rows: shown beside the grant, sentence by sentence.

Not for: enforcing (constraints do). Invariant: each sentence is computed from what is stored, never assumed.
"""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext

from control.privilege.documents.domain import is_in_force
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.service import facts_of
from policies import RULES_ZONE


def proof_of(grant: PrivilegeGrant) -> list[dict[str, str]]:
    """Return the promises with what the rows say; the grant comes with its request and approvals."""
    facts, request = facts_of(grant), grant.request
    agreed = [approval for approval in request.approvals if approval.decision == "approve"]
    first = facts.starts_at.astimezone(RULES_ZONE).date()
    last = (facts.ends_at.astimezone(RULES_ZONE) - timedelta(microseconds=1)).date()
    parties = {request.requester_id, request.filed_by_id, request.holder_id}
    document = grant.document
    found = [
        (
            all(
                is_in_force(document.valid_from, document.valid_to, on=day, withdrawn_from=document.withdrawn_from)
                for day in (first, last)
            ),
            gettext("the document is in force on every day of the grant"),
        ),
        (
            not parties & {approval.approver_id for approval in agreed},
            gettext("no approver asked for it, filed it or holds it"),
        ),
        (
            len(agreed) >= request.approvals_needed,
            gettext("%(agreed)s of %(needed)s approvals", agreed=len(agreed), needed=request.approvals_needed),
        ),
        (
            {(approval.version, approval.body_sha256) for approval in agreed}
            == {(request.version, request.body_sha256)},
            gettext("approved is the digest of the version that stands"),
        ),
    ]
    if request.class_ == "high":
        is_secured = any(approval.for_security for approval in agreed)
        found.append((is_secured, gettext("class high: one approver is of the security unit")))
    return [
        {"kind": "ok" if good else "bad", "icon": "ok" if good else "bad", "text": str(text)} for good, text in found
    ]
