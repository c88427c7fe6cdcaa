"""An act and its entry are one; what people type may be decomposed, the body never is."""

import json
import time
import unicodedata
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import VISITOR, Act, Actor
from control.decisions import Deny
from control.errors import JournalUnavailable

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@pytest.fixture
def act():
    writer = audit.Writer(boot="test", monotonic_ns=time.monotonic_ns)
    return Act(
        actor=Actor(id=7, login="an.nv", name="Nguyễn Văn An", roles=frozenset({"auditor"})),
        now=NOON,
        writer=writer,
        policy_digest="d" * 64,
        request_id="r1",
    )


@pytest.fixture
def outbox(owner_engine):
    """A session that may also read the outbox, which the web's role may not; rolled back at the end."""
    with owner_engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as inner:
            yield inner
        outer.rollback()


def last_body(session):
    return json.loads(session.execute(text("SELECT body FROM audit_outbox ORDER BY oid DESC LIMIT 1")).scalar_one())


def test_decomposed_text_is_recorded_composed(outbox, act):
    typed = unicodedata.normalize("NFD", "Thẩm định hồ sơ")

    act.for_purpose(typed).record(
        outbox,
        Action.ACCESS_ROUTE_ENTER,
        about=audit.About(document_number=unicodedata.normalize("NFD", "214/QĐ-BMH")),
        details={"note": typed},
    )

    body = last_body(outbox)
    assert body["purpose"] == "Thẩm định hồ sơ"
    assert body["vn"]["details"]["note"] == "Thẩm định hồ sơ"
    assert body["vn"]["document"]["number"] == "214/QĐ-BMH"


def test_a_name_never_stands_in_the_body_in_clear(outbox, act):
    act.record(outbox, Action.ACCESS_ROUTE_ENTER)

    assert "Nguyễn Văn An" not in json.dumps(last_body(outbox), ensure_ascii=False)


def test_a_refusal_says_which_rule_spoke(outbox, act):
    act.refuse(outbox, Action.ACCESS_ROUTE_ENTER, Deny(rule="access.gate", reason="access.denied"))

    body = last_body(outbox)
    assert body["event"]["outcome"] == "failure"
    assert "denied" in body["event"]["type"]
    assert body["vn"]["details"]["rule"] == "access.gate"


def test_a_visitor_has_no_identifier(outbox, act):
    act.as_actor(VISITOR).record(outbox, Action.ACCESS_ROUTE_ENTER)

    assert "id" not in last_body(outbox).get("user", {})


def test_without_the_journal_there_is_no_act(session, act):
    session.execute(text("SET LOCAL search_path TO pg_catalog"))

    with pytest.raises(JournalUnavailable):
        act.record(session, Action.ACCESS_ROUTE_ENTER)
