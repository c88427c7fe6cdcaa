"""The trail as an officer reads it: newest first, filtered, exported, and every look recorded."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

import audit
from audit import tables
from control.permissions import Permission
from tests.integration.conftest import NOON

READ = Permission.ASSURANCE_TRAIL_READ


@pytest.fixture
def reader(sign_in, client):
    sign_in(READ, Permission.ASSURANCE_TRAIL_VERIFY, Permission.ASSURANCE_EVIDENCE_READ)
    return client


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.text


def actions(role_engine):
    with role_engine("vl_owner").connect() as connection:
        bodies = [bytes(row[0]) for row in connection.execute(text("SELECT body FROM audit_outbox ORDER BY oid"))]
    return [audit.Hit(sequence=0, id="", at=NOON, original=body, hash="").body["event"]["action"] for body in bodies]


def test_a_visitor_is_led_to_the_door(client):
    assert client.get("/trail").status_code in {303, 401}


def test_without_the_permission_the_trail_stays_shut(sign_in, client):
    sign_in()

    assert client.get("/trail").status_code == 403
    assert client.get("/trail/0").status_code == 403


def test_an_empty_trail_says_so_and_does_not_claim_to_be_whole(reader):
    shown = page(reader, "/trail")

    assert "chưa được kiểm chứng" in shown
    assert "Không có mục nào khớp" in shown


def test_entries_come_newest_first_with_their_title(reader, write, number):
    write(at=NOON, about=audit.About(case_code="G99-261122-0001"))
    write(at=NOON, action="privilege:grant:create", about=audit.About(grant_id="CQ-0001"))
    number(NOON)

    shown = page(reader, "/trail")

    assert shown.index("Cấp quyền") > 0
    assert shown.index('href="/trail/1"') < shown.index('href="/trail/0"')
    assert "Mở hồ sơ, xem dữ liệu cá nhân" in shown


@pytest.mark.parametrize(
    "address",
    [
        "/trail?case=G99-261122-0001",
        "/trail?account=csdl-01.postgres",
        "/trail?q=giấy+phép+xây",
        "/trail?q=giay+phep+xay",
        "/trail?action=cases",
        "/trail?action=cases:file:open",
        "/trail?outcome=success",
        "/trail?from=23/11/2026&to=23/11/2026",
        "/trail?who=system:demo",
    ],
)
def test_a_filter_finds_the_one_entry_that_fits(reader, write, number, address):
    write(
        at=NOON - timedelta(minutes=5),
        actor_id="system:demo",
        about=audit.About(case_code="G99-261122-0001", account_id="csdl-01.postgres"),
        titles=("Cấp giấy phép xây dựng",),
    )
    write(
        at=NOON - timedelta(days=3),
        action="privilege:request:reject",
        outcome=audit.Outcome.FAILURE,
        denied=True,
        actor_id="system:other",
    )
    number(NOON)

    shown = page(reader, address)

    assert 'href="/trail/0"' in shown
    assert 'href="/trail/1"' not in shown


def test_refusals_are_found_by_their_outcome(reader, write, number):
    write(at=NOON)
    write(at=NOON, outcome=audit.Outcome.FAILURE, denied=True, reason="access.denied")
    number(NOON)

    shown = page(reader, "/trail?outcome=denied")

    assert 'href="/trail/1"' in shown
    assert 'href="/trail/0"' not in shown


def test_older_entries_are_one_link_away_and_none_is_shown_twice(reader, write, number):
    for _ in range(30):
        write(at=NOON)
    number(NOON)

    first = page(reader, "/trail")
    older = first.split('rel="next"')[0].rpartition('href="')[2].rstrip('" ').replace("&amp;", "&")
    second = page(reader, older)

    shown_first = {place for place in range(30) if f'href="/trail/{place}"' in first}
    shown_second = {place for place in range(30) if f'href="/trail/{place}"' in second}
    assert shown_first == set(range(5, 30))
    assert shown_second == set(range(5))


@pytest.mark.parametrize(
    "address", ["/trail?from=32/13/2026", "/trail?to=hôm+qua", "/trail?from=24/11/2026&to=23/11/2026"]
)
def test_a_moment_that_cannot_be_read_is_told_beside_the_form_and_is_no_fault(reader, address):
    answer = reader.get(address)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("address", ["/trail?after=nonsense", "/trail?after=WyJ4Il0", "/trail?sort=evil"])
def test_a_cursor_or_sort_nobody_made_is_refused_kindly(reader, address):
    assert reader.get(address).status_code == 422


def test_every_search_and_every_look_at_an_entry_is_an_entry_itself(reader, write, number, role_engine):
    write(at=NOON)
    number(NOON)

    page(reader, "/trail?q=mo+ho+so&case=G99-261122-0001")
    page(reader, "/trail/0")

    assert actions(role_engine) == ["audit:trail:search", "audit:entry:read"]


def test_the_entry_of_a_search_names_the_filters_and_not_what_was_typed(reader, role_engine):
    page(reader, "/trail?q=Nguyễn+Văn+A")

    with role_engine("vl_owner").connect() as connection:
        body = bytes(connection.scalar(text("SELECT body FROM audit_outbox")))
    assert b'"filters":"q"' in body
    assert "Nguyễn".encode() not in body


def test_the_export_is_csv_with_every_match_and_is_recorded(reader, write, number, role_engine):
    for _ in range(40):
        write(at=NOON, details={"note": "=1+1"})
    number(NOON)

    answer = reader.get("/trail?format=csv")

    assert answer.mimetype == "text/csv"
    assert len(answer.text.strip().splitlines()) == 41
    assert actions(role_engine) == ["audit:trail:export"]


def test_an_entry_shows_its_exact_bytes_and_its_place_in_the_chain(reader, write, number, role_engine):
    write(at=NOON, about=audit.About(case_code="G99-261122-0001", grant_id="CQ-0007"))
    write(at=NOON)
    number(NOON)
    with role_engine("vl_reader").connect() as connection:
        leaf = connection.scalar(select(tables.journal.c.leaf).where(tables.journal.c.seq == 0))

    shown = page(reader, "/trail/0")

    assert "khớp với mã băm đã đánh số" in shown
    assert " ".join(leaf.hex()[start : start + 8] for start in range(0, 64, 8)) in shown
    assert "/trail/follow/case/G99-261122-0001" in shown
    assert 'href="/trail/1"' in shown


def test_a_case_opened_without_a_grant_shows_where_the_thread_is_broken(reader, write, number):
    write(at=NOON, outcome=audit.Outcome.FAILURE, denied=True, about=audit.About(case_code="G99-261122-0001"))
    number(NOON)

    shown = page(reader, "/trail/0")

    assert shown.count('class="gone"') >= 4


def test_an_entry_that_was_altered_is_shown_as_altered(reader, write, number, owner_engine):
    write(at=NOON)
    write(at=NOON)
    number(NOON)
    with owner_engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE audit_journal SET body = replace(body::text, '63', '64')::bytea WHERE seq = 0"))

    assert "không khớp với mã băm đã đánh số" in page(reader, "/trail/0")


def test_an_unknown_entry_is_not_found(reader):
    assert reader.get("/trail/4711").status_code == 404


def test_verifying_is_a_button_that_leaves_evidence(sign_in, client, write, number, submit):
    sign_in(READ, Permission.ASSURANCE_TRAIL_VERIFY)
    write(at=NOON)
    number(NOON)

    assert submit("/trail/verification", on="/trail").status_code == 302
    assert "nguyên vẹn" in page(client, "/trail")


def test_after_one_changed_byte_the_verification_names_the_entry(sign_in, client, write, number, submit, owner_engine):
    sign_in(READ, Permission.ASSURANCE_TRAIL_VERIFY)
    for _ in range(3):
        write(at=NOON)
    number(NOON)
    with owner_engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE audit_journal SET leaf = sha256('x') WHERE seq = 1"))

    submit("/trail/verification", on="/trail")
    shown = page(client, "/trail")

    assert "không nguyên vẹn" in shown.lower()
    assert "mục 1" in shown


def test_the_pages_speak_english_too(reader, write, number):
    write(at=NOON)
    number(NOON)

    assert "Open a case file" in page(reader, "/trail?lang=en")
    assert "Exact bytes" in page(reader, "/trail/0?lang=en")


def test_a_form_without_its_token_is_refused_and_nothing_is_verified(sign_in, client, role_engine):
    sign_in(READ, Permission.ASSURANCE_TRAIL_VERIFY)

    answer = client.post("/trail/verification")

    assert answer.status_code == 422
    assert actions(role_engine) == []
