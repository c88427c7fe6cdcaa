"""The adapter against the simulated service: what it takes for an answer, and how long it waits for one."""

import http.client
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from control.exchange import NotAnswered, Service
from control.people.signing.client import SigningService as Adapter
from control.people.signing.domain import Challenge, State
from tests.simulators.signing.service import ANSWERS, MODES, SigningService

KEY = "key-of-the-signing-services-in-tests-0123456789"
NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
PHONE = "+84912000123"
CHALLENGE = Challenge(
    house="https://vidu.example", purpose="sign-in", way="signing-sim", session_code="", control_code="0042",
    nonce=bytes(range(32)), asked_at=NOW,
)  # fmt: skip
FOLDER = Path(__file__).parents[2] / "simulators" / "signing"


@pytest.fixture
def peer():
    with SigningService(key=KEY, clock=lambda: NOW) as service:
        service.subscribe(PHONE, "Nguyễn Thị Ví Dụ", number="CCCD:001088000123")
        yield service


def adapter(peer, *, key=KEY, seconds=5.0):
    return Adapter(service=Service(url=peer.url, key=key, deadline_seconds=seconds))


def ask(peer, *, subject=PHONE, **more):
    until = NOW + timedelta(minutes=3)
    return adapter(peer, **more).ask(
        subject=subject, challenge=CHALLENGE, display="Đăng nhập. Mã 0042.", until=until, key="one", now=NOW
    )


def standing(peer, reference, **more):
    return adapter(peer, **more).standing(reference=reference, key="two", now=NOW)


def test_a_question_waits_for_the_thumb_and_then_brings_certificate_and_signature(peer):
    asked = ask(peer)
    assert (asked.state, peer.phones()[0]["control_code"]) == (State.PENDING, "0042")
    assert standing(peer, asked.reference).state is State.PENDING
    assert peer.press(PHONE, "confirm")

    answer = standing(peer, asked.reference)

    assert (answer.state, answer.algorithm) == (State.SIGNED, "ES256")
    assert answer.certificate.startswith("-----BEGIN CERTIFICATE-----")
    assert "BEGIN" not in repr(answer)


@pytest.mark.parametrize("subject", ["+84900000000", "nobody@vidu.example"])
def test_who_subscribes_to_nothing_is_said_to_be_unknown(peer, subject):
    assert ask(peer, subject=subject).state is State.UNKNOWN


@pytest.mark.parametrize("mode", ["slow", "silent"])
def test_a_service_that_takes_its_time_is_left_after_the_deadline(peer, mode):
    peer.mode = mode
    with pytest.raises(NotAnswered):
        ask(peer, seconds=0.2)


@pytest.mark.parametrize("mode", ["unavailable", "lying", "wrong-signature"])
def test_an_answer_that_is_not_about_our_question_is_none(peer, mode):
    peer.mode = mode
    with pytest.raises(NotAnswered):
        ask(peer)


def test_another_key_an_unknown_reference_and_garbage_are_no_answers(peer):
    asked = ask(peer)
    with pytest.raises(NotAnswered):
        ask(peer, key="another-key-of-the-signing-services-0123456789")
    with pytest.raises(NotAnswered):
        standing(peer, "0123456789abcdef")
    peer.press(PHONE, "confirm")
    peer.mode = "garbage"
    with pytest.raises(NotAnswered):
        standing(peer, asked.reference)


def test_a_question_that_nobody_answered_in_time_is_over(peer):
    asked = ask(peer)
    peer.clock = lambda: NOW + timedelta(minutes=3)
    later = adapter(peer).standing(reference=asked.reference, key="two", now=NOW + timedelta(minutes=3))
    assert later.state is State.TIMED_OUT


def test_the_description_names_what_the_simulator_knows_and_answers(peer):
    described = yaml.safe_load((FOLDER / "openapi.yaml").read_text("utf-8"))
    paths = described["paths"]

    def schema(path):
        return paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]

    states = described["components"]["responses"]["standing"]["content"]["application/json"]["schema"]
    assert tuple(schema("/control/mode")["mode"]["enum"]) == MODES
    assert tuple(schema("/control/press")["answer"]["enum"]) == tuple(ANSWERS)
    assert sorted(states["properties"]["state"]["enum"]) == sorted(State)
    bodies = {
        "/control/press": ({"subject": PHONE, "answer": "confirm"}, 404),
        "/control/subscribers": ({"subject": "a@vidu.example", "name": "Nguyễn Văn Thử"}, 204),
        "/control/mode": ({"mode": "merry"}, 422),
    }
    for path, (body, status) in bodies.items():
        assert _post(peer, path, body) == status
        assert str(status) in paths[path]["post"]["responses"]


def test_the_simulator_imports_nothing_of_the_product():
    for file in FOLDER.glob("*.py"):
        assert "from control" not in file.read_text("utf-8")
        assert "import control" not in file.read_text("utf-8")


def _post(peer, path, body):
    connection = http.client.HTTPConnection(urlsplit(peer.url).netloc, timeout=5)
    connection.request("POST", path, body=json.dumps(body))
    status = connection.getresponse().status
    connection.close()
    return status
