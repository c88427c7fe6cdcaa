"""The simulated service: it shows a code on a phone, waits for a thumb, and signs with the key on the SIM; or lies.

The protocol is our own description (openapi.yaml), shaped after ETSI TS 102 204 and the CSC API: one call asks for a
signature of a hash, a second tells how it stands.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding

from tests.simulators.peer import SignedHandler, SignedPeer, object_in

from .authority import CertificateAuthority, Key
from .page import page

MODES = (
    "normal",  # waits for the thumb
    "slow",  # a byte at a time
    "silent",
    "unavailable",
    "wrong-signature",  # of its answers, not of the phone
    "lying",  # says that everything is signed, about another question
    "other-challenge",  # the phone signed something else
    "other-person",  # somebody else confirmed on another phone
    "other-key",  # the right certificate, a signature by another key
    "revoked",
    "expired",
    "self-signed",  # the same name and number, vouched for by nobody
    "replay",  # the first signature it ever made
    "hasty",  # nobody pressed anything in time
    "garbage",  # what it calls a signature is none
)
ANSWERS = {"confirm": "signed", "refuse": "refused"}
HASH_BYTES = 32
HTML = {"Content-Type": "text/html; charset=utf-8"}


@dataclass(slots=True)
class Subscriber:
    """Somebody whose SIM, or whose account at the provider, holds a key."""

    name: str
    key: Key
    certificate: x509.Certificate
    number: str = ""
    is_blocked: bool = False


@dataclass(slots=True)
class Transaction:
    """One question on one phone."""

    subject: str
    digest: bytes
    code: str
    text: str
    valid_until: datetime
    state: str = "pending"


@dataclass(slots=True)
class State:
    """Who subscribes, what is on their phones, and the first signature ever made, for replays."""

    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    transactions: dict[str, Transaction] = field(default_factory=dict)
    first_signature: bytes = b""


class Handler(SignedHandler):
    server_version = "signing-simulator"

    def on_get(self, path: str) -> None:
        if path == "/control/phones":
            self.say_json(200, self.peer.phones())
        elif path == "/":
            known = [(subject, one.name, one.number) for subject, one in self.peer.state.subscribers.items()]
            self.say(200, page(phones=self.peer.phones(), known=known), HTML)
        else:
            self.say_json(404, {"error": "unknown"})

    def on_post(self, path: str, body: bytes) -> None:
        acts: dict[str, Callable[[dict[str, Any]], None]] = {
            "/control/press": self._press,
            "/control/subscribers": self._subscribe,
            "/v1/signatures": self._take,
            "/v1/signatures/standing": self._tell,
        }
        act = acts.get(path)
        if path == "/press":
            pressed = dict(parse_qsl(body.decode("utf-8", "replace")))
            self.peer.press(pressed.get("subject", ""), pressed.get("answer", ""))
            self.say(303, b"", {"Location": "/"})
        elif act is None:
            self.say_json(404, {"error": "unknown"})
        elif path.startswith("/control/"):
            act(object_in(body))
        elif self.peer.mode == "slow":
            self.drip(every_seconds=1)
        elif not self.is_moody() and self.is_signed(body):
            (self._lie if self.peer.mode == "lying" else act)(object_in(body))

    def _press(self, said: dict[str, Any]) -> None:
        if self.peer.press(str(said.get("subject", "")), str(said.get("answer", ""))):
            self.done()
        else:
            self.say_json(404, {"error": "nothing waits there"})

    def _subscribe(self, said: dict[str, Any]) -> None:
        words = {name: str(said.get(name, "")) for name in ("subject", "name", "number", "organisation")}
        if not words["subject"] or not words["name"]:
            self.say_json(422, {"error": "subject and name"})
            return
        self.peer.subscribe(words["subject"], words["name"], number=words["number"], organisation=words["organisation"])
        self.done()

    def _lie(self, _: dict[str, Any]) -> None:
        self.say_signed(200, {"answers": f"lie-{self.number}", "transaction": "T-0", "state": "signed"})

    def _take(self, said: dict[str, Any]) -> None:
        subject, code = str(said.get("subject", "")), str(said.get("control_code", ""))
        try:
            digest = base64.b64decode(str(said.get("hash", "")), validate=True)
            until = datetime.fromisoformat(str(said.get("valid_until", "")))
        except ValueError:
            digest, until = b"", None
        if len(digest) != HASH_BYTES or until is None or until.tzinfo is None or not code.isdigit():
            self.say_signed(422, {"answers": self.number, "error": "hash, control_code, valid_until"})
            return
        known = self.peer.state.subscribers.get(subject)
        if known is None or known.is_blocked:
            state = "unknown-subscriber" if known is None else "blocked"
            self.say_signed(200, {"answers": self.number, "state": state})
            return
        transaction = secrets.token_hex(8)
        with self.peer.lock:
            self.peer.state.transactions[transaction] = Transaction(
                subject=subject, digest=digest, code=code, text=str(said.get("display", ""))[:200], valid_until=until
            )
        self.say_signed(200, {"answers": self.number, "transaction": transaction, "state": "pending"})

    def _tell(self, said: dict[str, Any]) -> None:
        with self.peer.lock:
            found = self.peer.state.transactions.get(str(said.get("transaction", "")))
            if found is None:
                self.say_signed(404, {"answers": self.number, "error": "unknown transaction"})
                return
            if found.state == "pending" and (self.peer.mode == "hasty" or self.peer.clock() >= found.valid_until):
                found.state = "timed-out"
            told = {"answers": self.number, "transaction": said["transaction"], "state": found.state}
            if found.state == "signed":
                told |= self.peer.signed(found)
        self.say_signed(200, told)


class SigningService(SignedPeer):
    """The service on a port of loopback, with an authority of its own."""

    modes = MODES
    handler = Handler
    make_state = State
    state: State

    def __init__(self, *, key: str, authority: CertificateAuthority | None = None, **more: Any) -> None:
        super().__init__(key=key, **more)
        self.authority = authority or CertificateAuthority(now=self.clock())

    def subscribe(
        self, subject: str, name: str, *, number: str = "", organisation: str = "", key: Key | None = None
    ) -> Subscriber:
        """Give somebody a SIM or an account with a key and a certificate."""
        made = key or ec.generate_private_key(ec.SECP256R1())
        certificate = self.authority.issue(name, key=made, number=number, organisation=organisation)
        one = Subscriber(name=name, key=made, certificate=certificate, number=number)
        self.state.subscribers[subject] = one
        return one

    def press(self, subject: str, answer: str) -> bool:
        """Be the thumb on the phone: whether there was anything to confirm or refuse."""
        waiting = [one for one in self.state.transactions.values() if one.subject == subject and one.state == "pending"]
        if not waiting or answer not in ANSWERS:
            return False
        waiting[-1].state = ANSWERS[answer]
        return True

    def phones(self) -> list[dict[str, str]]:
        """What stands on the phones now: the code to compare and the words beside it."""
        return [
            {"subject": one.subject, "control_code": one.code, "display": one.text}
            for one in self.state.transactions.values()
            if one.state == "pending"
        ]

    def known(self) -> dict[str, Any]:
        return {"phones": self.phones(), "subscribers": sorted(self.state.subscribers)}

    def signed(self, found: Transaction) -> dict[str, str]:
        """The certificate and the signature, as the mood has them."""
        who = self.state.subscribers[found.subject]
        key, certificate, digest = who.key, who.certificate, found.digest
        if self.mode == "other-challenge":
            digest = secrets.token_bytes(HASH_BYTES)
        elif self.mode == "other-person":
            other = next(one for name, one in self.state.subscribers.items() if name != found.subject)
            key, certificate = other.key, other.certificate
        elif self.mode == "other-key":
            key = ec.generate_private_key(ec.SECP256R1())
        elif self.mode == "expired":
            certificate = self.authority.issue(who.name, key=key, number=who.number, days=(-30, -1))
        elif self.mode == "self-signed":
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = self.authority.self_signed(who.name, key=key, number=who.number)
        elif self.mode == "revoked":
            self.authority.revoked.append(certificate.serial_number)
        signature, algorithm = _sign(key, digest)
        self.state.first_signature = self.state.first_signature or signature
        if self.mode == "replay":
            signature = self.state.first_signature
        said = base64.b64encode(signature).decode() if self.mode != "garbage" else "not base64 at all"
        pem = certificate.public_bytes(Encoding.PEM).decode()
        return {"certificate": pem, "signature": said, "algorithm": algorithm}


def _sign(key: Key, digest: bytes) -> tuple[bytes, str]:
    prehashed = utils.Prehashed(hashes.SHA256())
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), prehashed), "RS256"
    return key.sign(digest, ec.ECDSA(prehashed)), "ES256"
