"""Access reviews: what is asked about, who answers, what a decision does, what time does to silence."""

from __future__ import annotations

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from threading import Barrier

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from control.acts import Act
from control.decisions import Allow, Deny
from control.errors import NotFound
from control.people.models import PersonNotice, PersonRole
from control.people.months import months_after
from control.privilege import (
    ReviewRules,
    active_grant,
    closed_reviews,
    lapse_overdue_reviews,
    open_due_reviews,
    overdue_reviews,
    reassign_reviews,
    remind_reviewers,
)
from control.privilege.grants.domain import Step
from control.privilege.grants.service import step_grant
from control.privilege.keys.models import ApiKey
from control.privilege.reviews.deciding import decide_item
from control.privilege.reviews.domain import Kind, Scope, Verdict
from control.privilege.reviews.evidence import export_evidence
from control.privilege.reviews.models import AccessReview, AccessReviewItem
from control.privilege.reviews.service import Wanted, load_review, open_review
from tests.factories.audit import make_writer
from tests.factories.privilege import (
    NOON,
    House,
    actor_of,
    entries,
    last_event,
    law,
    make_account,
    make_act,
    make_person,
)
from tests.integration.privilege.test_database_refuses import refused

DAY = timedelta(days=1)
RULES = ReviewRules.of(law())


def opened(house, *, scope=Scope.OWNER, value=None, kinds=frozenset(Kind), days=30, now=NOON):
    """A campaign over the accounts of the house's owner and the grants on them."""
    wanted = Wanted(scope=scope, value=house.owner.login if value is None else value, kinds=frozenset(kinds), days=days)
    return open_review(house.session, wanted=wanted, act=house.as_officer(now=now))


def items(session, review, kind=None):
    query = select(AccessReviewItem).where(AccessReviewItem.review_id == review.id).order_by(AccessReviewItem.id)
    return [item for item in session.scalars(query) if kind is None or item.kind == kind]


def as_owner(house, now=NOON):
    return make_act(actor_of(house.owner, now=now), now=now)


def decide(session, item, *, verdict, act, reason="đã xem xét"):
    code = f"RS-{item.review_id:04d}"
    return decide_item(session, code=code, item_id=item.id, verdict=verdict, reason=reason, act=act)


def held(session, house, now=NOON):
    return active_grant(session, person_id=house.holder.id, asset_code=house.account.asset.code, now=now)


def by_system(now):
    """The act of the worker's job."""
    return Act.for_system("privilege-reviews", now=now, writer=make_writer(), policy_digest=law().digest)


def make_key(session, house):
    """A connection key on the house's document, issued by the administrator."""
    key = ApiKey(
        prefix="abcdefgh", secret_sha256="0" * 64, system="Báo cáo", holder_unit="Cục", focal_unit="Phòng",
        focal_contact="024", purpose="Đối soát", scopes=["privilege:account:read"], ranges=["203.0.113.0/28"],
        quota_per_minute=3, document_id=house.document.id, document_valid_from=house.document.valid_from,
        document_valid_to=house.document.valid_to, starts_at=NOON, expires_at=NOON + 35 * DAY, state="active",
        issued_by_id=house.admin.id, form_token="x", search_text="",
    )  # fmt: skip
    session.add(key)
    session.flush()
    return key


def test_a_campaign_takes_down_every_right_of_its_scope_and_who_answers(session, house):
    grant = house.grant()
    make_account(session, owner=house.leader)

    review = opened(house)

    found = items(session, review)
    assert [(item.kind, item.subject) for item in found] == [("account", house.account.code), ("grant", grant.code)]
    assert {item.reviewer_id for item in found} == {house.owner.id}
    assert json.loads(found[1].body)["holder"] == f"person:{house.holder.id}"
    digest = sha256("\n".join(item.body_sha256 for item in found).encode()).hexdigest()
    assert review.snapshot_sha256 == digest
    assert last_event(session)[:2] == ("privilege:review:open", "success")
    assert session.scalars(select(PersonNotice.person_id)).all() == [house.owner.id]


def test_the_holder_never_reviews_what_they_hold(session, house):
    house.account.owner_id = house.holder.id
    session.flush()
    house.grant()

    review = opened(house, value=house.holder.login)

    (item,) = items(session, review, "grant")
    assert item.reviewer_id == house.leader.id, "the head instead of the owner, who holds it"
    assert refused(session, "UPDATE access_review_item SET reviewer_id = person_id WHERE id = :id", id=item.id) == (
        "ck_access_review_item_reviewer_not_concerned"
    )
    decision = decide(session, item, verdict=Verdict.KEEP, act=house.as_leader())
    assert isinstance(decision, Allow)


