"""One entry: its sentence, its neighbours, its proof recomputed step by step, and what may be taken away."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import text

import audit
from control.permissions import Permission
from tests.integration.conftest import NOON

READ = Permission.ASSURANCE_TRAIL_READ
CASE = "G99-261122-0001"


@pytest.fixture
def reader(sign_in, client):
    sign_in(READ, Permission.ASSURANCE_EVIDENCE_EXPORT, Permission.ASSURANCE_EVIDENCE_READ)
    return client


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.text


def tamper(owner_engine, statement):
    with owner_engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))


def test_the_entry_is_told_in_one_sentence_of_the_readers_language(reader, write, number):
    write(
        at=NOON,
        actor_id="system:demo",
        purpose="thẩm định",
        outcome=audit.Outcome.FAILURE,
        denied=True,
        reason="access.denied",
        about=audit.About(case_code=CASE, grant_id="CQ-0001", document_number="214/QĐ-BMH"),
    )
    number(NOON)

    shown = page(reader, "/trail/0")
    english = page(reader, "/trail/0?lang=en")

    assert "hệ thống (demo) thực hiện việc «Mở hồ sơ, xem dữ liệu cá nhân» đối với hồ sơ G99-261122-0001" in shown
    assert (
        "theo cấp quyền CQ-0001, văn bản 214/QĐ-BMH để thẩm định; bị từ chối: Vai trò của bạn không có quyền" in shown
    )
    assert "{" not in shown.split("bị từ chối")[1].split(".")[0]
    assert "the system (demo) did “Open a case file, see personal data” on case file G99-261122-0001" in english


@pytest.mark.parametrize("count", [1, 2, 7, 300])
def test_the_proof_is_recomputed_step_by_step_up_to_the_signed_root(reader, write, number, seal, written, count):
    for _ in range(count):
        write(at=NOON)
    number(NOON)
    sealed = seal()

    for place in {0, count // 2, count - 1}:
        shown = page(reader, f"/trail/{place}/verification")

        assert "có mặt trong cây đã niêm phong" in shown
        root = sealed.root.hex()
        assert shown.count(" ".join(root[at : at + 8] for at in range(0, 64, 8))) >= 2
        assert "chữ ký đúng" in shown
        assert "chưa có nhân chứng" in shown
    assert written()[-1]["event"]["action"] == "audit:entry:verify"
    assert written()[-1]["vn"]["details"]["holds"] is True


def test_an_entry_that_waits_for_its_seal_says_so_and_offers_no_proof(reader, write, number, seal):
    write(at=NOON)
    number(NOON)
    seal()
    write(at=NOON)
    number(NOON)

    shown = page(reader, "/trail/1/verification")

    assert "chưa được niêm phong" in shown
    assert reader.get("/trail/1/proof").status_code == 409


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit_journal SET body = body || ' ' WHERE seq = 2", "hai giá trị khác nhau: nội dung đã bị sửa"),
        ("UPDATE audit_journal SET leaf = sha256('x') WHERE seq = 3", "mục này không có trong cây đã niêm phong"),
        (
            "UPDATE audit_checkpoint SET note = set_byte(note, 2, 90)",  # one letter of the origin
            "chữ ký không đúng",
        ),
    ],
)
def test_whatever_was_altered_breaks_the_proof_at_its_step(
    reader, write, number, seal, owner_engine, written, statement, said
):
    for _ in range(5):
        write(at=NOON)
    number(NOON)
    seal()
    tamper(owner_engine, statement)

    shown = page(reader, "/trail/2/verification")

    assert "không đứng vững" in shown
    assert said in shown
    assert written()[-1]["event"]["outcome"] == "failure"


def test_bytes_proof_and_bundle_leave_as_they_are_stored_and_each_is_an_entry(
    reader, write, number, seal, submit, written, tmp_path
):
    entry = write(at=NOON, about=audit.About(case_code=CASE))
    write(at=NOON)
    number(NOON)
    sealed = seal()

    body = reader.get("/trail/0/body")
    proof = reader.get("/trail/0/proof")
    bundle = submit("/trail/0/bundle", on="/trail/0/verification")

    assert body.data == audit.canonical(audit.Hit(sequence=0, id="", at=NOON, original=body.data, hash="").body)
    assert str(entry.id).encode() in body.data
    assert proof.data.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n")
    assert proof.data.endswith(sealed.note)
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        archive.extractall(tmp_path / "bundle")
    done = subprocess.run(
        [sys.executable, "verify.py", "."], cwd=tmp_path / "bundle", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["event"]["action"] for one in written()][:2] == ["audit:entry:export", "audit:entry:export"]
    assert written()[-1]["event"]["action"] == "audit:bundle:export"


def test_a_removed_body_keeps_its_proof_and_cannot_be_downloaded(reader, write, number, seal, owner_engine):
    for _ in range(3):
        write(at=NOON)
    number(NOON)
    seal()
    tamper(owner_engine, "UPDATE audit_journal SET body = NULL, search_text = NULL, tokens = NULL WHERE seq = 1")

    assert "có mặt trong cây đã niêm phong" in page(reader, "/trail/1/verification")
    assert reader.get("/trail/1/body").status_code == 409
    assert reader.get("/trail/1/proof").status_code == 200


def test_without_the_right_nothing_is_shown_verified_or_taken_away(sign_in, client, write, number, seal):
    write(at=NOON)
    number(NOON)
    seal()
    sign_in()

    for address in ("/trail/0", "/trail/0/verification", "/trail/0/body", "/trail/0/proof"):
        assert client.get(address).status_code == 403
    sign_in(READ)
    assert "bundle" not in page(client, "/trail/0/verification").replace("/trail/bundle", "")


def test_an_act_of_a_person_without_a_session_shows_the_broken_thread(reader, write, number):
    write(at=NOON, action="operations:run:request", actor_id="person:1")
    write(at=NOON + timedelta(seconds=1), action="sign-in:password:check", actor_id="person:1")
    number(NOON)

    assert page(reader, "/trail/0").count('class="gone"') == 2
    assert page(reader, "/trail/1").count('class="gone"') == 0
