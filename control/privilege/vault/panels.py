"""The panel on an account's page: is its secret in the vault, who has it, when was it changed."""

from __future__ import annotations

from datetime import datetime

from flask_babel import gettext
from sqlalchemy.orm import Session

from control.acts import Actor
from control.permissions import Permission
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.accounts.panels import Panel
from control.privilege.vault.domain import KEPT_KINDS, VaultTerms
from control.privilege.vault.listing import history_of
from control.services import services


def account_panel(session: Session, *, account: PrivilegedAccount, viewer: Actor, now: datetime) -> Panel | None:
    """Return the panel for whoever may read the vault or answers for the account; none for kinds it does not keep."""
    if account.kind not in KEPT_KINDS:
        return None
    if Permission.PRIVILEGE_VAULT_READ not in viewer.permissions and account.owner_id != viewer.id:
        return None
    history = history_of(session, account)
    current = history.current
    due_at = VaultTerms.of(services().policies).due_at(current.created_at) if current else None
    return Panel(
        key="secret",
        title=gettext("Secret"),
        template="vault/panel.html",
        values={"history": history, "due_at": due_at, "is_overdue": due_at is not None and now >= due_at},
        is_aside=True,
    )
