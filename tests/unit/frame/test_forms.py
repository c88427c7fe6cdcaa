"""What a refused form shows again."""

from __future__ import annotations

from control.errors import InvalidForm, InvalidInput
from control.frame.forms import kept, sentences
from control.messages import CORE_MESSAGES, Messages

MESSAGES = Messages.join([CORE_MESSAGES])


def test_every_fault_stands_beside_its_field_in_the_order_of_the_form():
    error = InvalidForm(
        (
            InvalidInput("input.required", field="number"),
            InvalidInput("input.too_long", field="purpose", maximum=200),
            InvalidInput("input.not_a_choice", field="number"),
        )
    )

    found = sentences(error, messages=MESSAGES, language="vi")

    assert list(found) == ["number", "purpose"]
    assert found["number"] == "Mục này không được để trống."
    assert "200" in found["purpose"]


def test_a_fault_of_no_field_is_kept_too():
    found = sentences(InvalidInput("form.invalid", count=1), messages=MESSAGES, language="en")

    assert found == {"": "1 entries need mending."}


def test_what_was_typed_stays():
    assert kept({"login": "mau.nt", "password": "x"}, "login", "purpose") == {"login": "mau.nt", "purpose": ""}
