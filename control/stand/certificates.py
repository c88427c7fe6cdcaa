"""A certificate authority of the stand's own, for servers on loopback that insist on TLS.

The authority's key is forgotten after its one signature, so nobody can make a second server with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = timedelta(days=397)
RENEW_BEFORE_END = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """A server's certificate with its key and the authority to trust, as PEM text."""

    authority: str
    certificate: str
    key: str


def make_server_certificate(*, name: str, now: datetime) -> ServerCertificate:
    """Make an authority and a certificate signed by it for localhost and 127.0.0.1."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = common_name(f"Vọng Lâu {name} CA")
    authority = (
        builder(subject=authority_name, issuer=authority_name, key=authority_key, now=now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(for_authority=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    alternatives = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    server = (
        builder(subject=common_name("localhost"), issuer=authority_name, key=server_key, now=now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(for_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return ServerCertificate(
        authority=authority.public_bytes(serialization.Encoding.PEM).decode(),
        certificate=server.public_bytes(serialization.Encoding.PEM).decode(),
        key=server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode(),
    )


def needs_renewal(certificate: str, *, now: datetime) -> bool:
    """Tell whether a certificate in PEM ends within the next 30 days."""
    loaded = x509.load_pem_x509_certificate(certificate.encode())
    return loaded.not_valid_after_utc - now < RENEW_BEFORE_END


def common_name(text: str) -> x509.Name:
    """Return the name of a subject that is nothing but this text."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def builder(
    *, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    """Return a certificate begun, valid from an hour ago for thirteen months."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, for_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not for_authority,
        key_cert_sign=for_authority,
        crl_sign=for_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
