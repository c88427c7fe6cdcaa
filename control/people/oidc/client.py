"""Ask an identity provider over HTTP: its description, its keys, and tokens for a code; Authlib writes the requests.

Not for: believing (domain.py). Invariants: only addresses under the issuer of the settings are asked; no redirect is
followed; each question ends within its time, also when the provider sends one byte a second, and reads no more than an
answer can hold; neither proxies nor passwords of the environment are used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests import RequestException, Response

from control.errors import Unavailable
from control.people.oidc.domain import SCOPE, AssertionRefused, Provider, nonce_of, pkce_verifier

MOST_BYTES = 256 * 1024
PIECE_BYTES = 8192
DESCRIPTION = "/.well-known/openid-configuration"
SILENT = "oidc.silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the provider's doors are, by its own description."""

    authorization: str
    token: str
    keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What came for a code; both may be anything until domain.py has read them."""

    id_token: object = field(repr=False)
    access_token: object = field(repr=False)


class _BoundedSession(OAuth2Session):  # type: ignore[misc]  # Authlib has no types
    """A session whose every request is short, small, and answered by whoever was asked."""

    limit_seconds: float = 5.0

    def request(self, method: str, url: str, **named: Any) -> Response:
        """Send one request. Raises RequestException, also for an answer too long, too late, or a redirect."""
        began = monotonic()
        named |= {"timeout": self.limit_seconds, "allow_redirects": False, "stream": True}
        answer: Response = super().request(method, url, **named)
        with closing(answer):
            body = bytearray()
            for piece in answer.iter_content(PIECE_BYTES):
                body += piece
                if len(body) > MOST_BYTES or monotonic() - began > self.limit_seconds:
                    raise RequestException("the answer is too long or too slow")
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status_code < HTTPStatus.BAD_REQUEST:
            raise RequestException("a redirect is not followed")
        answer._content = bytes(body)  # noqa: SLF001  # what Response.content would have read, without a limit
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderClient:
    """One provider; complete after construction."""

    provider: Provider
    redirect_uri: str
    limit_seconds: float

    def addresses(self) -> Addresses:
        """Read the provider's description. Raises Unavailable, or AssertionRefused when it speaks for others."""
        said = self._get(self.provider.issuer + DESCRIPTION)
        if said.get("issuer") != self.provider.issuer:
            raise AssertionRefused("oidc.issuer")
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if not all(self.provider.owns(said.get(name)) for name in names):
            raise AssertionRefused("oidc.foreign_address")
        return Addresses(authorization=said[names[0]], token=said[names[1]], keys=said[names[2]])

    def authorization_url(self, addresses: Addresses, *, state: str, token: str, acr: str = "") -> str:
        """Return where the browser goes: bound to `token` by the code challenge and the nonce."""
        more = {"acr_values": acr, "prompt": "login"} if acr else {}
        with self._session() as session:
            url, _state = session.create_authorization_url(
                addresses.authorization, state=state, code_verifier=pkce_verifier(token), nonce=nonce_of(token), **more
            )
        return str(url)

    def keys(self, addresses: Addresses) -> str:
        """Return the published keys as JSON text. Raises Unavailable."""
        return json.dumps(self._get(addresses.keys))

    def exchange(self, addresses: Addresses, *, code: str, token: str) -> Tokens:
        """Return the tokens for a code. Raises Unavailable, or AssertionRefused when the provider refuses."""
        try:
            with self._session() as session:
                found = session.fetch_token(
                    addresses.token,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=pkce_verifier(token),
                )
        except OAuthError as error:
            raise AssertionRefused("oidc.code") from error
        except (RequestException, ValueError) as error:
            raise Unavailable(SILENT) from error
        return Tokens(id_token=found.get("id_token"), access_token=found.get("access_token"))

    def _get(self, url: str) -> Mapping[str, Any]:
        try:
            with self._session() as session:
                answer = session.get(url, withhold_token=True, headers={"Accept": "application/json"})
                found = answer.json() if answer.status_code == HTTPStatus.OK else None
        except (RequestException, ValueError) as error:
            raise Unavailable(SILENT) from error
        if not isinstance(found, dict):
            raise Unavailable(SILENT)
        return found

    def _session(self) -> _BoundedSession:
        session = _BoundedSession(
            client_id=self.provider.client_id,
            client_secret=self.provider.client_secret,
            scope=SCOPE,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
        )
        session.limit_seconds = self.limit_seconds
        session.trust_env = False
        session.verify = str(self.provider.ca_file) if self.provider.ca_file else True
        return session
