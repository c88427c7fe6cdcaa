"""The signature against the vectors of the simulator, which were computed without the product."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.portal.link.signature import is_same, sign_request, sign_response

VECTORS = json.loads(
    (Path(__file__).resolve().parents[2] / "simulators" / "national_portal" / "vectors.json").read_text("utf-8")
)
KEY = VECTORS["key"]


@pytest.mark.parametrize("vector", VECTORS["requests"])
def test_a_request_is_signed_as_agreed(vector: dict[str, Any]) -> None:
    signature = sign_request(
        KEY,
        method=vector["method"],
        path=vector["path"],
        timestamp=vector["timestamp"],
        message_id=vector["message_id"],
        body=vector["body"].encode(),
    )

    assert signature == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS["responses"])
def test_an_answer_is_checked_as_agreed(vector: dict[str, Any]) -> None:
    signature = sign_response(
        KEY,
        status=vector["status"],
        timestamp=vector["timestamp"],
        message_id=vector["message_id"],
        body=vector["body"].encode(),
    )

    assert is_same(vector["signature"], signature)


@given(body=st.binary(max_size=50), other=st.binary(max_size=50), status=st.sampled_from([200, 409, 422]))
def test_any_changed_body_status_or_number_changes_the_signature(body: bytes, other: bytes, status: int) -> None:
    signed = sign_response(KEY, status=status, timestamp="t", message_id="m", body=body)

    assert (sign_response(KEY, status=status, timestamp="t", message_id="m", body=other) == signed) == (body == other)
    assert sign_response(KEY, status=status + 1, timestamp="t", message_id="m", body=body) != signed
    assert sign_response(KEY, status=status, timestamp="t", message_id="n", body=body) != signed
    assert sign_request(KEY, method="POST", path=str(status), timestamp="t", message_id="m", body=body) != signed


@given(given=st.text(max_size=80))
def test_no_text_from_outside_breaks_the_comparison(given: str) -> None:
    assert not is_same(given, "v1=" + "0" * 64) or given == "v1=" + "0" * 64
