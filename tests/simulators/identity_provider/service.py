"""An OpenID Connect provider: a login form, codes used once, PKCE, client secrets, keys that change, and many lies.

It shares no line with the product. What it holds (people, codes, tokens, browsers that stay signed in) lives in memory.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.simulators.peer import Handler, Peer, wall_clock

MODES = (
    "normal",
    "slow",  # answers after a second
    "silent",  # takes the request and says nothing
    "endless",  # never stops sending
    "broken",  # HTTP 500
    "garbage",  # bytes that are no JSON
    "redirect",  # sends the client elsewhere with its secret
    "lists-hs256",  # its description allows HS256, and it uses it
    "foreign-endpoints",  # its description names addresses of somebody else
    "alg-none",
    "hs256-public-key",
    "hs256-client-secret",
    "unknown-kid",
    "embedded-jwk",
    "other-signature",  # signed by a key of somebody else under a known kid
    "wrong-audience",
    "wrong-issuer",
    "expired",
    "issued-in-future",
    "no-id-token",
    "no-subject",
    "wrong-nonce",
    "no-nonce",
    "other-subject",  # the same name and e-mail, another person
)
CODE_SECONDS, TOKEN_SECONDS = 60, 300
BROWSER = "simulated-provider-browser"
PAGE = """<!doctype html><html lang="vi"><meta charset="utf-8"><title>Định danh mô phỏng</title>
<h1>Định danh điện tử (mô phỏng)</h1><p>{said}</p><form method="post" action="/authorize?{query}">
<label>Tên <input name="username"></label><label>Mật khẩu <input name="password" type="password"></label>
<button>Đồng ý và tiếp tục</button></form></html>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody the provider knows; `acr` is how surely."""

    username: str
    phrase: str
    subject: str
    name: str
    email: str
    acr: str = "muc-2"
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code and what it was asked with."""

    account: Account
    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str
    issued_at: float


@dataclass(slots=True, kw_only=True)
class Key:
    """A signing key with its id; RS256, or ES256 when asked for."""

    kid: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @property
    def alg(self) -> str:
        return "RS256" if isinstance(self.private, rsa.RSAPrivateKey) else "ES256"

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        first, second = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return first.to_bytes(32, "big") + second.to_bytes(32, "big")

    def jwk(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        if isinstance(numbers, rsa.RSAPublicNumbers):
            named = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        else:
            named = {"kty": "EC", "crv": "P-256", "x": _number(numbers.x, 32), "y": _number(numbers.y, 32)}
        return {**named, "kid": self.kid, "use": "sig", "alg": self.alg}


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(number: int, size: int = 0) -> str:
    return _b64(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def make_key(kind: str = "RS256") -> Key:
    private = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if kind == "RS256"
        else ec.generate_private_key(ec.SECP256R1())
    )
    return Key(kid=f"khoa-{secrets.token_hex(4)}", private=private)


PEOPLE = (
    Account(
        username="mau.nt", phrase="dinh-danh-mau", subject="eid-000000000001", name="Nguyễn Thị Mẫu",
        email="mau.nt@minhhoa.example", number="999000000101",
    ),
    Account(
        username="congdan.a", phrase="dinh-danh-a", subject="eid-000000000002", name="Trần Thị Công Dân",
        email="congdan.a@minhhoa.example", number="999000000007",
    ),
    Account(
        username="congdan.b", phrase="dinh-danh-b", subject="eid-000000000003", name="Lê Văn Thấp",
        email="congdan.b@minhhoa.example", acr="muc-1", number="999000000103",
    ),
)  # fmt: skip


@dataclass(slots=True)
class _State:
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, Account] = field(default_factory=dict)
    browsers: dict[str, Account] = field(default_factory=dict)


