"""Every direct dependency is explained, and everything installed is locked with hashes."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "requirements"


def direct(name):
    lines = (REQUIREMENTS / name).read_text(encoding="utf-8").splitlines()
    return [re.match(r"[A-Za-z0-9_-]+", line).group().lower() for line in lines if re.match(r"[A-Za-z]", line)]


@pytest.mark.parametrize("name", ["runtime.in", "dev.in"])
def test_every_direct_dependency_has_its_reason_and_licence(name):
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z0-9-]+) \| [^|]+ \| [^|?]+ \| ([^|?]+) \|$", page, re.MULTILINE))

    assert [package for package in direct(name) if package not in rows] == []


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_every_locked_package_has_a_version_and_a_hash_and_no_address(name):
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text)

    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries if re.match(r"[a-z0-9]", entry))
    assert "://" not in text


def test_what_runs_is_locked_to_the_same_version_for_tests():
    def versions(name):
        return dict(
            re.findall(r"^([a-z0-9-]+)==(\S+)", (REQUIREMENTS / name).read_text(encoding="utf-8"), re.MULTILINE)
        )

    runtime, dev = versions("runtime.txt"), versions("dev.txt")
    assert {name: version for name, version in runtime.items() if dev.get(name) != version} == {}
