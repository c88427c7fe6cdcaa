"""The macros: what they draw, and that nothing a person typed ever becomes markup."""

# ruff: noqa: E501  -- each snippet of a template is one string, as it would stand in a page

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from flask import Flask, flash, g, render_template_string

from control.frame.samples import HOSTILE, THREAD
from control.frame.tables import ListingRules
from control.frame.thread import Station, StationState

NOON = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)

CALLS = {
    "thread": "{% from 'macros/thread.html' import thread %}{{ thread([{'kind': h, 'text': h, 'href': h}, {'label': h, 'text': h, 'state': 'gone'}], h) }}",
    "status": "{% from 'macros/status.html' import st, tx, state, outcome, icon %}{{ st('bad', 'bad', h) }}{{ tx('ok', 'ok', h) }}{{ state(h) }}{{ state('late', h) }}{{ outcome(h) }}{{ icon('ok', h) }}",
    "table": "{% from 'macros/table.html' import table, group %}{% call table(h, [{'text': h}, {'text': h, 'hidden': true}], caption=h) %}<tr><td>{{ h }}</td></tr>{{ group(h, 2, h) }}{% endcall %}",
    "filters": "{% from 'macros/filters.html' import filters, pick, words, moment_field %}{% call filters(listing, path='/x') %}{{ pick('a', h, [(h, h)], h) }}{{ words('q', h, h, h) }}{{ moment_field('m', h, h) }}{% endcall %}",
    "forms": "{% from 'macros/forms.html' import error_summary, input, textarea, select, radios, checkbox, upload, submit %}{{ error_summary({'a': h, '': h}, h, h) }}{{ input('a', h, value=h, error=h, hint=h, placeholder=h) }}{{ textarea('b', h, value=h, error=h, hint=h) }}{{ select('c', h, [(h, h)], value=h, error=h, hint=h) }}{{ radios('d', h, [(h, h)], value=h, error=h, hint=h) }}{{ checkbox('e', h, error=h, hint=h, value=h) }}{{ upload('f', h, error=h, hint=h) }}{{ submit(h, name='x', value=h) }}",
    "messages": "{% from 'macros/messages.html' import note, cite, refusal, degraded, empty, unread %}{{ note('info', h) }}{{ cite(h, h) }}{{ refusal(h, h, at=g.now, entry=h, cite=h, cite_href=h, paraphrase=h, ways=[(h, h)]) }}{{ degraded(h, since=g.now, meaning=h, told=h) }}{{ empty(h, h, h) }}{{ unread(h, h) }}",
    "panels": "{% from 'macros/panels.html' import panel, stats, kv, checks, timeline, evidence_card, diff %}{% call panel(h, id='p', meta=h, badge=h, footer=h, href=h) %}{{ h }}{% endcall %}{{ stats([{'name': h, 'value': h, 'note': h}]) }}{{ kv([(h, h)]) }}{{ checks([{'kind': 'ok', 'icon': 'ok', 'text': h}]) }}{{ timeline([{'kind': 'ok', 'title': h, 'text': h}]) }}{{ evidence_card(h, 'doc', 'ok', [h, h]) }}{{ diff([('+', h), ('-', h), (' ', h)], h) }}",
    "charts": "{% from 'macros/charts.html' import bars, share_bar, days %}{{ bars(h, [{'label': h, 'value': 1, 'mark': 1}], unit=h, mark_name=h) }}{{ share_bar(h, [{'label': h, 'value': 1}]) }}{{ days([{'day': day, 'big': h, 'text': h}], h) }}",
    "when": "{% from 'macros/when.html' import hash, whole_hash %}{{ hash(h) }}{{ whole_hash(h) }}",
    "error page": "{% extends 'error.html' %}",
}


def draw(app: Flask, source: str, path: str = "/trail", **values: object) -> str:
    with app.test_request_context(path):
        g.now, g.actor = NOON, None
        return render_template_string(source, **values)


@pytest.mark.parametrize("name", CALLS)
def test_a_macro_escapes_hostile_text(app, name):
    listing = ListingRules(filters=("q",)).read({"q": HOSTILE})

    drawn = draw(
        app,
        CALLS[name],
        h=HOSTILE,
        listing=listing,
        day=date(2026, 11, 25),
        status=404,
        sentence=HOSTILE,
        reference=HOSTILE,
    )

    assert "&lt;script&gt;" in drawn or "&lt;scr" in drawn or name == "when"
    assert "<script>alert" not in drawn
    assert "<img" not in drawn
    assert 'nháy"' not in drawn


