"""Signed notes against the example of the specification, and against tampering."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.notes import BadNoteError, SigningKey, VerifierKey, checkpoint_text, open_note, read_checkpoint
from audit.verify import Bad, Keys, ed25519_holds

# The example of c2sp.org/signed-note.
SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
# RFC 8032, section 7.1, tests 1 to 3: public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]
KEY = SigningKey(name="vonglau.test/audit", seed=bytes(range(32)))
TEXT = checkpoint_text(origin=KEY.name, size=12, root=b"\7" * 32)


def strangers_keys():
    """The keys as the script in a bundle reads them."""
    return Keys([{"kind": "log", "vkey": str(KEY.verifier())}])


def test_the_note_of_the_specification_opens_with_its_key():
    assert open_note(SPEC_NOTE, [VerifierKey.parse(SPEC_KEY)]) == "This is an example message.\n"
    assert str(VerifierKey.parse(SPEC_KEY)) == SPEC_KEY


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_the_strangers_ed25519_accepts_the_vectors_of_the_standard(public, message, signature):
    parts = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)

    assert ed25519_holds(*parts)
    assert not ed25519_holds(parts[0], parts[1] + b"x", parts[2])


def test_the_strangers_ed25519_refuses_a_second_form_of_the_same_signature():
    public, message, signature = (bytes.fromhex(part) for part in RFC_8032[1])
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(signature[32:], "little") + order

    assert not ed25519_holds(public, message, signature[:32] + scalar.to_bytes(32, "little"))


@settings(max_examples=15, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 511))
def test_both_ed25519_agree(seed, message, bit):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    turned = (int.from_bytes(signature) ^ 1 << bit).to_bytes(64)

    assert ed25519_holds(public, message, signature)
    assert not ed25519_holds(public, message, turned)


def test_a_checkpoint_opens_here_and_at_a_stranger():
    note = KEY.sign(TEXT)

    assert read_checkpoint(open_note(note, [KEY.verifier()])) == (KEY.name, 12, b"\7" * 32)
    assert strangers_keys().open(note) == (KEY.name, 12, b"\7" * 32)


def test_keys_are_read_back_as_they_were_written():
    assert SigningKey.parse(KEY.private_text()) == KEY
    assert VerifierKey.parse(str(KEY.verifier())) == KEY.verifier()
    assert "seed" not in repr(KEY)


@given(st.data())
def test_a_note_with_one_byte_changed_does_not_open(data):
    note = bytearray(KEY.sign(TEXT))
    place = data.draw(st.integers(0, len(note) - 1))
    note[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(BadNoteError):
        read_checkpoint(open_note(bytes(note), [KEY.verifier()]))
    with pytest.raises((Bad, ValueError)):
        strangers_keys().open(bytes(note))


def test_a_note_of_an_unknown_key_does_not_open_and_an_unknown_cosigner_does_no_harm():
    other = SigningKey(name="other.test/log", seed=b"\1" * 32)
    cosigned = KEY.sign(TEXT) + other.sign(TEXT).rpartition(b"\n\n")[2]

    assert open_note(cosigned, [KEY.verifier()]) == TEXT
    with pytest.raises(BadNoteError, match="no known key"):
        open_note(other.sign(TEXT), [KEY.verifier()])


@given(st.text())
def test_any_text_gives_a_key_or_our_own_error(text):
    for parse in (VerifierKey.parse, SigningKey.parse):
        with pytest.raises(BadNoteError):
            parse(text)


@pytest.mark.parametrize("text", ["", "x", "o\n01\nAAAA\n", "o\n1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n", "o\n-1\n\n"])
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(BadNoteError):
        read_checkpoint(text)
