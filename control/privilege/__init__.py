"""Privilege: who may use which account, by which signed document, approved by whom, until when."""

from control.privilege.accounts.changing import change_state
from control.privilege.accounts.service import owned_accounts
from control.privilege.documents.withdrawing import carry_out_withdrawals
from control.privilege.grants.ending import (
    end_due_grants,
    end_grants_of,
    end_grants_on,
    start_due_grants,
    suspend_grants_of,
    suspend_unfit_grants,
)
from control.privilege.grants.service import active_grant
from control.privilege.population.service import end_unfit_access
from control.privilege.requests.service import expire_due_requests
from control.privilege.reviews.domain import Rules as ReviewRules
from control.privilege.reviews.passes import (
    closed_reviews,
    lapse_overdue_reviews,
    overdue_reviews,
    reassign_reviews,
    remind_reviewers,
)
from control.privilege.reviews.service import open_due_reviews
from control.privilege.seeding import seed_demonstration, seed_review

__all__ = [
    "ReviewRules",
    "active_grant",
    "carry_out_withdrawals",
    "change_state",
    "closed_reviews",
    "end_due_grants",
    "end_grants_of",
    "end_grants_on",
    "end_unfit_access",
    "expire_due_requests",
    "lapse_overdue_reviews",
    "open_due_reviews",
    "overdue_reviews",
    "owned_accounts",
    "reassign_reviews",
    "remind_reviewers",
    "seed_demonstration",
    "seed_review",
    "start_due_grants",
    "suspend_grants_of",
    "suspend_unfit_grants",
]
