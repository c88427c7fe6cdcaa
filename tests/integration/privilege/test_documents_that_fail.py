"""Documents that carry nothing: withdrawn, of another unit, altered, badly signed (pam.md E9)."""

from __future__ import annotations

import io
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from control.decisions import Allow, Deny
from control.errors import NotFound
from control.privilege.agreements.service import agreement_in_force, record_agreement
from control.privilege.documents.forms import Scrutiny, read_document
from control.privilege.documents.models import DocumentSignature, DocumentWithdrawal
from control.privilege.documents.service import (
    documents_in_force,
    download_document,
    file_document,
    signature_of,
    signatures_of,
)
from control.privilege.documents.signatures import Trust, judge_signature
from control.privilege.documents.withdrawing import carry_out_withdrawals, withdraw_document
from control.privilege.fields import Fields
from control.privilege.keys.models import ApiKey
from control.privilege.requests.service import file_request
from tests.factories.privilege import NOON, PDF, House, actor_of, entries, last_event, new_document, terms
from tests.factories.signing import authority, plain_pdf, signed_pdf, turned
from tests.integration.privilege.test_pages import Browser, new_document_fields

TODAY = date(2026, 11, 23)


def withdraw(session, house, *, days=0, act=None):
    return withdraw_document(
        session,
        document_id=house.document.id,
        withdrawn_from=TODAY + timedelta(days=days),
        reason="Cơ quan ban hành thu hồi",
        act=act or house.as_officer(),
    )


def refused_by(session, sql, **values):
    with pytest.raises(DBAPIError) as caught, session.begin_nested():
        session.execute(text(sql), values)
    return caught.value.orig.diag.constraint_name or type(caught.value.orig).__name__


@pytest.mark.attack("E9")
def test_e9_what_rests_on_a_withdrawn_document_ends_at_once(session, house):
    grant = house.grant()

    decision = withdraw(session, house)

    assert isinstance(decision, Allow)
    assert (grant.state, grant.ended_cause, grant.ended_at) == ("ended", "document-withdrawn", NOON)
    told = [(one["event"]["action"], one["event"]["outcome"]) for one in entries(session)][-3:]
    assert [action for action, _ in told] == [
        "privilege:document:withdraw",
        "privilege:grant:end",
        "privilege:document:carry-out",
    ]
    assert house.document.withdrawal.carried_out_at == NOON


@pytest.mark.attack("E9")
def test_e9_a_withdrawal_of_a_later_day_waits_for_that_day(session, house):
    grant = house.grant(ends_at=NOON + timedelta(days=5))
    withdraw(session, house, days=2)
    held = grant.state

    early = carry_out_withdrawals(session, act=house.as_admin(now=NOON + timedelta(days=1)))
    midnight = NOON.replace(hour=17) + timedelta(days=1)  # 00:00 of 25/11 in Hà Nội
    due = [carry_out_withdrawals(session, act=house.as_admin(now=midnight)) for _ in range(2)]

    assert (held, early, due) == ("active", 0, [1, 0])
    assert (grant.state, grant.ended_at) == ("ended", midnight)


@pytest.mark.attack("E9")
def test_e9_a_request_that_would_rest_on_a_withdrawn_document_is_refused(session, house):
    withdraw(session, house, days=1)
    last_eve = {"ends_at": NOON + timedelta(hours=12)}

    late = file_request(
        session, draft=house.draft(ends_at=NOON + timedelta(hours=13)), act=house.as_admin(), terms=terms()
    )
    event = last_event(session)
    in_time = house.request(**last_eve)

    assert [fault.code for fault in late.faults] == ["document.withdrawn"]
    assert event == ("privilege:request:file", "failure", "document.withdrawn")
    assert in_time.state == "submitted"


@pytest.mark.attack("E9")
def test_e9_a_request_filed_before_the_withdrawal_can_no_longer_be_approved(session, house):
    request = house.request()
    withdraw(session, house)

    decision = house.decide(request, act=house.as_leader())

    assert decision.reason == "document.withdrawn"
    assert last_event(session) == ("privilege:request:approve", "failure", "document.withdrawn")
    assert not request.approvals


@pytest.mark.attack("E9")
def test_e9_keys_on_a_withdrawn_document_are_revoked(session, house):
    key = ApiKey(
        prefix="abcdefgh", secret_sha256="0" * 64, system="x", holder_unit="x", focal_unit="x", focal_contact="x",
        purpose="x", scopes=["privilege:account:read"], ranges=["192.0.2.0/28"], quota_per_minute=1,
        document_id=house.document.id, document_valid_from=house.document.valid_from,
        document_valid_to=house.document.valid_to, starts_at=NOON, expires_at=NOON + timedelta(days=3), state="active",
        issued_by_id=house.admin.id, form_token="t", search_text="x",
    )  # fmt: skip
    session.add(key)
    session.flush()

    withdraw(session, house)

    assert (key.state, key.revoked_at) == ("revoked", NOON)


