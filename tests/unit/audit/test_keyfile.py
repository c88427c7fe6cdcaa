"""The file of a signing key is there whole or not at all, and is made once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from audit import keyfile
from audit.keyfile import load_or_make_key


def test_a_key_is_made_once_and_read_afterwards_by_its_account_alone(tmp_path: Path):
    path = tmp_path / "log.key"

    first, second = (load_or_make_key(path, name="vonglau.test/audit") for _ in range(2))

    assert first == second
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_whoever_is_killed_while_making_it_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "log.key"

    def killed(_number: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(keyfile.os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            load_or_make_key(path, name="vonglau.test/audit")

    assert not path.exists()
    assert load_or_make_key(path, name="vonglau.test/audit") == load_or_make_key(path, name="vonglau.test/audit")


def test_a_key_that_somebody_made_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "log.key"
    theirs = load_or_make_key(tmp_path / "theirs.key", name="vonglau.test/audit")
    link = os.link

    def late(source: Path, target: Path) -> None:
        path.write_text(theirs.private_text(), encoding="utf-8")
        path.chmod(0o600)
        link(source, target)

    monkeypatch.setattr(keyfile.os, "link", late)

    assert load_or_make_key(path, name="vonglau.test/audit") == theirs
    assert sorted(one.name for one in tmp_path.iterdir()) == ["log.key", "theirs.key"]
