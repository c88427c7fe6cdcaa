"""Whether a signature proves its signer: our challenge, the certificate's own key, a certificate that holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from control.people.certificates.domain import CertificateRefused, Trust
from control.people.signing.domain import Answer, Challenge, State, control_code, signer_of
from tests.simulators.signing.authority import CertificateAuthority

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
CHALLENGE = Challenge(
    house="https://vidu.example", purpose="sign-in", way="signing-sim", session_code="", control_code="0042",
    nonce=bytes(range(32)), asked_at=NOW,
)  # fmt: skip
NUMBER = "CCCD:001088000123"


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority(now=NOW)


@pytest.fixture(scope="module")
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def trust(authority):
    return Trust.read(authorities=authority.certificate.public_bytes(Encoding.PEM), lists=authority.list_revoked())


def answer(certificate, signature, algorithm="ES256"):
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return Answer(state=State.SIGNED, certificate=pem, signature=signature, algorithm=algorithm)


def signed(key, text=CHALLENGE.text):
    return key.sign(text, ec.ECDSA(hashes.SHA256()))


def refusal(given, trust, *, challenge=CHALLENGE, now=NOW):
    with pytest.raises(CertificateRefused) as caught:
        signer_of(given, challenge=challenge, trust=trust, now=now)
    return caught.value.code


def test_a_signature_of_our_challenge_by_a_valid_certificate_proves_its_holder(authority, key, trust):
    certificate = authority.issue("Nguyễn Thị Ví Dụ", key=key, number=NUMBER)

    holder = signer_of(answer(certificate, signed(key)), challenge=CHALLENGE, trust=trust, now=NOW)

    assert (holder.name, holder.number, holder.is_organisation) == ("Nguyễn Thị Ví Dụ", "001088000123", False)


@pytest.mark.parametrize("scheme", ["RS256", "PS256"])
def test_rsa_signs_by_both_schemes_and_by_no_other_name(authority, trust, scheme):
    key = rsa.generate_private_key(65537, 2048)
    how = padding.PKCS1v15() if scheme == "RS256" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    certificate = authority.issue("Nguyễn Thị Ví Dụ", key=key, number=NUMBER)
    given = answer(certificate, key.sign(CHALLENGE.text, how, hashes.SHA256()), scheme)

    assert signer_of(given, challenge=CHALLENGE, trust=trust, now=NOW).number == "001088000123"
    for other in {"RS256", "PS256", "ES256", "none", ""} - {scheme}:
        assert refusal(replace(given, algorithm=other), trust) == "signing.not_ours"


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": bytes(32)}, {"control_code": "0043"}, {"purpose": "raise"}, {"way": "remote-signing"},
        {"session_code": "PH-0001"}, {"house": "https://khac.example"}, {"asked_at": NOW + timedelta(seconds=1)},
    ],
)  # fmt: skip
def test_a_signature_of_any_other_challenge_is_none(authority, key, trust, change):
    certificate = authority.issue("Nguyễn Thị Ví Dụ", key=key, number=NUMBER)
    other = replace(CHALLENGE, **change)

    assert refusal(answer(certificate, signed(key, other.text)), trust) == "signing.not_ours"


def test_another_key_an_empty_signature_and_a_wrong_algorithm_prove_nothing(authority, key, trust):
    certificate = authority.issue("Nguyễn Thị Ví Dụ", key=key, number=NUMBER)
    stranger = ec.generate_private_key(ec.SECP256R1())

    for signature in (signed(stranger), b"", b"\x30\x00", signed(key)[:-1]):
        assert refusal(answer(certificate, signature), trust) == "signing.not_ours"
    assert refusal(answer(certificate, signed(key), "RS256"), trust) == "signing.not_ours"


def test_a_certificate_that_does_not_hold_proves_nothing_however_well_it_signed(authority, key, trust):
    expired = authority.issue("Nguyễn Thị Ví Dụ", key=key, days=(-30, -1))
    own = authority.self_signed("Nguyễn Thị Ví Dụ", key=key, number=NUMBER)
    foreign = CertificateAuthority(now=NOW, title="CA Lạ").issue("Nguyễn Thị Ví Dụ", key=key)
    good = authority.issue("Nguyễn Thị Ví Dụ", key=key, number=NUMBER)
    later = CertificateAuthority(now=NOW, title=authority.title, key=authority.key, revoked=[good.serial_number])
    lists = Trust.read(authorities=authority.certificate.public_bytes(Encoding.PEM), lists=later.list_revoked())

    assert refusal(answer(expired, signed(key)), trust) == "certificate.expired"
    assert refusal(answer(own, signed(key)), trust) == "certificate.authority"
    assert refusal(answer(foreign, signed(key)), trust) == "certificate.authority"
    assert refusal(answer(good, signed(key)), lists) == "certificate.revoked"
    assert refusal(replace(answer(good, signed(key)), certificate="no certificate"), trust) == "certificate.unreadable"


def test_the_control_code_has_four_digits_always():
    assert [control_code(bytes(8)), control_code((42).to_bytes(8)), control_code(b"\xff" * 8)] == [
        "0000",
        "0042",
        "1615",
    ]
