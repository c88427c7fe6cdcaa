"""Every code a person may read has both sentences, and no placeholder without a value."""

import ast
import re
import string
from pathlib import Path

import pytest

from control.messages import CORE_MESSAGES, Message, Messages
from control.wiring import all_messages

CONTROL = Path(__file__).parents[3] / "control"
ERRORS = {"InvalidInput", "NotSignedIn", "Conflict", "TooMany", "Unavailable", "VongLauError"}


@pytest.fixture(scope="module")
def messages():
    return all_messages()


def raised_codes():
    for path in sorted(CONTROL.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in ERRORS and node.args and isinstance(node.args[0], ast.Constant):
                yield path.name, node.args[0].value
            if name == "Deny":
                for word in node.keywords:
                    if word.arg == "reason" and isinstance(word.value, ast.Constant):
                        yield path.name, word.value.value


def test_every_code_that_is_raised_has_a_sentence(messages):
    missing = sorted({(file, code) for file, code in raised_codes() if code not in messages.by_code})

    assert missing == []


def test_both_languages_say_the_same_with_the_same_values(messages):
    def names(pattern):
        return sorted(name for _, name, _, _ in string.Formatter().parse(pattern) if name)

    differing = [code for code, message in messages.by_code.items() if names(message.vi) != names(message.en)]
    assert differing == []


def test_no_sentence_is_empty_or_in_the_wrong_language(messages):
    assert all(message.vi.strip() and message.en.strip() for message in messages.by_code.values())
    assert all(message.vi != message.en for message in messages.by_code.values())
    vietnamese = re.compile("[ăâđêôơưàảãáạèẻẽéẹìỉĩíịòỏõóọùủũúụỳỷỹýỵấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữự]", re.IGNORECASE)
    assert [code for code, message in messages.by_code.items() if not vietnamese.search(message.vi)] == []


def test_a_missing_value_shows_as_a_dash(messages):
    assert "–" in messages.render("input.too_long", "vi")


def test_an_unknown_code_says_the_general_sentence(messages):
    assert messages.render("no.such.code", "en") == CORE_MESSAGES["error.unexpected"].en


def test_two_wings_cannot_claim_one_code():
    one = {"x": Message(vi="một", en="one")}

    with pytest.raises(RuntimeError, match="claimed twice"):
        Messages.join([one, one])
