"""How the trail speaks: codes of an entry turned into sentences, in the language of the page.

Not for: markup. Invariant: a sentence is made from codes, identifiers and names looked up by identifier; what only
the person who was refused saw (the values in a message) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from control.assurance.trail.domain import Line
from control.frame import formats
from control.messages import Messages
from control.titles import title_of

Language = Literal["vi", "en"]
PARENTHESIS = re.compile(r" \([^()]*\{[^()]*\)")
PLACEHOLDER = re.compile(r"\{[a-z_]+\}")

# What an act was on, in the order a person would say it; the case nearest to the citizen first.
SPOKEN: Mapping[str, tuple[str, str]] = {
    "case": ("hồ sơ", "case file"),
    "account": ("tài khoản", "account"),
    "asset": ("máy", "machine"),
    "request": ("yêu cầu", "request"),
    "person": ("người", "person"),
    "alert": ("cảnh báo", "alert"),
    "finding": ("phát hiện", "finding"),
    "run": ("lượt chạy", "run"),
    "evidence": ("bằng chứng", "evidence"),
    "requirement": ("yêu cầu cấp độ", "requirement"),
}
RESULTS: Mapping[str, tuple[str, str]] = {
    "denied": ("bị từ chối", "refused"),
    "success": ("được phép, đã xong", "allowed and done"),
    "failure": ("không thành", "unsuccessful"),
    "unknown": ("không rõ kết quả", "with an unknown outcome"),
}


def actor_name(line: Line, names: Mapping[str, str], *, language: str) -> str:
    """Return who acted, as a person says it."""
    vi = language != "en"
    if line.actor is None or line.actor == "system:visitor":
        return "Một người chưa đăng nhập" if vi else "Somebody not signed in"
    if line.is_system:
        name = line.actor.removeprefix("system:")
        return f"Hệ thống ({name})" if vi else f"The system ({name})"
    return names.get(line.actor, line.actor)


def sentence(line: Line, *, names: Mapping[str, str], messages: Messages, language: str) -> str:
    """Return the entry as one sentence: when, who, did what, on what, by what right, and how it ended."""
    vi = language != "en"
    when = formats.moment(line.at, language="vi" if vi else "en")
    parts = [
        f"Lúc {when}, {_inside(actor_name(line, names, language=language), line)} thực hiện việc "
        f"«{title_of(line.action, language)}»"
        if vi
        else f"On {when}, {_inside(actor_name(line, names, language=language), line)} did "
        f"“{title_of(line.action, language)}”"
    ]
    things = [
        f"{words[0 if vi else 1]} {names.get(line.subjects[kind], line.subjects[kind])}"
        for kind, words in SPOKEN.items()
        if kind in line.subjects
    ]
    if things:
        parts.append(("đối với " if vi else "on ") + ", ".join(things))
    if right := _right(line, is_vietnamese=vi):
        parts.append(right)
    if line.purpose:
        parts.append(f"để {line.purpose}" if vi else f"for: {line.purpose}")
    result = RESULTS.get("denied" if line.is_denied else line.outcome, RESULTS["unknown"])[0 if vi else 1]
    why = reason(line.reason, messages=messages, language=language)
    return f"{' '.join(parts)}; {result}{f': {why}' if why else ''}."


def reason(code: str | None, *, messages: Messages, language: str) -> str:
    """Return the first sentence of a reason's message: enough for a row; what only the person saw is left out."""
    if not code:
        return ""
    message = messages.by_code.get(code)
    if message is None:
        return code
    pattern = message.en if language == "en" else message.vi
    return PLACEHOLDER.sub("…", PARENTHESIS.sub("", pattern)).split(". ")[0].rstrip(".")


def _right(line: Line, *, is_vietnamese: bool) -> str:
    grant, document = line.subjects.get("grant"), line.subjects.get("document")
    if grant:
        text = f"theo cấp quyền {grant}" if is_vietnamese else f"under grant {grant}"
        if document:
            text += f", văn bản {document}" if is_vietnamese else f", document {document}"
        return text
    if document:
        return f"với văn bản {document}" if is_vietnamese else f"with document {document}"
    return ""


def _inside(name: str, line: Line) -> str:
    """A name keeps its capital inside a sentence, a common word does not."""
    return name if line.actor and not line.is_system else name[0].lower() + name[1:]