def test_a_flashed_message_is_escaped_and_never_looks_like_another_kind(app):
    with app.test_request_context("/trail"):
        g.now, g.actor = NOON, None
        flash(HOSTILE, "ok")
        flash("xong", "evil-class")
        drawn = render_template_string("{% from 'macros/messages.html' import flashes %}{{ flashes() }}")

    assert "<script>" not in drawn
    assert 'class="note is-ok"' in drawn
    assert "evil-class" not in drawn


def test_the_thread_tells_here_next_gone_and_done_apart(app):
    stations = [
        Station(kind="document", state=StationState.GONE),
        Station(kind="grant", text="CQ-0001", href="/privilege/grants/CQ-0001"),
        Station(kind="entry", text="17", state=StationState.HERE),
        Station(kind="evidence", state=StationState.NEXT),
    ]

    drawn = draw(app, "{% from 'macros/thread.html' import thread %}{{ thread(s, 'x') }}", s=stations)

    assert '<li class="gone"><span>Văn bản</span><b>Không có</b></li>' in drawn
    assert '<a href="/privilege/grants/CQ-0001">CQ-0001</a>' in drawn
    assert '<li aria-current="step"><span>Dấu vết</span><b>17</b></li>' in drawn
    assert '<li class="next"><span>Bằng chứng</span><b>chưa có</b></li>' in drawn


def test_the_words_of_the_thread_follow_the_language(app):
    source = "{% from 'macros/thread.html' import thread %}{{ thread(s, 'x') }}"

    vietnamese = draw(app, source, s=THREAD)
    english = draw(app, source, path="/trail?lang=en", s=THREAD)

    assert "Sợi chỉ vàng" in vietnamese
    assert "Golden thread" in english
    assert "Phê duyệt" not in english


def test_a_good_word_is_quiet_and_any_other_is_a_badge(app):
    source = "{% from 'macros/status.html' import state %}{{ state(name) }}"

    assert 'class="tx is-ok"' in draw(app, source, name="holds")
    assert 'class="st is-blind"' in draw(app, source, name="stale")
    assert 'class="st is-blind"' in draw(app, source, name="a word nobody agreed")


def test_a_field_keeps_what_was_typed_and_names_its_fault(app):
    drawn = draw(
        app,
        "{% from 'macros/forms.html' import input %}{{ input('login', 'Tên', value='mau.nt', error='Sai', hint='Gợi ý', autocomplete='username') }}",
    )

    assert 'value="mau.nt"' in drawn
    assert 'aria-describedby="f-login-hint f-login-error" aria-invalid="true"' in drawn
    assert 'autocomplete="username"' in drawn
    assert '<label class="form-label" for="f-login">' in drawn


def test_a_password_is_never_sent_back(app):
    drawn = draw(
        app, "{% from 'macros/forms.html' import input %}{{ input('p', 'Mật khẩu', value='secret', type='password') }}"
    )

    assert "secret" not in drawn


def test_the_summary_links_to_each_field_and_takes_the_focus(app):
    drawn = draw(
        app,
        "{% from 'macros/forms.html' import error_summary %}{{ error_summary({'a': 'Sai A', 'b': 'Sai B'}, '7F3A-91C2') }}",
    )

    assert 'role="alert" tabindex="-1" autofocus' in drawn
    assert '<a href="#f-a">Sai A</a>' in drawn
    assert "Có 2 mục cần sửa" in drawn
    assert "Mã tra cứu: 7F3A-91C2" in drawn


def test_a_sorted_column_says_so_to_screen_readers(app):
    listing = ListingRules(sorts={"at": "-"}, default="-at").read({})

    drawn = draw(
        app,
        "{% from 'macros/table.html' import table %}{% call table('Bảng', [{'text': 'Lúc', 'sort': 'at'}], listing=l, path='/x') %}<tr><td>1</td></tr>{% endcall %}",
        l=listing,
    )

    assert 'aria-sort="descending"' in drawn
    assert '<a href="/x?sort=at">' in drawn


def test_a_moment_carries_the_machine_form_and_its_age(app):
    drawn = draw(
        app,
        "{% from 'macros/when.html' import when %}{{ when(at, style='short', age=true) }}",
        at=datetime(2026, 11, 25, 4, 59, 23, tzinfo=UTC),
    )

    assert drawn.strip() == (
        '<time class="nw" datetime="2026-11-25T11:59:23+07:00">25/11 11:59</time> <span class="meta">37 giây trước</span>'
    )