@pytest.mark.parametrize(("scope", "value"), [(Scope.ALL, ""), (Scope.CLASS, "normal"), (Scope.UNIT, "Trung tâm")])
def test_a_campaign_by_everything_class_or_unit_finds_the_account(session, house, scope, value):
    review = opened(house, scope=scope, value=value, kinds={Kind.ACCOUNT})

    assert house.account.code in [item.subject for item in items(session, review)]


def test_roles_are_reviewed_by_a_head_and_never_by_their_holder(session, house):
    review = opened(house, scope=Scope.ALL, value="", kinds={Kind.ROLE})

    by_subject = {item.subject: item for item in items(session, review)}
    assert by_subject[f"{house.holder.login}:case-officer"].reviewer_id == house.leader.id
    assert by_subject[f"{house.leader.login}:approver"].reviewer_id == house.officer.id
    gone = decide(
        session,
        by_subject[f"{house.holder.login}:case-officer"],
        verdict=Verdict.REMOVE,
        act=house.as_leader(),
    )
    assert isinstance(gone, Allow)
    assert by_subject[f"{house.holder.login}:case-officer"].outcome == "directory"


def test_nothing_to_review_opens_nothing_and_tells_nobody(session, house):
    answer = opened(house, value="khong.co.ai")

    assert isinstance(answer, Deny)
    assert answer.reason == "review.nothing"
    assert session.scalars(select(PersonNotice.id)).all() == []
    assert last_event(session) == ("privilege:review:open", "failure", "review.nothing")


def test_the_same_campaign_is_not_opened_twice(session, house):
    opened(house)

    assert opened(house).reason == "review.open_already"


# Decisions


def test_removing_a_grant_ends_it_and_keeping_all_else_closes_the_campaign(session, house):
    grant = house.grant()
    review = opened(house)
    account, held_grant = items(session, review)

    first = decide(session, held_grant, verdict=Verdict.REMOVE, act=as_owner(house), reason="không còn cần")
    second = decide(session, account, verdict=Verdict.KEEP, act=as_owner(house))

    assert isinstance(first, Allow)
    assert isinstance(second, Allow)
    assert (grant.state, grant.ended_cause) == ("revoked", "review")
    assert held(session, house) is None
    assert (held_grant.outcome, account.outcome) == ("ended", "kept")
    assert review.closed_at == NOON
    actions = [entry["event"]["action"] for entry in entries(session)]
    assert actions[-4:] == [
        "privilege:grant:revoke", "privilege:review:decide", "privilege:review:decide", "privilege:review:close",
    ]  # fmt: skip
    assert "không còn cần" not in str(entries(session))


def test_removing_an_account_retires_it_with_the_campaign_as_its_ground(session, house):
    review = opened(house, kinds={Kind.ACCOUNT})
    (item,) = items(session, review)

    decide(session, item, verdict=Verdict.REMOVE, act=as_owner(house))

    session.refresh(house.account)
    assert (house.account.state, item.outcome) == ("retired", "retired")
    assert session.scalar(text("SELECT incident FROM privilege_account_change")) == review.code


def test_a_change_is_asked_for_and_takes_nothing_away(session, house):
    house.grant()
    review = opened(house, kinds={Kind.GRANT})
    (item,) = items(session, review)

    decide(session, item, verdict=Verdict.CHANGE, act=as_owner(house), reason="rút ngắn còn 2 giờ")

    assert item.outcome == "asked"
    assert held(session, house) is not None


@pytest.mark.parametrize("who", ["holder", "leader"])
def test_only_its_reviewer_decides_an_item(session, house, who):
    house.grant()
    review = opened(house)
    (item,) = items(session, review, "grant")
    act = {"holder": house.as_holder, "leader": house.as_leader}[who]()

    if who == "holder":  # not theirs to see at all
        with pytest.raises(NotFound):
            decide(session, item, verdict=Verdict.KEEP, act=act)
    else:
        assert decide(session, item, verdict=Verdict.KEEP, act=act).reason == "review.not_reviewer"
    assert item.decision is None


