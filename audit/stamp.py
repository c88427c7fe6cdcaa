"""Have a checkpoint's note time-stamped by an authority outside (RFC 3161), and believe it only after OpenSSL does.

Requests and checks are made by the `openssl` program: it is on every host that signs or verifies, and it accepts
tokens whose certificates do not stand in DER order, which stricter readers refuse. The token is kept as it came.
"""

import http.client
import re
import shutil
import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

MOST_BYTES = 256 * 1024
PATIENCE_SECONDS = 10.0
TOLERANCE = timedelta(minutes=5)
QUERY_TYPE, REPLY_TYPE = "application/timestamp-query", "application/timestamp-reply"
_TIME = re.compile(r"^Time stamp: (\w{3} +\d+ \d\d:\d\d:\d\d(?:\.\d+)? \d{4}) GMT$", re.MULTILINE)


class StampError(Exception):
    """No time stamp that holds: the authority is away, refuses, or answers something else than it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A reply of the authority as it came, and the time it states."""

    token: bytes
    asserted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamper:
    """One authority: its address, and the certificates from which its signature must descend."""

    url: str
    ca_file: Path
    timeout_seconds: float = PATIENCE_SECONDS

    @property
    def certificates(self) -> bytes:
        """The certificates a reader needs to check the tokens. Raises OSError."""
        return self.ca_file.read_bytes()

    def stamp(self, note: bytes, *, now: datetime) -> Stamp:
        """Return a token over SHA-256 of the note, checked: hash, nonce, signature, chain, time. Raises StampError."""
        with tempfile.TemporaryDirectory(prefix="vonglau-stamp-") as name:
            query, reply = Path(name) / "query.tsq", Path(name) / "reply.tsr"
            digest = sha256(note).hexdigest()
            _openssl("-query", "-digest", digest, "-sha256", "-cert", "-out", str(query))
            reply.write_bytes(self._ask(query.read_bytes()))
            _openssl("-verify", "-queryfile", str(query), "-in", str(reply), "-CAfile", str(self.ca_file))
            asserted_at = stated_time(reply)
            if abs(asserted_at - now) > TOLERANCE:
                raise StampError(f"the authority states {asserted_at.isoformat()}, far from our clock")
            return Stamp(token=reply.read_bytes(), asserted_at=asserted_at)

    def _ask(self, query: bytes) -> bytes:
        parts = urlsplit(self.url)
        connection = (
            http.client.HTTPSConnection(
                parts.netloc, timeout=self.timeout_seconds, context=ssl.create_default_context()
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=self.timeout_seconds)
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", path, body=query, headers={"Content-Type": QUERY_TYPE, "Accept": REPLY_TYPE})
            answer = connection.getresponse()
            content = answer.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise StampError(f"the authority does not answer: {error.__class__.__name__}") from error
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK or len(content) > MOST_BYTES:
            raise StampError(f"the authority answered {answer.status} with {len(content)} bytes")
        return content


def holds(token: bytes, note: bytes, *, ca_file: Path) -> bool:
    """Tell whether a kept token is over this note and descends from these certificates."""
    with tempfile.TemporaryDirectory(prefix="vonglau-stamp-") as name:
        reply = Path(name) / "reply.tsr"
        reply.write_bytes(token)
        digest = sha256(note).hexdigest()
        try:
            _openssl("-verify", "-digest", digest, "-in", str(reply), "-CAfile", str(ca_file))
        except StampError:
            return False
        return True


def stated_time(reply: Path) -> datetime:
    """Return the time a reply states. Raises StampError."""
    found = _TIME.search(_openssl("-reply", "-in", str(reply), "-text"))
    if found is None:
        raise StampError("the authority states no time")
    text = re.sub(r"\.\d+", "", found[1])
    return datetime.strptime(text, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)


def _openssl(*words: str) -> str:
    program = shutil.which("openssl")
    if program is None:
        raise StampError("the program openssl is missing")
    try:
        done = subprocess.run(
            [program, "ts", *words],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=PATIENCE_SECONDS,
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise StampError("openssl did not come to an end") from error
    if done.returncode:
        why = next((line for line in done.stderr.splitlines() if "error" in line.lower()), "it does not hold")
        raise StampError(f"openssl ts {words[0]}: {why.strip()[:200]}")
    return done.stdout
