"""Reading a runbook: whole or refused, and never a piece of markup of its own."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import NotFound, Unavailable
from control.operations.runbooks import SECTIONS, Shelf
from control.operations.runbooks.domain import Runbook, parse


def page(
    vi: str = "- Một\n- Hai `mã`", en: str = "1. One\n2. Two `code`", *, sections: dict[str, Any] | None = None
) -> str:
    titles = sections or SECTIONS
    halves = {
        "vi": "# Tiêu đề\n\nCảnh báo: `A` `B`\nPlaybook: `p`\n",
        "en": "# Title\n\nAlerts: `A` `B`\nPlaybook: `p`\n",
    }
    for language, body in (("vi", vi), ("en", en)):
        halves[language] += "".join(f"\n## {title}\n\n{body}\n" for title in titles[language])
    return f"{halves['vi']}\n---\n\n{halves['en']}"


def test_a_page_is_read_whole_in_both_languages() -> None:
    runbook = parse("trial", page().encode())

    assert (runbook.alerts, runbook.playbooks) == (("A", "B"), ("p",))
    assert [section.title for section in runbook.text("vi").sections] == list(SECTIONS["vi"])
    assert [section.title for section in runbook.text("en").sections] == list(SECTIONS["en"])
    block = runbook.text("vi").sections[0].blocks[0]
    assert (block.kind, [[piece.style for piece in line] for line in block.lines]) == ("ul", [[""], ["", "code"]])
    assert runbook.text("en").sections[0].blocks[0].kind == "ol"


def test_what_stands_between_fences_keeps_its_lines() -> None:
    runbook = parse("trial", page(vi="- Xem:\n\n```sql\nSELECT 1;\n\nSELECT `2`;\n```").encode())

    _, block = runbook.text("vi").sections[0].blocks
    assert (block.kind, [line[0].text for line in block.lines]) == ("pre", ["SELECT 1;", "", "SELECT `2`;"])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# only one half",
        page(sections={"vi": SECTIONS["vi"][1:], "en": SECTIONS["en"]}),
        page(sections={"vi": SECTIONS["vi"], "en": tuple(reversed(SECTIONS["en"]))}),
        page(vi=""),
        page(vi="<script>alert(1)</script>"),
        page(vi="| a | table |"),
        page().replace("# Tiêu đề", "no title"),
    ],
)
def test_a_page_that_cannot_be_drawn_is_refused_by_name(content: str) -> None:
    with pytest.raises(Unavailable, match=r"runbook\.broken"):
        parse("trial", content.encode())


@given(st.binary(max_size=300))
def test_any_bytes_give_a_page_or_our_own_error(content: bytes) -> None:
    with contextlib.suppress(Unavailable):
        assert isinstance(parse("trial", content), Runbook)


@pytest.mark.parametrize("slug", ["../secrets", "..", "", "A", "none", "a/b", "a\0b"])
def test_a_name_outside_the_shelf_is_not_found(tmp_path: Path, slug: str) -> None:
    (tmp_path / "secrets.md").write_text(page())
    shelf = Shelf(tmp_path / "shelf")

    with pytest.raises(NotFound):
        shelf.get(slug)
    assert shelf.find(slug) is None
