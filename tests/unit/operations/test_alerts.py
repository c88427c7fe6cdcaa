"""What Alertmanager sends: anything at all gives deliveries or our own error."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import NotFound
from control.operations.alerts.domain import OWN_ALERTS, UnreadableDelivery, code_of, deliveries_of, id_of
from control.operations.runbooks import Shelf
from tests.factories.operations import NOON, make_delivery, webhook_body

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=15,
)
FIELDS = ["labels", "annotations", "startsAt", "endsAt", "fingerprint", "status"]


def test_what_was_sent_is_what_is_read() -> None:
    sent = [make_delivery(), make_delivery(ends_at=NOON + timedelta(minutes=3))]

    assert list(deliveries_of(webhook_body(*sent), now=NOON + timedelta(hours=1))) == sent


@given(payload=json_values)
def test_any_json_gives_deliveries_or_our_own_error(payload: object) -> None:
    with contextlib.suppress(UnreadableDelivery):
        assert isinstance(deliveries_of(payload, now=NOON), tuple)


@given(change=st.dictionaries(st.sampled_from(FIELDS), json_values, min_size=1))
def test_a_changed_alert_gives_a_delivery_or_our_own_error(change: dict[str, Any]) -> None:
    body = webhook_body(make_delivery())
    body["alerts"][0] |= change
    try:
        delivery = deliveries_of(body, now=NOON)[0]
    except UnreadableDelivery:
        return
    assert delivery.starts_at.tzinfo is UTC
    assert all(text.isprintable() and len(text) <= 500 for text in (*delivery.labels, *delivery.labels.values()))


def test_an_end_before_the_beginning_or_in_the_future_is_brought_inside() -> None:
    early = webhook_body(make_delivery(ends_at=NOON - timedelta(hours=1)))
    future = webhook_body(make_delivery(ends_at=NOON + timedelta(days=9)))

    assert deliveries_of(early, now=NOON + timedelta(minutes=1))[0].ends_at == NOON
    assert deliveries_of(future, now=NOON + timedelta(minutes=1))[0].ends_at == NOON + timedelta(minutes=1)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_at_the_edge_of_time_is_no_fault(moment: str) -> None:
    body = webhook_body(make_delivery())
    body["alerts"][0]["startsAt"] = moment

    with pytest.raises(UnreadableDelivery):
        deliveries_of(body, now=datetime(2026, 1, 1, tzinfo=UTC))


def test_an_unknown_severity_wakes_somebody() -> None:
    delivery = make_delivery(labels={"alertname": "Odd", "severity": "whatever"})

    assert deliveries_of(webhook_body(delivery), now=NOON)[0].severity == "page"


@pytest.mark.parametrize("slug", ["../../etc/passwd", "A", "", "x" * 81])
def test_a_runbook_that_is_no_slug_is_none(slug: str) -> None:
    assert deliveries_of(webhook_body(make_delivery(runbook=slug)), now=NOON)[0].runbook == ""


@given(st.integers(min_value=1, max_value=10**11))
def test_a_code_leads_back_to_its_number(number: int) -> None:
    assert id_of(code_of(number)) == number


@pytest.mark.parametrize("code", ["", "CB-1", "LC-0001", "CB-0001\n", "CB-٠٠٠١"])
def test_what_is_no_code_is_not_found(code: str) -> None:
    with pytest.raises(NotFound):
        id_of(code)


@pytest.mark.parametrize("name", sorted(OWN_ALERTS))
def test_our_own_alerts_have_a_runbook_that_names_them(name: str) -> None:
    assert name in Shelf().get(OWN_ALERTS[name].runbook).alerts
    assert "{subject}" in OWN_ALERTS[name].summary
    assert "{subject}" in OWN_ALERTS[name].summary_en
