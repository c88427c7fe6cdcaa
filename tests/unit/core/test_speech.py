"""How commands take their common words and report their errors."""

import json

import pytest

from control.commands.speech import Speech
from control.errors import InvalidInput, Unavailable


@pytest.mark.parametrize(
    "words",
    [["law", "show", "x", "--json"], ["--json", "law", "show", "x"], ["law", "--json", "show", "x"]],
)
def test_json_may_stand_anywhere(words):
    speech = Speech.from_words(words, environment={})

    assert speech.as_json
    assert speech.words == ["law", "show", "x"]


def test_words_after_a_double_dash_are_left_alone():
    speech = Speech.from_words(["audit", "search", "--", "--json"], environment={})

    assert not speech.as_json
    assert speech.words == ["audit", "search", "--", "--json"]


@pytest.mark.parametrize(
    ("words", "environment", "language"),
    [
        ([], {}, "vi"),
        ([], {"LANG": "C.UTF-8"}, "vi"),
        ([], {"LANG": "en_GB.UTF-8"}, "en"),
        (["--lang", "en"], {"LANG": "vi_VN.UTF-8"}, "en"),
        (["--lang=vi"], {"LANG": "en_US.UTF-8"}, "vi"),
    ],
)
def test_the_language_is_vietnamese_unless_english_is_asked_for(words, environment, language):
    assert Speech.from_words(words, environment=environment).language == language


def test_the_data_folder_comes_from_the_word_before_the_environment():
    environment = {"VONGLAU_DATA": "/from/environment"}

    assert str(Speech.from_words([], environment=environment).data_dir()) == "/from/environment"
    assert str(Speech.from_words(["--data", "/d"], environment=environment).data_dir()) == "/d"


@pytest.mark.parametrize(
    ("error", "status"),
    [(InvalidInput("input.required"), 2), (Unavailable("database.unavailable"), 3), (KeyError("x"), 1)],
)
def test_an_error_with_json_is_one_document_and_a_status(error, status, capsys):
    speech = Speech(as_json=True)

    assert speech.failure(error) == status

    document = json.loads(capsys.readouterr().out)
    assert set(document["error"]) == {"code", "message", "citation", "details"}
    assert document["error"]["message"]
