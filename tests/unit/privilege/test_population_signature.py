"""The signature against the vectors of the simulator, which were computed without the product."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.privilege.population.signature import is_same, sign_request, sign_response

VECTORS = json.loads(
    (Path(__file__).resolve().parents[2] / "simulators" / "population" / "vectors.json").read_text("utf-8")
)
KEY = VECTORS["key"]


def body_of(vector: dict[str, Any]) -> bytes:
    body: str = vector["body"]
    return body.encode()


@pytest.mark.parametrize("vector", VECTORS["requests"])
def test_a_question_is_signed_as_described(vector: dict[str, Any]) -> None:
    facts = {name: vector[name] for name in ("path", "timestamp", "correlation_id")}

    assert sign_request(KEY, body=body_of(vector), **facts) == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS["responses"])
def test_an_answer_is_checked_as_described(vector: dict[str, Any]) -> None:
    facts = {name: vector[name] for name in ("status", "timestamp", "correlation_id")}

    assert is_same(vector["signature"], sign_response(KEY, body=body_of(vector), **facts))


@given(body=st.binary(max_size=50), other=st.binary(max_size=50))
def test_any_changed_body_status_or_number_changes_the_signature(body: bytes, other: bytes) -> None:
    signed = sign_response(KEY, status=200, timestamp="t", correlation_id="c", body=body)

    assert (sign_response(KEY, status=200, timestamp="t", correlation_id="c", body=other) == signed) == (body == other)
    assert sign_response(KEY, status=201, timestamp="t", correlation_id="c", body=body) != signed
    assert sign_response(KEY, status=200, timestamp="t", correlation_id="d", body=body) != signed
    assert sign_request(KEY, path="/200", timestamp="t", correlation_id="c", body=body) != signed
