"""A time stamp is believed after OpenSSL believes it; an authority that is away or lies changes nothing."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from audit.notes import SigningKey, checkpoint_text
from audit.stamp import Stamper, StampError, holds, stated_time
from tests.factories.audit import ORIGIN
from tests.simulators.time_stamp.service import TimeStampAuthority

NOTE = SigningKey(name=ORIGIN, seed=b"\1" * 32).sign(checkpoint_text(origin=ORIGIN, size=7, root=b"\7" * 32))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    with TimeStampAuthority(tmp_path_factory.mktemp("tsa")) as found:
        yield found


@pytest.fixture
def stamper(authority):
    authority.mode = "normal"
    return Stamper(url=authority.url, ca_file=authority.ca_file, timeout_seconds=2)


def now():
    """The authority states the machine's own time."""
    return datetime.now(UTC)


def test_a_token_states_the_time_and_holds_for_this_note_alone(stamper, authority, tmp_path):
    before = now()

    made = stamper.stamp(NOTE, now=now())

    assert before - timedelta(seconds=1) <= made.asserted_at <= now()
    assert holds(made.token, NOTE, ca_file=authority.ca_file)
    assert not holds(made.token, NOTE + b"\n", ca_file=authority.ca_file)
    assert not holds(made.token, NOTE, ca_file=authority.folder / "other-ca.pem")
    assert not holds(made.token[:-1], NOTE, ca_file=authority.ca_file)
    reply = tmp_path / "reply.tsr"
    reply.write_bytes(made.token)
    said = subprocess.run(["openssl", "ts", "-reply", "-in", reply, "-text"], capture_output=True, check=True).stdout
    assert b"Status: Granted." in said
    assert stated_time(reply) == made.asserted_at


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("broken", "answered 500"),
        ("garbage", "openssl ts -verify"),
        ("wrong-hash", "mismatch"),
        ("other-authority", "certificate"),
        ("silent", "does not answer"),
        ("endless", "answered 200 with"),
    ],
)
def test_an_authority_that_is_away_or_lies_is_not_believed(stamper, authority, mode, why):
    authority.mode = mode

    with pytest.raises(StampError, match=why):
        stamper.stamp(NOTE, now=now())


def test_an_older_reply_for_the_same_note_is_not_believed(stamper, authority):
    stamper.stamp(NOTE, now=now())
    authority.mode = "replay"

    with pytest.raises(StampError, match="mismatch"):
        stamper.stamp(NOTE, now=now())


def test_a_time_far_from_ours_is_not_believed(stamper):
    with pytest.raises(StampError, match="far from our clock"):
        stamper.stamp(NOTE, now=now() - timedelta(minutes=6))


def test_nobody_at_the_address_is_told(authority, unused_port):
    gone = Stamper(url=f"http://127.0.0.1:{unused_port}/", ca_file=authority.ca_file, timeout_seconds=2)

    with pytest.raises(StampError, match="does not answer"):
        gone.stamp(NOTE, now=now())
