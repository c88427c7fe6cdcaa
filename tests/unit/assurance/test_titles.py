"""Every action has a title in both languages, so that no entry is read as a code."""

from __future__ import annotations

from control.actions import Action
from control.permissions import Permission
from control.titles import ACTION_TITLES, PERMISSION_TITLES, title_of, words_of


def test_every_action_has_a_title_in_both_languages():
    assert set(ACTION_TITLES) == set(Action)
    assert all(message.vi.strip() and message.en.strip() for message in ACTION_TITLES.values())


def test_every_permission_says_what_it_lets_somebody_do():
    assert set(PERMISSION_TITLES) == set(Permission)
    assert all(message.vi.strip() and message.en.strip() for message in PERMISSION_TITLES.values())


def test_an_action_of_another_release_is_shown_by_its_code():
    assert title_of("moon:phase:change", "vi") == "moon:phase:change"


def test_an_entry_is_found_by_the_words_of_its_title_in_either_language():
    assert words_of(Action.CASES_FILE_OPEN) == (
        "Mở hồ sơ, xem dữ liệu cá nhân",
        "Open a case file, see personal data",
    )
