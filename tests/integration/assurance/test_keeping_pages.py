"""Pages of keeping: two persons, refusals on record, and what the pruner then does."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import policies
from control.acts import Act, Actor
from control.assurance.keeping.execution import execute
from control.assurance.keeping.jobs import survey_keeping
from control.assurance.keeping.survey import due
from control.db import Database
from control.operations.jobs import JobContext
from control.permissions import Permission
from control.requests import SESSION_COOKIE
from tests.factories.audit import make_writer
from tests.factories.keeping import DAY, anchor_all, days_of, live, make_hold
from tests.factories.people import make_person
from tests.integration.conftest import NOON

READ, PROPOSE, DECIDE = (
    Permission.ASSURANCE_KEEPING_READ,
    Permission.ASSURANCE_KEEPING_PROPOSE,
    Permission.ASSURANCE_KEEPING_DECIDE,
)
OFFICER = (READ, PROPOSE, DECIDE, Permission.ASSURANCE_TRAIL_READ)
BASE = "/trail/retention"
LAW = policies.load_retention()
ALONE = """
INSERT INTO keeping_decision (proposal_id, person_id, proposer_key, body_sha256, decision, reason, second_factor_at,
                              decided_at)
SELECT id, proposed_by_id, proposer_key, body_sha256, 'approve', '', now(), now() FROM keeping_proposal
"""
NAMES = (("mau.nt", "Nguyễn Thị Mẫu"), ("vidu.l", "Lê Ví Dụ"), ("giadinh.v", "Vũ Giả Định"))


@pytest.fixture
def people(app):
    """Three officers, by number."""
    with app.extensions["vonglau"].database.unit_of_work() as session:
        return [make_person(session, login, name=name) for login, name in NAMES]


@pytest.fixture
def enter(app, client, people):
    """Sign one of them in, with a second factor, and say what they may do."""

    def sign_in(place, *permissions):
        person = people[place]
        actor = Actor(
            id=person.id, login=person.login, name=person.display_name, roles=frozenset({"security-officer"}),
            permissions=frozenset(permissions), session_id="1", second_factor_at=NOON - timedelta(minutes=1),
        )  # fmt: skip
        ports = app.extensions["vonglau"].ports
        ports["session_resume"] = lambda session, *, token, now, act: actor if token == "let-me-in" else None
        client.set_cookie(SESSION_COOKIE, "let-me-in", domain="localhost", secure=True)
        return actor

    return sign_in


@pytest.fixture
def pruner(clean_database):
    """The database under the pruner's role."""
    database = Database(clean_database.url("vl_pruner"), pool_size=1)
    yield database
    database.engine.dispose()


@pytest.fixture
def lasted(role_engine, people):
    """A hundred days of entries, sealed and anchored."""
    live(role_engine, entries=days_of(personal={"citizen.name": "Trần Văn Thử"}, subject="citizen:7"))
    anchor_all(role_engine("vl_sequencer"), size=101)


def carry_out(pruner, now=NOON):
    writer = make_writer()
    act = Act.for_system("audit-prune", now=now, writer=writer, policy_digest="sha256:" + "0" * 64)
    return execute(pruner.unit_of_work, law=LAW, act=act)


def code_in(answer):
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].rsplit("/", 1)[1]


def entries(role_engine, action):
    """What stands in the outbox or the journal about an action."""
    with role_engine("vl_owner").connect() as connection:
        rows = connection.execute(
            text("SELECT body FROM audit_outbox UNION ALL SELECT body FROM audit_journal WHERE body IS NOT NULL")
        )
        trees = [json.loads(bytes(row.body)) for row in rows]
    return [one for one in trees if one["event"]["action"] == action]


def rows(role_engine, statement):
    with role_engine("vl_owner").connect() as connection:
        return connection.execute(text(statement)).all()


def decide(submit, code, verdict="approve", **fields):
    # The token comes from any form: a page that offers no decision must refuse one all the same.
    return submit(f"{BASE}/proposals/{code}/decision", on=BASE, verdict=verdict, **fields)


def digest_of(role_engine, code):
    return rows(role_engine, f"SELECT body_sha256 FROM keeping_proposal WHERE id = {int(code[3:])}")[0][0]