class _Handler(Handler):
    server_version = "identity-provider-simulator"

    def on_get(self, path: str) -> None:
        if path == "/authorize":
            self._authorize(urlsplit(self.path).query)
        elif self.is_moody():
            return
        elif path == "/.well-known/openid-configuration":
            self._json(200, self.peer.description())
        elif path == "/jwks":
            self._json(200, {"keys": [self.peer.key.jwk()]})
        elif path == "/userinfo":
            account = self.peer.state.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
            self._json(*((401, {}) if account is None else (200, {"sub": account.subject, "name": account.name})))
        else:
            self._json(404, {})

    def on_post(self, path: str, body: bytes) -> None:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if path == "/authorize":
            self._log_in(urlsplit(self.path).query, form)
        elif path == "/keys/rotation":
            self.peer.rotate(form.get("alg", "RS256"))
            self._json(200, {"kid": self.peer.key.kid})
        elif self.is_moody():
            return
        elif path == "/token":
            found = self.peer.redeem(form, client=self._client())
            self._json(*((400, {"error": found}) if isinstance(found, str) else (200, found)))
        else:
            self._json(404, {})

    def _authorize(self, query: str) -> None:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if asked.get("client_id") != self.peer.client_id or asked.get("redirect_uri") not in self._addresses():
            self._say(400, b"client or address unknown", "text/plain")  # never sent back to an address nobody knows
            return
        is_right = (
            asked.get("response_type") == "code"
            and "openid" in asked.get("scope", "").split()
            and asked.get("code_challenge_method") == "S256"
            and len(asked.get("code_challenge", "")) == 43
        )
        if not is_right:
            self._send_back(asked, error="invalid_request")
            return
        account = self.peer.state.browsers.get(self._browser())
        if account is not None and asked.get("prompt") != "login":
            self._send_back(asked, code=self.peer.issue_code(account, asked))
        else:
            self._form_page(query)

    def _log_in(self, query: str, form: dict[str, str]) -> None:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if asked.get("client_id") != self.peer.client_id or asked.get("redirect_uri") not in self._addresses():
            self._say(400, b"client or address unknown", "text/plain")
            return
        account = self.peer.people.get(form.get("username", ""))
        if account is None or not hmac.compare_digest(account.phrase.encode(), form.get("password", "").encode()):
            self._form_page(query, said="Sai tên hoặc mật khẩu", status=401)
            return
        token = secrets.token_urlsafe(24)
        self.peer.state.browsers[token] = account
        self._send_back(asked, code=self.peer.issue_code(account, asked), browser=token)

    def _addresses(self) -> tuple[str, ...]:
        return self.peer.redirect_uris

    def _send_back(self, asked: dict[str, str], *, browser: str = "", **answer: str) -> None:
        answer |= {"state": asked.get("state", ""), "iss": self.peer.issuer}
        headers = {"Location": f"{asked['redirect_uri']}?{urlencode(answer, quote_via=quote)}"}
        if browser:
            headers["Set-Cookie"] = f"{BROWSER}={browser}; HttpOnly; Path=/; SameSite=Lax"
        self.say(302, b"", headers)

    def _form_page(self, query: str, *, said: str = "", status: int = 200) -> None:
        page = PAGE.format(query=html.escape(query, quote=True), said=html.escape(said))
        self._say(status, page.encode(), "text/html; charset=utf-8")

    def _browser(self) -> str:
        found = SimpleCookie(self.headers.get("Cookie", "")).get(BROWSER)
        return found.value if found else ""

    def _client(self) -> tuple[str, str]:
        scheme, _, text = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return ("", "")
        name, _, secret = base64.b64decode(text).decode().partition(":")
        return (name, secret)

    def is_moody(self) -> bool:
        """Do what the mood wants instead of answering; the login page and the controls always answer."""
        mode = self.peer.mode
        if mode == "slow":
            self.peer.released.wait(1.0)
        elif mode == "garbage":
            self._say(200, b"\x00<not json>", "application/json")
            return True
        elif mode == "redirect":
            self.say(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"})
            return True
        return super().is_moody()

    def _say(self, status: int, body: bytes, kind: str) -> None:
        self.say(status, body, {"Content-Type": kind, "Cache-Control": "no-store"})

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._say(status, json.dumps(body).encode(), "application/json")


class IdentityProvider(Peer):
    """The provider: `with IdentityProvider(…) as provider: provider.issuer`; `rotate()` changes the signing key."""

    modes, handler, make_state = MODES, _Handler, _State

    def __init__(
        self,
        *,
        port: int = 0,
        client_id: str = "vonglau",
        client_secret: str,
        redirect_uris: tuple[str, ...] = (),
        people: tuple[Account, ...] = PEOPLE,
        key: Key | None = None,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.client_id, self.client_secret, self.redirect_uris = client_id, client_secret, redirect_uris
        self.people = {account.username: account for account in people}
        self.key = key or make_key()
        super().__init__(port=port, clock=clock)

    @property
    def issuer(self) -> str:
        return self.url

    def rotate(self, kind: str = "RS256") -> None:
        """Sign with a new key from now on; the old one is gone from the published set."""
        self.key = make_key(kind)

    def description(self) -> dict[str, Any]:
        base = self.issuer if self.mode != "foreign-endpoints" else "http://127.0.0.1:1"
        algorithms = ["RS256", "ES256"] if self.mode != "lists-hs256" else ["HS256", "none", "RS256"]
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "userinfo_endpoint": f"{base}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
            "code_challenge_methods_supported": ["S256"],
            "acr_values_supported": ["muc-1", "muc-2", "ky-so"],
        }

    def issue_code(self, account: Account, query: dict[str, str]) -> str:
        code = secrets.token_urlsafe(24)
        with self.lock:
            self.state.codes[code] = Code(
                account=account, client_id=query["client_id"], redirect_uri=query["redirect_uri"],
                nonce=query.get("nonce", ""), challenge=query["code_challenge"], issued_at=self.clock().timestamp(),
            )  # fmt: skip
        return code

    def redeem(self, form: dict[str, str], *, client: tuple[str, str]) -> dict[str, Any] | str:
        """Return tokens for a code, or the name of the error (RFC 6749 5.2)."""
        if client[0] != self.client_id or not hmac.compare_digest(client[1], self.client_secret):
            return "invalid_client"
        with self.lock:
            code = self.state.codes.pop(form.get("code", ""), None)  # used once, right or wrong
        if code is None or self.clock().timestamp() - code.issued_at > CODE_SECONDS:
            return "invalid_grant"
        proof = _b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if proof != code.challenge or form.get("redirect_uri") != code.redirect_uri:
            return "invalid_grant"
        access = secrets.token_urlsafe(24)
        with self.lock:
            self.state.tokens[access] = code.account
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        return answer if self.mode == "no-id-token" else answer | {"id_token": self.token(code)}

    def claims(self, code: Code) -> dict[str, Any]:
        now, account = int(self.clock().timestamp()), code.account
        claims = {
            "iss": self.issuer, "sub": account.subject, "aud": code.client_id, "iat": now, "exp": now + TOKEN_SECONDS,
            "nonce": code.nonce, "acr": account.acr, "name": account.name, "email": account.email,
            "personal_number": account.number,
        }  # fmt: skip
        lies: dict[str, dict[str, Any]] = {
            "wrong-audience": {"aud": "somebody-else"},
            "wrong-issuer": {"iss": "https://other-provider.example"},
            "expired": {"iat": now - 7200, "exp": now - 3600},
            "issued-in-future": {"iat": now + 3600, "exp": now + 7200},
            "wrong-nonce": {"nonce": "x" * 43},
            "other-subject": {"sub": f"{account.subject}-other", "personal_number": ""},
        }
        claims |= lies.get(self.mode, {})
        for mode, name in (("no-nonce", "nonce"), ("no-subject", "sub")):
            if self.mode == mode:
                del claims[name]
        return claims

    def token(self, code: Code) -> str:
        header: dict[str, Any] = {"alg": self.key.alg, "kid": self.key.kid, "typ": "JWT"}
        sign: Callable[[bytes], bytes] = self.key.sign
        other = make_key() if self.mode in {"embedded-jwk", "other-signature"} else None
        pem = self.key.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        if self.mode == "alg-none":
            header, sign = {"alg": "none", "kid": self.key.kid}, lambda _data: b""
        elif self.mode == "hs256-public-key":
            header, sign = header | {"alg": "HS256"}, lambda data: hmac.digest(pem, data, "sha256")
        elif self.mode in {"hs256-client-secret", "lists-hs256"}:
            secret = self.client_secret.encode()
            header, sign = header | {"alg": "HS256"}, lambda data: hmac.digest(secret, data, "sha256")
        elif self.mode == "unknown-kid":
            header |= {"kid": "khoa-khong-ai-biet"}
        elif other is not None:
            header |= {"jwk": other.jwk()} if self.mode == "embedded-jwk" else {}
            sign = other.sign
        signed = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(self.claims(code)).encode())}"
        return f"{signed}.{_b64(sign(signed.encode()))}"
