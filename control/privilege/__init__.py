"""Privilege: who may use which account, by which signed document, approved by whom, until when."""

from control.privilege.grants.service import active_grant, end_due_grants
from control.privilege.requests.service import expire_due_requests
from control.privilege.seeding import seed_demonstration

__all__ = ["active_grant", "end_due_grants", "expire_due_requests", "seed_demonstration"]
