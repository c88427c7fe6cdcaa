"""The adapter against the real simulator over HTTP, in each of its moods."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from control.privilege.population.client import PopulationClient, Question
from control.privilege.population.domain import Outcome
from control.privilege.population.terms import FIELDS
from tests.factories.population import KEY, terms
from tests.simulators.population.service import MODES, PUBLIC, PURPOSES, PopulationDatabase

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT, UNIT = "tap.dt", "Bộ phận Một cửa"
NUMBER = "999000000001"


@pytest.fixture
def database() -> Iterator[PopulationDatabase]:
    """A database of this test's own."""
    with PopulationDatabase(key=KEY) as running:
        yield running


@pytest.fixture
def client(database: PopulationDatabase) -> PopulationClient:
    return PopulationClient(url=database.url, key=KEY, deadline_seconds=1.2)


def question(**changes: object) -> Question:
    values = {
        "correlation_id": "tc-0000000001",
        "account": ACCOUNT,
        "unit": UNIT,
        "session": "s1",
        "case_code": "G99-261122-0001",
        "purpose": "verify-applicant",
        "number": NUMBER,
        "fields": ("full_name", "birth_date"),
    }
    return Question(**(values | changes))  # type: ignore[arg-type]


def now() -> datetime:
    return datetime.now(UTC)


def test_a_person_is_found_with_the_fields_that_were_asked_for_and_no_others(database, client) -> None:
    answer = client.look_up(question(), now=now())

    assert (answer.outcome, answer.http_status) == (Outcome.FOUND, 200)
    assert set(answer.person) == {"full_name", "birth_date"}
    assert answer.person["full_name"] == database.state.citizens[NUMBER]["full_name"]
    assert answer.person["full_name"] not in repr(answer)
    assert NUMBER not in repr(question())


def test_nobody_by_that_number_is_an_answer(client) -> None:
    assert client.look_up(question(number="999999999999"), now=now()).outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("slow", Outcome.UNANSWERED),
        ("silent", Outcome.UNANSWERED),
        ("lying-fields", Outcome.EXCESS),
        ("lying-types", Outcome.UNREADABLE),
        ("other-question", Outcome.UNREADABLE),
        ("wrong-signature", Outcome.BAD_SIGNATURE),
        ("huge", Outcome.UNREADABLE),
        ("redirect", Outcome.BAD_SIGNATURE),
        ("old", Outcome.UNREADABLE),
        ("unavailable", Outcome.UNAVAILABLE),
    ],
)
def test_a_hostile_database_is_never_believed_and_never_holds_us_up(database, client, mode, outcome) -> None:
    database.mode = mode
    started = time.monotonic()

    answer = client.look_up(question(), now=now())

    assert answer.outcome is outcome
    assert answer.person == {}
    assert time.monotonic() - started < 4


def test_an_answer_that_was_lost_is_asked_for_again_and_counted_once(database, client) -> None:
    database.mode = "twice"

    answer = client.look_up(question(), now=now())

    assert answer.outcome is Outcome.FOUND
    assert database.state.arrivals == {"tc-0000000001": 2}
    assert database.state.used == {ACCOUNT: 1}


def test_the_other_side_keeps_its_own_rules(database, client) -> None:
    strangers = [
        question(account="nguoi.la", correlation_id="tc-0000000002"),
        question(unit="Phòng Không Có", correlation_id="tc-0000000003"),
        question(purpose="curiosity", correlation_id="tc-0000000004"),
    ]
    assert client.look_up(question(), now=now()).outcome is Outcome.FOUND
    answers = [client.look_up(one, now=now()) for one in strangers]
    second = client.look_up(question(session="s2", correlation_id="tc-0000000005"), now=now())
    client.end_session(account=ACCOUNT, session="s1", correlation_id="end-00000001", now=now())
    third = client.look_up(question(session="s2", correlation_id="tc-0000000006"), now=now())
    database.state.quota = 2
    over = client.look_up(question(session="s2", correlation_id="tc-0000000007"), now=now())

    assert [(one.outcome, one.why) for one in [*answers, second]] == [
        (Outcome.REFUSED, "unknown-account"),
        (Outcome.REFUSED, "unknown-unit"),
        (Outcome.REFUSED, "purpose"),
        (Outcome.REFUSED, "second-session"),
    ]
    assert third.outcome is Outcome.FOUND
    assert (over.outcome, over.http_status, over.why) == (Outcome.REFUSED, 429, "quota")


def test_health_tells_until_when_the_certificate_is_good(database, client) -> None:
    answer = client.ask_health(correlation_id="health-0001", now=now())

    assert answer.outcome is Outcome.FOUND
    assert answer.certificate_until == datetime.fromisoformat("2027-06-30T00:00:00+07:00")


def test_a_wrong_key_and_no_server_are_told_apart(database) -> None:
    stranger = PopulationClient(url=database.url, key="x" * 40, deadline_seconds=1.0)
    nobody = PopulationClient(url="http://127.0.0.1:9", key=KEY, deadline_seconds=1.0)

    assert stranger.look_up(question(), now=now()).outcome is Outcome.BAD_SIGNATURE
    assert nobody.look_up(question(), now=now()).outcome is Outcome.UNANSWERED
    assert KEY not in repr(nobody)


def test_the_description_and_the_policies_name_what_the_simulator_knows() -> None:
    text = (ROOT / "tests" / "simulators" / "population" / "openapi.yaml").read_text("utf-8")
    described = yaml.safe_load(text)
    asked = described["paths"]["/api/v1/lookups"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    moods = described["paths"]["/control/mode"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert tuple(moods["properties"]["mode"]["enum"]) == MODES
    assert tuple(asked["properties"]["fields"]["items"]["enum"]) == PUBLIC == FIELDS
    assert tuple(asked["properties"]["purpose"]["enum"]) == PURPOSES == tuple(terms().purposes)


def test_the_simulator_imports_nothing_of_the_product() -> None:
    folder = ROOT / "tests" / "simulators" / "population"
    for file in folder.glob("*.py"):
        text = file.read_text("utf-8")
        assert "import control" not in text
        assert "from control" not in text