def test_a_decision_is_made_once_whoever_asks(session, house):
    review = opened(house)
    item = items(session, review)[0]
    decide(session, item, verdict=Verdict.KEEP, act=as_owner(house))

    again = decide(session, item, verdict=Verdict.REMOVE, act=as_owner(house))

    assert again.reason == "review.already_decided"
    for change, name in (
        ("decision = 'remove'", "ck_access_review_item_decided_once"),
        ("body = '{}', body_sha256 = encode(sha256('{}'), 'hex')", "ck_access_review_item_unchanged"),
        ("person_id = reviewer_id", "ck_access_review_item_unchanged"),
    ):
        assert refused(session, f"UPDATE access_review_item SET {change} WHERE id = :id", id=item.id) == name
    assert refused(session, "DELETE FROM access_review_item") == "InsufficientPrivilege"
    copied = "review_id, kind, subject, subject_id, person_id, reviewer_id, body, body_sha256"
    assert refused(
        session, f"INSERT INTO access_review_item ({copied}) SELECT {copied} FROM access_review_item WHERE id = :id",
        id=item.id,
    ) == "uq_access_review_item_review_id"  # fmt: skip


def test_a_campaign_is_not_closed_while_something_is_undecided(session, house):
    review = opened(house)

    assert refused(session, "UPDATE access_review SET closed_at = opened_at WHERE id = :id", id=review.id) == (
        "ck_access_review_done"
    )


# What time does


@pytest.mark.attack("E17")
def test_e17_what_nobody_reviewed_in_time_is_suspended_until_its_reviewer_decides(session, house):
    grant = house.grant(ends_at=NOON + 38 * DAY)
    review = opened(house)
    late = NOON + 31 * DAY
    account, item = items(session, review)

    codes = lapse_overdue_reviews(session, act=house.as_admin(now=late))
    again = lapse_overdue_reviews(session, act=house.as_admin(now=late))
    session.refresh(house.account)
    while_overdue = (held(session, house, late), house.account.state)
    by_hand = step_grant(session, code=grant.code, step=Step.RESUME, reason="vội", act=house.as_officer(now=late))
    listed = overdue_reviews(session, act=house.as_admin(now=late))
    decide(session, account, verdict=Verdict.KEEP, act=as_owner(house, late))
    decide(session, item, verdict=Verdict.KEEP, act=as_owner(house, late))

    assert (codes, again, listed) == ((review.code,), (), (review.code,))
    assert while_overdue == (None, "suspended")
    assert by_hand.reason == "grant.resume_by_review"
    assert item.outcome == "lifted"
    assert held(session, house, late).code == grant.code
    assert closed_reviews(session, now=late + DAY) == (review.code,)
    lapsed = [one for one in entries(session) if one["event"]["action"] == "privilege:review:lapse"]
    assert [one["vn"]["details"]["review"] for one in lapsed] == [review.code] * 2


def test_a_break_glass_account_is_named_but_never_suspended_by_a_date(session, house):
    sealed = make_account(session, owner=house.owner, name="khan-cap", kind="break-glass")
    opened(house, kinds={Kind.ACCOUNT})

    lapse_overdue_reviews(session, act=house.as_admin(now=NOON + 31 * DAY))

    session.refresh(sealed)
    assert sealed.state == "active"


def test_an_overdue_key_is_blocked_and_comes_back_when_it_is_kept(session, house):
    key = make_key(session, house)
    review = opened(house, scope=Scope.ALL, value="", kinds={Kind.KEY})
    late = NOON + 31 * DAY
    (item,) = items(session, review)

    lapse_overdue_reviews(session, act=house.as_admin(now=late))
    blocked = session.get(ApiKey, key.id).state
    reviewer = {house.leader.id: house.as_leader, house.officer.id: house.as_officer}[item.reviewer_id]
    decide(session, item, verdict=Verdict.KEEP, act=reviewer(now=late))

    assert blocked == "blocked"
    assert session.get(ApiKey, key.id).state == "active"


def test_reviewers_are_reminded_once_for_each_announced_day_and_nobody_else(session, house):
    opened(house)
    moments = [NOON + 20 * DAY, NOON + 24 * DAY, NOON + 24 * DAY, NOON + 29 * DAY + DAY / 2, NOON + 31 * DAY]

    reminded = [remind_reviewers(session, rules=RULES, act=house.as_admin(now=now)) for now in moments]

    assert reminded == [0, 1, 0, 1, 0]
    due = session.scalars(select(PersonNotice.person_id).where(PersonNotice.code == "notice.review_due")).all()
    assert due == [house.owner.id] * 2


