"""Sealed personal values: opened by the entitled, for a purpose and a basis, after a fresh proof, on record first."""

from __future__ import annotations

import html

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import audit
from control.permissions import Permission
from tests.factories.people import make_person
from tests.factories.stepup import confirm
from tests.integration.conftest import NOON

READ = Permission.ASSURANCE_TRAIL_READ
REVEAL = Permission.ASSURANCE_PERSONAL_REVEAL
GOOD = {"purpose": "trail.incident", "basis": "214/QĐ-BMH"}


@pytest.fixture
def officer(role_engine, clean_database):
    with Session(role_engine("vl_web")) as session:
        person = make_person(session, "mau.nt", name="Nguyễn Thị Mẫu", roles=("security-officer",))
        session.commit()
        return person.id


@pytest.fixture
def sealed(write, number, officer):
    """One entry with an address, a browser, the actor's name and a citizen's name beside it."""
    write(
        at=NOON,
        actor_id=f"person:{officer}",
        actor_name="Nguyễn Thị Mẫu",
        source_ip="10.20.4.17",
        user_agent="Firefox/140",
        personal={"citizen.name": "Trần Công Dân"},
        subject="citizen:7",
    )
    number(NOON)


def done(written):
    return [one for one in written() if one["event"]["action"] == "trail:personal:reveal"]


def test_values_open_after_purpose_basis_and_proof_and_the_entry_comes_first(
    app, sign_in, client, submit, officer, sealed, written
):
    sign_in(READ, REVEAL, person=officer, roles=("security-officer",))
    before = html.unescape(client.get("/trail/0").text)

    question = submit("/trail/0/personal", on="/trail/0/personal", **GOOD)
    answer = confirm(client, question, app=app, person_id=officer)

    assert "Mở cho một mục đích" in before
    assert all(value not in before for value in ("10.20.4.17", "Firefox/140", "Trần Công Dân"))
    assert "Trần Công Dân" not in question.text
    assert answer.status_code == 200, answer.text[:3000]
    shown = html.unescape(answer.text)
    assert all(value in shown for value in ("10.20.4.17", "Firefox/140", "Trần Công Dân", "Nguyễn Thị Mẫu"))
    assert shown.count("khớp cam kết trong mục") == 4
    assert answer.headers["Cache-Control"] == "no-store"
    (entry,) = done(written)
    assert entry["purpose"] == "trail.incident"
    assert entry["vn"]["document"]["number"] == "214/QĐ-BMH"
    assert entry["vn"]["details"]["sequence"] == 0
    assert "214/QĐ-BMH" in html.unescape(client.get("/trail/0/personal").text)


@pytest.mark.parametrize(
    "form",
    [
        {"purpose": "", "basis": "214/QĐ-BMH"},
        {"purpose": "curiosity", "basis": "214/QĐ-BMH"},
        {"purpose": "trail.incident", "basis": ""},
        {"purpose": "trail.incident", "basis": "vì tôi muốn"},
        {"purpose": "trail.incident", "basis": "G99-261122-9999"},
    ],
)
def test_without_a_purpose_and_a_basis_nothing_opens(sign_in, client, submit, officer, sealed, written, form):
    sign_in(READ, REVEAL, person=officer)

    answer = submit("/trail/0/personal", on="/trail/0/personal", **form)

    assert answer.status_code == 422
    assert "Trần Công Dân" not in html.unescape(answer.text)
    assert done(written) == []


def test_whoever_is_not_entitled_is_refused_and_that_is_on_record(sign_in, client, submit, officer, sealed, written):
    sign_in(READ, person=officer)

    assert client.get("/trail/0/personal").status_code == 403
    assert submit("/trail/0/personal", on="/trail", **GOOD).status_code == 403
    assert [one["event"]["outcome"] for one in written() if one["event"]["action"] == "access:route:enter"] == [
        "failure",
        "failure",
    ]


def test_past_the_limit_of_the_hour_it_is_refused_before_anybody_is_asked(
    sign_in, client, submit, officer, sealed, written, owner_engine
):
    with owner_engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO personal_reveal (person_id, sequence, entry_id, purpose, basis_kind, basis, revealed_at) "
                "SELECT :who, 0, gen_random_uuid(), 'trail.incident', 'document', '1/X', :at "
                "FROM generate_series(1, 20)"
            ),
            {"who": officer, "at": NOON},
        )
    sign_in(READ, REVEAL, person=officer)

    answer = submit("/trail/0/personal", on="/trail/0/personal", **GOOD)

    assert answer.status_code == 403
    (entry,) = done(written)
    assert (entry["event"]["outcome"], entry["event"]["reason_code"]) == ("failure", "reveal.too_many")


def test_an_erased_value_says_so_and_an_altered_one_is_not_shown(
    app, sign_in, client, submit, officer, sealed, owner_engine
):
    with owner_engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text("UPDATE audit_subject SET key = NULL, destroyed_at = now() WHERE subject = 'citizen:7'")
        )
        connection.execute(
            text("UPDATE audit_journal SET body = regexp_replace(convert_from(body, 'UTF8'), "
                 "'\"ip\":{\"c\":\"[0-9a-f]{4}', '\"ip\":{\"c\":\"0000')::bytea")
        )  # fmt: skip
    sign_in(READ, REVEAL, person=officer)

    question = submit("/trail/0/personal", on="/trail/0/personal", **GOOD)
    shown = html.unescape(confirm(client, question, app=app, person_id=officer).text)

    assert "đã xoá: khoá của giá trị đã bị huỷ" in shown
    assert "Trần Công Dân" not in shown
    assert "không khớp cam kết nên không hiện" in shown
    assert "10.20.4.17" not in shown
    assert "Firefox/140" in shown


def test_the_list_of_openings_can_only_be_added_to(role_engine, officer, sealed):
    with role_engine("vl_web").connect() as connection:
        for statement in ("DELETE FROM personal_reveal", "UPDATE personal_reveal SET basis = 'x'"):
            with pytest.raises(Exception, match="permission denied"), connection.begin():
                connection.execute(text(statement))


def test_an_entry_without_personal_values_offers_nothing_to_open(sign_in, client, write, number, officer):
    write(at=NOON, action="operations:alert:receive", about=audit.About(alert_id="CB-0001"))
    number(NOON)
    sign_in(READ, REVEAL, person=officer)

    assert "Không có giá trị cá nhân nào" in client.get("/trail/0/personal").text
