"""Whether a certificate may be believed: chain, validity, purpose, revocation; pure rules over bytes and clocks given.

The chain is built by `cryptography`'s X.509 verification with our own demands on extensions, because certificates for
people here name no host. Revocation is by lists (CRL) of every authority in the chain: the operator fetches them, so
that no sign-in waits for a responder and no responder learns who signs in; a list that is missing, stale or not signed
by its authority refuses (fail closed). OCSP is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

PEM_CHARACTERS = 16_384
DEPTH = 4
NUMBERED = ("CCCD:", "MST:")  # how the user id of a subject says which number stands behind it
LEAST_RSA_BITS = 2048
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
KNOWN_CRITICAL = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.CertificatePolicies,
)


class CertificateRefused(Exception):
    """Raised when a certificate proves nothing; `code` is a key of the messages."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom we believe: roots, the authorities below them, and their revocation lists; as the operator's files say."""

    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...]
    lists: tuple[x509.CertificateRevocationList, ...]

    @classmethod
    def read(cls, *, authorities: bytes, lists: bytes) -> Trust:
        """Read both files. Raises ValueError for what is no PEM."""
        found = tuple(x509.load_pem_x509_certificates(authorities))
        mark = b"-----BEGIN X509 CRL-----"
        parts = [mark + part for part in lists.split(mark)[1:]]
        return cls(
            roots=tuple(one for one in found if one.subject == one.issuer),
            intermediates=tuple(one for one in found if one.subject != one.issuer),
            lists=tuple(x509.load_pem_x509_crl(part) for part in parts),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What a valid certificate says of its holder."""

    fingerprint: bytes
    serial: str
    issuer: str
    subject: str
    name: str
    organisation: str
    is_organisation: bool
    valid_from: datetime
    valid_to: datetime
    pem: str
    number: str = field(default="", repr=False)  # as its authority verified it: identity number or tax code


def parse(text: str) -> x509.Certificate:
    """Read one certificate as a proxy hands it on (PEM, percent-encoded) or as a file holds it.

    Raises CertificateRefused for anything else, more than one certificate included.
    """
    if not text or len(text) > PEM_CHARACTERS:
        raise CertificateRefused("certificate.unreadable")
    plain = unquote(text) if "%" in text else text
    try:
        found = x509.load_pem_x509_certificates(plain.encode())
        if len(found) != 1:
            raise CertificateRefused("certificate.unreadable")
        _ = found[0].extensions  # read whole now, so that broken ones fail here
    except (ValueError, UnicodeEncodeError) as error:
        raise CertificateRefused("certificate.unreadable") from error
    return found[0]


def judge(certificate: x509.Certificate, *, trust: Trust, now: datetime) -> Holder:
    """Return the holder of a certificate that holds in every respect. Raises CertificateRefused otherwise."""
    if now < certificate.not_valid_before_utc or now > certificate.not_valid_after_utc:
        raise CertificateRefused("certificate.expired")
    _refuse_weak(certificate)
    _refuse_purpose(certificate)
    if not trust.roots:
        raise CertificateRefused("certificate.authority")
    verifier = (
        PolicyBuilder()
        .store(Store(list(trust.roots)))
        .time(now)
        .max_chain_depth(DEPTH)
        .extension_policies(ca_policy=_authority_policy(), ee_policy=_holder_policy())
        .build_client_verifier()
    )
    try:
        chain = verifier.verify(certificate, list(trust.intermediates)).chain
    except VerificationError as error:
        raise CertificateRefused("certificate.authority") from error
    for one, authority in pairwise(chain):
        _refuse_revoked(one, authority=authority, lists=trust.lists, now=now)
    return holder_of(certificate)


def holder_of(certificate: x509.Certificate) -> Holder:
    """Return what a certificate says of its holder, valid or not."""
    uid = _first(certificate.subject, NameOID.USER_ID)
    return Holder(
        fingerprint=certificate.fingerprint(hashes.SHA256()),
        serial=f"{certificate.serial_number:x}",
        issuer=certificate.issuer.rfc4514_string()[:500],
        subject=certificate.subject.rfc4514_string()[:500],
        name=_first(certificate.subject, NameOID.COMMON_NAME),
        organisation=_first(certificate.subject, NameOID.ORGANIZATION_NAME),
        is_organisation=uid.upper().startswith("MST:"),
        valid_from=certificate.not_valid_before_utc,
        valid_to=certificate.not_valid_after_utc,
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        number=uid.partition(":")[2].strip() if uid.upper().startswith(NUMBERED) else "",
    )


def _first(name: x509.Name, kind: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(kind)
    text = str(found[0].value) if found else ""
    return " ".join(text.split())[:200] if text.isprintable() else ""


def _refuse_weak(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    is_strong = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES)
    )
    if not is_strong:
        raise CertificateRefused("certificate.weak")


def _refuse_purpose(certificate: x509.Certificate) -> None:
    """Only a certificate made for signing and for proving oneself as a client is taken."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise CertificateRefused("certificate.purpose") from error
    if not usage.digital_signature or ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise CertificateRefused("certificate.purpose")
    unknown = [one for one in certificate.extensions if one.critical and not isinstance(one.value, KNOWN_CRITICAL)]
    if unknown:
        raise CertificateRefused("certificate.purpose")


def _authority_policy() -> ExtensionPolicy:
    def may_sign(_policy: Policy, _one: x509.Certificate, usage: x509.KeyUsage) -> None:
        if not usage.key_cert_sign:
            raise ValueError("an authority that may not sign certificates")

    def is_authority(_policy: Policy, _one: x509.Certificate, constraints: x509.BasicConstraints) -> None:
        if not constraints.ca:
            raise ValueError("no authority")

    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, is_authority)
        .require_present(x509.KeyUsage, Criticality.AGNOSTIC, may_sign)
    )


def _holder_policy() -> ExtensionPolicy:
    def is_no_authority(_policy: Policy, _one: x509.Certificate, constraints: x509.BasicConstraints | None) -> None:
        if constraints is not None and constraints.ca:
            raise ValueError("an authority is no person")

    return (
        ExtensionPolicy.permit_all()
        .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, is_no_authority)
        .require_present(x509.KeyUsage, Criticality.AGNOSTIC, None)
        .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
    )


def _refuse_revoked(
    one: x509.Certificate,
    *,
    authority: x509.Certificate,
    lists: Iterable[x509.CertificateRevocationList],
    now: datetime,
) -> None:
    """Refuse a revoked certificate, and one whose authority has no list in force: not knowing is not believing."""
    current = [known for known in lists if _speaks(known, authority=authority, now=now)]
    if not current:
        raise CertificateRefused("certificate.status_unknown")
    if any(known.get_revoked_certificate_by_serial_number(one.serial_number) is not None for known in current):
        raise CertificateRefused("certificate.revoked")


def _speaks(known: x509.CertificateRevocationList, *, authority: x509.Certificate, now: datetime) -> bool:
    if known.issuer != authority.subject or known.next_update_utc is None:
        return False
    if not known.last_update_utc <= now < known.next_update_utc:
        return False
    key = authority.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    try:
        return known.is_signature_valid(key)
    except (InvalidSignature, ValueError, TypeError):
        return False
