"""What is shipped from elsewhere is exactly what was taken, with its licence beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

VENDOR = Path(__file__).resolve().parents[3] / "control" / "static" / "vendor"
HASHES = json.loads((VENDOR / "hashes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(HASHES))
def test_a_vendored_file_is_unchanged(name):
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == HASHES[name]["sha256"]


@pytest.mark.parametrize("name", sorted(HASHES))
def test_a_vendored_file_has_its_version_inside_and_its_licence_beside_it(name):
    facts = HASHES[name]

    assert facts["version"] in (VENDOR / name).read_text(encoding="utf-8")
    assert (VENDOR / facts["licence_file"]).read_text(encoding="utf-8").strip()
    assert facts["licence"] in {"MIT", "0BSD"}


def test_nothing_is_vendored_without_an_entry():
    licences = {facts["licence_file"] for facts in HASHES.values()}

    assert {path.name for path in VENDOR.iterdir()} == set(HASHES) | licences | {"hashes.json"}
