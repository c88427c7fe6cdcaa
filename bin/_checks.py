# ruff: noqa: INP001 - a program beside bin/test, not a package
"""What `bin/test` runs, part by part, and how it counts: one closing line `N passed, N failed, N skipped`.

Not for: installing anything (that is `bin/_bootstrap`). A check that could not do its work is never counted as
passed: without the advisory service the dependency audit prints "not audited" and counts as not run.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
BASELINE = ROOT / ".secrets.baseline"
PYTEST_PARTS = ("unit", "integration", "journeys")
AUDIT_SECONDS = 180
MOST_WORKERS = 8  # each has a database server and a directory of its own
FAULTS = ROOT / "docs" / "faults.md"
FAULT_ROW = re.compile(r"^\| (\d+) \| ([^|]+?) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many checks and tests passed, failed, or could not run."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        """Return both counts together."""
        return Count(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )


PASSED, FAILED, NOT_RUN = Count(passed=1), Count(failed=1), Count(skipped=1)


def main(words: Sequence[str]) -> int:
    """Run the parts asked for; 0 when nothing failed and something ran."""
    part, rest = (words[0], list(words[1:])) if words else ("all", [])
    if part == "accept-secrets":
        return accept_secrets()
    if part not in {"all", "checks", "faults", *PYTEST_PARTS}:
        say(f"bin/test [checks|unit|integration|journeys|faults] [pytest words…]: không hiểu / unknown: {part}")
        return 2
    total = Count()
    if part == "faults":
        total += timed("faults", partial(run_faults, words=rest))
    if part in {"all", "checks"}:
        for name, check in CHECKS.items():
            total += timed(name, check)
    for folder in PYTEST_PARTS:
        if part in {"all", folder}:
            total += timed(f"tests/{folder}", partial(run_pytest, folder, words=rest))
    say(f"\n{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 0 if total.passed and not total.failed else 1


def timed(name: str, check: Callable[[], Count]) -> Count:
    """Run one check, say how it went and how long it took."""
    started = time.monotonic()
    count = check()
    word = "FAILED" if count.failed else "ok" if count.passed else "not run"
    say(f"{word:8} {name} ({time.monotonic() - started:.0f} s)")
    return count


def tool(name: str) -> str:
    """Return the path of a tool of this environment."""
    return str(TOOLS / name)


def run_tool(*command: str) -> Count:
    """Run a tool that exits 0 when all is well; its words are shown only when it is not."""
    done = subprocess.run([tool(command[0]), *command[1:]], capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode == 0:
        return PASSED
    say(done.stdout + done.stderr)
    return FAILED


def run_pytest(folder: str, *, words: Sequence[str]) -> Count:
    """Run one folder of tests with its output shown, and count from pytest's own report."""
    if not list((ROOT / "tests" / folder).rglob("test_*.py")):
        return NOT_RUN
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        status = pytest_until_its_end(f"tests/{folder}", *side_by_side(), *words, report=report)
        count = read_report(report)
    # A run that broke before or after its tests has failed even when every test that ran has passed.
    return count if status == 0 or count.failed else count + FAILED


