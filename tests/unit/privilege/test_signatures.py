"""Signatures of documents: judged in a child process, against authorities and forgers of our own making."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.decisions import Allow
from control.errors import Unavailable
from control.privilege.documents import signatures
from control.privilege.documents.signatures import SignatureVerdict, Signed, Trust, judge_signature, may_carry
from tests.factories.signing import (
    NOON,
    YEAR,
    Authority,
    authority,
    bomb,
    endless,
    locked,
    nest,
    plain_pdf,
    signatory,
    signed_pdf,
    turned,
)


def trust(*lists):
    return Trust(roots=(authority().root.public_bytes(Encoding.DER),), lists=lists)


def judged(content, *, whom=None, now=NOON):
    return judge_signature(content, trust=whom or trust(), now=now)


@cache
def twice_signed():
    return authority().officer("Văn thư").sign(signed_pdf(), field="Dau")


def test_a_signed_file_names_its_signer_and_authority():
    verdict = judged(signed_pdf())

    assert (verdict.state, verdict.signer, verdict.issuer) == (Signed.VALID, "Lê Ví Dụ", "Chứng thực Minh hoạ")
    assert (
        verdict.fingerprint
        == signatory().certificate.fingerprint(signatory().certificate.signature_hash_algorithm).hex()
    )
    assert verdict.count == 1
    assert verdict.signed_at is not None


def test_two_signatures_are_both_judged_and_the_last_is_named():
    verdict = judged(twice_signed())

    assert (verdict.state, verdict.signer, verdict.count) == (Signed.VALID, "Văn thư", 2)


def test_a_good_signature_over_a_foreign_one_is_not_trusted():
    verdict = judged(signatory().sign(Authority("Nơi khác").officer("Kẻ Giả").sign(plain_pdf()), field="Dau"))

    assert (verdict.state, verdict.signer) == (Signed.UNTRUSTED, "Kẻ Giả")


@pytest.mark.attack("E9")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (plain_pdf, "none"),
        (lambda: turned(signed_pdf()), "changed"),
        (lambda: signed_pdf().replace(b"842", b"843", 1), "changed"),
        (lambda: turned(twice_signed()), "changed"),
        (lambda: Authority("Chứng thực Minh hoạ").officer().sign(plain_pdf()), "untrusted"),
        (lambda: authority().officer(since=NOON - 3 * YEAR, until=NOON - YEAR).sign(plain_pdf()), "expired"),
        (lambda: authority().officer(since=NOON + timedelta(days=9)).sign(plain_pdf()), "untrusted"),
        (lambda: signed_pdf()[:-400], "unreadable"),
        (lambda: locked(plain_pdf()), "unreadable"),
        (lambda: b"%PDF-1.7\n/ByteRange\n%%EOF", "unreadable"),
    ],
)
def test_e9_a_signature_that_is_not_good_says_why(content, expected):
    assert judged(content()).state == expected


@pytest.mark.attack("E9")
def test_e9_a_revoked_certificate_is_known_by_the_list_of_its_authority():
    revoked = authority().officer("Người Bị Thu Hồi")
    lists = authority().revocations(revoked)

    states = [judged(one, whom=trust(lists)).state for one in (revoked.sign(plain_pdf()), signed_pdf())]

    assert states == ["revoked", "valid"]


def test_a_list_that_is_out_of_date_vouches_for_nobody():
    lists = authority().revocations()

    verdict = judged(signed_pdf(), whom=trust(lists), now=NOON + timedelta(days=60))

    assert verdict.state == "untrusted"


def test_without_trusted_authorities_nobody_is_trusted():
    assert judged(signed_pdf(), whom=Trust()).state == "untrusted"


@pytest.mark.attack("E9")
@pytest.mark.parametrize(
    "content", [lambda: bomb(900), lambda: nest(200_000), endless], ids=["bomb", "nest", "endless"]
)
def test_e9_a_hostile_file_is_a_verdict_and_costs_no_more_than_the_limits(content):
    assert judged(content()).state == "unreadable"


def test_a_child_that_never_answers_is_given_up(monkeypatch, tmp_path):
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(signatures, "CHILD", sleeper)
    monkeypatch.setattr(signatures, "WALL_SECONDS", 0.2)

    assert judged(b"%PDF-1.7 /ByteRange").state == "unreadable"


def test_too_many_at_once_are_told_to_come_again(monkeypatch):
    monkeypatch.setattr(signatures, "WALL_SECONDS", 0.01)
    for _ in range(signatures.AT_ONCE):
        signatures._places.acquire()
    try:
        with pytest.raises(Unavailable) as caught:
            judged(b"%PDF-1.7 /ByteRange")
    finally:
        for _ in range(signatures.AT_ONCE):
            signatures._places.release()
    assert caught.value.code == "document.signature.busy"


def test_the_child_loads_nothing_of_the_product():
    probe = f"import runpy, sys; runpy.run_path({str(signatures.CHILD)!r}); print('control' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@given(content=st.binary(max_size=200))
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_a_verdict(content):
    assert judged(b"%PDF-1.7 /ByteRange " + content).state == "unreadable"


@pytest.mark.parametrize("state", list(Signed))
def test_a_required_signature_is_valid_or_refused_by_its_fault(state):
    decision = may_carry(SignatureVerdict(state=state, judged_at=NOON), is_required=True)

    assert isinstance(decision, Allow) if state is Signed.VALID else decision.reason == f"document.signature.{state}"


@pytest.mark.parametrize("state", list(Signed))
def test_where_none_is_required_a_broken_signature_is_refused_still(state):
    decision = may_carry(SignatureVerdict(state=state, judged_at=NOON), is_required=False)

    assert isinstance(decision, Allow) == (state in {Signed.VALID, Signed.NONE, Signed.UNTRUSTED})


def test_the_folder_of_trust_parts_roots_from_what_stands_between(tmp_path):
    (tmp_path / "goc.pem").write_bytes(authority().pem + signatory().certificate.public_bytes(Encoding.PEM))
    (tmp_path / "thu-hoi.crl").write_bytes(authority().revocations())

    found = Trust.read(tmp_path)

    assert [len(found.roots), len(found.others), len(found.lists)] == [1, 1, 1]
    assert judged(signed_pdf(), whom=found).is_valid
    assert Trust.read(None) == Trust()


@pytest.mark.parametrize("name", ["a.pem", "a.crl"])
def test_a_folder_of_trust_that_cannot_be_read_stops_the_act(tmp_path, name):
    (tmp_path / name).write_bytes(b"not a certificate")

    with pytest.raises(Unavailable):
        Trust.read(tmp_path)
    with pytest.raises(Unavailable):
        Trust.read(tmp_path / "gone")
