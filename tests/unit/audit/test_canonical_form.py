"""The bytes of an entry are those of RFC 8785 or there are none: an oracle written from the RFC, and its own vector."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import MAX_INT, NotCanonicalError, canonical

SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
TEXT = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: unicodedata.normalize("NFC", text))
VALUES = st.recursive(
    st.booleans() | st.integers(-MAX_INT, MAX_INT) | TEXT,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(st.characters(codec="ascii")), part, max_size=4),
    max_leaves=20,
)


def rfc8785(value: Any) -> str:
    """RFC 8785, 3.2.2 and 3.2.3, for what an entry may hold; it shares nothing with the code it judges."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return (
            '"' + "".join(SHORT.get(one) or (f"\\u{ord(one):04x}" if ord(one) < 0x20 else one) for one in value) + '"'
        )
    if isinstance(value, list):
        return "[" + ",".join(map(rfc8785, value)) + "]"
    ordered = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(f"{rfc8785(key)}:{rfc8785(value[key])}" for key in ordered) + "}"


@pytest.mark.fault(23)
@given(st.dictionaries(st.text(st.characters(codec="ascii")), VALUES, max_size=5))
def test_every_value_an_entry_may_hold_gives_the_bytes_of_the_rfc(value: dict[str, Any]) -> None:
    assert canonical(value) == rfc8785(value).encode()


@pytest.mark.fault(23)
def test_the_string_of_the_rfc_gives_the_bytes_printed_there() -> None:
    printed = bytes.fromhex("22e282ac245c75303030665c6e4127425c225c5c5c5c5c222f22")

    assert canonical({"string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/"}) == b'{"string":' + printed + b"}"


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    "bad",
    [float("nan"), float("inf"), 1.0, 2**53, -(2**53), "\ud800", "e\u0323\u0302", None, b"bytes", {1: "x"}, {"ệ": "x"}],
    ids=repr,
)
@pytest.mark.parametrize("place", ["top", "deep"])
def test_what_has_no_single_form_is_refused_before_it_is_hashed_and_never_changed(bad: Any, place: str) -> None:
    value = {"a": bad} if place == "top" else {"a": [{"b": ["x", bad]}]}

    with pytest.raises(NotCanonicalError):
        canonical(value)