def test_a_prune_takes_two_persons_and_the_pruner_does_it(
    client, enter, submit, lasted, role_engine, pruner, people, number
):
    enter(0, *OFFICER)
    page = client.get(f"{BASE}/prunes/new").text
    assert "<b>7 " in page
    code = code_in(submit(f"{BASE}/prunes", on=f"{BASE}/prunes/new", reason="hết hạn lưu"))
    assert submit(f"{BASE}/prunes", on=f"{BASE}/prunes/new", reason="lần nữa").status_code == 409
    sha256 = digest_of(role_engine, code)
    (proposed,) = entries(role_engine, "audit:keeping:propose")
    assert proposed["vn"]["retention"]["class"] == "K10Y"

    # The proposer cannot decide, by any door: not by the page, not by the form, not in the database.
    own = client.get(f"{BASE}/proposals/{code}").text
    assert 'name="verdict"' not in own
    refused = submit(
        f"{BASE}/proposals/{code}/decision", on=f"{BASE}/proposals/{code}", verdict="approve", sha256=sha256
    )
    assert refused.status_code == 403
    assert "người khác quyết định" in refused.text
    assert carry_out(pruner) == []
    for statement in (
        f"UPDATE keeping_proposal SET state = 'approved', decided_at = now() WHERE id = {int(code[3:])}",
        f"UPDATE keeping_proposal SET body = '{{}}' WHERE id = {int(code[3:])}",
        ALONE,
        "DELETE FROM keeping_proposal",
    ):
        for role in ("vl_web", "vl_pruner"):
            with pytest.raises(DBAPIError), role_engine(role).begin() as connection:
                connection.execute(text(statement))

    enter(1, READ, DECIDE)
    assert decide(submit, code, sha256="0" * 64).status_code == 403
    assert decide(submit, code, sha256=sha256).status_code == 303
    (outcome,) = carry_out(pruner)

    assert (outcome.state, outcome.emptied, outcome.ranges) == ("done", 7, [("A3M", 0, 6)])
    assert carry_out(pruner) == []
    first, second = (f"person:{person.id}" for person in people[:2])
    (entry,) = entries(role_engine, "audit:journal:prune")
    details = entry["vn"]["details"]
    assert (details["first"], details["last"], details["emptied"], details["class"]) == (0, 6, 7, "A3M")
    assert (details["requested_by"], details["approved_by"]) == (first, second)
    assert details["root_before"] == details["root_after"]
    assert entry["policy"]["digest"].startswith("sha256:")
    ((requested, approved, emptied),) = rows(role_engine, "SELECT requested_by, approved_by, emptied FROM audit_prune")
    assert (requested, approved, emptied) == (first, second, 7)
    denied = [one for one in entries(role_engine, "audit:keeping:decide") if one["event"]["outcome"] == "failure"]
    assert [one["event"]["reason_code"] for one in denied] == ["keeping.proposer_decides", "keeping.changed"]
    assert "7" in client.get(f"{BASE}/proposals/{code}").text


def test_a_hold_is_placed_and_released_by_two_and_stops_both_prune_and_erasure(
    client, enter, submit, lasted, role_engine, pruner
):
    enter(0, *OFFICER)
    order = {"order_number": "12/QĐ-TTr", "ordered_on": "20/11/2026", "reason": "thanh tra"}
    empty = submit(f"{BASE}/holds", on=f"{BASE}/holds/new")
    assert empty.status_code == 422
    assert submit(f"{BASE}/holds", on=f"{BASE}/holds/new", scope="period", **order).status_code == 422
    later = {**order, "ordered_on": "24/11/2026"}
    assert submit(f"{BASE}/holds", on=f"{BASE}/holds/new", scope="case", value="G99-003", **later).status_code == 422
    hold = code_in(submit(f"{BASE}/holds", on=f"{BASE}/holds/new", scope="case", value="G99-003", **order))
    assert rows(role_engine, "SELECT count(*) FROM audit_hold")[0][0] == 0
    prune = code_in(submit(f"{BASE}/prunes", on=f"{BASE}/prunes/new", reason="hết hạn"))
    erase = code_in(
        submit(f"{BASE}/erasures", on=f"{BASE}/erasures/new", subject="citizen:7", order_number="3/YC", reason="đơn")
    )
    enter(1, READ, DECIDE)
    for code in (hold, prune, erase):
        assert decide(submit, code, sha256=digest_of(role_engine, code)).status_code == 303

    outcomes = {one.proposal: one for one in carry_out(pruner)}

    assert (outcomes[prune].emptied, outcomes[prune].held) == (6, 1)
    assert (outcomes[erase].state, outcomes[erase].why) == ("failed", "keeping.held")
    (refusal,) = entries(role_engine, "audit:subject:erase")
    assert (refusal["event"]["reason_code"], refusal["vn"]["details"]["hold"]) == ("keeping.held", "GL-0001")
    assert rows(role_engine, "SELECT key IS NOT NULL FROM audit_subject WHERE subject = 'citizen:7'") == [(True,)]
    assert "GL-0001" in client.get(BASE).text
    detail = client.get(f"{BASE}/holds/GL-0001")
    assert "12/QĐ-TTr" in detail.text

    enter(1, *OFFICER)
    release = {"order_number": "15/QĐ-TTr", "ordered_on": "23/11/2026", "reason": "xong"}
    freed = code_in(submit(f"{BASE}/holds/GL-0001/release", on=f"{BASE}/holds/GL-0001", **release))
    assert decide(submit, freed, sha256=digest_of(role_engine, freed)).status_code == 403
    enter(0, *OFFICER)
    assert decide(submit, freed, sha256=digest_of(role_engine, freed)).status_code == 303
    again = code_in(
        submit(f"{BASE}/erasures", on=f"{BASE}/erasures/new", subject="citizen:7", order_number="3/YC", reason="đơn")
    )
    enter(1, READ, DECIDE)
    assert decide(submit, again, sha256=digest_of(role_engine, again)).status_code == 303
    (outcome,) = carry_out(pruner)

    assert (outcome.state, outcome.keys) == ("done", 1)
    assert rows(role_engine, "SELECT key FROM audit_subject WHERE subject = 'citizen:7'") == [(None,)]
    assert {one["event"]["action"] for one in entries(role_engine, "audit:hold:release")} == {"audit:hold:release"}
    enter(0, *OFFICER)
    assert 'name="order_number"' not in client.get(f"{BASE}/holds/GL-0001").text


