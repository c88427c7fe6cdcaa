"""A certificate holds in every respect or proves nothing: chain, validity, purpose, strength, revocation."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from control.people.certificates.domain import CertificateRefused, Trust, judge, parse
from tests.factories.certificates import DAY, Authority, pem
from tests.factories.people import NOON


@pytest.fixture(scope="module")
def root():
    return Authority(NOON, "CA Gốc Thử")


@pytest.fixture(scope="module")
def middle(root):
    return Authority(NOON, "CA Cấp Hai Thử", issuer=root)


def trust(*authorities, lists=None):
    files = "".join(pem(one.certificate) for one in authorities)
    revoked = b"".join(one.list_revoked() for one in authorities) if lists is None else lists
    return Trust.read(authorities=files.encode(), lists=revoked)


def refusal(certificate, believed, *, now=NOON):
    with pytest.raises(CertificateRefused) as caught:
        judge(certificate, trust=believed, now=now)
    return caught.value.code


def test_a_certificate_below_two_authorities_tells_its_holder(root, middle):
    certificate = middle.issue("Lê Văn Thử", subject={"organization": "Sở Minh hoạ", "user_id": "MST:0100000000"})

    holder = judge(certificate, trust=trust(root, middle), now=NOON)

    assert (holder.name, holder.organisation, holder.is_organisation) == ("Lê Văn Thử", "Sở Minh hoạ", True)
    assert holder.serial == f"{certificate.serial_number:x}"


LIES = {
    "expired": ({"starts": -20 * DAY, "ends": -DAY}, "certificate.expired"),
    "not yet": ({"starts": DAY}, "certificate.expired"),
    "for servers": ({"purposes": [ExtendedKeyUsageOID.SERVER_AUTH]}, "certificate.purpose"),
    "for nothing": ({"purposes": []}, "certificate.purpose"),
    "may not sign": ({"signs": False}, "certificate.purpose"),
    "unknown critical word": ({"critical": True}, "certificate.purpose"),
    "an authority itself": ({"ca": True}, "certificate.authority"),
    "weak curve": ({"key": ec.generate_private_key(ec.SECP192R1())}, "certificate.weak"),
    "weak rsa": (
        {"key": rsa.generate_private_key(public_exponent=65537, key_size=1024)},  # noqa: S505  # weak on purpose
        "certificate.weak",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_certificate_that_is_wrong_in_one_respect_is_refused(root, lie):
    changes, code = LIES[lie]

    assert refusal(root.issue(**changes), trust(root)) == code


def test_a_certificate_of_another_authority_of_the_same_name_is_refused(root):
    impostor = Authority(NOON, "CA Gốc Thử")

    assert refusal(impostor.issue(), trust(root)) == "certificate.authority"
    assert refusal(root.issue(), Trust(roots=(), intermediates=(), lists=())) == "certificate.authority"


def test_a_revoked_certificate_and_a_revoked_authority_are_refused(root, middle):
    certificate = middle.issue()
    assert judge(certificate, trust=trust(root, middle), now=NOON)
    gone = Authority(NOON, "CA Cấp Hai Thử", issuer=root, key=middle.key, revoked=[certificate.serial_number])
    assert refusal(certificate, trust(root, middle, lists=root.list_revoked() + gone.list_revoked())) == (
        "certificate.revoked"
    )
    above = Authority(NOON, "CA Gốc Thử", key=root.key, revoked=[middle.certificate.serial_number])
    assert refusal(certificate, trust(root, middle, lists=above.list_revoked() + middle.list_revoked())) == (
        "certificate.revoked"
    )


def test_not_knowing_whether_it_is_revoked_refuses(root):
    certificate, other = root.issue(), Authority(NOON, "CA Gốc Thử")

    for lists in (b"", root.list_revoked(days=0), root.list_revoked(since=timedelta(hours=1)), other.list_revoked()):
        assert refusal(certificate, trust(root, lists=lists)) == "certificate.status_unknown"


@pytest.mark.parametrize(
    "text", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "%00", "é" * 9]
)
def test_what_is_no_certificate_is_refused_cleanly(text):
    with pytest.raises(CertificateRefused, match="unreadable"):
        parse(text)


def test_one_certificate_is_read_as_a_proxy_writes_it_and_two_are_not(root):
    certificate = root.issue()

    assert parse(quote(pem(certificate))) == certificate
    with pytest.raises(CertificateRefused):
        parse(pem(certificate) + pem(certificate))
    with pytest.raises(CertificateRefused):
        parse("A" * 20_000)
