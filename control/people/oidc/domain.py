"""What an identity provider asserts, and whether it may be believed; pure rules over bytes and clocks given.

Invariants: the algorithms are ours whatever the provider's description says; a key is only ever one that the provider
publishes under the id the token names; every claim that matters is checked, and a missing one is a wrong one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authlib.oidc.core import CodeIDToken
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from control.levels import Level
from control.people.boxes import token_of

ALGORITHMS = ("RS256", "ES256")
HEADER_NAMES = frozenset({"alg", "kid", "typ", "cty"})  # jwk, jku, x5u, x5c and crit would let the token choose its key
KID_FORM = re.compile(r"[ -~]{1,255}")
LEAST_RSA_BITS = 2048
TOKEN_CHARACTERS = 16_384
SUBJECT_CHARACTERS = 255
LONGEST_LIFE = timedelta(hours=24)
OLDEST = timedelta(minutes=10)
SCOPE = "openid profile"


class AssertionRefused(Exception):
    """Raised when a provider's answer proves nothing; `code` is a key of the messages, for the trail only."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One identity provider as settings name it."""

    key: str  # e-id | central, the way it opens
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    ca_file: Path | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port: every address of the provider must be there."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    def owns(self, url: object) -> bool:
        """Tell whether an address the provider names is its own."""
        if not isinstance(url, str):
            return False
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}" == self.origin and not parts.fragment


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRules:
    """The numbers and words of single sign-on; each is a parameter of policies/operator.yaml with its citation."""

    acr_levels: Mapping[str, Level]
    staff_second_proof: Level | None
    number_claim: str
    number_links: bool
    life: timedelta
    timeout_seconds: float
    leeway: timedelta
    keys_age: timedelta
    digest_key: bytes = field(repr=False)
    account_key: bytes = field(repr=False, default=b"")  # of the tokens that accounts of applicants are found by

    def level_of(self, acr: object) -> Level:
        """Return what an asserted level is worth; one that no agreement names is worth the least."""
        return self.acr_levels.get(acr, Level.LOW) if isinstance(acr, str) else Level.LOW

    def number_digest(self, number: object) -> bytes | None:
        """Return what a verified personal number is compared by; the number itself is kept nowhere."""
        if not isinstance(number, str) or not re.fullmatch(r"[0-9]{9,12}", number):
            return None
        return hmac.digest(self.digest_key, b"personal number\0" + number.encode(), hashlib.sha256)

    def account_token(self, number: object) -> bytes | None:
        """Return what an applicant's account of a verified number is found by, None where there are no accounts."""
        if not self.account_key or not isinstance(number, str) or not re.fullmatch(r"[0-9]{12}", number):
            return None
        return token_of(number, use="number", key=self.account_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a provider proved: who somebody is there, and how surely."""

    provider: str
    issuer: str
    subject: str = field(repr=False)
    level: Level
    name: str = field(repr=False)
    number_digest: bytes | None = field(repr=False, default=None)
    account_token: bytes | None = field(repr=False, default=None)


def pkce_verifier(token: str) -> str:
    """Return the code verifier (RFC 7636) that belongs to the token of one browser; it is kept nowhere."""
    return _derived(token, b"pkce verifier")


def nonce_of(token: str) -> str:
    """Return the nonce that belongs to the token of one browser; it is kept nowhere."""
    return _derived(token, b"nonce")


def _derived(token: str, purpose: bytes) -> str:
    digest = hmac.digest(token.encode(), b"vonglau oidc " + purpose, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def key_id_of(id_token: object) -> str:
    """Return the id of the key that a token says it is signed by. Raises AssertionRefused for any other header."""
    if not isinstance(id_token, str) or not id_token:
        raise AssertionRefused("oidc.no_id_token")
    if len(id_token) > TOKEN_CHARACTERS or id_token.count(".") != 2:
        raise AssertionRefused("oidc.form")
    try:
        part = id_token.partition(".")[0]
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError as error:
        raise AssertionRefused("oidc.form") from error
    if not isinstance(header, dict) or not set(header) <= HEADER_NAMES:
        raise AssertionRefused("oidc.header")
    if header.get("alg") not in ALGORITHMS:
        raise AssertionRefused("oidc.algorithm")
    kid = header.get("kid")
    if not isinstance(kid, str) or not KID_FORM.fullmatch(kid):
        raise AssertionRefused("oidc.header")
    return kid


def published_key(text: str, kid: str) -> Mapping[str, Any] | None:
    """Return the one key of a published set with this id; two of the same id are none."""
    keys = json.loads(text)
    held = keys.get("keys") if isinstance(keys, dict) else None
    found = [key for key in held if isinstance(key, dict) and key.get("kid") == kid] if isinstance(held, list) else []
    return found[0] if len(found) == 1 else None


def read_assertion(
    id_token: str,
    *,
    key: Mapping[str, Any],
    provider: Provider,
    nonce: str,
    access_token: object,
    rules: ProviderRules,
    now: datetime,
) -> Assertion:
    """Return what the token proves. Raises AssertionRefused unless signature and every claim hold."""
    key_id_of(id_token)
    header, claims = _signed(id_token, key)
    _refuse_wrong(claims, provider=provider, nonce=nonce, rules=rules, now=now)
    params = {"nonce": nonce, "client_id": provider.client_id, "access_token": access_token}
    options = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }
    try:
        # Once more by the library: azp, at_hash, auth_time and whatever else the standard asks of a code's token.
        CodeIDToken(claims, header, options, params).validate(
            now=int(now.timestamp()), leeway=int(rules.leeway.total_seconds())
        )
    except (JoseError, ValueError, TypeError) as error:
        raise AssertionRefused("oidc.claims") from error
    name = claims.get("name")
    return Assertion(
        provider=provider.key,
        issuer=provider.issuer,
        subject=claims["sub"],
        level=rules.level_of(claims.get("acr")),
        name=" ".join(name.split())[:200] if isinstance(name, str) and name.isprintable() else "",
        number_digest=rules.number_digest(claims.get(rules.number_claim)),
        account_token=rules.account_token(claims.get(rules.number_claim)),
    )


def _signed(id_token: str, key: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check the signature with a key of the kind its algorithm needs; a secret never is one."""
    registry = JWSRegistry(algorithms=list(ALGORITHMS))
    try:
        made: RSAKey | ECKey
        if key.get("kty") == "RSA":
            made, algorithm = RSAKey.import_key(dict(key)), "RS256"
            raw = made.raw_value
            if not isinstance(raw, RSAPublicKey) or raw.key_size < LEAST_RSA_BITS:
                raise AssertionRefused("oidc.key_kind")
        elif key.get("kty") == "EC" and key.get("crv") == "P-256":
            made, algorithm = ECKey.import_key(dict(key)), "ES256"
        else:
            raise AssertionRefused("oidc.key_kind")
        if key.get("use", "sig") != "sig":
            raise AssertionRefused("oidc.key_kind")
        token = jwt.decode(id_token, made, algorithms=[algorithm], registry=registry)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise AssertionRefused("oidc.signature") from error
    return dict(token.header), dict(token.claims)


def _refuse_wrong(
    claims: Mapping[str, Any], *, provider: Provider, nonce: str, rules: ProviderRules, now: datetime
) -> None:
    subject, given = claims.get("sub"), claims.get("nonce")
    if claims.get("iss") != provider.issuer:
        raise AssertionRefused("oidc.issuer")
    if claims.get("aud") not in (provider.client_id, [provider.client_id]):
        raise AssertionRefused("oidc.audience")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise AssertionRefused("oidc.nonce")
    is_named = isinstance(subject, str) and subject.isprintable() and 0 < len(subject) <= SUBJECT_CHARACTERS
    if not is_named:
        raise AssertionRefused("oidc.subject")
    issued, expires = _moment(claims.get("iat")), _moment(claims.get("exp"))
    moment, leeway = now.timestamp(), rules.leeway.total_seconds()
    if issued > moment + leeway or issued < moment - OLDEST.total_seconds() - leeway:
        raise AssertionRefused("oidc.time")
    if expires <= moment - leeway or expires - issued > LONGEST_LIFE.total_seconds() or expires <= issued:
        raise AssertionRefused("oidc.time")


def _moment(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise AssertionRefused("oidc.time")
    return float(value)