@pytest.mark.attack("E9")
@pytest.mark.requirement("S4-9.3")
def test_e9_a_provider_whose_agreement_rests_on_a_withdrawn_document_vouches_for_nobody(session, house):
    agreement = record_agreement(session, provider="e-id", document_id=house.document.id, act=house.as_admin())
    before = agreement_in_force(session, provider="e-id", on=TODAY)

    withdraw(session, house, days=2)
    waits = agreement_in_force(session, provider="e-id", on=TODAY + timedelta(days=1))
    on_the_day = agreement_in_force(session, provider="e-id", on=TODAY + timedelta(days=2))
    carried_out_at = NOON + timedelta(days=2)
    carry_out_withdrawals(session, act=house.as_admin(now=carried_out_at))

    assert before is not None
    assert waits is not None
    assert on_the_day is None
    assert agreement.ended_at == carried_out_at
    assert "privilege:agreement:end" in [one["event"]["action"] for one in entries(session)]


@pytest.mark.attack("E9")
def test_e9_no_agreement_is_recorded_on_a_withdrawn_document(session, house):
    withdraw(session, house)

    refused = record_agreement(session, provider="e-id", document_id=house.document.id, act=house.as_admin())

    assert refused.reason == "agreement.document_over"
    assert last_event(session) == ("privilege:agreement:record", "failure", "agreement.document_over")


def test_an_account_change_cannot_cite_a_withdrawn_document(session, house):
    withdraw(session, house)

    assert house.move_account("locked").reason == "account.document_not_in_force"


@pytest.mark.parametrize(("first", "second", "reason"), [(0, 3, "document.withdrawn_already"), (-1, None, "in_past")])
def test_a_withdrawal_is_made_once_and_not_for_days_that_passed(session, house, first, second, reason):
    decisions = [withdraw(session, house, days=days) for days in (first, second) if days is not None]

    assert decisions[-1].reason.endswith(reason)
    assert last_event(session)[:2] == ("privilege:document:withdraw", "failure")


def test_a_withdrawn_document_is_offered_to_nobody(session, house):
    before = [one.id for one in documents_in_force(session, act=house.as_admin())]
    withdraw(session, house)
    session.expire_all()

    assert house.document.id in before
    assert house.document.id not in [one.id for one in documents_in_force(session, act=house.as_admin())]


def test_a_document_that_is_not_there_is_not_withdrawn(session, house):
    with pytest.raises(NotFound):
        withdraw_document(session, document_id=2**40, withdrawn_from=TODAY, reason="x", act=house.as_officer())


RESTING = [
    "UPDATE privilege_request SET document_id = document_id, version = version + 1 WHERE id = :request",
    (
        "INSERT INTO privilege_account_change (account_id, from_state, to_state, document_id, reason, changed_at) "
        "VALUES (:account, 'active', 'locked', :document, 'x', '2026-11-24 00:00+07')"
    ),
    (
        "INSERT INTO privilege_grant (request_id, person_id, account_id, document_id, document_valid_from, "
        "document_valid_to, span, state, granted_at) SELECT id, holder_id, account_id, document_id, "
        "document_valid_from, document_valid_to, tstzrange(starts_at, ends_at, '[)'), 'active', now() "
        "FROM privilege_request WHERE id = :request"
    ),
]


@pytest.mark.attack("E9")
@pytest.mark.parametrize("sql", RESTING, ids=["request", "change", "grant"])
def test_e9_the_database_lets_nothing_rest_on_a_withdrawn_document(session, house, sql):
    request = house.request()
    withdraw(session, house)

    name = refused_by(session, sql, request=request.id, account=house.account.id, document=house.document.id)

    assert name == "ck_authorising_document_stands"


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM document_withdrawal",
        "UPDATE document_withdrawal SET withdrawn_from = '2030-01-01'",
        "UPDATE document_signature SET state = 'valid'",
    ],
)
def test_a_withdrawal_and_a_verdict_are_never_taken_back(session, house, sql):
    withdraw(session, house)

    assert refused_by(session, sql) == "InsufficientPrivilege"


@pytest.mark.attack("E9")
def test_e9_the_file_of_one_unit_is_not_filed_for_another(session, house):
    content = plain_pdf("E9 một cơ quan")
    first = file_document(session, new=new_document(file=content), act=house.as_admin())

    other = file_document(session, new=new_document(file=content, issuing_unit="Sở Khác"), act=house.as_admin())

    assert not isinstance(first, Deny)
    assert (other.rule, other.reason) == ("privilege.document.one_unit", "document.other_unit")
    assert last_event(session) == ("privilege:document:file", "failure", "document.other_unit")


