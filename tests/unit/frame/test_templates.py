"""Every template of the product, read as text: nothing the content policy would block, nothing left untranslated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from control.frame import catalogs

CONTROL = Path(__file__).resolve().parents[3] / "control"
TEMPLATES = sorted(path for path in CONTROL.rglob("templates/**/*.html"))
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
FORBIDDEN = {
    "an inline style": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a script with text": re.compile(r"<script\b(?![^>]*\ssrc\s*=)[^>]*>|<script\b[^>]*>\s*[^<\s]", re.IGNORECASE),
    "an event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "a javascript address": re.compile(r"(?:href|src|action)\s*=\s*[\"']?\s*javascript:", re.IGNORECASE),
    "htmx code": re.compile(r"\shx-on[:=-]|\shx-vals\s*=\s*[\"']js:", re.IGNORECASE),
    "another origin": re.compile(r"(?:src|href|action|hx-get|hx-post)\s*=\s*[\"'](?:https?:)?//", re.IGNORECASE),
}
UNSAFE = re.compile(r"\|\s*safe\b|\{%-?\s*autoescape\s+false")
POST_FORM = re.compile(r"<form\b[^>]*method\s*=\s*[\"']post[\"'][^>]*>(.*?)</form>", re.IGNORECASE | re.DOTALL)
LETTERS = re.compile(r"[^\W\d_]{2,}")
UNTRANSLATED = {
    "Vọng",
    "Lâu",
    "English",
    "Tiếng",
    "Việt",
    "CSV",
    "PDF",
    "PostgreSQL",
    "Elasticsearch",
    "vi",
    "en",
    "quot",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(CONTROL))


def text_of(path: Path) -> str:
    return COMMENT.sub("", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_template_holds_nothing_the_content_policy_blocks(path):
    text = text_of(path)

    assert [what for what, pattern in FORBIDDEN.items() if pattern.search(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_template_never_switches_escaping_off(path):
    assert not UNSAFE.search(text_of(path))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_form_that_changes_state_carries_its_token(path):
    assert all(re.search(r"csrf|hidden_tag", body) for body in POST_FORM.findall(text_of(path)))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_words_between_tags_are_translated(path):
    without_code = re.sub(r"[\w-]+=\"[^\"]*\"", "", JINJA.sub("\x00", text_of(path)))
    between = re.findall(r">([^<>]*)<", re.sub(r"<code>[^<]*</code>", "", without_code))
    words = {word for text in between for word in LETTERS.findall(re.sub(r"&\w+;", "", text))}

    assert words - UNTRANSLATED == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_labels_for_screen_readers_are_translated(path):
    labels = re.findall(r"(?:aria-label|placeholder|title|alt)=\"([^\"]*)\"", JINJA.sub("", text_of(path)))

    assert [label for label in labels if LETTERS.search(label)] == []


@pytest.mark.parametrize("wing", sorted(catalogs.wings()), ids=lambda wing: wing or "frame")
def test_every_sentence_of_a_wing_has_its_vietnamese(wing):
    assert list(catalogs.faults(wing)) == []


def test_no_two_wings_translate_one_sentence_differently():
    assert list(catalogs.contradictions()) == []


def test_vietnamese_entries_keep_one_spelling():
    old = re.compile(r"\b(?:hóa|hòa|họa|khóa|xóa|hủy|ủy|tòa|thủy)\b", re.IGNORECASE)
    texts = [
        (wing, str(entry.string))
        for wing, folder in catalogs.wings().items()
        for entry in catalogs.read(folder / "translations" / catalogs.CATALOG)
        if entry.id and old.search(str(entry.string))
    ]

    assert texts == []