def run_faults(*, words: Sequence[str]) -> Count:
    """Run every fault at its full length, one after the other, and say for each row how it went."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        environment = {**os.environ, "VONGLAU_FAULTS": "full"}
        selected = ["tests/unit", "tests/integration", "-m", "fault"]
        status = pytest_until_its_end(*selected, *words, report=report, environment=environment)
        for line in fault_lines(report):
            say(line)
        count = read_report(report)
    return count if status == 0 or count.failed else count + FAILED


def fault_lines(report: Path) -> Iterator[str]:
    """Yield one line for each row of docs/faults.md: how it went, how many tests, how long."""
    counts: dict[str, Count] = defaultdict(Count)
    seconds: dict[str, float] = defaultdict(float)
    for case in cases_of(report):
        is_broken = case.find("failure") is not None or case.find("error") is not None
        one = FAILED if is_broken else PASSED if case.find("skipped") is None else NOT_RUN
        for row in {found.get("value", "") for found in case.iter("property") if found.get("name") == "fault"}:
            counts[row] += one
            seconds[row] += float(case.get("time", 0))
    for number, title in FAULT_ROW.findall(FAULTS.read_text(encoding="utf-8")):
        count = counts[number]
        word = "FAILED" if count.failed else "ok" if count.passed else "not run"
        yield f"{word:8} {number:>2} {title} ({count.passed + count.failed} tests, {seconds[number]:.0f} s)"


def side_by_side() -> list[str]:
    """Return the words that part the tests over the cores; those that share a heavy server stay together."""
    workers = min(len(os.sched_getaffinity(0)), MOST_WORKERS)
    return ["-n", str(workers), "--dist", "loadscope", "--no-loadscope-reorder"] if workers > 1 else []


def pytest_until_its_end(*words: str, report: Path, environment: dict[str, str] | None = None) -> int:
    """Run pytest and return its status; however this program is ended, the servers of the tests end first.

    At Ctrl-C the terminal tells pytest too, so it is only waited for; a request to end is passed on.
    Raises KeyboardInterrupt after either: the parts that follow are not run.
    """
    command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", *words]
    told: list[int] = []
    with subprocess.Popen(command, cwd=ROOT, env=environment) as child:

        def pass_on(number: int, _frame: object) -> None:
            told.append(number)
            child.send_signal(number)

        former = signal.signal(signal.SIGTERM, pass_on)
        try:
            status = child.wait()
        except KeyboardInterrupt:
            child.wait()
            raise
        finally:
            signal.signal(signal.SIGTERM, former)
    if told:
        raise KeyboardInterrupt
    return status


def cases_of(report: Path) -> Iterator[ET.Element]:
    """Yield the tests of a JUnit report that pytest has just written; none of an absent one."""
    if report.exists():
        yield from ET.parse(report).getroot().iter("testcase")  # noqa: S314 - our own file


def read_report(report: Path) -> Count:
    """Count from a JUnit report that pytest has just written; an absent one counts nothing."""
    if not report.exists():
        return Count()
    total = Count()
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - our own file
        tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        total += Count(passed=tests - skipped - failed, failed=failed, skipped=skipped)
    return total


def audit_dependencies() -> Count:
    """Ask the advisory service about every locked package.

    The tool exits 0 also when the service knows none of them: then nothing was audited, and that is said.
    """
    command = [tool("pip-audit"), "-r", "requirements/dev.txt", "--require-hashes", "--disable-pip"]
    try:
        done = subprocess.run(
            [*command, "--format", "json", "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=AUDIT_SECONDS,
        )
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError, KeyError):
        say("not audited: dịch vụ cảnh báo lỗ hổng không trả lời / the advisory service does not answer")
        return NOT_RUN
    return judge_audit(found)


def judge_audit(found: Sequence[dict[str, object]]) -> Count:
    """Count what the advisory service said about each package."""
    unknown = [str(one["name"]) for one in found if "skip_reason" in one]
    weak = [one for one in found if one.get("vulns")]
    for one in weak:
        say(f"{one['name']} {one['version']}: {json.dumps(one['vulns'], ensure_ascii=False)}")
    if weak:
        return FAILED
    if unknown or not found:
        say(f"not audited: {len(unknown)}/{len(found)} gói không có trả lời / packages without an answer")
        return NOT_RUN
    return PASSED


def scan_for_secrets() -> Count:
    """Compare what looks like a secret in the tracked files with the list of those looked at and accepted."""
    known = {_secret_key(path, one) for path, ones in _baseline()["results"].items() for one in ones}
    found = _scan()
    if found is None:
        return FAILED
    fresh = [(path, one) for path, ones in found.items() for one in ones if _secret_key(path, one) not in known]
    for path, one in fresh:
        say(f"{path}:{one['line_number']}: {one['type']}: nếu không phải bí mật / if not a secret:")
        say("    # pragma: allowlist secret   (hoặc / or: bin/test accept-secrets)")
    return FAILED if fresh else PASSED


def accept_secrets() -> int:
    """Take what the scan finds now as looked at by a person and harmless; the diff goes to review."""
    found = _scan()
    if found is None:
        return 1
    accepted = {path: [{**one, "is_secret": False} for one in ones] for path, ones in sorted(found.items())}
    content = {key: value for key, value in _baseline().items() if key != "generated_at"}
    text = json.dumps({**content, "results": accepted}, indent=2, ensure_ascii=False)
    BASELINE.write_text(text + "\n", encoding="utf-8")
    return 0


def _baseline() -> dict[str, dict[str, list[dict[str, object]]]]:
    content: dict[str, dict[str, list[dict[str, object]]]] = json.loads(BASELINE.read_text(encoding="utf-8"))
    return content


def _secret_key(path: str, one: dict[str, object]) -> tuple[str, str, str]:
    return path, str(one["type"]), str(one["hashed_secret"])


def _scan() -> dict[str, list[dict[str, object]]] | None:
    """Return what the scanner finds now with the settings kept in the baseline; None when it broke."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "baseline.json"
        empty = json.dumps({**_baseline(), "results": {}})
        copy.write_text(empty, encoding="utf-8")
        command = [tool("detect-secrets"), "scan", "--no-verify", "--baseline", str(copy), "."]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        if done.returncode != 0:
            say(done.stdout + done.stderr)
            return None
        results: dict[str, list[dict[str, object]]] = json.loads(copy.read_text(encoding="utf-8"))["results"]
        return results


def say(text: str) -> None:
    """Print at once, so that what follows from a tool stands below it."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


CHECKS: dict[str, Callable[[], Count]] = {
    "ruff format": lambda: run_tool("ruff", "format", "--check", "."),
    "ruff check": lambda: run_tool("ruff", "check", "."),
    "lint-imports": lambda: run_tool("lint-imports", "--no-cache"),
    "detect-secrets": scan_for_secrets,
    "pip-audit": audit_dependencies,
    "mypy": lambda: run_tool("mypy"),
}

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
