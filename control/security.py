"""What every answer carries and every form must bring: headers, strict CSP, CSRF token, Origin check.

Not for: who may do what (access.py). Invariant: no inline script or style is ever allowed, no request may leave the
origin, and no state changes on a request that came from elsewhere.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from flask_wtf.csrf import CSRFError, CSRFProtect

from control.access import SAFE_METHODS, Door, access_of, brings_key
from control.decisions import Deny
from control.errors import InvalidInput, NotAllowed

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
STATIC_MAX_AGE = "public, max-age=3600"


def install(app: Flask, *, is_https: bool) -> None:
    """Set the headers of every answer, the CSRF guard of every form and the Origin check of every change."""
    app.config.update(
        SESSION_COOKIE_NAME="__Host-form",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        WTF_CSRF_TIME_LIMIT=None,  # the token lives as long as its cookie, which sign-in replaces
        WTF_CSRF_SSL_STRICT=False,  # our own Origin check below is stricter and works on localhost
        WTF_CSRF_CHECK_DEFAULT=False,
    )
    guard = CSRFProtect(app)
    app.register_error_handler(CSRFError, _as_invalid)

    @app.before_request
    def refuse_foreign_forms() -> None:
        if request.method in SAFE_METHODS or request.endpoint is None:
            return
        access = access_of(app, request.endpoint)
        if access.door is Door.MACHINE or (access.door is Door.API and brings_key()):
            return  # no cookie is read there, so nothing can be forged
        refuse_foreign_origin()
        guard.protect()

    @app.after_request
    def set_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if origins := g.get("form_origins"):
            response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace(
                "form-action 'self'", " ".join(["form-action 'self'", *origins])
            )
        if is_https:
            response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
        response.headers.setdefault("Cache-Control", STATIC_MAX_AGE if request.endpoint == "static" else "no-store")
        return response


def allow_form_to(origin: str) -> None:
    """Let the forms of this page lead on to another origin of the settings: browsers check where a form redirects."""
    g.form_origins = [*g.get("form_origins", []), origin]


def refuse_foreign_origin() -> None:
    """Refuse a change sent by another site. Raises NotAllowed(`origin.refused`)."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    if origin is None:
        referrer = request.headers.get("Referer")
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(referrer)) if referrer else None
    own = request.host_url.rstrip("/")
    if site not in {"same-origin", "none"} or (origin is not None and origin != own):
        raise NotAllowed(Deny(rule="access.origin", reason="origin.refused"))


def _as_invalid(_error: CSRFError) -> Any:
    """Answer like any other bad input; an exception raised by a handler would be a crash."""
    return current_app.handle_user_exception(InvalidInput("csrf.invalid"))
