"""Every process gets its writer of the trail at one place, so that no entry lacks its class or its master key."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

import policies
from control.settings import Settings, SettingsError
from control.writers import make_writer, subject_keys
from tests.unit.core.test_settings import PRODUCTION

ROOT = Path(__file__).parents[3] / "control"
LAW = policies.load()
KEY, FORMER = bytes(range(32)), bytes(range(32, 64))


def test_nothing_but_the_one_place_makes_a_writer_or_keys():
    made = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if re.search(r"\b(Writer|SubjectKeys)\(", re.sub(r"class \w+\(", "", path.read_text(encoding="utf-8")))
    }

    assert made == {"writers.py"}


def test_the_writer_asks_the_law_for_the_class_of_an_act():
    writer = make_writer(Settings.from_env(PRODUCTION | {"VONGLAU_SUBJECT_KEY": base64.b64encode(KEY).decode()}), LAW)

    assert writer.retention_of("audit:journal:prune") == "K10Y"
    assert writer.retention_of("cases:file:open") == "A12M"


def test_production_writes_no_entry_with_keys_that_rest_unwrapped():
    with pytest.raises(SettingsError, match="VONGLAU_SUBJECT_KEY"):
        make_writer(Settings.from_env(PRODUCTION), LAW)


def test_both_master_keys_come_from_the_settings_and_show_nowhere():
    given = {"VONGLAU_SUBJECT_KEY": KEY, "VONGLAU_SUBJECT_KEY_FORMER": FORMER}
    encoded = {name: base64.b64encode(key).decode() for name, key in given.items()}

    settings = Settings.from_env(PRODUCTION | encoded)

    assert (subject_keys(settings).master_key, subject_keys(settings).former) == (KEY, FORMER)
    shown = f"{settings!r} {subject_keys(settings)!r} {make_writer(settings, LAW)!r}"
    assert not any(secret in shown for secret in (repr(KEY), repr(FORMER), *encoded.values()))
