"""Where the code for people lies: playbooks and runbooks, in the tree beside the packages."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "playbooks"
RUNBOOKS = ROOT / "runbooks"