def test_a_class_is_raised_by_one_lowered_by_two_and_never_below_the_text(client, enter, submit, role_engine):
    enter(0, *OFFICER)
    page = f"{BASE}/classes/A3M"
    assert submit(page, on=page, value="12", reason="chủ quản yêu cầu").status_code == 303
    below = submit(page, on=page, value="2", reason="cho gọn")
    assert below.status_code == 422
    assert "TCVN 14423:2026 5.8.2.1.a" in below.text
    code = code_in(submit(page, on=page, value="6", reason="đĩa đầy"))
    assert rows(role_engine, "SELECT value FROM audit_retention") == [(12,)]
    enter(1, READ, DECIDE)
    decide(submit, code, sha256=digest_of(role_engine, code))

    assert rows(role_engine, "SELECT value, approved_by IS NULL FROM audit_retention ORDER BY id") == [
        (12, True), (6, False),
    ]  # fmt: skip
    changes = [one["event"]["outcome"] for one in entries(role_engine, "audit:retention:change")]
    assert sorted(changes) == ["failure", "success", "success"]
    shown = client.get(page).text
    assert "6 tháng" in shown
    assert "đĩa đầy" in shown


@pytest.mark.requirement("S2-9.5")
@pytest.mark.requirement("c21-emc-log")
def test_an_emc_log_younger_than_three_years_cannot_be_deleted_and_the_report_lists_the_oldest(
    app, client, enter, submit, role_engine, pruner, people
):
    """Allowed after three years, refused before; the report names the oldest log of the class."""
    emc = {"retention": LAW.class_of("emc:connection:end"), "action": "emc:connection:end"}
    young = NOON - 1094 * DAY
    live(role_engine, entries=days_of(first=young, days=1094, **emc))
    anchor_all(role_engine("vl_sequencer"), size=1095)
    enter(0, *OFFICER)

    report = client.get(BASE).text
    assert "Dự thảo TT 21/2023/TT-BTTTT Đ9.5" in report
    assert f"{young:%d/%m/%Y}" in report
    assert "Không có gì đến hạn" in client.get(f"{BASE}/prunes/new").text
    page = f"{BASE}/classes/EMC3Y"
    assert submit(page, on=page, value="2", reason="cho gọn").status_code == 422
    for role in ("vl_web", "vl_worker", "vl_owner"):
        with pytest.raises(DBAPIError), role_engine(role).begin() as connection:
            connection.execute(text("UPDATE audit_journal SET body = NULL, search_text = NULL, tokens = NULL"))
    code = code_in(submit(f"{BASE}/prunes", on=f"{BASE}/erasures/new", reason="thử"))
    enter(1, READ, DECIDE)
    decide(submit, code, sha256=digest_of(role_engine, code))
    (refused,) = carry_out(pruner)
    assert refused.emptied == 0

    later = NOON + 8 * DAY
    live(role_engine, entries=days_of(first=NOON + DAY, days=7, **emc))
    anchor_all(role_engine("vl_sequencer"), size=1103, day=later.date())
    with app.extensions["vonglau"].database.unit_of_work() as session:
        assert due(session, LAW, now=later).due == 5


