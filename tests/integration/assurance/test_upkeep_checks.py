"""The checks of the upkeep of privilege: what is late fails, what is in time passes, as the reader sees it."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

import policies
from control.assurance.compliance import service
from control.assurance.compliance.domain import Result
from control.people.models import Person
from control.privilege.breakglass.opening import close_opening
from control.privilege.breakglass.sealing import register_account
from control.privilege.lifecycle.domain import Kind as RequestKind
from control.privilege.reviews.deciding import decide_item
from control.privilege.reviews.domain import Kind, Scope, Verdict
from control.privilege.reviews.models import AccessReview, AccessReviewItem
from control.privilege.reviews.service import Wanted, open_review
from tests.factories.lifecycle import Unit
from tests.factories.privilege import NOON, House, actor_of, make_account, make_act
from tests.integration.privilege.test_break_glass import TERMS, asked, confirm, seal

REQUIREMENTS = policies.load().requirements
DAY = timedelta(days=1)


@pytest.fixture
def house(session):
    return House(session)


def observe(session, name, house, *, after=timedelta(0)):
    """Run one check some time later; return its result, its figures and what it rests on."""
    seen = service.run_check(session, check=REQUIREMENTS.check(name), act=house.as_officer(now=NOON + after))
    return seen.result, dict(seen.facts), [(one.kind, one.code) for one in seen.witnesses]


def test_an_account_without_owner_or_document_fails_the_check_of_accounts(session, house):
    result, facts, witnesses = observe(session, "access.accounts", house)
    assert result is Result.FAIL
    assert (facts["accounts_bad"], facts["undocumented"], facts["ownerless"]) == (1, 1, 0)
    assert witnesses == [("account", house.account.code)]

    house.account.document_id = house.document.id
    session.flush()
    assert observe(session, "access.accounts", house)[0] is Result.PASS

    make_account(
        session, owner=house.owner, name="mo-coi", owner_id=None, state="orphan", document_id=house.document.id
    )
    result, facts, _ = observe(session, "access.accounts", house)
    assert (result, facts["ownerless"], facts["undocumented"]) == (Result.FAIL, 1, 0)

    house.owner.state, house.owner.left_at = (
        "left",
        NOON,
    )  # the list calls the account ownerless from then on, and so does the check
    session.flush()
    assert observe(session, "access.accounts", house)[1]["ownerless"] == 2


@pytest.mark.parametrize(("closed_after", "result"), [(29 * DAY, Result.PASS), (32 * DAY, Result.FAIL)])
def test_a_campaign_past_its_deadline_fails_the_check_of_reviews_open_or_closed(session, house, closed_after, result):
    wanted = Wanted(scope=Scope.OWNER, value=house.owner.login, kinds=frozenset({Kind.ACCOUNT}), days=30)
    review = open_review(session, wanted=wanted, act=house.as_officer())
    assert isinstance(review, AccessReview)

    assert observe(session, "access.reviews", house)[0] is Result.PASS
    late, _, witnesses = observe(session, "access.reviews", house, after=31 * DAY)
    assert (late, witnesses) == (Result.FAIL, [("review", review.code)])

    item = session.scalars(select(AccessReviewItem).where(AccessReviewItem.review_id == review.id)).one()
    act = make_act(actor_of(session.get_one(Person, item.reviewer_id)), now=NOON + closed_after)
    decide_item(session, code=review.code, item_id=item.id, verdict=Verdict.KEEP, reason="vẫn cần", act=act)
    session.refresh(review)
    assert review.closed_at is not None

    assert observe(session, "access.reviews", house, after=40 * DAY)[0] is result


def test_an_open_request_past_its_date_fails_the_check_of_requests(session, house):
    made = Unit(session).sent(RequestKind.CREATE).code

    assert observe(session, "access.requests", house)[0] is Result.PASS
    result, facts, witnesses = observe(session, "access.requests", house, after=60 * DAY)
    assert (result, facts["requests_bad"]) == (Result.FAIL, 1)
    assert witnesses == [("account-request", made)]


def test_a_review_of_an_opening_or_a_seal_that_is_overdue_fails_the_check_of_seals(session, house):
    account = make_account(session, owner=house.owner, name="khan-cap", kind="break-glass")
    sealed = register_account(session, code=account.code, act=house.as_officer(), terms=TERMS)
    world = SimpleNamespace(session=session, house=house, sealed=sealed, account=account, alarms=[])
    seal(world)
    assert observe(session, "access.break-glass", house)[0] is Result.PASS

    result, facts, _ = observe(session, "access.break-glass", house, after=400 * DAY)
    assert (result, facts["seals_overdue"], facts["reviews_overdue"]) == (Result.FAIL, 1, 0)

    opening = asked(world)
    confirm(world, opening)
    close_opening(session, code=opening.code, act=house.as_officer(now=NOON + DAY / 24), terms=TERMS)
    assert observe(session, "access.break-glass", house, after=DAY / 12)[0] is Result.PASS
    result, facts, witnesses = observe(session, "access.break-glass", house, after=30 * DAY)
    assert (result, facts["reviews_overdue"]) == (Result.FAIL, 1)
    assert witnesses == [("opening", opening.code)]
