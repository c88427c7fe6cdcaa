"""Signed PDFs for tests: a certificate authority of our own, plainly invented, and what forgers do to its work."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.generic import NumberObject, StreamObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
YEAR = timedelta(days=365)


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A root that signs certificates of officers and lists of revoked ones."""

    def __init__(self, title: str = "Chứng thực Minh hoạ") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name_of(title)
        self.root = self._certificate(self.name, self.key, since=NOON - 5 * YEAR, until=NOON + 5 * YEAR, is_root=True)

    def _certificate(self, subject, key, *, since, until, is_root=False) -> x509.Certificate:
        usage = {
            "digital_signature": not is_root, "content_commitment": not is_root, "key_encipherment": False,
            "data_encipherment": False, "key_agreement": False, "key_cert_sign": is_root, "crl_sign": is_root,
            "encipher_only": False, "decipher_only": False,
        }  # fmt: skip
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def officer(self, title: str = "Lê Ví Dụ", *, since=NOON - YEAR, until=NOON + YEAR) -> Officer:
        key = ec.generate_private_key(ec.SECP256R1())
        return Officer(key=key, certificate=self._certificate(name_of(title), key, since=since, until=until))

    def revocations(self, *officers: Officer) -> bytes:
        """The list of revoked certificates, in DER."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(NOON - timedelta(days=1)).next_update(NOON + timedelta(days=7))
        for officer in officers:
            revoked = x509.RevokedCertificateBuilder().serial_number(officer.certificate.serial_number)
            builder = builder.add_revoked_certificate(revoked.revocation_date(NOON - timedelta(days=2)).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.root.public_bytes(serialization.Encoding.PEM)


class Officer:
    """Somebody with a key and a certificate."""

    def __init__(self, *, key, certificate: x509.Certificate) -> None:
        self.key, self.certificate = key, certificate

    def sign(self, content: bytes, *, field: str = "ChuKy") -> bytes:
        """The same PDF with one more signature of this officer."""
        der = self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signer = signers.SimpleSigner(
            signing_cert=asn1_x509.Certificate.load(self.certificate.public_bytes(serialization.Encoding.DER)),
            signing_key=asn1_keys.PrivateKeyInfo.load(der),
            cert_registry=SimpleCertificateStore(),
        )
        metadata = signers.PdfSignatureMetadata(field_name=field, subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED)
        out = signers.sign_pdf(IncrementalPdfFileWriter(BytesIO(content)), metadata, signer=signer)
        return out.getvalue()


def plain_pdf(text: str = "Quyết định minh hoạ") -> bytes:
    """A whole PDF of one empty page; another text gives other bytes."""
    writer = PdfFileWriter()
    stream = writer.add_object(StreamObject(stream_data=b"% " + text.encode()))
    writer.insert_page(PageObject(contents=stream, media_box=(0, 0, 595, 842)))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def signed_pdf(text: str = "Quyết định minh hoạ", *, by: Officer | None = None) -> bytes:
    """A PDF signed by an officer of the trusted authority."""
    return (by or signatory()).sign(plain_pdf(text))


def turned(content: bytes) -> bytes:
    """The same file with its page turned after the signature, as an honest program would save it."""
    writer = IncrementalPdfFileWriter(BytesIO(content))
    page, _ = writer.find_page_for_modification(0)
    page.get_object()[pdf_name("/Rotate")] = NumberObject(90)
    writer.mark_update(page)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def bomb(megabytes: int) -> bytes:
    """A small file that claims a signature and whose table of objects unpacks to gigabytes."""
    packer = zlib.compressobj(9)
    table = b"".join([*(packer.compress(bytes(2**20)) for _ in range(megabytes)), packer.flush()])
    head = b"%PDF-1.7\n% /ByteRange\n"
    described = b"/Type/XRef/Size %d/W[1 2 1]/Root 1 0 R/Filter/FlateDecode/Length %d" % (megabytes * 2**18, len(table))
    body = b"9 0 obj\n<<" + described + b">>\nstream\n" + table + b"\nendstream\nendobj\n"
    return head + body + b"startxref\n%d\n%%%%EOF\n" % len(head)


def nest(depth: int) -> bytes:
    """A file that claims a signature and whose trailer is arrays within arrays."""
    head = b"%PDF-1.7\n% /ByteRange\n"
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1/Root " + b"[" * depth + b"]" * depth + b">>\n"
    return head + table + b"startxref\n%d\n%%%%EOF\n" % len(head)


def endless() -> bytes:
    """A file that claims a signature and whose table of objects names itself as the one before it."""
    head = b"%PDF-1.7\n% /ByteRange\n"
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1/Root 1 0 R/Prev %d>>\n" % len(head)
    return head + table + b"startxref\n%d\n%%%%EOF\n" % len(head)


def locked(content: bytes) -> bytes:
    """The same page under a password."""
    writer = PdfFileWriter()
    stream = writer.add_object(StreamObject(stream_data=b"% /ByteRange"))
    writer.insert_page(PageObject(contents=stream, media_box=(0, 0, 595, 842)))
    writer.encrypt("chu-nhan")
    out = BytesIO()
    writer.write(out)
    return out.getvalue() + b"% /ByteRange\n"


@cache
def authority() -> Authority:
    """The authority most tests trust."""
    return Authority()


@cache
def signatory() -> Officer:
    """An officer of it."""
    return authority().officer()
