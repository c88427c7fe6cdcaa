"""Privilege: who may use which account, by which signed document, approved by whom, until when."""

from control.privilege.accounts.changing import change_state
from control.privilege.accounts.service import owned_accounts
from control.privilege.grants.service import active_grant, end_due_grants, end_grants_of
from control.privilege.requests.service import expire_due_requests
from control.privilege.seeding import seed_demonstration

__all__ = [
    "active_grant",
    "change_state",
    "end_due_grants",
    "end_grants_of",
    "expire_due_requests",
    "owned_accounts",
    "seed_demonstration",
]
