"""What the database refuses by itself, asked in plain SQL by the web's own role (pam.md §5.4, group E).

Each test logs in as vl_web, goes past every service, and reads the name of the constraint that stopped it.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.factories.privilege import NOON, House, make_person

GRANT = """
INSERT INTO privilege_grant
  (request_id, person_id, account_id, document_id, document_valid_from, document_valid_to, span, state, granted_at)
SELECT id, holder_id, account_id, document_id, document_valid_from, document_valid_to,
       tstzrange(starts_at, ends_at, '[)'), 'active', now() FROM privilege_request WHERE id = :request
"""
FORGED = ":other, :other, :other, version, body_sha256, 'approve'"
APPROVAL = """
INSERT INTO privilege_approval
  (request_id, approver_id, requester_id, filed_by_id, holder_id, version, body_sha256, decision, reason, for_security,
   second_factor_at, decided_at)
SELECT id, :approver, requester_id, filed_by_id, holder_id, version, body_sha256, 'approve', '', :security, :at, :at
  FROM privilege_request WHERE id = :request
"""


@pytest.fixture
def web(role_engine):
    """The web's role itself, not the owner acting as it."""
    with role_engine("vl_web").connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as inner:
            yield inner
        outer.rollback()


@pytest.fixture
def house(web):
    assert web.scalar(text("SELECT session_user")) == "vl_web"
    return House(web)


def refused(web, sql, **values):
    """Run one statement and return the name of what refused it."""
    with pytest.raises(DBAPIError) as caught, web.begin_nested():
        web.execute(text(sql), values)
    return caught.value.orig.diag.constraint_name or type(caught.value.orig).__name__


def mark_approved(web, request):
    """Write what the service writes when the last approval is in, without the approvals."""
    web.execute(
        text("UPDATE privilege_request SET state = 'approved', decided_at = now() WHERE id = :id"), {"id": request.id}
    )


def approve(web, request, approver, *, at=NOON, security=False):
    web.execute(text(APPROVAL), {"request": request.id, "approver": approver.id, "at": at, "security": security})


@pytest.mark.attack("E1")
@pytest.mark.parametrize(
    ("party", "constraint"),
    [
        ("requester", "ck_privilege_approval_not_requester"),
        ("filer", "ck_privilege_approval_not_filer"),
        ("holder", "ck_privilege_approval_not_holder"),
    ],
)
def test_e1_no_party_of_a_request_can_be_its_approver(web, house, party, constraint):
    other = make_person(web)
    request = house.request(requester_login=other.login)
    person = {"requester": other, "filer": house.admin, "holder": house.holder}[party]

    assert refused(web, APPROVAL, request=request.id, approver=person.id, at=NOON, security=False) == constraint


@pytest.mark.attack("E1")
def test_e1_the_people_of_a_request_cannot_be_forged_in_its_approval(web, house):
    request = house.request()
    forged = APPROVAL.replace("requester_id, filed_by_id, holder_id, version, body_sha256, 'approve'", FORGED)

    name = refused(
        web, forged, request=request.id, approver=house.admin.id, at=NOON, security=False, other=house.owner.id
    )

    assert name == "fk_privilege_approval_people"


@pytest.mark.attack("E5")
def test_e5_one_person_approves_once(web, house):
    request = house.request()
    approve(web, request, house.leader)

    assert refused(web, APPROVAL, request=request.id, approver=house.leader.id, at=NOON, security=False) == (
        "pk_privilege_approval"
    )


@pytest.mark.attack("E6")
def test_e6_a_request_cannot_be_edited_after_an_approval(web, house):
    request = house.request()
    approve(web, request, house.leader)
    body = "{}"

    name = refused(
        web,
        "UPDATE privilege_request SET body = :body, version = version + 1, "
        "body_sha256 = encode(sha256(convert_to(:body, 'UTF8')), 'hex') WHERE id = :request",
        body=body,
        request=request.id,
    )

    assert name == "fk_privilege_approval_version"


@pytest.mark.attack("E8")
@pytest.mark.parametrize("change", ["ends_at = ends_at + interval '1 hour'", "holder_id = owner", "class = 'high'"])
def test_e8_what_is_asked_for_cannot_change_without_a_new_version(web, house, change):
    request = house.request()
    change = change.replace("owner", str(house.owner.id))

    name = refused(web, f"UPDATE privilege_request SET {change} WHERE id = :request", request=request.id)

    assert name in {"ck_privilege_request_new_version", "ck_privilege_request_approvals_needed"}


def test_the_digest_of_a_request_is_the_digest_of_its_text(web, house):
    request = house.request()

    assert refused(
        web,
        "UPDATE privilege_request SET body = '{}', version = 2 WHERE id = :request",
        request=request.id,
    ) == "ck_privilege_request_digest"  # fmt: skip


@pytest.mark.requirement("S0-8.1.b")
def test_no_grant_without_a_document(web, house):
    request = house.request()
    approve(web, request, house.leader)
    mark_approved(web, request)

    without = GRANT.replace("SELECT id, holder_id, account_id, document_id", "SELECT id, holder_id, account_id, NULL")

    assert refused(web, without, request=request.id) == "NotNullViolation"


def test_no_grant_of_a_request_nobody_approved(web, house):
    request = house.request()

    assert refused(web, GRANT, request=request.id) == "ck_privilege_grant_approved"
    mark_approved(web, request)
    assert refused(web, GRANT, request=request.id) == "ck_privilege_grant_approved"


