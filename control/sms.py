"""The gateway for short messages, and the desks that vouch for a number: subscriber and social insurance.

Not for: deciding what to send or trying again (control/people/outbox). Invariant: a desk that does not answer vouches
for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from control.exchange import NotAnswered, Service
from control.settings import Settings

REFERENCE_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsGateway:
    """The operator's gateway; it also tells whether a subscription is in a person's own name."""

    service: Service

    @classmethod
    def of(cls, settings: Settings) -> SmsGateway | None:
        """Return the configured gateway, None when there is none."""
        return cls(service=Service(url=settings.sms_url, key=settings.sms_key)) if settings.sms_url else None

    def send(self, *, to: str, text: str, key: str, now: datetime) -> str:
        """Hand over one message and return the gateway's reference. Raises NotAnswered."""
        said = self.service.ask("/v1/messages", message_id=key, body={"to": to, "text": text}, now=now)
        reference = said.get("reference")
        if not isinstance(reference, str) or not reference:
            raise NotAnswered("unreadable")
        return reference[:REFERENCE_CHARACTERS]

    def is_subscriber(self, *, phone: str, identity_number: str, key: str, now: datetime) -> bool:
        """Tell whether the subscription is in the name of whoever has the number (S4-9.2.a). Raises NotAnswered."""
        body = {"phone": phone, "identity_number": identity_number}
        return self.service.ask("/v1/subscribers/check", message_id=key, body=body, now=now).get("match") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class InsuranceDesk:
    """The desk of social insurance, which tells whether a number belongs to somebody (S4-9.2.b)."""

    service: Service

    @classmethod
    def of(cls, settings: Settings) -> InsuranceDesk | None:
        """Return the configured desk, None when there is none."""
        if not settings.insurance_url:
            return None
        return cls(service=Service(url=settings.insurance_url, key=settings.insurance_key))

    def is_insured(self, *, insurance_number: str, identity_number: str, key: str, now: datetime) -> bool:
        """Tell whether both numbers belong to one person. Raises NotAnswered."""
        body = {"insurance_number": insurance_number, "identity_number": identity_number}
        return self.service.ask("/v1/insurance/check", message_id=key, body=body, now=now).get("match") is True