def test_the_schedule_counts_and_proposes_and_two_persons_must_approve(
    app, client, enter, submit, lasted, role_engine, pruner, people
):
    held = app.extensions["vonglau"]
    context = JobContext(
        settings=held.settings, database=held.database, writer=held.writer, policy_digest=held.policies.digest,
        clock=lambda: NOON, worker="w", random_hex=lambda _n: "0",
    )  # fmt: skip

    survey_keeping(context)
    survey_keeping(context)

    assert rows(role_engine, "SELECT proposer_key, state FROM keeping_proposal") == [(0, "open")]
    assert rows(role_engine, "SELECT classes->'A3M'->>'whole' FROM keeping_survey") == [("101",), ("101",)]
    sha256 = digest_of(role_engine, "LG-0001")
    enter(0, READ, DECIDE)
    assert decide(submit, "LG-0001", sha256=sha256).status_code == 303
    assert carry_out(pruner) == []
    assert decide(submit, "LG-0001", sha256=sha256).status_code == 403
    with pytest.raises(DBAPIError), role_engine("vl_web").begin() as connection:
        connection.execute(text("UPDATE keeping_proposal SET state = 'approved', decided_at = now()"))
    enter(1, READ, DECIDE)
    assert decide(submit, "LG-0001", sha256=sha256).status_code == 303

    assert [one.emptied for one in carry_out(pruner)] == [7]


def test_a_refusal_a_withdrawal_and_time_end_a_proposal(client, enter, submit, lasted, role_engine, pruner, clock):
    def proposed():
        return code_in(submit(f"{BASE}/prunes", on=f"{BASE}/prunes/new", reason="hết hạn"))

    enter(0, *OFFICER)
    first = proposed()
    page = f"{BASE}/proposals/{first}"
    assert submit(f"{page}/withdrawal", on=page).status_code == 303
    second = proposed()
    enter(1, *OFFICER)
    page = f"{BASE}/proposals/{second}"
    taken = submit(f"{page}/withdrawal", on=page)
    assert taken.status_code == 403
    assert decide(submit, second, "refuse", sha256=digest_of(role_engine, second)).status_code == 422
    assert decide(submit, second, "refuse", reason="chưa", sha256=digest_of(role_engine, second)).status_code == 303
    enter(0, *OFFICER)
    third = proposed()
    clock.now = NOON + 15 * DAY
    enter(1, *OFFICER)
    assert decide(submit, third, sha256=digest_of(role_engine, third)).status_code == 403
    proposed()

    states = rows(role_engine, "SELECT state FROM keeping_proposal ORDER BY id")
    assert [state for (state,) in states] == ["withdrawn", "refused", "lapsed", "open"]
    assert carry_out(pruner) == []


def test_who_may_only_read_changes_nothing_and_every_list_leaves_as_csv(client, enter, submit, role_engine, lasted):
    make_hold(role_engine("vl_web"))
    enter(2, READ)

    for path in ("", "/classes/A3M", "/proposals", "/holds", "/holds/GL-0001"):
        answer = client.get(f"{BASE}{path}")
        assert answer.status_code == 200, path
        assert 'method="post"' not in answer.text.partition("<main")[2].partition("</main>")[0], path
    for path in ("/prunes/new", "/holds/new", "/erasures/new"):
        assert client.get(f"{BASE}{path}").status_code == 403, path
    for path in ("", "/proposals", "/holds"):
        answer = client.get(f"{BASE}{path}?format=csv")
        assert answer.mimetype == "text/csv", path
    assert "GL-0001" in client.get(f"{BASE}/holds?state=active&scope=case&q=12/qd&format=csv").text
    assert "Không có lệnh giữ nào khớp" in client.get(f"{BASE}/holds?state=released").text
    assert "EMC3Y" in client.get(f"{BASE}?q=ket noi emc&format=csv").text
    assert client.get(f"{BASE}/classes/NOPE").status_code == 404
    assert client.get(f"{BASE}/holds/GL-0009").status_code == 404
    assert client.get(f"{BASE}/proposals/LG-x").status_code == 404


def test_nobody_decides_what_is_about_themselves(client, enter, submit, role_engine, people):
    enter(0, *OFFICER)
    code = code_in(
        submit(f"{BASE}/erasures", on=f"{BASE}/erasures/new", subject="vidu.l", order_number="3/YC", reason="đơn")
    )
    enter(1, READ, DECIDE)

    answer = decide(submit, code, sha256=digest_of(role_engine, code))

    assert answer.status_code == 403
    assert f"person:{people[1].id}" in rows(role_engine, "SELECT target FROM keeping_proposal")[0][0]
