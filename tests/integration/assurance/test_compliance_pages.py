"""The posture as an auditor reads it, on the page and on the command line."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import text

import policies
from control.cli import main
from control.permissions import Permission
from tests.integration.conftest import NOON, environment

SEE = (Permission.ASSURANCE_POSTURE_READ, Permission.ASSURANCE_EVIDENCE_READ)


@pytest.fixture
def auditor(sign_in, client):
    sign_in(*SEE, Permission.ASSURANCE_CHECK_RUN)
    return client


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.text


def test_before_any_check_nothing_holds_and_all_requirements_are_in_the_denominator(auditor):
    shown = page(auditor, "/compliance")

    assert "0 trên 66 yêu cầu đạt" in re.sub(r"<[^>]+>", "", shown)


def test_the_other_regime_has_its_own_requirements(auditor):
    assert "0 trên 18 yêu cầu đạt" in re.sub(r"<[^>]+>", "", page(auditor, "/compliance?regime=nd331-2026"))


@pytest.mark.parametrize(
    "address", ["/compliance?on=31/02/2026", "/compliance?on=hôm+qua", "/compliance?on=24/11/2030"]
)
def test_a_day_that_is_none_or_lies_ahead_is_refused_with_words(auditor, address):
    answer = auditor.get(address)

    assert answer.status_code == 422
    assert "25/11/2026" in answer.text or "23/11/2026" in answer.text


@pytest.mark.parametrize("address", ["/compliance/ch.9.9.9", "/compliance/evidence/BC-9999", "/compliance/evidence/x"])
def test_what_does_not_exist_is_not_found(auditor, address):
    assert auditor.get(address).status_code == 404


def test_an_unknown_regime_is_refused_and_is_no_fault(auditor):
    assert auditor.get("/compliance?regime=nd999").status_code == 404


def test_without_the_permission_no_check_runs(sign_in, client, submit, role_engine):
    sign_in(*SEE)

    assert submit("/compliance/checks", on="/compliance").status_code == 403
    with role_engine("vl_owner").connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM compliance_observation")) == 0


def test_the_button_runs_every_check_and_each_observation_has_its_entry(auditor, submit, role_engine):
    answer = submit("/compliance/checks", on="/compliance")

    assert answer.status_code == 302
    with role_engine("vl_owner").connect() as connection:
        checks = connection.scalar(text("SELECT count(*) FROM compliance_observation"))
        entries = connection.scalar(
            text("SELECT count(*) FROM audit_outbox WHERE position('assurance:check:run'::bytea in body) > 0")
        )
    wanted = len(policies.load().requirements.checks)
    assert (checks, entries) == (wanted, wanted)
    assert page(auditor, "/compliance/evidence").count("BC-00") >= wanted


def test_a_whole_trail_is_evidence_for_the_logs_and_names_its_newest_entry(auditor, submit, write, number):
    for _ in range(3):
        write(at=NOON)
    number(NOON)
    submit("/compliance/checks", on="/compliance")

    shown = page(auditor, "/compliance/ch.1.3.3")

    assert "Dấu vết nguyên vẹn" in shown
    assert 'href="/trail/2"' in shown
    assert "một phần" in shown


def test_evidence_shows_its_bytes_and_reading_it_is_an_entry(auditor, submit, role_engine):
    submit("/compliance/checks", on="/compliance")

    shown = page(auditor, "/compliance/evidence/BC-0001")

    assert "&#34;collector&#34;" in shown
    with role_engine("vl_owner").connect() as connection:
        assert connection.scalar(
            text("SELECT count(*) FROM audit_outbox WHERE position('assurance:evidence:read'::bytea in body) > 0")
        )


def test_yesterday_stays_as_it_was_when_a_check_runs_today(auditor, submit, write, number, clock):
    clock.now = NOON + timedelta(days=1)
    write(at=clock.now)
    number(clock.now)
    submit("/compliance/checks", on="/compliance")

    assert "2 yêu cầu đổi trạng thái" not in page(auditor, "/compliance?on=23/11/2026")
    assert "chưa chạy" in page(auditor, "/compliance/ch.1.3.3?on=23/11/2026")
    assert "chưa chạy" not in page(auditor, "/compliance/ch.1.3.3")


def run(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main([*words, "--json"])
    return left.value.code, json.loads(capsys.readouterr().out)


@pytest.fixture
def running(clean_database, monkeypatch, tmp_path):
    for name, value in environment(clean_database.url("vl_web"), tmp_path).items():
        monkeypatch.setenv(name, value)


def test_the_command_gives_the_posture_with_its_denominator(running, capsys):
    status, document = run(capsys, "compliance", "posture", "--regime", "nd85-2016")

    assert status == 0
    assert (document["holding"], document["denominator"]) == (0, 66)
    assert document["as_of"].endswith("+07:00")
    assert sum(document["counts"].values()) == len(document["requirements"]) == 66


def test_the_command_runs_one_check_and_says_no_when_it_proves_nothing(running, capsys):
    status, document = run(capsys, "compliance", "check", "access.four-eyes")

    assert status == 1
    assert (document["result"], document["check"]) == ("nothing", "access.four-eyes")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("compliance", "check", "no.such"), "policy.unknown_check"),
        (("compliance", "posture", "--regime", "nd999"), "policy.unknown_regime"),
        (("compliance", "posture", "--as-of", "never"), "compliance.as_of.not_a_date"),
    ],
)
def test_a_command_misused_exits_with_two_and_a_document(running, capsys, words, code):
    status, document = run(capsys, *words)

    assert (status, document["error"]["code"]) == (2, code)
