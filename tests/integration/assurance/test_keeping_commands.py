"""`vonglau audit prune|hold|rewrap|keep` as the operator types them, under the roles they run with."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace

import pytest
from sqlalchemy import text

from control.commands.auditkeep import _keeper, run_keeping
from control.commands.speech import Speech
from tests.factories.keeping import anchor_all, days_of, live, make_hold
from tests.factories.law import ask, read
from tests.factories.people import make_person
from tests.integration.conftest import environment

KEY = base64.b64encode(b"k" * 32).decode()
APPROVED = """
INSERT INTO keeping_proposal (kind, target, body, body_sha256, reason, policy_digest, proposed_by_id, proposer_key,
                              proposed_at, state)
VALUES (:kind, :target, :body, encode(sha256(convert_to(:body, 'UTF8')), 'hex'), 'thử', 'sha256:0', :first, :first,
        now(), 'open') RETURNING id
"""
AGREED = """
INSERT INTO keeping_decision (proposal_id, person_id, proposer_key, body_sha256, decision, reason, second_factor_at,
                              decided_at)
SELECT id, :second, proposer_key, body_sha256, 'approve', '', now(), now() FROM keeping_proposal WHERE id = :id
"""
DECIDED = "UPDATE keeping_proposal SET state = 'approved', decided_at = now() WHERE id = :id"
BODY = '{"kind":"prune","reason":"thử","what":{"cutoffs":{"A3M":"2026-08-22T00:00:00+07:00"}}}'


@pytest.fixture
def run_as(clean_database, monkeypatch, tmp_path):
    """Let the commands run under one role of the database, as one process's own settings would."""

    def choose(role, **more):
        for name, value in (environment(clean_database.url(role), tmp_path) | more).items():
            monkeypatch.setenv(name, value)

    return choose


@pytest.fixture
def approved(app, role_engine):
    """A prune that two persons have approved, in a trail of a hundred days, one of them held."""
    with app.extensions["vonglau"].database.unit_of_work() as session:
        first, second = (make_person(session).id for _ in range(2))
    live(role_engine, entries=days_of(actor_name="Đặng Thị Tập"))
    anchor_all(role_engine("vl_sequencer"), size=101)
    make_hold(role_engine("vl_web"))
    with role_engine("vl_web").begin() as connection:
        values = {"kind": "prune", "target": "journal", "body": BODY, "first": first}
        number = connection.scalar(text(APPROVED), values)
        connection.execute(text(AGREED), {"second": second, "id": number})
        connection.execute(text(DECIDED), {"id": number})
    return number


def scalar(role_engine, statement):
    with role_engine("vl_owner").connect() as connection:
        return connection.scalar(text(statement))


def test_prune_looks_first_then_carries_out_what_two_persons_approved(approved, run_as, role_engine):
    run_as("vl_pruner")

    seen = ask("audit", "prune", "--dry-run")
    assert seen.status == 0
    assert seen.document["approved"] == [{"proposal": "LG-0001", "kind": "prune", "approvals": 1}]
    assert scalar(role_engine, "SELECT count(*) FROM audit_prune") == 0
    done = ask("audit", "prune")

    assert done.status == 0
    assert [one["proposal"] for one in done.document["done"]] == ["LG-0001"]
    assert scalar(role_engine, "SELECT state FROM keeping_proposal") == "done"
    again = ask("audit", "prune")
    assert (again.status, again.document) == (0, {"done": [], "indices": []})
    assert "Không có gì" in read("audit", "prune")


def test_prune_needs_the_pruners_role(approved, run_as, role_engine):
    run_as("vl_worker")

    assert ask("audit", "prune").status != 0
    assert scalar(role_engine, "SELECT state FROM keeping_proposal") == "approved"
    assert scalar(role_engine, "SELECT count(*) FROM audit_journal WHERE body IS NULL") == 0


def test_holds_are_listed_and_only_proposed(approved, run_as, role_engine):
    run_as("vl_worker")
    listed = ask("audit", "hold")
    order = ("--order", "7/QĐ", "--ordered-on", "2026-11-20", "--reason", "thanh tra")

    placed = ask("audit", "hold", "place", "--scope", "case", "--value", "G1", *order)
    released = ask("audit", "hold", "release", "GL-0001", *order)

    assert [(one["hold"], one["value"]) for one in listed.document] == [("GL-0001", "G99-003")]
    assert placed.document["approvals_needed"] == released.document["approvals_needed"] == 2
    assert scalar(role_engine, "SELECT count(*) FROM audit_hold WHERE released_at IS NULL") == 1
    assert scalar(role_engine, "SELECT count(*) FROM keeping_proposal WHERE state = 'open' AND proposer_key = 0") == 2
    assert ask("audit", "hold", "place", "--scope", "town", *order).status == 2
    assert ask("audit", "hold", "release", "GL-0007", *order).status == 1
    assert "GL-0001" in read("audit", "hold", language="en")


def test_rewrap_takes_up_a_master_key_and_says_what_rests_under_which(approved, run_as, role_engine):
    run_as("vl_pruner")
    assert ask("audit", "rewrap").status == 2
    run_as("vl_pruner", VONGLAU_SUBJECT_KEY=KEY)

    before = ask("audit", "rewrap", "--dry-run")
    after = ask("audit", "rewrap")

    assert set(before.document["wrapped_by"]) == {"none"}
    assert after.document["rewrapped"] == sum(before.document["wrapped_by"].values()) > 0
    assert "none" not in after.document["wrapped_by"]
    assert KEY not in f"{after} {read('audit', 'rewrap')}"
    assert b"audit:subject:rewrap" in bytes(scalar(role_engine, "SELECT body FROM audit_outbox ORDER BY oid LIMIT 1"))


def test_the_keeping_process_wraps_and_carries_out_by_itself(approved, run_as, role_engine):
    run_as("vl_pruner", VONGLAU_SUBJECT_KEY=KEY)
    stop = threading.Event()

    with _keeper(Speech(), "audit-keep") as keeper:
        process = threading.Thread(target=run_keeping, args=(replace(keeper),), kwargs={"stop": stop})
        process.start()
        try:
            for _ in range(200):
                if scalar(role_engine, "SELECT state FROM keeping_proposal") == "done":
                    break
                stop.wait(0.05)
        finally:
            stop.set()
            process.join()

    assert scalar(role_engine, "SELECT state FROM keeping_proposal") == "done"
    assert scalar(role_engine, "SELECT count(*) FROM audit_subject WHERE wrapped_by = 'none'") == 0
