"""The programs in bin/: they count honestly, and what they rely on is well formed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
AT = datetime(2026, 11, 22, tzinfo=UTC)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "bin" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


checks = load("_checks")
bench = load("_bench")


@pytest.mark.parametrize("program", ["bin/_bootstrap", "bin/up", "bin/test", "bin/bench", "bin/vonglau", ".ci/run"])
def test_every_program_is_readable_to_the_shell(program: str):
    subprocess.run(["bash", "-n", str(ROOT / program)], check=True)


def test_every_debian_package_says_what_is_lost_without_it():
    lines = (ROOT / "requirements" / "debian.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split(maxsplit=3) for line in lines if line and not line.startswith("#")]

    assert {group for row in rows for group in row[0].split(",")} == {"base", "up", "test", "unit", "checks"}
    assert all(len(row) == 4 and " / " in row[3] for row in rows)


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        ("base", "python3-venv"),
        ("unit", "prometheus"),
        ("unit", "prometheus-alertmanager"),
        ("checks", "git"),
        ("up unit", "slapd"),
    ],
)
def test_a_part_of_the_tests_asks_for_the_packages_it_uses(groups: str, wanted: str):
    script = f". bin/_bootstrap; vl_probe() {{ return 1; }}; vl_missing {groups}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [line.split()[1] for line in done.stdout.splitlines()]

    assert wanted in names
    assert len(set(names)) == len(names)


def test_an_audit_that_nobody_answered_counts_as_not_run(capsys: pytest.CaptureFixture[str]):
    count = checks.judge_audit([{"name": "flask", "skip_reason": "not found"}])

    assert count == checks.NOT_RUN
    assert "not audited" in capsys.readouterr().out


def test_an_audit_that_was_answered_in_part_counts_as_not_run():
    found = [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}]

    assert checks.judge_audit(found) == checks.NOT_RUN


def test_an_audit_with_no_package_at_all_counts_as_not_run():
    assert checks.judge_audit([]) == checks.NOT_RUN


def test_a_known_weakness_fails_even_when_others_were_not_answered():
    found = [{"name": "a", "version": "1", "vulns": [{"id": "X-1"}]}, {"name": "b", "skip_reason": "not found"}]

    assert checks.judge_audit(found) == checks.FAILED


def test_an_audit_that_was_answered_in_full_passes():
    assert checks.judge_audit([{"name": "a", "version": "1", "vulns": []}]) == checks.PASSED


def test_the_report_of_a_run_is_counted(tmp_path: Path):
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>', encoding="utf-8"
    )

    assert checks.read_report(report) == checks.Count(passed=3, failed=3, skipped=3)


def test_a_report_that_was_never_written_counts_nothing(tmp_path: Path):
    assert checks.read_report(tmp_path / "none.xml") == checks.Count()


def test_every_row_of_the_faults_is_told_with_its_worst_outcome(tmp_path: Path):
    report = tmp_path / "report.xml"
    marked = '<properties><property name="fault" value="{}"/></properties>'
    report.write_text(
        "<testsuites><testsuite>"
        f'<testcase time="2.4">{marked.format(8)}</testcase>'
        f'<testcase time="1">{marked.format(8)}<failure/></testcase>'
        f'<testcase time="3">{marked.format(10)}</testcase>'
        "<testcase time='9'/></testsuite></testsuites>",
        encoding="utf-8",
    )

    lines = list(checks.fault_lines(report))

    assert len(lines) == 28
    assert lines[7] == "FAILED    8 kill -9 of writer, sequencer, shipper, signer (2 tests, 3 s)"
    assert lines[9].startswith("ok       10 ")
    assert {line.split()[0] for line in (lines[:7] + lines[10:])} == {"not"}


def test_an_unknown_part_is_a_misuse():
    assert checks.main(["everything"]) == 2


def test_the_accepted_findings_of_the_secret_scan_are_each_marked_as_harmless():
    content = json.loads((ROOT / ".secrets.baseline").read_text(encoding="utf-8"))

    assert all(one.get("is_secret", False) is False for ones in content["results"].values() for one in ones)


def test_figures_are_found_among_other_words():
    output = 'warming up\n{"figure": "adds", "value": 250000, "unit": "1/s", "floor": 100000}\n[1]\n{"other": 1}\n'

    (figure,) = bench.read_figures(output)

    assert (figure.name, figure.value, figure.is_good) == ("adds", 250000, True)


@pytest.mark.parametrize(("value", "is_good"), [(99, False), (100, True), (200, True), (201, False)])
def test_a_figure_is_good_within_its_bounds(value: float, is_good: bool):
    assert bench.Figure(name="x", value=value, unit="", floor=100, ceiling=200).is_good is is_good


def test_a_second_run_takes_the_place_of_the_first():
    figure = bench.Figure(name="x", value=1, unit="s")
    first = bench.render("one", figures=[figure], about="First.", at=AT)
    other = bench.render("two", figures=[figure], about="Other.", at=AT)
    again = bench.render("one", figures=[figure], about="Again.", at=AT)

    page = bench.place(bench.place(bench.HEAD, name="one", section=first), name="two", section=other)
    page = bench.place(page, name="one", section=again)

    assert page.startswith("# Benchmarks")
    assert (page.count("## one"), page.count("## two")) == (1, 1)
    assert "Again." in page
    assert "First." not in page
