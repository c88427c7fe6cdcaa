"""The child process that reads a stranger's PDF and judges its signatures: run as a file, never imported.

Why a process of its own: a hostile PDF may loop, nest without end or unpack to gigabytes, and pyHanko is Python; here
it meets limits of time, memory and files, and whatever happens the parent only sees one line of JSON or nothing.
Protocol: one line of JSON on stdin (now, roots, others, crls), then the bytes of the PDF; one line of JSON on stdout.
Not for: deciding what a verdict allows. Invariants: nothing is fetched from the network; nothing is written.
"""

import base64
import json
import logging
import resource
import sys
from datetime import datetime
from io import BytesIO
from typing import Any

MEMORY_BYTES = 512 * 1024 * 1024
CPU_SECONDS = 10
MAXIMUM_SIGNATURES = 16
# What to believe of several signatures: the worst of them.
WORST_FIRST = ("unreadable", "changed", "revoked", "expired", "untrusted", "valid")


def _confine() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(limit, (value, value))


def _judge(order: dict[str, Any], content: bytes) -> dict[str, Any]:
    from pyhanko.pdf_utils.reader import PdfFileReader  # after the limits stand

    reader = PdfFileReader(BytesIO(content), strict=True)
    if reader.encrypted:
        return {"state": "unreadable", "why": "encrypted"}
    signatures = reader.embedded_regular_signatures
    if not signatures:
        return {"state": "none"}
    if len(signatures) > MAXIMUM_SIGNATURES:
        return {"state": "unreadable", "why": "too-many"}
    found = [
        _one(signature, order, is_last=place == len(signatures)) for place, signature in enumerate(signatures, start=1)
    ]
    worst = min(found, key=lambda one: WORST_FIRST.index(one["state"]))
    return {**(worst if worst["state"] != "valid" else found[-1]), "count": len(found)}


def _one(signature: Any, order: dict[str, Any], *, is_last: bool) -> dict[str, Any]:
    status = _status(signature, order, moment=datetime.fromisoformat(order["now"]))
    state = _state(status, is_last=is_last)
    stamped = status.timestamp_validity
    stamped_at = stamped.timestamp if stamped is not None and stamped.valid and stamped.trusted else None
    if state == "expired" and stamped_at is not None:  # signed while the certificate lived, and somebody vouches for it
        state = _state(_status(signature, order, moment=stamped_at), is_last=is_last)
    certificate = status.signing_cert
    signed_at = stamped_at or status.signer_reported_dt
    return {
        "state": state,
        "why": "" if state == "valid" else _why(status),
        "signer": _name(certificate.subject),
        "issuer": _name(certificate.issuer),
        "serial": f"{certificate.serial_number:x}",
        "fingerprint": certificate.sha256.hex(),
        "signed_at": signed_at.isoformat() if signed_at is not None and signed_at.tzinfo is not None else None,
        "is_stamped": stamped_at is not None,
    }


def _status(signature: Any, order: dict[str, Any], *, moment: datetime) -> Any:
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.settings import KeyUsageConstraints

    return validate_pdf_signature(
        signature,
        signer_validation_context=_context(order, moment=moment, issuer=signature.signer_cert.issuer),
        ts_validation_context=_context(order, moment=moment, issuer=None),
        key_usage_settings=KeyUsageConstraints(
            key_usage={"non_repudiation", "digital_signature"}, match_all_key_usages=False
        ),
    )


def _context(order: dict[str, Any], *, moment: datetime, issuer: Any) -> Any:
    """Where a list of the signer's own authority is at hand it must answer; elsewhere there is nothing to ask."""
    from asn1crypto import crl, x509
    from pyhanko_certvalidator import ValidationContext
    from pyhanko_certvalidator.policy_decl import (
        CertRevTrustPolicy,
        RevocationCheckingPolicy,
        RevocationCheckingRule,
    )

    lists = [crl.CertificateList.load(base64.b64decode(one)) for one in order["crls"]]
    soft = RevocationCheckingRule.CHECK_IF_DECLARED_SOFT
    is_listed = issuer is not None and any(one.issuer == issuer for one in lists)
    rules = RevocationCheckingPolicy(
        ee_certificate_rule=RevocationCheckingRule.CRL_REQUIRED if is_listed else soft, intermediate_ca_cert_rule=soft
    )
    return ValidationContext(
        trust_roots=[x509.Certificate.load(base64.b64decode(one)) for one in order["roots"]],
        other_certs=[x509.Certificate.load(base64.b64decode(one)) for one in order["others"]],
        crls=lists,
        moment=moment,
        allow_fetching=False,
        revinfo_policy=CertRevTrustPolicy(rules),
    )


def _state(status: Any, *, is_last: bool) -> str:
    from pyhanko.sign.diff_analysis import ModificationLevel

    allowed = ModificationLevel.LTA_UPDATES if is_last else ModificationLevel.FORM_FILLING
    level = status.modification_level
    if not (status.intact and status.valid and status.docmdp_ok) or level is None or level > allowed:
        return "changed"
    if status.trusted:
        return "valid"
    if status.revoked:
        return "revoked"
    return "expired" if "OUT_OF_BOUNDS" in _why(status) else "untrusted"


def _why(status: Any) -> str:
    indication = status.trust_problem_indic
    return str(getattr(indication, "name", "") or "")


def _name(name: Any) -> str:
    """Return the common name, else the whole one; a stranger wrote it, so it stays short and on one line."""
    native = name.native
    found = native.get("common_name") or name.human_friendly
    return " ".join(str(found[-1] if isinstance(found, list) else found).split())[:200]


def main() -> int:
    """Judge what stdin holds; any fault of the file is a verdict, never a traceback."""
    _confine()
    logging.disable(logging.CRITICAL)
    order = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    try:
        verdict = _judge(order, content)
    except Exception as error:  # noqa: BLE001 - whatever a hostile file makes of a library is a verdict
        verdict = {"state": "unreadable", "why": type(error).__name__}
    sys.stdout.write(json.dumps(verdict))
    return 0


if __name__ == "__main__":
    sys.exit(main())
