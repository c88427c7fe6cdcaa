"""The witness of a demonstration: its key and the log's are made beforehand, so that each can be told the other's.

In production nobody makes both: the officers make theirs on their own host and the two exchange what is public.
"""

from __future__ import annotations

import os
from pathlib import Path

from audit.notes import COSIGNATURE, ED25519, SigningKey
from control.stand.accounts import Account, account_for, folder, write_private
from control.stand.ports import LOOPBACK

LOG, WITNESS = "vonglau/audit", "vonglau.demo/witness"
PINNED = "VONGLAU_WITNESS_LOGS"
SEED_BYTES = 32


def prepare(home: Path, *, port: int) -> str:
    """Make what is missing of both keys, write DIR/env/witness.env, and return the witness's public key.

    The log's key that is pinned stays the first one: the witness follows a change of keys by itself.
    """
    signer, account = account_for("signer"), account_for("witness")
    log = _key(folder(home / "state" / "signer", account=signer, mode=0o711) / "log.key", LOG, ED25519, signer)
    state = folder(home / "state" / "witness", account=account, mode=0o700)
    own = _key(state / "witness.key", WITNESS, COSIGNATURE, account)
    file = home / "env" / "witness.env"
    settings = {
        "VONGLAU_STATE_DIR": str(state),
        "VONGLAU_WITNESS_NAME": WITNESS,
        "VONGLAU_WITNESS_LISTEN": f"{LOOPBACK}:{port}",
        PINNED: _pinned(file) or str(log.verifier()),
    }
    write_private(file, text="".join(f"{name}={value}\n" for name, value in settings.items()), account=account)
    return str(own.verifier())


def _key(path: Path, name: str, algorithm: bytes, account: Account | None) -> SigningKey:
    if not path.exists():
        made = SigningKey(name=name, seed=os.urandom(SEED_BYTES), algorithm=algorithm)
        write_private(path, text=made.private_text(), account=account)
    return SigningKey.parse(path.read_text(encoding="utf-8"))


def _pinned(file: Path) -> str:
    if not file.exists():
        return ""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{PINNED}=")), "")