@pytest.mark.attack("E9")
def test_e9_bytes_that_are_not_those_that_were_filed_are_not_handed_out(session, house):
    connection = session.connection()
    connection.exec_driver_sql("RESET ROLE")
    connection.exec_driver_sql("ALTER TABLE authorising_document DROP CONSTRAINT ck_authorising_document_digest")
    connection.execute(
        text("UPDATE authorising_document SET file = :file, size_bytes = :size WHERE id = :id"),
        {"file": PDF + b"x", "size": len(PDF) + 1, "id": house.document.id},
    )
    connection.exec_driver_sql("SET LOCAL ROLE vl_web")
    session.expire_all()

    refused = download_document(session, document_id=house.document.id, act=house.as_admin())

    assert isinstance(refused, Deny)
    assert last_event(session) == ("privilege:document:download", "failure", "document.digest_broken")


def filled(**changes):
    values = {
        "number": "9/QĐ-BMH", "signed_on": "20/11/2026", "signer": "Lê Ví Dụ", "issuing_unit": "Bộ Minh hoạ",
        "subject": "Giao quản trị", "valid_from": "20/11/2026", "valid_to": "31/12/2026",
    }  # fmt: skip
    return Fields({**values, **changes})


def read(content, *, folder, is_required):
    fields = filled()
    scrutiny = Scrutiny(trust_dir=folder, now=NOON, is_required=is_required)
    document = read_document(fields, content=content, today=TODAY, maximum_mib=10, scrutiny=scrutiny)
    return document, [fault.code for fault in fields.faults]


@pytest.fixture
def trusted(tmp_path):
    (tmp_path / "goc.pem").write_bytes(authority().pem)
    return tmp_path


@pytest.mark.attack("E9")
@pytest.mark.parametrize(
    ("content", "is_required", "code"),
    [
        (plain_pdf, True, "document.signature.none"),
        (plain_pdf, False, None),
        (signed_pdf, True, None),
        (lambda: turned(signed_pdf()), False, "document.signature.changed"),
    ],
)
def test_e9_a_missing_or_bad_signature_is_refused_with_its_reason(trusted, content, is_required, code):
    document, faults = read(content(), folder=trusted, is_required=is_required)

    assert faults == ([code] if code else [])
    assert (document is None) == bool(code)


def test_what_was_found_of_the_signature_is_stored_with_its_time(session, house, trusted):
    document, _ = read(signed_pdf(), folder=trusted, is_required=True)

    row = file_document(session, new=document, act=house.as_admin())

    found = signature_of(session, row.id)
    assert (found.state, found.signer, found.judged_at) == ("valid", "Lê Ví Dụ", NOON)
    assert signatures_of(session, [row.id, house.document.id]) == {row.id: found}
    assert entries(session)[-1]["event"]["action"] == "privilege:document:file"


def test_two_who_withdraw_at_once_are_one_after_the_other(session, house):
    withdraw(session, house)

    assert session.scalars(select(DocumentWithdrawal)).all()[0].document_id == house.document.id
    assert refused_by(
        session,
        "INSERT INTO document_withdrawal (document_id, withdrawn_from, reason, recorded_at, recorded_by_id)"
        " VALUES (:id, '2026-12-01', 'x', now(), :person)",
        id=house.document.id,
        person=house.admin.id,
    ) == "pk_document_withdrawal"  # fmt: skip


def test_the_same_bytes_and_trust_give_the_same_verdict():
    trust = Trust(roots=(authority().root.public_bytes(Encoding.DER),))

    content = signed_pdf()

    assert judge_signature(content, trust=trust, now=NOON) == judge_signature(content, trust=trust, now=NOON)


@pytest.mark.requirement("S3-9.3")
def test_the_signature_of_a_filed_paper_is_verified_and_stored_and_a_broken_one_refused(make_app, trusted):
    app = make_app(VONGLAU_SIGNATURE_TRUST_DIR=str(trusted))
    with app.extensions["vonglau"].database.unit_of_work() as session:
        house = House(session, asset="case-files")
    admin = Browser(app, actor_of(house.admin, roles=("administrator",)))
    content = signed_pdf("Đề nghị khoá tài khoản")

    def file(number, data, status):
        fields = {**new_document_fields(number=number), "file": (io.BytesIO(data), "x.pdf")}
        return admin.post("/privilege/documents", on="/privilege/documents/new", status=status, **fields)

    changed = file("1/ĐN-BMH", turned(content), 422)
    stranger = file("2/ĐN-BMH", plain_pdf("Bản sao điện tử"), 303)
    taken = file("3/ĐN-BMH", content, 303)

    assert "đã bị sửa sau khi ký số" in changed.text
    assert "không ký số" in admin.get(stranger.headers["Location"])
    page = admin.get(taken.headers["Location"])
    assert "chữ ký hợp lệ" in page
    assert "Chứng thực Minh hoạ" in page
    with app.extensions["vonglau"].database.unit_of_work() as session:
        states = session.scalars(select(DocumentSignature.state).order_by(DocumentSignature.id)).all()
    assert states == ["none", "valid"]
