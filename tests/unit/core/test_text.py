"""Vietnamese order and folding."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.text import nfc, sort_key

IN_ORDER = ["9", "A1", "an", "An", "ăn", "ân", "da", "dê", "Dỗ", "đa", "Đỗ", "ma", "mà", "mả", "mã", "má", "mạ"]


def test_names_sort_in_the_order_of_the_vietnamese_alphabet():
    assert sorted(set(IN_ORDER), key=sort_key) == IN_ORDER


@pytest.mark.parametrize(
    ("before", "after"), [("Lê An", "Lê Ân"), ("Lê", "Lê An"), ("Dung", "Đào"), ("Hòa B", "Hoà C")]
)
def test_the_first_name_comes_before_the_second(before, after):
    assert sort_key(before) < sort_key(after)


@given(st.text(max_size=40))
def test_composed_and_decomposed_text_have_one_key(text):
    assert sort_key(unicodedata.normalize("NFD", text)) == sort_key(nfc(text))


@given(st.text(max_size=40))
def test_a_key_is_ascii_so_every_database_locale_agrees(text):
    assert sort_key(text).isascii()
