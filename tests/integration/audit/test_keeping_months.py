"""Whole months of the search server go when nothing in them is kept, with credentials the shipper does not have."""

from __future__ import annotations

import pytest
from elasticsearch import AuthorizationException

from audit.holds import release_hold
from audit.indices import drop_index, month_indices, spent
from audit.prune import prune_class
from policies import load_retention
from tests.factories.audit import NOON, make_entry, ship_all
from tests.factories.keeping import DAY, anchor_all, days_of, live, make_hold

LATER = NOON + 30 * DAY


def test_a_month_goes_when_no_entry_of_its_class_has_a_body_and_the_keeper_alone_may(trail, index):
    long = make_entry(at=NOON - 99 * DAY, retention="EMC3Y", action="emc:connection:end")
    live(trail.engine, entries=[long, *days_of(days=130)])
    anchor_all(trail.engine("vl_sequencer"), size=132)
    hold = make_hold(trail.engine("vl_web"))
    ship_all(trail, index.shipper)
    names = month_indices(index.keeper)
    assert {"audit-a3m-2026.08", "audit-emc3y-2026.08", "audit-a3m-2026.09"} <= set(names)
    cutoff = load_retention().cutoffs(LATER)["A3M"]

    def prune():
        with trail.engine("vl_pruner").begin() as connection:
            prune_class(connection, retention="A3M", cutoff=cutoff, now=LATER)
            return spent(connection, names, now=LATER)

    assert prune() == []  # the held entry of August keeps its month
    with trail.engine("vl_web").begin() as connection:
        release_hold(connection, hold, order_number="15/QĐ", requested_by="person:1", approved_by="person:2", now=LATER)
    assert prune() == ["audit-a3m-2026.08"]
    with pytest.raises(AuthorizationException):
        drop_index(index.shipper, "audit-a3m-2026.08")
    drop_index(index.keeper, "audit-a3m-2026.08")
    drop_index(index.keeper, "audit-a3m-2026.08")

    left = month_indices(index.keeper)
    assert "audit-a3m-2026.08" not in left
    assert {"audit-emc3y-2026.08", "audit-a3m-2026.09"} <= set(left)
    with trail.engine("vl_pruner").begin() as connection:
        assert spent(connection, ["audit-a3m-2026.08", "audit-dead-2026.08", "someone-elses"], now=LATER) == [
            "audit-a3m-2026.08"
        ]
        assert spent(connection, ["audit-a3m-2026.08"], now=NOON - 100 * DAY) == []
