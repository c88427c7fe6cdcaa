"""Read a runbook's text into blocks a template can draw; no HTML is made here, so none can be smuggled in.

Invariant: both languages have the same six sections in the same order; anything the page could not draw is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from control.errors import Unavailable

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "vi": ("Ý nghĩa", "Ảnh hưởng", "Chẩn đoán", "Xử lý", "Chuyển cấp", "Bằng chứng cần giữ"),
    "en": ("Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation", "Evidence to keep"),
}
INCIDENTS = "ql.1.5.8"  # Circular 12/2022, management of incidents: what every runbook is part of
_ALERTS = re.compile(r"^(?:Cảnh báo|Alerts): (.+)$", re.MULTILINE)
_PLAYBOOKS = re.compile(r"^Playbook: (.+)$", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"```[a-z]*\n(.*?)\n```", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of text; `style` is "" or "code"."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A paragraph (`p`, one line), a list (`ul`, `ol`) or a piece of terminal (`pre`, one line each)."""

    kind: str
    lines: tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One of the six."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The page in one language."""

    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """One page, both languages, with the digest of its bytes."""

    slug: str
    alerts: tuple[str, ...]
    playbooks: tuple[str, ...]
    requirement: str
    sha256: str
    texts: Mapping[str, Text]

    def text(self, language: str) -> Text:
        """Return the page in `vi` or `en`."""
        return self.texts[language]


def parse(slug: str, content: bytes) -> Runbook:
    """Read one file. Raises Unavailable(`runbook.broken`) and says what is wrong with it."""
    try:
        halves = content.decode("utf-8").split("\n---\n")
    except UnicodeDecodeError as error:
        raise _broken(slug, "not UTF-8") from error
    if len(halves) != len(SECTIONS):
        raise _broken(slug, "needs the Vietnamese text, a line ---, the English text")
    vi, en = halves
    return Runbook(
        slug=slug,
        alerts=_declared(_ALERTS, vi),
        playbooks=_declared(_PLAYBOOKS, vi),
        requirement=INCIDENTS,
        sha256=hashlib.sha256(content).hexdigest(),
        texts={"vi": _text(slug, vi, language="vi"), "en": _text(slug, en, language="en")},
    )


def _declared(line: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = line.search(text)
    return tuple(_SPAN.findall(found[1])) if found else ()


def _text(slug: str, half: str, *, language: str) -> Text:
    head, *parts = re.split(r"^## (.+)$", half, flags=re.MULTILINE)
    title = re.match(r"\s*# (.+)", head)
    titles = tuple(name.strip() for name in parts[::2])
    if title is None or titles != SECTIONS[language]:
        raise _broken(slug, f"sections in {language} must be: {', '.join(SECTIONS[language])}")
    sections = tuple(
        Section(title=name, blocks=_blocks(slug, text)) for name, text in zip(titles, parts[1::2], strict=True)
    )
    return Text(title=title[1].strip(), sections=sections)


def _blocks(slug: str, text: str) -> tuple[Block, ...]:
    found: list[Block] = []
    for place, part in enumerate(_FENCE.split(text)):
        if place % 2:  # what stood between the fences
            found.append(Block(kind="pre", lines=tuple((Piece(text=line),) for line in part.splitlines())))
        else:
            found += [_block(slug, piece) for piece in re.split(r"\n\s*\n", part.strip()) if piece.strip()]
    if not found:
        raise _broken(slug, "a section is empty")
    return tuple(found)


def _block(slug: str, part: str) -> Block:
    for kind, mark in (("ul", r"- "), ("ol", r"\d+\. ")):
        if re.match(mark, part):
            items = re.split(rf"^{mark}", part, flags=re.MULTILINE)[1:]
            return Block(kind=kind, lines=tuple(_pieces(" ".join(item.split())) for item in items))
    if part.startswith(("#", "<", "|", ">", "```")):
        raise _broken(slug, f"a line no page can draw: {part[:40]}")
    return Block(kind="p", lines=(_pieces(" ".join(part.split())),))


def _pieces(text: str) -> tuple[Piece, ...]:
    found = [Piece(text=piece, style="code" if place % 2 else "") for place, piece in enumerate(_SPAN.split(text))]
    return tuple(piece for piece in found if piece.text)


def _broken(slug: str, fault: str) -> Unavailable:
    return Unavailable("runbook.broken", runbook=slug, fault=fault)
