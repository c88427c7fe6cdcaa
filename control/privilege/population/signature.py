"""How messages to and from the population database are signed: HMAC-SHA256 over a few lines of text. Pure.

The real interface is not public; this follows our own description (tests/simulators/population/openapi.yaml). Both
directions carry the correlation id, a moment and the digest of the body: an answer to another question, an old answer
or a changed body does not pass.
"""

from __future__ import annotations

import hashlib
import hmac

NAME, PREFIX = "POPULATION-1", "v1="


def sign_request(key: str, *, path: str, timestamp: str, correlation_id: str, body: bytes) -> str:
    """Return the value of `X-Signature` of a request, which is always a POST."""
    return _sign(key, NAME, "REQUEST", "POST", path, timestamp, correlation_id, body=body)


def sign_response(key: str, *, status: int, timestamp: str, correlation_id: str, body: bytes) -> str:
    """Return the value of `X-Signature` an answer must have."""
    return _sign(key, NAME, "RESPONSE", str(status), timestamp, correlation_id, body=body)


def is_same(given: str, expected: str) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _sign(key: str, *lines: str, body: bytes) -> str:
    text = "\n".join([*lines, hashlib.sha256(body).hexdigest()])
    return PREFIX + hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
