"""A page speaks the language asked for, also where one English word has two meanings."""

from __future__ import annotations

import pytest
from flask import render_template_string

SOURCE = "{{ pgettext('run', 'failed') }} {{ npgettext('run', 'one %(num)s', 'many %(num)s', 2) }} {{ _('Runs') }}"


@pytest.mark.parametrize(("language", "drawn"), [("vi", "hỏng many 2 Lượt chạy"), ("en", "failed many 2 Runs")])
def test_every_way_to_ask_for_a_sentence_works_in_a_template(app, language, drawn):
    with app.test_request_context(f"/trail?lang={language}"):
        assert render_template_string(SOURCE) == drawn
