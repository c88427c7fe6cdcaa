"""Every refusal has both sentences, and none is raised that has none."""

from __future__ import annotations

import re
import string

import pytest

import policies
from policies.messages import SENTENCES, refusal

RAISED = {
    code
    for folder in ("policies", "control/commands")
    for path in (policies.DATA.parent / folder).glob("*.py")
    for code in re.findall(r'refusal\(\s*"([a-z_.]+)"', path.read_text(encoding="utf-8"))
} | {"policy.missing_citation", "policy.missing_key"}  # chosen by a variable


def placeholders(pattern: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(pattern) if name}


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_a_code_has_both_sentences_with_the_same_values(code: str):
    sentence = SENTENCES[code]

    assert sentence.vi.strip()
    assert sentence.en.strip()
    assert sentence.vi != sentence.en
    languages = {name.removesuffix("_en") for name in placeholders(sentence.en)}
    assert {name.removesuffix("_vi") for name in placeholders(sentence.vi)} == languages
    assert sentence.exit_status in {1, 2}
    built = refusal(code, **dict.fromkeys(placeholders(sentence.vi + sentence.en), "…"))
    assert "{" not in built.message("vi") + built.message("en")


def test_what_is_raised_and_what_is_written_down_are_the_same():
    assert set(SENTENCES) == RAISED
