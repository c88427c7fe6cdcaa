"""The README's table of settings is the one the code has, and what it names exists."""

import re
from pathlib import Path

from control.settings import SETTING_DESCRIPTIONS

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
BEGIN, END = "<!-- settings:begin", "<!-- settings:end -->"


def table():
    rows = [f"| `VONGLAU_{name}` | {about} |" for name, about in SETTING_DESCRIPTIONS.items()]
    return "\n".join(["| Variable | Meaning |", "|---|---|", *rows])


def test_the_table_of_settings_is_current():
    text = README.read_text(encoding="utf-8")
    between = text[text.index(BEGIN) : text.index(END)].split("-->", 1)[1].strip()

    assert between == table(), table()


def test_every_file_a_page_links_to_exists():
    pages = [README, ROOT / "README.vi.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        (page.name, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_folder_of_the_tree_exists():
    tree = README.read_text(encoding="utf-8").split("## The tree", 1)[1].split("```")[1]

    assert [name for name in re.findall(r"^(\w+)/", tree, re.MULTILINE) if not (ROOT / name).is_dir()] == []
