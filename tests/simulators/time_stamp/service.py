"""A time stamping authority with a certificate authority of its own, made by `openssl`, and nine ways to behave."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.simulators.peer import Handler, Peer

MODES = (
    "normal",
    "slow",  # answers after a second
    "silent",  # takes the request and says nothing
    "broken",  # HTTP 500
    "garbage",  # bytes that are no reply
    "replay",  # the reply it gave the first time
    "wrong-hash",  # stamps another hash than it was asked for
    "other-authority",  # signs with a certificate nobody trusts
    "endless",  # never stops sending
)
SECTIONS = """
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[tsa]
extendedKeyUsage = critical, timeStamping
keyUsage = critical, digitalSignature
[stamp]
serial = {folder}/serial
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
signer_digest = sha256
accuracy = secs:1
"""


class _Handler(Handler):
    server_version = "time-stamp-simulator"

    def on_post(self, path: str, body: bytes) -> None:
        if self.peer.mode == "slow":
            self.peer.released.wait(1.0)
        if self.peer.mode == "garbage":
            self._reply(b"\x30\x03\x02\x01\x00")
        elif not self.is_moody():
            with self.peer.lock:
                self._reply(self.peer.reply_to(body))

    def on_get(self, path: str) -> None:
        if path == "/ca.pem":
            self.say(200, self.peer.ca_file.read_bytes(), {"Content-Type": "application/x-pem-file"})
        else:
            super().on_get(path)

    def _reply(self, reply: bytes) -> None:
        self.say(200, reply, {"Content-Type": "application/timestamp-reply"})


class TimeStampAuthority(Peer):
    """The authority: `with TimeStampAuthority(folder) as authority: authority.url`."""

    modes, handler = MODES, _Handler

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.folder, self.first_reply = folder, b""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "openssl.cnf").write_text(SECTIONS.format(folder=folder))
        (folder / "serial").write_text("01\n")
        for name in ("tsa", "other"):
            if not (folder / f"{name}.pem").exists():
                self._make_authority(name)

    @property
    def ca_file(self) -> Path:
        return self.folder / "tsa-ca.pem"

    def reply_to(self, query: bytes) -> bytes:
        """Make a reply as the mode wants it."""
        (self.folder / "query.tsq").write_bytes(query)
        if self.mode == "replay" and self.first_reply:
            return self.first_reply
        if self.mode == "wrong-hash":
            self._openssl("ts", "-query", "-digest", "0" * 64, "-sha256", "-cert", "-out", "query.tsq")
        name = "other" if self.mode == "other-authority" else "tsa"
        words = ("-queryfile", "query.tsq", "-inkey", f"{name}.key", "-signer", f"{name}.pem", "-out", "reply.tsr")
        section = ("-config", "openssl.cnf", "-section", "stamp")
        self._openssl("ts", "-reply", *section, *words)
        reply = (self.folder / "reply.tsr").read_bytes()
        self.first_reply = self.first_reply or reply
        return reply

    def _make_authority(self, name: str) -> None:
        for who, section, issuer in ((f"{name}-ca", "ca", None), (name, "tsa", f"{name}-ca")):
            subject = ("-subj", f"/CN=Simulated {who}", "-keyout", f"{who}.key", "-out", f"{who}.pem")
            by = ("-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key") if issuer else ()
            curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
            self._openssl(
                "req", "-x509", "-config", "openssl.cnf", "-extensions", section, "-days", "9000", *curve, *subject, *by
            )

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)