def test_who_was_reminded_fills_no_batch(session, house, monkeypatch):
    monkeypatch.setattr("control.privilege.reviews.passes.BATCH", 1)
    house.grant()
    opened(house)
    act = house.as_admin(now=NOON + 24 * DAY)

    assert [remind_reviewers(session, rules=RULES, act=act) for _ in range(3)] == [1, 1, 0]


def test_what_a_reviewer_leaves_behind_goes_to_the_next_in_line(session, house):
    house.grant()
    review = opened(house)
    house.owner.state, house.owner.left_at = "left", NOON
    session.flush()

    moved = [reassign_reviews(session, act=house.as_admin()) for _ in range(2)]

    assert moved == [2, 0]
    assert {item.reviewer_id for item in items(session, review)} == {house.leader.id}


def test_where_nobody_may_review_the_item_says_so_until_somebody_may(session, house):
    house.grant()
    session.query(PersonRole).filter(PersonRole.role.in_(["approver", "security-officer"])).delete()
    house.account.owner_id = house.holder.id
    session.flush()
    review = opened(house, value=house.holder.login, kinds={Kind.GRANT})
    (item,) = items(session, review)
    before = (item.reviewer_id, reassign_reviews(session, act=house.as_admin()))
    head = make_person(session, roles=("approver",))

    assert before == (None, 0)
    assert reassign_reviews(session, act=house.as_admin()) == 1
    assert item.reviewer_id == head.id


def test_the_policy_opens_the_next_campaign_when_its_period_is_over(session, house):
    house.grant()
    moments = [NOON, NOON + 92 * DAY, NOON + 93 * DAY, months_after(NOON, 6)]

    opened_by_policy = [open_due_reviews(session, rules=RULES, act=by_system(now)) for now in moments]

    assert [len(codes) for codes in opened_by_policy] == [0, 1, 0, 1], "accounts after three months, the rest after six"
    reviews = session.scalars(select(AccessReview).order_by(AccessReview.id)).all()
    assert [review.kinds for review in reviews] == ["account", "grant key role"]
    assert all(review.is_standing and review.opened_by_id is None for review in reviews)


def test_a_period_with_nothing_to_review_is_silent(session):
    leader = make_person(session, roles=("administrator",))
    act = make_act(actor_of(leader), now=NOON + 400 * DAY)

    assert open_due_reviews(session, rules=RULES, act=act) == ()
    assert entries(session) == []


def test_two_workers_open_the_next_campaign_once(clean_database, role_engine):
    engine = role_engine("vl_worker")
    with Session(engine, expire_on_commit=False) as session, session.begin():
        house = House(session)
    barrier = Barrier(2)

    def work(_):
        with Session(engine, expire_on_commit=False) as session, session.begin():
            session.execute(text("SELECT 1"))
            barrier.wait(timeout=20)
            return open_due_reviews(session, rules=RULES, act=house.as_admin(now=NOON + 100 * DAY))

    with ThreadPoolExecutor(2) as pool:
        codes = [code for codes in pool.map(work, range(2)) for code in codes]
    engine.dispose()
    assert len(codes) == 1


# Evidence


def test_the_evidence_is_the_same_bytes_each_time_and_its_digests_can_be_checked(session, house):
    house.grant()
    review = opened(house)
    act = house.as_officer()

    first, second = (export_evidence(session, review=review, organisation="Bộ Thử", act=act) for _ in range(2))

    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as made:
        files = {name: made.read(name) for name in made.namelist()}
    listed = dict(reversed(line.split("  ")) for line in files.pop("MANIFEST.sha256").decode().splitlines())
    assert listed == {name: sha256(content).hexdigest() for name, content in files.items()}
    facts = json.loads(files["review.json"])
    assert facts["snapshot_sha256"] == review.snapshot_sha256
    assert house.holder.display_name not in files["items.csv"].decode()
    assert files["review.pdf"].startswith(b"%PDF-")
    assert entries(session)[-1]["vn"]["details"]["sha256"] == sha256(first).hexdigest()


def test_a_stranger_finds_no_campaign(session, house):
    review = opened(house)
    stranger = actor_of(make_person(session), roles=("case-officer",))

    with pytest.raises(NotFound):
        load_review(session, code=review.code, viewer=stranger)
    assert load_review(session, code=review.code, viewer=actor_of(house.owner)).id == review.id
