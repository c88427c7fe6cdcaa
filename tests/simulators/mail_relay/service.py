"""A small SMTP server (RFC 5321, STARTTLS of RFC 3207, AUTH PLAIN) on loopback; each client has its thread."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

MODES = ("good", "refuse-recipient", "busy", "silent", "no-starttls", "drop")


@dataclass(slots=True)
class MailRelay:
    """One relay; `mode` may be changed while it runs, `letters` holds what it took, newest last; port 0 is any."""

    tls: ssl.SSLContext | None = None
    account: tuple[str, str] | None = None
    mode: str = "good"
    letters: list[EmailMessage] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    port: int = 0
    _server: socket.socket = field(init=False)

    def __enter__(self) -> MailRelay:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)  # wakes who waits for a client
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _address = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        client = _Client(self, line)
        with suppress(OSError, ValueError):
            client.run()
        client.reader.close()
        client.line.close()


class _Client:
    def __init__(self, relay: MailRelay, line: socket.socket) -> None:
        self.relay, self.line = relay, line
        self.reader = line.makefile("rb")
        self.is_known = relay.account is None

    def say(self, text: str) -> None:
        self.line.sendall(text.encode() + b"\r\n")

    def run(self) -> None:
        if self.relay.mode == "silent":
            self.reader.readline()
            return
        self.say("220 mail.example ESMTP")
        while spoken := self.reader.readline():
            verb, _, rest = spoken.decode(errors="replace").strip().partition(" ")
            self.relay.spoken.append(verb.upper())
            if verb.upper() == "QUIT":
                self.say("221 bye")
                break
            getattr(self, f"on_{verb.lower()}", self.on_other)(rest)
        self.line.close()

    def on_ehlo(self, _rest: str) -> None:
        offers = ["mail.example", "SMTPUTF8", "8BITMIME"]
        if self.relay.tls and self.relay.mode != "no-starttls" and not isinstance(self.line, ssl.SSLSocket):
            offers.append("STARTTLS")
        if self.relay.account:
            offers.append("AUTH PLAIN")
        for place, offer in enumerate(offers, start=1):
            self.say(f"250{' ' if place == len(offers) else '-'}{offer}")

    def on_starttls(self, _rest: str) -> None:
        if self.relay.tls is None:
            self.say("454 no TLS")
            return
        self.say("220 go on")
        self.line = self.relay.tls.wrap_socket(self.line, server_side=True)
        self.reader = self.line.makefile("rb")

    def on_auth(self, rest: str) -> None:
        given = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")[1:]
        self.is_known = tuple(given) == self.relay.account
        self.say("235 welcome" if self.is_known else "535 no")

    def on_mail(self, _rest: str) -> None:
        if self.relay.mode == "busy":
            self.say("451 later")
        else:
            self.say("250 ok" if self.is_known else "530 sign in first")

    def on_rcpt(self, _rest: str) -> None:
        self.say("550 nobody here" if self.relay.mode == "refuse-recipient" else "250 ok")

    def on_data(self, _rest: str) -> None:
        self.say("354 go on")
        lines = []
        while (read := self.reader.readline()) not in {b".\r\n", b""}:
            lines.append(read[1:] if read.startswith(b"..") else read)
        if self.relay.mode == "drop":
            raise OSError("gone")
        letter = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.relay.letters.append(letter)
        self.say("250 kept")

    def on_rset(self, _rest: str) -> None:
        self.say("250 ok")

    def on_other(self, _rest: str) -> None:
        self.say("502 not here")
