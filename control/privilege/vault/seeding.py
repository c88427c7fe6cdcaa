"""The one demonstration secret: of a real role on the demonstration's own server, changed by the real playbook.

Not for: production. Safe to run again: a secret that is kept stays as the vault has it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from control.acts import Act, Actor
from control.decisions import Deny
from control.errors import NotAllowed
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.documents.domain import NewDocument
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.documents.service import file_document
from control.privilege.vault.custody import Custody
from control.privilege.vault.domain import Method
from control.privilege.vault.models import SecretCustody, SecretVersion
from control.privilege.vault.service import Target, deposit, seal_new
from policies import RULES_ZONE

ACCOUNT = "csdl-01.bao-cao"
NUMBER = "KBM-01/QĐ-BMH"
DAYS = 365
PDF = b"%PDF-1.7\n% invented for the demonstration\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


def vault_waits(session: Session) -> str | None:
    """Return the login of the demonstration's shared role while the vault does not keep its secret yet."""
    account = _account(session)
    if account is None or account.owner is None or session.get(SecretCustody, account.id) is not None:
        return None
    return account.name


def seed_vault(
    session: Session, act: Act, *, host: str, port: int, database: str, secret: str, custody: Custody
) -> bool:
    """Deposit the secret in the name of whoever answers for the account; the worker changes it right after.

    Raises Unavailable when the signer does not answer.
    """
    account = _account(session)
    if account is None or account.owner is None:
        return False
    owner = act.as_actor(Actor(id=account.owner.id, login=account.owner.login, name=account.owner.display_name))
    sealed = seal_new(session, account, secret=secret, custody=custody)
    target = Target(method=Method.POSTGRESQL, host=host, port=port, database=database)
    document_id = _document(session, owner)
    found = deposit(session, code=ACCOUNT, sealed=sealed, target=target, document_id=document_id, act=owner)
    return isinstance(found, SecretVersion)


def _account(session: Session) -> PrivilegedAccount | None:
    return session.scalar(
        select(PrivilegedAccount)
        .options(joinedload(PrivilegedAccount.asset), joinedload(PrivilegedAccount.owner))
        .where(PrivilegedAccount.code == ACCOUNT)
    )


def _document(session: Session, act: Act) -> int:
    known = session.scalar(
        select(AuthorisingDocument.id)
        .where(
            AuthorisingDocument.number == NUMBER, AuthorisingDocument.valid_to >= act.now.astimezone(RULES_ZONE).date()
        )
        .limit(1)
    )
    if known is not None:
        return known
    today = act.now.astimezone(RULES_ZONE).date()
    new = NewDocument(
        number=NUMBER,
        signed_on=today,
        signer="Lê Ví Dụ",
        issuing_unit="Bộ Minh hoạ",
        subject="Giao kho bí mật giữ mật khẩu tài khoản báo cáo",
        valid_from=today,
        valid_to=today + timedelta(days=DAYS),
        file=PDF,
    )
    filed = file_document(session, new=new, act=act)
    if isinstance(filed, Deny):
        raise NotAllowed(filed)
    return filed.id
