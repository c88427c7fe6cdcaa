"""The rules under the real promtool: their own tests pass, and every mutant of a rule is noticed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitors.config import RULES_FOLDER

RULES = RULES_FOLDER / "vonglau.rules.yml"
TESTS = RULES_FOLDER / "vonglau.test.yml"
# What no pattern makes: wrong on purpose in ways somebody could think right. (rule, old, new)
BY_HAND = [
    ("portal:connected", "* ((time()", "+ ((time()"),
    ("portal:connected", 'max(probe_success{job="portal_http"})', 'max(probe_success{job="portal_tcp"})'),
    ("portal:connected", 'max(probe_success{job="portal_http"})', "vector(1)"),
    ("PortalLinkDown", "== 0", "<= 1"),
    ("PortalMeasurementMissing", "absent(portal:connected)", "absent(probe_success)"),
    ("ExporterDown", '{job="vonglau"} == 0', " == 0"),
    ("MonitoringHeartbeat", "vector(1)", "vector(1) > 1"),
    ("TrailCopyStopped", '{target!="segments"}', ""),
    ("TrailSegmentsStopped", '{target="segments"}', ""),
    ("TrailTampered", '{kind="tamper"}', ""),
    ("TrailGapOpen", '{kind="gap"}', ""),
    ("RouteSilent", '{kind="silent-route"}', ""),
]  # fmt: skip
Content = dict[str, Any]
SECONDS = {"s": 1, "m": 60}


@cache
def read(file: Path) -> Content:
    """The content of a file, which nobody may change."""
    content: Content = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def rules() -> list[Content]:
    """Every rule of the file, recordings where they stand."""
    return [rule for group in read(RULES)["groups"] for rule in group["rules"]]


def alerts() -> list[Content]:
    """Every alert of the rules."""
    return [rule for rule in rules() if "alert" in rule]


def name_of(rule: Content) -> str:
    return str(rule.get("alert") or rule["record"])


def exprs_near(expr: str) -> Iterator[tuple[str, str]]:
    """Thresholds moved by a quarter, comparisons turned round, clauses dropped."""
    for found in re.finditer(r"([<>]) (bool )?([1-9][0-9]*)", expr):
        for factor in (0.75, 1.25):
            number = round(int(found[3]) * factor)
            yield f"threshold {number}", f"{expr[: found.start(3)]}{number}{expr[found.end(3) :]}"
        turned = "<" if found[1] == ">" else ">"
        yield f"turned {turned}", f"{expr[: found.start(1)]}{turned}{expr[found.end(1) :]}"
    if expr.endswith("== 0"):
        yield "equals 2", expr.removesuffix("0") + "2"
    pieces = re.split(r"\s+(and|or)\s+", expr)
    if len(pieces) > 1:
        for place in range(0, len(pieces), 2):
            left = pieces[:place] + pieces[place + 2 :] if place == 0 else pieces[: place - 1] + pieces[place + 1 :]
            yield f"without clause {place // 2 + 1}", " ".join(left)


def mutants() -> Iterator[tuple[str, str, Content]]:
    """Every rule, wrong in one way: (name, what is wrong, the rule)."""
    for rule in rules():
        for what, expr in exprs_near(rule["expr"]):
            yield name_of(rule), what, rule | {"expr": expr}
        for key in ("for", "keep_firing_for"):
            if key in rule:
                seconds = int(rule[key][:-1]) * SECONDS[rule[key][-1]]
                for wrong in (0, seconds * 2):
                    yield name_of(rule), f"{key} {wrong}s", rule | {key: f"{wrong}s"}
            elif key == "for" and "alert" in rule:
                yield name_of(rule), "for 1m", rule | {key: "1m"}
        for label in rule["labels"]:
            yield name_of(rule), f"label {label}", rule | {"labels": rule["labels"] | {label: "other"}}
        if "alert" in rule:
            yield name_of(rule), "runbook", rule | {"annotations": rule["annotations"] | {"runbook": "other"}}
    for name, old, new in BY_HAND:
        (rule,) = (one for one in rules() if name_of(one) == name)
        assert old in rule["expr"], (name, old)
        yield name, f"{old} → {new}", rule | {"expr": rule["expr"].replace(old, new)}


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    found = shutil.which("promtool")
    assert found is not None, "install the Debian package prometheus"
    return subprocess.run(  # what it says of a file comes on both streams and belongs together
        [found, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def cases_about(alert: str) -> tuple[list[Content], list[Content]]:
    """The rules' own tests that speak of an alert: those where it fires, and those where it only keeps quiet."""
    fires: list[Content] = []
    keeps_quiet: list[Content] = []
    for test in read(TESTS)["tests"]:
        cases = [case for case in test["alert_rule_test"] if case["alertname"] == alert]
        if cases:
            alone = test | {"alert_rule_test": cases}
            (fires if any(case["exp_alerts"] for case in cases) else keeps_quiet).append(alone)
    return fires, keeps_quiet


