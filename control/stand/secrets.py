"""The secrets of one data directory: made at random once, kept in one file only the starter can read."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from control.privilege import mixed_half
from control.stand.accounts import write_private

PROCESSES = ("web", "worker", "audit", "signer", "monitor", "owner", "pruner", "keeper", "reader")
TOTP_BYTES = 20  # RFC 4226: the length of the hash


@dataclass(frozen=True, slots=True, kw_only=True)
class StandSecrets:
    """Everything random a stand keeps over restarts; `stand` is its mark, not a secret."""

    stand: str
    factor_key: str = field(repr=False)
    applicant_key: str = field(repr=False)
    subject_key: str = field(repr=False)
    alertmanager_token: str = field(repr=False)
    identity_key: str = field(repr=False)
    population_key: str = field(repr=False)
    portal_key: str = field(repr=False)
    sms_key: str = field(repr=False)
    signing_key: str = field(repr=False)
    applicant_password: str = field(repr=False)
    form_keys: dict[str, str] = field(repr=False)
    totp: dict[str, str] = field(repr=False)
    seal: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, home: Path, *, enrolled: tuple[str, ...]) -> StandSecrets:
        """Read the secrets of the folder, making what is missing; `enrolled` get a TOTP secret each."""
        path = home / "secrets.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        totp, form_keys, seal = (known.get(name, {}) for name in ("totp", "form_keys", "seal"))
        made = cls(
            stand=known.get("stand") or secrets.token_hex(12),
            factor_key=known.get("factor_key") or base64.b64encode(secrets.token_bytes(32)).decode(),
            applicant_key=known.get("applicant_key") or base64.b64encode(secrets.token_bytes(32)).decode(),
            subject_key=known.get("subject_key") or base64.b64encode(secrets.token_bytes(32)).decode(),
            alertmanager_token=known.get("alertmanager_token") or secrets.token_urlsafe(32),
            identity_key=known.get("identity_key") or secrets.token_urlsafe(32),
            population_key=known.get("population_key") or secrets.token_urlsafe(32),
            portal_key=known.get("portal_key") or secrets.token_urlsafe(32),
            sms_key=known.get("sms_key") or secrets.token_urlsafe(32),
            signing_key=known.get("signing_key") or secrets.token_urlsafe(32),
            applicant_password=known.get("applicant_password") or f"ruộng đồng {secrets.token_hex(4)}",
            # Each process has a key of its own: what one of them loses opens nothing at another.
            form_keys={name: form_keys.get(name) or secrets.token_urlsafe(48) for name in PROCESSES},
            totp={login: totp.get(login) or _totp_secret() for login in enrolled},
            # The two paper halves of one sealed account, and its second factor; as it was sealed at the first start.
            seal={
                "first_half": seal.get("first_half") or mixed_half(secrets.token_bytes),
                "second_half": seal.get("second_half") or mixed_half(secrets.token_bytes),
                "totp_secret": seal.get("totp_secret") or _totp_secret(),
            },
        )
        write_private(path, text=json.dumps(asdict(made), indent=1), account=None)
        return made


def _totp_secret() -> str:
    return base64.b32encode(secrets.token_bytes(TOTP_BYTES)).decode()
