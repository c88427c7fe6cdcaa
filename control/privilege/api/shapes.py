"""Things of this wing as JSON. Not for: choosing who may see them (routes.py and the services do)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from control.frame.tables import Page
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.grants.service import facts_of
from control.privilege.keys.models import ApiKey
from control.privilege.requests.domain import state_at
from control.privilege.requests.models import PrivilegeRequest
from policies import RULES_ZONE

Shape = dict[str, Any]


def moment(at: datetime | None) -> str | None:
    """Write a moment as every answer does: ISO 8601 with +07:00."""
    return at.astimezone(RULES_ZONE).isoformat() if at else None


def account(row: PrivilegedAccount) -> Shape:
    """One privileged account."""
    return {
        "code": row.code,
        "asset": {"code": row.asset.code, "title": row.asset.title, "kind": row.asset.kind},
        "name": row.name,
        "use": row.use,
        "kind": row.kind,
        "class": row.class_,
        "state": row.state,
        "owner": row.owner.login if row.owner else None,
        "category": row.category,
        "person": row.person.login if row.person else None,
        "last_used_at": moment(row.last_used_at),
    }


def request(row: PrivilegeRequest, *, now: datetime) -> Shape:
    """One request with the decisions on its present version."""
    return {
        "code": row.code,
        "version": row.version,
        "sha256": row.body_sha256,
        "state": state_at(row.state, decide_by=row.decide_by, now=now),
        "account": row.account.code,
        "class": row.class_,
        "holder": row.holder.login,
        "requester": row.requester.login,
        "filed_by": row.filed_by.login,
        "document": row.document.number,
        "purpose": row.purpose,
        "starts_at": moment(row.starts_at),
        "ends_at": moment(row.ends_at),
        "filed_at": moment(row.filed_at),
        "decide_by": moment(row.decide_by),
        "decided_at": moment(row.decided_at),
        "approvals_needed": row.approvals_needed,
        "decisions": [
            {"approver": one.approver.login, "decision": one.decision, "at": moment(one.decided_at)}
            for one in row.approvals
            if one.version == row.version
        ],
    }


def grant(row: PrivilegeGrant, *, now: datetime) -> Shape:
    """One grant with its phase at `now`."""
    facts = facts_of(row)
    return {
        "code": row.code,
        "request": f"YC-{row.request_id:04d}",
        "account": row.account.code,
        "holder": row.person.login,
        "document": row.document.number,
        "phase": str(facts.phase(now)),
        "starts_at": moment(facts.starts_at),
        "ends_at": moment(facts.ends_at),
        "ended_at": moment(row.ended_at),
    }


def key(row: ApiKey, *, state: str) -> Shape:
    """One connection key; its secret is nowhere."""
    return {
        "code": row.code,
        "prefix": row.prefix,
        "system": row.system,
        "holder_unit": row.holder_unit,
        "focal_unit": row.focal_unit,
        "document": row.document.number,
        "scopes": list(row.scopes),
        "ranges": list(row.ranges),
        "quota_per_minute": row.quota_per_minute,
        "starts_at": moment(row.starts_at),
        "expires_at": moment(row.expires_at),
        "state": state,
        "last_used_at": moment(row.last_used_at),
    }


def paged(page: Page[Any], items: list[Shape], *, path: str) -> Shape:
    """One page of a list with the address of the next; `total` is null where it is not counted."""
    following = page.listing.address(path, after=page.older) if page.older else None
    return {"items": items, "total": page.total, "next": following}
