"""A small certificate authority for tests: valid by default, each test states its lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


def named(common_name: str, **more: str) -> x509.Name:
    """A name with a common name, and `organization` or `user_id` when given."""
    kinds = {"organization": NameOID.ORGANIZATION_NAME, "user_id": NameOID.USER_ID}
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    return x509.Name([*parts, *(x509.NameAttribute(kinds[kind], text) for kind, text in more.items())])


def usage(*, signs_certificates: bool = False, signs: bool = True) -> x509.KeyUsage:
    """A key usage of an authority or of a person."""
    return x509.KeyUsage(
        digital_signature=signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs_certificates, crl_sign=signs_certificates, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


@dataclass(slots=True)
class Authority:
    """An authority with a key and a certificate of its own; `revoked` are the serial numbers on its list."""

    now: datetime
    name: str = "CA Thử"
    issuer: Authority | None = None
    revoked: list[int] = field(default_factory=list)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        by = self.issuer or self
        subject = named(self.name)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.issuer.certificate.subject if self.issuer else subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - 400 * DAY)
            .not_valid_after(self.now + 400 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage(signs_certificates=True), critical=True)
            .sign(by.key, hashes.SHA256())
        )

    def issue(self, common_name: str = "Nguyễn Thị Mẫu", **lies: Any) -> x509.Certificate:
        """A person's certificate; `lies` change one thing each."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(common_name, **lies.get("subject", {})))
            .issuer_name(self.certificate.subject)
            .public_key(lies.get("key", ec.generate_private_key(ec.SECP256R1())).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + lies.get("starts", -DAY))
            .not_valid_after(self.now + lies.get("ends", 365 * DAY))
            .add_extension(x509.BasicConstraints(ca=lies.get("ca", False), path_length=None), critical=True)
            .add_extension(usage(signs=lies.get("signs", True)), critical=True)
        )
        purposes = lies.get("purposes", [ExtendedKeyUsageOID.CLIENT_AUTH])
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if lies.get("critical"):
            oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.7")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, b"\x05\x00"), critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def list_revoked(self, *, days: int = 7, since: timedelta = -DAY) -> bytes:
        """Its revocation list in PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(self.now + since)
            .next_update(self.now + days * DAY)
        )
        for serial in self.revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(self.now - DAY).build()
            builder = builder.add_revoked_certificate(one)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def pem(certificate: x509.Certificate) -> str:
    """A certificate as a file holds it."""
    return certificate.public_bytes(Encoding.PEM).decode()


def header(certificate: x509.Certificate) -> dict[str, str]:
    """What the reverse proxy hands on."""
    return {"X-Client-Certificate": quote(pem(certificate))}


def write_files(folder: Path, *authorities: Authority, lists: bytes | None = None) -> dict[str, str]:
    """Write the operator's two files and return the settings that name them."""
    roots, revoked = folder / "authorities.pem", folder / "revoked.pem"
    roots.write_text("".join(pem(one.certificate) for one in authorities))
    revoked.write_bytes(b"".join(one.list_revoked() for one in authorities) if lists is None else lists)
    return {
        "VONGLAU_CLIENT_CA_FILE": str(roots),
        "VONGLAU_CLIENT_CRL_FILE": str(revoked),
        "VONGLAU_TRUSTED_PROXIES": "1",
    }
