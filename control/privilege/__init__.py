"""Privilege: who may use which account, by which signed document, approved by whom, until when."""

from control.privilege.accounts.documented import Undocumented, papers_of, undocumented_accounts
from control.privilege.accounts.listing import is_ownerless, is_undocumented
from control.privilege.accounts.service import owned_accounts
from control.privilege.breakglass.domain import Terms as BreakGlassTerms
from control.privilege.breakglass.domain import mixed_half
from control.privilege.breakglass.opening import close_due_openings
from control.privilege.breakglass.opening import reconcile as reconcile_break_glass
from control.privilege.breakglass.seeding import SEALED as SEEDED_SEAL
from control.privilege.breakglass.seeding import KnownSeal, seed_seal
from control.privilege.breakglass.standing import standing_of as break_glass_state
from control.privilege.documents.withdrawing import carry_out_withdrawals
from control.privilege.grants.ending import (
    end_due_grants,
    end_grants_of,
    start_due_grants,
    suspend_unfit_grants,
)
from control.privilege.grants.service import active_grant
from control.privilege.keys.anomalies import WatchRules as KeyWatchRules
from control.privilege.keys.watching import untold as untold_key_flags
from control.privilege.keys.watching import watch as watch_keys
from control.privilege.lifecycle.seeding import seed_account_requests
from control.privilege.lifecycle.terms import LifecycleTerms
from control.privilege.lifecycle.upkeep import call_out, call_overdue, sweep_accounts, work_due
from control.privilege.personnel.service import notice_changes as notice_personnel
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
from control.privilege.seeding import seed_agreement, seed_demonstration, seed_review
from control.privilege.vault.custody import Custody
from control.privilege.vault.domain import Result as RotationResult
from control.privilege.vault.domain import VaultTerms
from control.privilege.vault.rotations import Settled as SettledRotation
from control.privilege.vault.rotations import prepare as prepare_rotation
from control.privilege.vault.rotations import settle as settle_rotation
from control.privilege.vault.rotations import under_way as rotations_under_way
from control.privilege.vault.rotations import waiting as waiting_rotations
from control.privilege.vault.seeding import seed_vault, vault_waits
from control.privilege.vault.service import close_due as close_due_checkouts
from control.privilege.vault.suspicion import taken_secrets
from control.privilege.vault.upkeep import order_due as order_due_rotations
from control.privilege.vault.upkeep import overdue as overdue_secrets
from control.privilege.vault.upkeep import tell_releases
from control.privilege.vault.upkeep import unknown as unknown_secrets

__all__ = [
    "SEEDED_SEAL",
    "BreakGlassTerms",
    "Custody",
    "KeyWatchRules",
    "KnownSeal",
    "LifecycleTerms",
    "ReviewRules",
    "RotationResult",
    "SettledRotation",
    "Undocumented",
    "VaultTerms",
    "active_grant",
    "break_glass_state",
    "call_out",
    "call_overdue",
    "carry_out_withdrawals",
    "close_due_checkouts",
    "close_due_openings",
    "closed_reviews",
    "end_due_grants",
    "end_grants_of",
    "end_unfit_access",
    "expire_due_requests",
    "is_ownerless",
    "is_undocumented",
    "lapse_overdue_reviews",
    "mixed_half",
    "notice_personnel",
    "open_due_reviews",
    "order_due_rotations",
    "overdue_reviews",
    "overdue_secrets",
    "owned_accounts",
    "papers_of",
    "prepare_rotation",
    "reassign_reviews",
    "reconcile_break_glass",
    "remind_reviewers",
    "rotations_under_way",
    "seed_account_requests",
    "seed_agreement",
    "seed_demonstration",
    "seed_review",
    "seed_seal",
    "seed_vault",
    "settle_rotation",
    "start_due_grants",
    "suspend_unfit_grants",
    "sweep_accounts",
    "taken_secrets",
    "tell_releases",
    "undocumented_accounts",
    "unknown_secrets",
    "untold_key_flags",
    "vault_waits",
    "waiting_rotations",
    "watch_keys",
    "work_due",
]