def test_no_high_grant_by_one_approver_or_without_the_security_unit(web):
    house = House(web, class_="high")
    request = house.request()
    approve(web, request, house.leader)
    with web.begin_nested() as attempt:
        mark_approved(web, request)
        assert refused(web, GRANT, request=request.id) == "ck_privilege_grant_approved"
        attempt.rollback()
    approve(web, request, make_person(web))
    mark_approved(web, request)

    assert refused(web, GRANT, request=request.id) == "ck_privilege_grant_approved"


@pytest.mark.attack("E9")
def test_e9_no_grant_on_a_day_on_which_the_document_is_not_in_force(web, house):
    request = house.request()
    approve(web, request, house.leader)
    mark_approved(web, request)
    late = GRANT.replace(
        "tstzrange(starts_at, ends_at, '[)')", "tstzrange('2027-01-01 00:00+07', '2027-01-01 01:00+07', '[)')"
    )

    assert refused(web, late, request=request.id) in {
        "ck_privilege_grant_document_in_force",
        "ck_privilege_grant_within_request",
    }


@pytest.mark.attack("E9")
def test_e9_the_validity_copied_into_a_request_cannot_be_wider_than_the_documents_own(web, house):
    request = house.request()

    assert refused(
        web, "UPDATE privilege_request SET document_valid_to = '2030-01-01' WHERE id = :request", request=request.id
    ) == "fk_privilege_request_document_id_authorising_document"  # fmt: skip


@pytest.mark.attack("E13")
def test_e13_the_end_of_a_grant_cannot_be_moved_by_the_application(web, house):
    grant = house.grant()

    for change in (
        "span = tstzrange(lower(span), upper(span) + interval '1 hour', '[)')",
        f"person_id = {house.owner.id}",
        "document_valid_to = '2030-01-01'",
    ):
        assert (
            refused(web, f"UPDATE privilege_grant SET {change} WHERE id = :id", id=grant.id) == "InsufficientPrivilege"
        )
    assert refused(web, "DELETE FROM privilege_grant WHERE id = :id", id=grant.id) == "InsufficientPrivilege"


@pytest.mark.attack("E14")
def test_e14_a_grant_cannot_name_another_account_than_its_request(web, house):
    other = House(web)
    request = house.request()
    approve(web, request, house.leader)
    mark_approved(web, request)
    moved = GRANT.replace("SELECT id, holder_id, account_id", f"SELECT id, holder_id, {other.account.id}")

    assert refused(web, moved, request=request.id) == "fk_privilege_grant_right"


def test_an_ended_grant_has_no_way_back(web, house):
    grant = house.grant()
    web.execute(
        text(
            "UPDATE privilege_grant SET state = 'revoked', ended_at = now(), ended_by_id = :p, ended_reason = 'x' "
            "WHERE id = :id"
        ),
        {"id": grant.id, "p": house.leader.id},
    )

    back = (
        "UPDATE privilege_grant SET state = 'active', ended_at = NULL, ended_by_id = NULL, ended_reason = NULL "
        "WHERE id = :id"
    )
    assert refused(web, back, id=grant.id) == "ck_privilege_grant_no_way_back"


def test_a_decided_request_never_changes(web, house):
    request = house.request()
    house.decide(request, act=house.as_leader())

    assert refused(
        web, "UPDATE privilege_request SET state = 'submitted', decided_at = NULL WHERE id = :id", id=request.id
    ) == "ck_privilege_request_decided_once"  # fmt: skip


def test_an_approval_after_the_last_moment_is_refused(web, house):
    request = house.request()
    late = request.decide_by + timedelta(seconds=1)

    assert refused(web, APPROVAL, request=request.id, approver=house.leader.id, at=late, security=False) == (
        "ck_privilege_approval_still_open"
    )


@pytest.mark.parametrize("statement", ["UPDATE privilege_approval SET reason = 'x'", "DELETE FROM privilege_approval"])
def test_a_decision_is_never_changed_or_deleted(web, house, statement):
    house.grant()

    assert refused(web, statement) == "InsufficientPrivilege"


@pytest.mark.parametrize(
    "statement", ["UPDATE authorising_document SET valid_to = '2030-01-01'", "DELETE FROM authorising_document"]
)
def test_a_document_is_never_changed_or_deleted(web, house, statement):
    assert refused(web, statement) == "InsufficientPrivilege"


def test_the_digest_of_a_document_is_the_digest_of_its_bytes(web, house):
    copied = (
        "INSERT INTO authorising_document (number, signed_on, signer, issuing_unit, subject, valid_from, valid_to, "
        "file, file_sha256, size_bytes, filed_by_id, filed_at, search_text) "
        "SELECT :number, signed_on, signer, issuing_unit, "
        "subject, valid_from, valid_to, file || '\\x00'::bytea, file_sha256, size_bytes + 1, filed_by_id, filed_at, '' "
        "FROM authorising_document WHERE id = :id"
    )

    name = refused(web, copied, number=secrets.token_hex(4), id=house.document.id)

    assert name == "ck_authorising_document_digest"


def test_a_window_that_ends_at_midnight_needs_the_document_only_until_the_day_before(web, house):
    end = datetime.fromisoformat("2027-01-01T00:00:00+07:00")

    request = house.request(starts_at=end - timedelta(days=10), ends_at=end)

    assert request.document_valid_to.isoformat() == "2026-12-31"


def test_the_reader_sees_no_applicant(role_engine):
    with role_engine("vl_reader").connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("SELECT * FROM case_applicant"))

    assert type(caught.value.orig).__name__ == "InsufficientPrivilege"
