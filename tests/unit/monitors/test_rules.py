"""The rules under the real promtool: their own tests pass, and every mutant of a rule is noticed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from monitors.config import RULES_FOLDER

RULES = RULES_FOLDER / "vonglau.rules.yml"
TESTS = RULES_FOLDER / "vonglau.test.yml"
MUTANTS = [
    ("< bool 120)", "< bool 140)"),
    ("< bool 120)", "< bool 100)"),
    ("* ((time()", "+ ((time()"),
    ("max(probe_success{job=", "min(probe_success{job=\"x\",was="),
    ("expr: portal:connected == 0\n        for: 10s", "expr: portal:connected == 0\n        for: 0s"),
    ("expr: portal:connected == 0\n        for: 10s", "expr: portal:connected == 0\n        for: 30s"),
    ("keep_firing_for: 15s", "keep_firing_for: 0s"),
    ("keep_firing_for: 15s", "keep_firing_for: 2m"),
    ("expr: portal:connected == 0", "expr: portal:connected <= 1"),
    ("absent(portal:connected)\n        for: 1m", "absent(portal:connected)\n        for: 2m"),
    ("absent(portal:connected)\n        for: 1m", "absent(portal:connected)\n        for: 0s"),
    ("absent(portal:connected)", "absent(probe_success)"),
    ("> 900", "> 960"),
    ("> 900", "> 600"),
    ("and max(vonglau_portal_outbox_oldest_timestamp_seconds) > 0\n", "\n"),
    ("and max(vonglau_audit_outbox_oldest_timestamp_seconds) > 0\n", "\n"),
    ("and max(vonglau_jobs_oldest_due_timestamp_seconds) > 0\n", "\n"),
    ("and vonglau_audit_copy_stalled_timestamp_seconds > 0\n", "\n"),
    ("> 60\n", "> 90\n"),
    ("> 60\n", "> 30\n"),
    ("> 300\n", "> 360\n"),
    ("> 300\n", "> 240\n"),
    ("vonglau_run_lease_until_timestamp_seconds > 30", "vonglau_run_lease_until_timestamp_seconds > 60"),
    ("vonglau_run_lease_until_timestamp_seconds > 30", "vonglau_run_lease_until_timestamp_seconds > 15"),
    ("vonglau_schedule_next_due_timestamp_seconds > 120", "vonglau_schedule_next_due_timestamp_seconds > 150"),
    ("vonglau_schedule_next_due_timestamp_seconds > 120", "vonglau_schedule_next_due_timestamp_seconds > 60"),
    ("> 120\n          and max(vonglau_jobs", "> 150\n          and max(vonglau_jobs"),
    ("> 120\n          and max(vonglau_jobs", "> 60\n          and max(vonglau_jobs"),
    (' or absent(up{job="vonglau"})', ""),
    ('up{job="vonglau"} == 0 or ', ""),
    ("vonglau_subject_readable == 0", "vonglau_subject_readable == 2"),
    ("vector(1)", "vector(1) > 1"),
    ("runbook: trail-behind", "runbook: elsewhere"),
    ("labels: {severity: page, service: portal}", "labels: {severity: ticket, service: portal}"),
]  # fmt: skip


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    found = shutil.which("promtool")
    assert found is not None, "install the Debian package prometheus"
    return subprocess.run([found, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def changed(original: str, mutant: str) -> str:
    """The alert a mutant is about; a mutant of the recording rule is about the alert that reads it."""
    pairs = zip(rules_of(original), rules_of(mutant), strict=True)
    rule = next(before for before, after in pairs if before != after)
    return rule.get("alert", "PortalLinkDown")


def rules_of(text: str) -> list[dict]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def cases_of(alert: str) -> dict:
    """The rules' own tests, those that speak of one alert: the others cost seconds and cannot tell."""
    whole = yaml.safe_load(TESTS.read_text(encoding="utf-8"))
    speaking = [test for test in whole["tests"] if alert in {case["alertname"] for case in test["alert_rule_test"]}]
    return whole | {"tests": speaking}


def test_the_rules_are_valid_and_pass_their_own_tests() -> None:
    assert promtool("check", "rules", str(RULES), folder=RULES_FOLDER).returncode == 0
    done = promtool("test", "rules", TESTS.name, folder=RULES_FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("old", "new"), MUTANTS)
def test_a_mutant_of_a_rule_is_noticed(old: str, new: str, tmp_path: Path) -> None:
    original = RULES.read_text(encoding="utf-8")
    assert old in original
    mutant = original.replace(old, new, 1)
    (tmp_path / RULES.name).write_text(mutant, encoding="utf-8")
    (tmp_path / TESTS.name).write_text(yaml.safe_dump(cases_of(changed(original, mutant))), encoding="utf-8")
    assert promtool("check", "rules", RULES.name, folder=tmp_path).returncode == 0, "not a mutant, just broken"

    assert promtool("test", "rules", TESTS.name, folder=tmp_path).returncode != 0


def alerts() -> list[dict]:
    """Every alert of the rules."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_burns_in_both_languages_and_names_its_runbook(rule: dict) -> None:
    assert set(rule["annotations"]) == {"summary", "summary_en", "runbook"}
    assert rule["labels"]["severity"] in {"page", "ticket", "heartbeat"}


def test_every_alert_has_a_case_that_fires_and_one_that_is_quiet() -> None:
    cases = [
        case
        for test in yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]
        for case in test.get("alert_rule_test", [])
    ]
    firing = {case["alertname"] for case in cases if case["exp_alerts"]}
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}

    names = {rule["alert"] for rule in alerts()}
    assert firing == names
    assert names - quiet == {"MonitoringHeartbeat"}  # it is always on
