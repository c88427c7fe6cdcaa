"""The certificate authority behind the simulated service: plainly invented, with a list of what it revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def name_of(common_name: str, *, number: str = "", organisation: str = "") -> x509.Name:
    """A name as certificates of this country have it: the number of the person or organisation is the user id."""
    parts = [(NameOID.COMMON_NAME, common_name), (NameOID.ORGANIZATION_NAME, organisation), (NameOID.USER_ID, number)]
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts if text])


def usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority, content_commitment=not is_authority, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=is_authority, crl_sign=is_authority,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


@dataclass(slots=True)
class CertificateAuthority:
    """A root that issues to signers; `revoked` are the serial numbers on its list."""

    now: datetime
    title: str = "CA Ký số di động Minh hoạ"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    revoked: list[int] = field(default_factory=list)
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.certificate = self._build(name_of(self.title), self.key, days=(-400, 3000), is_authority=True)

    def issue(
        self,
        common_name: str,
        *,
        key: Key,
        number: str = "",
        organisation: str = "",
        days: tuple[int, int] = (-1, 365),
    ) -> x509.Certificate:
        """A signer's certificate for `key`, good from and to so many days from now."""
        subject = name_of(common_name, number=number, organisation=organisation)
        return self._build(subject, key, days=days, is_authority=False)

    def self_signed(self, common_name: str, *, key: ec.EllipticCurvePrivateKey, number: str = "") -> x509.Certificate:
        """A certificate that names the same person and is vouched for by nobody."""
        own = CertificateAuthority(now=self.now, title=common_name, key=key)
        return own.issue(common_name, key=key, number=number)

    def _build(self, subject: x509.Name, key: Key, *, days: Sequence[int], is_authority: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name_of(self.title))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + days[0] * DAY)
            .not_valid_after(self.now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(usage(is_authority=is_authority), critical=True)
        )
        if not is_authority:
            purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purposes, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def list_revoked(self) -> bytes:
        """Its revocation list in PEM, in force for a month."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(self.now - DAY).next_update(self.now + 30 * DAY)
        for serial in self.revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(self.now - DAY).build()
            builder = builder.add_revoked_certificate(one)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write what an operator configures: whom to believe, and what was revoked."""
        folder.mkdir(parents=True, exist_ok=True)
        authorities, lists = folder / "authorities.pem", folder / "revoked.pem"
        authorities.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        lists.write_bytes(self.list_revoked())
        for path in (authorities, lists):
            path.chmod(0o644)  # public by their nature: other accounts read them
        return authorities, lists


def kept_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key in a file, made the first time: a service that starts again signs for the same people."""
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(path)
    return key
