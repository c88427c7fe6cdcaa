"""The body: one row of bytes for one entry, and nothing personal in it."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import audit
from audit import About, NotCanonicalError, Outcome, canonical
from audit.subjects import Subject, commitment
from audit.text import fold, words
from tests.factories.audit import NOON, make_entry

ID = UUID("019a9f3c-1c00-7000-8000-000000000001")


def body_of(**changes):
    fixed = {"id": ID, "writer_boot": "boot", "writer_n": 7, "writer_mono_ns": 81}
    return audit.body(make_entry(**(fixed | changes)), {})


def test_the_bytes_of_a_known_entry_never_change():
    # Written down on 2026-11-22 from this code: a stored journal depends on every byte.
    assert (
        body_of()
        == (
            '{"@timestamp":"2026-11-23T05:00:00.000000Z","ecs":{"version":"9.4.0"},"event":{"action":"case:file:open",'
            '"category":["database"],"dataset":"control.audit","id":"019a9f3c-1c00-7000-8000-000000000001",'
            '"kind":"event","outcome":"success","type":["access"]},"http":{"request":{"id":"7f3a91c2","method":"POST"}},'
            '"policy":{"digest":"sha256:' + "0" * 64 + '"},"purpose":"thụ lý hồ sơ","schema":"vn-audit/1",'
            '"service":{"name":"control"},"session":{"id":"s-01"},"user":{"id":"person:5","roles":["case-officer"]},'
            '"vn":{"account":{"id":"TK-0001"},"case":{"code":"G99-261122-0001"},"grant":{"id":"CQ-0001"},'
            '"retention":{"class":"A3M"}},"writer":{"boot":"boot","mono_ns":81,"n":7}}'
        ).encode()
    )


def test_every_identifier_of_about_stands_in_the_body():
    names = About.__dataclass_fields__
    about = About(**{name: f"id-of-{name}" for name in names})

    body = body_of(about=about).decode()

    assert all(f'"id-of-{name}"' in body for name in names)


def test_a_refusal_is_a_failure_that_says_denied_and_why():
    body = json.loads(body_of(outcome=Outcome.FAILURE, denied=True, reason="grant.missing"))

    assert body["event"]["outcome"] == "failure"
    assert body["event"]["type"] == ["access", "denied"]
    assert body["event"]["reason_code"] == "grant.missing"


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "open"},
        {"action": "case:file:Open"},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001  # naive on purpose
        {"denied": True},
        {"retention": "a3m"},
        {"details": {"Bad Name": 1}},
        {"personal": {"tên": "x"}},
    ],
)
def test_an_entry_that_could_not_be_read_back_is_refused(changes):
    with pytest.raises(ValueError, match=r"action|aware|failure|retention|detail"):
        make_entry(**changes)


def test_a_moment_is_written_in_utc_whatever_its_zone():
    there = NOON.astimezone(timezone(timedelta(hours=7)))

    assert body_of(at=there) == body_of(at=NOON)


json_values = st.recursive(
    st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: unicodedata.normalize("NFC", text)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.fault(23)
@given(st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=8), json_values, max_size=6))
def test_canonical_bytes_are_those_of_the_standard_library(value):
    plain = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    assert canonical(value) == plain.encode()
    assert json.loads(canonical(value)) == value


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": 1.0}, "a"),
        ({"a": float("nan")}, "a"),
        ({"a": {"b": 2**53}}, "a.b"),
        ({"a": [0, -(2**53)]}, "a[1]"),
        ({"a": "\ud800"}, "a"),
        ({"a": unicodedata.normalize("NFD", "Nguyễn")}, "a"),
        ({"khoá": 1}, ""),
        ({"a": None}, "a"),
        ({"a": b"x"}, "a"),
        ({1: 1}, ""),
    ],
)
def test_what_has_no_single_form_is_refused_before_it_is_hashed(value, path):
    with pytest.raises(NotCanonicalError) as refused:
        canonical(value)

    assert refused.value.path == path


@given(st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)), st.binary(min_size=10, max_size=10))  # noqa: DTZ001
def test_an_id_is_a_uuid7_that_sorts_by_time(at, random):
    at = at.replace(tzinfo=UTC)
    found = audit.new_id(at, random)

    assert found.version == 7
    assert found.variant == "specified in RFC 4122"
    assert found.int >> 80 == int(at.timestamp() * 1000)
    assert found < audit.new_id(at + timedelta(milliseconds=2), bytes(10))


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("Điều", "dieu"),
        ("NGUYỄN Thị Mẫu", "nguyen thi mau"),
        ("đường", "duong"),
        ("ưỡng", "uong"),
        (unicodedata.normalize("NFD", "Ặ"), "a"),
    ],
)
def test_folding_takes_off_every_mark_and_turns_the_letter_too(typed, folded):
    assert fold(typed) == folded


@given(st.text())
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


def test_words_part_at_signs_and_come_once():
    assert words("123/QĐ-BMH, quá_hạn 123") == ("123", "qd", "bmh", "qua", "han")


def subject(key=b"k" * 32):
    return Subject(id=1, name="citizen:1", key=key)


def test_a_commitment_opens_with_its_salt_and_with_no_other():
    salt = subject().salt(ID, "vn.personal.citizen.name")
    other = subject().salt(ID, "vn.personal.citizen.address")

    assert commitment(salt, "p", "Mẫu") == commitment(salt, "p", "Mẫu")
    assert len({commitment(salt, "p", "Mẫu"), commitment(other, "p", "Mẫu"), commitment(salt, "q", "Mẫu")}) == 3


def test_sealed_values_open_with_the_same_key_and_entry_only():
    sealed = subject().seal(ID, {"user.name": "Nguyễn Thị Mẫu"})

    assert subject().unseal(ID, sealed) == {"user.name": "Nguyễn Thị Mẫu"}
    with pytest.raises(audit.SubjectKeyError):
        subject(b"x" * 32).unseal(ID, sealed)
    with pytest.raises(audit.SubjectKeyError):
        subject().unseal(UUID(int=ID.int + 1), sealed)


def test_a_token_ignores_marks_and_case_and_differs_by_person():
    assert subject().token("Nguyễn Thị Mẫu") == subject().token("nguyen thi mau ")
    assert subject().token("x") != subject(b"y" * 32).token("x")


def test_the_package_loads_without_the_web_application_and_without_the_search_client():
    probe = "import audit, sys; print(*sorted({'flask', 'control', 'elasticsearch'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def test_the_verifier_needs_the_standard_library_alone():
    probe = (
        "import sys, runpy; sys.argv = ['verify.py', '/nonexistent']\n"
        "try: runpy.run_path('audit/verify.py', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, set(sys.modules) & {'cryptography', 'orjson', 'audit'})"
    )

    done = subprocess.run([sys.executable, "-I", "-S", "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.strip().endswith("2 set()")
