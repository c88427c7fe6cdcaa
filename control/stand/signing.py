"""Somebody who signs documents in a demonstration, and the folder of certificates the product trusts there.

Not for: production, whose operator names its own folder. Invariants: the authority's key is forgotten after its one
signature; the signatory's key is readable by the starter alone.
"""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from control.stand.accounts import folder, write_private
from control.stand.certificates import builder, common_name, needs_renewal

SIGNATORY = "Lê Ví Dụ (minh hoạ)"
FOLDER, TRUST, CERTIFICATE, KEY = "signing", "trust", "signatory.pem", "signatory.key"


def prepare(home: Path, *, now: datetime) -> Path:
    """Make the authority and its signatory where they are missing or near their end; return the trusted folder."""
    place = folder(home / FOLDER, account=None, mode=0o755)
    trust = folder(place / TRUST, account=None, mode=0o755)
    certificate = place / CERTIFICATE
    if certificate.exists() and not needs_renewal(certificate.read_text(encoding="utf-8"), now=now):
        return trust
    authority_key, signatory_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = common_name("Chứng thực minh hoạ của Vọng Lâu")
    root = (
        builder(subject=authority_name, issuer=authority_name, key=authority_key, now=now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    signatory = (
        builder(subject=common_name(SIGNATORY), issuer=authority_name, key=signatory_key, now=now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    key = signatory_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(place / KEY, text=key.decode(), account=None)
    write_private(trust / "root.pem", text=_pem(root), account=None, mode=0o644)
    write_private(certificate, text=_pem(signatory), account=None, mode=0o644)
    return trust


def sign(home: Path, content: bytes, *, field: str) -> bytes:
    """Return a PDF with a digital signature of the demonstration's signatory."""
    from asn1crypto import keys as asn1_keys
    from asn1crypto import x509 as asn1_x509
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    place = home / FOLDER
    certificate = x509.load_pem_x509_certificate((place / CERTIFICATE).read_bytes())
    key = serialization.load_pem_private_key((place / KEY).read_bytes(), password=None)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signer = signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER)),
        signing_key=asn1_keys.PrivateKeyInfo.load(der),
        cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
    )
    metadata = signers.PdfSignatureMetadata(field_name=field, subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED)
    signed: BytesIO = signers.sign_pdf(IncrementalPdfFileWriter(BytesIO(content)), metadata, signer=signer)
    return signed.getvalue()


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=not is_authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
