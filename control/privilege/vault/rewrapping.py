"""Move every data key under the newest key-encryption key, after which the former one can be forgotten.

Not for: opening anything: the signer hands out wrapped keys only. Safe to run again after it was cut short.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control.actions import Action
from control.acts import Act
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.vault.custody import Custody
from control.privilege.vault.keyring import Wrapped
from control.privilege.vault.models import SecretVersion


def count_wrapped(session: Session) -> int:
    """Return how many data keys there are."""
    return session.scalar(select(func.count()).where(SecretVersion.kek.is_not(None))) or 0


def rewrap_all(session: Session, *, custody: Custody, act: Act) -> int:
    """Wrap what an older key wraps by the newest one; return how many. Raises Unavailable, CustodyRefused."""
    newest = custody.keys()[-1]
    rows = session.execute(
        select(SecretVersion, PrivilegedAccount.code)
        .join(PrivilegedAccount, PrivilegedAccount.id == SecretVersion.account_id)
        .where(SecretVersion.kek.is_not(None), SecretVersion.kek != newest)
        .order_by(SecretVersion.id)
        .with_for_update(of=SecretVersion)
    ).all()
    for version, code in rows:
        given = Wrapped(kek=version.kek or "", content=version.wrapped_key or b"")
        wrapped = custody.rewrap(given, account=code, number=version.number)
        version.wrapped_key, version.kek = wrapped.content, wrapped.kek
    session.flush()
    act.record(session, Action.PRIVILEGE_VAULT_REWRAP, details={"kek": newest, "versions": len(rows)})
    return len(rows)