def test_the_rules_are_valid_and_pass_their_own_tests() -> None:
    assert promtool("check", "rules", str(RULES), folder=RULES_FOLDER).returncode == 0
    done = promtool("test", "rules", TESTS.name, folder=RULES_FOLDER)
    assert done.returncode == 0, done.stdout


def survivors(wrong: dict[str, Content], tests: list[Content], *, folder: Path) -> dict[str, Content]:
    """Return the mutants none of these tests notices: one run of promtool over a pair of files for each."""
    if not wrong or not tests:
        return wrong
    for number, mutant in enumerate(wrong.values()):
        whole = read(RULES)
        groups = [
            group | {"rules": [mutant if name_of(one) == name_of(mutant) else one for one in group["rules"]]}
            for group in whole["groups"]
        ]
        own = read(TESTS) | {"rule_files": [f"{number}.rules.yml"], "tests": tests}
        (folder / f"{number}.rules.yml").write_text(yaml.safe_dump(whole | {"groups": groups}), encoding="utf-8")
        (folder / f"{number}.test.yml").write_text(yaml.safe_dump(own), encoding="utf-8")
    checked = promtool("check", "rules", *(f"{number}.rules.yml" for number in range(len(wrong))), folder=folder)
    assert checked.returncode == 0, f"not a mutant, just broken: {checked.stdout}"
    done = promtool("test", "rules", *(f"{number}.test.yml" for number in range(len(wrong))), folder=folder)
    blocks = re.split(r"^Unit Testing: ", done.stdout, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(wrong)
    return {what: wrong[what] for what, block in zip(wrong, blocks, strict=True) if "FAILED" not in block}


@pytest.mark.parametrize("name", [name_of(rule) for rule in rules()])
def test_every_mutant_of_a_rule_is_noticed(name: str, tmp_path: Path) -> None:
    wrong = {what: mutant for rule, what, mutant in mutants() if rule == name}
    # A recorded series is judged by the alert that reads it. The long quiet tests only for what the short ones miss.
    fires, keeps_quiet = cases_about("PortalLinkDown" if name == "portal:connected" else name)

    left = survivors(survivors(wrong, fires, folder=tmp_path), keeps_quiet, folder=tmp_path)

    assert len(wrong) >= 3
    assert sorted(left) == []


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_burns_in_both_languages_and_names_its_runbook(rule: Content) -> None:
    assert set(rule["annotations"]) == {"summary", "summary_en", "runbook"}
    assert rule["labels"]["severity"] in {"page", "ticket", "heartbeat"}


def test_every_alert_has_a_case_that_fires_and_one_that_is_quiet() -> None:
    cases = [case for test in read(TESTS)["tests"] for case in test.get("alert_rule_test", [])]
    firing = {case["alertname"] for case in cases if case["exp_alerts"]}
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}

    names = {rule["alert"] for rule in alerts()}
    assert firing == names
    assert names - quiet == {"MonitoringHeartbeat"}  # it is always on
