"""Who may decide an item of a review, by the rule alone."""

from __future__ import annotations

import pytest

from control.privilege.reviews.domain import ItemFacts, may_decide

REVIEWER, HOLDER, OTHER = 1, 2, 3


@pytest.mark.parametrize(
    ("actor", "changes", "reason"),
    [
        (REVIEWER, {}, None),
        (HOLDER, {}, "review.own"),
        (HOLDER, {"reviewer_id": HOLDER}, "review.own"),
        (OTHER, {}, "review.not_reviewer"),
        (OTHER, {"reviewer_id": None}, "review.not_reviewer"),
        (REVIEWER, {"decision": "keep"}, "review.already_decided"),
        (REVIEWER, {"is_open": False}, "review.already_decided"),
    ],
)
def test_the_reviewer_alone_decides_once_and_never_what_they_hold(actor, changes, reason):
    item = ItemFacts(**{"reviewer_id": REVIEWER, "person_id": HOLDER, "decision": None, "is_open": True, **changes})

    assert getattr(may_decide(item, actor_id=actor), "reason", None) == reason
