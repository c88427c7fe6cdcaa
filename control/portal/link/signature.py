"""How messages to and from the portal are signed: HMAC-SHA256 over a few lines of text. Pure.

Both directions carry the number of the message, a moment and the digest of the body, so that an answer to another
message, an old answer, or a changed body does not pass.
"""

from __future__ import annotations

import hashlib
import hmac

PREFIX = "v1="


def sign_request(key: str, *, method: str, path: str, timestamp: str, message_id: str, body: bytes) -> str:
    """Return the value of `X-Signature` of a request."""
    return _sign(key, "REQUEST", method, path, timestamp, message_id, body)


def sign_response(key: str, *, status: int, timestamp: str, message_id: str, body: bytes) -> str:
    """Return the value of `X-Signature` an answer must have."""
    return _sign(key, "RESPONSE", str(status), timestamp, message_id, body)


def is_same(given: str, expected: str) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _sign(key: str, *lines: str | bytes) -> str:
    *head, body = lines
    digest = hashlib.sha256(body if isinstance(body, bytes) else body.encode()).hexdigest()
    text = "\n".join([*(line for line in head if isinstance(line, str)), digest])
    return PREFIX + hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
