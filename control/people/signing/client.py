"""The service of a telephone operator (signing SIM) or a provider (remote signing), asked over our signed exchange.

Not for: judging what it hands back (domain.py). Invariant: an answer in any other form than the agreed one is none.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from control.exchange import NotAnswered, Service
from control.people.signing.domain import Answer, Challenge, State
from control.settings import Settings

REFERENCE_CHARACTERS = 100
SIGNATURE_CHARACTERS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningService:
    """One configured service, complete after construction."""

    service: Service

    @classmethod
    def of(cls, settings: Settings, *, way: str) -> SigningService | None:
        """Return the service of a way, None when none is configured."""
        url, key = {
            "signing-sim": (settings.signing_sim_url, settings.signing_sim_key),
            "remote-signing": (settings.remote_signing_url, settings.remote_signing_key),
        }[way]
        return cls(service=Service(url=url, key=key)) if url else None

    def ask(
        self, *, subject: str, challenge: Challenge, display: str, until: datetime, key: str, now: datetime
    ) -> Answer:
        """Have the question shown on the holder's phone. Raises NotAnswered."""
        body = {
            "subject": subject,
            "hash": base64.b64encode(challenge.digest).decode(),
            "control_code": challenge.control_code,
            "display": display,
            "valid_until": until.isoformat(timespec="seconds"),
        }
        answer = _read(self.service.ask("/v1/signatures", message_id=key, body=body, now=now))
        if answer.state is State.PENDING and not answer.reference:
            raise NotAnswered("unreadable")
        return answer

    def standing(self, *, reference: str, key: str, now: datetime) -> Answer:
        """Ask how a question stands. Raises NotAnswered."""
        said = self.service.ask("/v1/signatures/standing", message_id=key, body={"transaction": reference}, now=now)
        answer = _read(said)
        if answer.reference != reference:
            raise NotAnswered("unreadable")
        return answer


def _read(said: Mapping[str, Any]) -> Answer:
    words = {name: said.get(name, "") for name in ("state", "transaction", "certificate", "signature", "algorithm")}
    if not all(isinstance(word, str) for word in words.values()):
        raise NotAnswered("unreadable")
    if len(words["signature"]) > SIGNATURE_CHARACTERS or len(words["transaction"]) > REFERENCE_CHARACTERS:
        raise NotAnswered("unreadable")
    try:
        return Answer(
            state=State(words["state"]),
            reference=words["transaction"],
            certificate=words["certificate"],
            signature=base64.b64decode(words["signature"], validate=True),
            algorithm=words["algorithm"],
        )
    except (ValueError, binascii.Error) as error:
        raise NotAnswered("unreadable") from error
