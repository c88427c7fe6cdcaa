"""What the present request brings: a certificate that the reverse proxy saw, and whom the operator's files believe.

Not for: judging. Invariants: the header counts only when the request came from the proxy's own address and proxies are
believed at all; from anywhere else it is refused and recorded, whatever page was asked for. The proxy must overwrite
the header on every request (docs/reverse-proxy.md), because a browser can send anything.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cryptography import x509
from flask import g, request

from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import NotAllowed, Unavailable
from control.people.certificates.domain import CertificateRefused, Trust, parse
from control.services import services

HEADER = "X-Client-Certificate"
HOPS = "werkzeug.proxy_fix.orig"
FORGED = "certificate.not_from_proxy"


def refuse_forged_header() -> None:
    """Stop a request that brings the header without coming from the proxy. Raises NotAllowed; it is on record then."""
    if not request.headers.get(HEADER) or _comes_from_proxy():
        return
    decision = Deny(rule="sign_in.certificate", reason=FORGED)
    with unit_of_work() as session:
        g.act.refuse(session, Action.SIGN_IN_CERTIFICATE_CHECK, decision, details={"endpoint": request.endpoint or ""})
    raise NotAllowed(decision)


def presented_certificate() -> x509.Certificate | None:
    """Return the certificate the proxy handed on, None when it handed on none that can be read."""
    text = request.headers.get(HEADER, "")
    if not text or not _comes_from_proxy():
        return None
    try:
        return parse(text)
    except CertificateRefused:
        return None


def present_trust() -> Trust | None:
    """Return whom certificates must descend from, None when certificates are not taken.

    Raises Unavailable when the operator's files cannot be read: then nobody comes in by certificate.
    """
    settings = services().settings
    if settings.client_ca_file is None or settings.client_crl_file is None:
        return None
    try:
        return _read(*(_fresh(path) for path in (settings.client_ca_file, settings.client_crl_file)))
    except (OSError, ValueError) as error:
        raise Unavailable("certificate.trust_unreadable") from error


def _fresh(path: Path) -> tuple[Path, int, int]:
    found = path.stat()
    return path, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8)
def _read(authorities: tuple[Path, int, int], lists: tuple[Path, int, int]) -> Trust:
    """Read both files again whenever one of them has changed."""
    return Trust.read(authorities=authorities[0].read_bytes(), lists=lists[0].read_bytes())


def _comes_from_proxy() -> bool:
    settings = services().settings
    if not settings.trusted_proxies:
        return False
    direct = request.environ.get(HOPS, {}).get("REMOTE_ADDR", request.environ.get("REMOTE_ADDR"))
    return direct in settings.proxy_addresses
