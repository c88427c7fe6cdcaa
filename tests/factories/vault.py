"""A vault for tests: a real custodian behind a real socket, secrets that say that they are invented."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from audit.door import open_door
from control.acts import Act
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.vault import service
from control.privilege.vault.custodian import Custodian, Visitors
from control.privilege.vault.custody import KEY_FILE, SOCKET_NAME, Custody
from control.privilege.vault.domain import Method, VaultTerms
from control.privilege.vault.keyring import Keyring
from control.privilege.vault.models import SecretVersion
from control.privilege.vault.service import Target
from tests.factories.privilege import law

EVERYBODY = frozenset({os.geteuid()})
NOBODY: frozenset[int] = frozenset()
INVENTED = "mat-khau-bia-ra-1"
BY_HAND = Target(method=Method.MANUAL)


def vault_terms() -> VaultTerms:
    """The terms the product runs under."""
    return VaultTerms.of(law())


@contextmanager
def open_vault(
    folder: Path,
    *,
    engine: Engine,
    clock: Callable[[], datetime],
    web: frozenset[int] = EVERYBODY,
    worker: frozenset[int] = EVERYBODY,
    admin: frozenset[int] = EVERYBODY,
) -> Iterator[Custody]:
    """Run the signer's side in a thread, with the database role of the signer, and give the way to ask it."""
    custodian = Custodian(
        engine=engine,
        keyring=Keyring.load_or_make(folder / KEY_FILE),
        visitors=Visitors(web=web, worker=worker, admin=admin),
        clock=clock,
    )
    path, stop = folder / SOCKET_NAME, threading.Event()
    welcome = custodian.visitors.all | EVERYBODY
    thread = threading.Thread(
        target=open_door, args=(custodian.answer,), kwargs={"path": path, "welcome": welcome, "stop": stop}
    )
    thread.start()
    while not path.exists():
        stop.wait(0.01)
    try:
        yield Custody(path)
    finally:
        stop.set()
        thread.join()


def deposited(
    session: Session,
    account: PrivilegedAccount,
    *,
    custody: Custody,
    act: Act,
    document_id: int,
    secret: str = INVENTED,
    target: Target = BY_HAND,
) -> SecretVersion:
    """Put a secret into the vault as its owner would."""
    sealed = service.seal_new(session, account, secret=secret, custody=custody)
    found = service.deposit(session, code=account.code, sealed=sealed, target=target, document_id=document_id, act=act)
    assert isinstance(found, SecretVersion), found
    return found
