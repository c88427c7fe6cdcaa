"""Hands one message to the configured mail relay, over a channel that is checked, within a few seconds.

Not for: deciding what to send or trying again (whoever owns the outbox). Invariants: without a certificate that checks,
nothing is said to a relay on another machine; a header holds one line, whatever was typed; what the relay said in
refusing never leaves this module but as a short reason.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

from control.errors import Unavailable
from control.settings import Settings

LIMIT_SECONDS = 10.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PERMANENT = 500  # the relay will say the same tomorrow
ADDRESS_MAXIMUM = 254


class MailNotSent(Unavailable):
    """Raised when the relay did not take a message; `reason` is one word, `is_final` when trying again is no use."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__("mail.not_sent", reason=reason)
        self.reason = reason
        self.is_final = is_final


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one address; `key` makes the Message-ID, so that a message sent twice is seen to be one."""

    to: str
    subject: str
    text: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRelay:
    """The relay of the ministry; complete after construction, connects for each message."""

    url: str
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    limit_seconds: float = LIMIT_SECONDS

    @classmethod
    def of(cls, settings: Settings) -> MailRelay | None:
        """Return the configured relay, None when there is none."""
        if not settings.mail_url:
            return None
        return cls(
            url=settings.mail_url,
            sender=settings.mail_sender,
            user=settings.mail_user,
            password=settings.mail_password,
            ca_file=settings.mail_ca_file,
        )

    def send(self, message: Message, *, now: datetime) -> None:
        """Hand over one message. Raises MailNotSent."""
        if not is_address(message.to):
            raise MailNotSent("address", is_final=True)
        with self._line() as line:
            refused = line.send_message(self._letter(message, now=now))
        if refused:
            raise MailNotSent("recipient", is_final=True)

    def _letter(self, message: Message, *, now: datetime) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self.sender
        letter["To"] = message.to
        letter["Subject"] = " ".join(message.subject.split())
        letter["Date"] = format_datetime(now)
        letter["Message-ID"] = f"<{message.key}@{self.sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text)
        return letter

    @contextmanager
    def _line(self) -> Iterator[smtplib.SMTP]:
        parts = urlsplit(self.url)
        host, is_wrapped = parts.hostname or "", parts.scheme == "smtps"
        port = parts.port or (465 if is_wrapped else 25)
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            with (
                smtplib.SMTP_SSL(host, port, timeout=self.limit_seconds, context=context)
                if is_wrapped
                else smtplib.SMTP(host, port, timeout=self.limit_seconds)
            ) as line:
                line.ehlo()
                if not is_wrapped and (line.has_extn("starttls") or host not in LOOPBACK):
                    line.starttls(context=context)  # an answer stripped on the way ends here, nothing was said yet
                    line.ehlo()
                if self.user:
                    line.login(self.user, self.password)
                yield line
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            raise MailNotSent("recipient", is_final=code >= PERMANENT) from error
        except smtplib.SMTPAuthenticationError as error:
            raise MailNotSent("sign-in") from error
        except smtplib.SMTPResponseException as error:
            raise MailNotSent("refused") from error
        except ssl.SSLError as error:
            raise MailNotSent("certificate") from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailNotSent("unreachable") from error


def is_address(text: str) -> bool:
    """Tell whether a text is one mail address that headers and relays take: no name, no list, no line breaks."""
    if len(text) > ADDRESS_MAXIMUM or not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        address = Address(addr_spec=text)
    except Exception:  # noqa: BLE001  # the parser of the standard library raises IndexError and more on odd input
        return False
    return bool(address.username) and "." in address.domain and not address.domain.startswith("[")
