"""Reading one YAML file: any bytes give a document or our own error with file and line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import PolicyError, parse_document, read_document


def refused(raw: bytes, *, schema: str | None = None) -> PolicyError:
    with pytest.raises(PolicyError) as error:
        parse_document(raw, name="x.yaml", schema=schema)
    return error.value


def test_clock_times_dates_and_words_stay_as_written():
    document = parse_document(b"a: 16:30\nb: 2026-11-24\nc: no\nd: 010\ne: 12\nf: 1.5\ng: true\nh: ~\n", name="x.yaml")

    assert document.data == {
        "a": "16:30", "b": "2026-11-24", "c": "no", "d": "010", "e": 12, "f": 1.5, "g": True, "h": None,
    }  # fmt: skip


def test_a_line_is_known_for_every_key_and_item():
    document = parse_document("# đầu\na:\n  - x\n  - y: 1\n".encode(), name="x.yaml")

    assert [document.line(path) for path in ((), ("a",), ("a", 1), ("a", 1, "y"), ("a", 9))] == [2, 2, 4, 4, 2]


@pytest.mark.parametrize(
    ("raw", "code", "line"),
    [
        (b"", "policy.empty_file", None),
        (b"  \n", "policy.empty_file", None),
        (b"# only a comment\n", "policy.empty_file", None),
        (b"\xff\xfe\x00", "policy.encoding", None),
        ("tên: giá trị".encode("utf-16"), "policy.encoding", None),
        (b"a: [1\nb: 2\n", "policy.broken_yaml", 2),
        (b"a: 1\na: 2\n", "policy.duplicate_key", 2),
        (b"a: 1\nb: &x 2\nc: *x\n", "policy.alias", 3),
        (b"a: !!python/object/apply:os.system [ls]\n", "policy.broken_yaml", 1),
        (b"a: !!int x\n", "policy.broken_yaml", 1),
        (b"? [a]\n: 1\n", "policy.broken_yaml", 1),
        (b"a: 1\n---\nb: 2\n", "policy.broken_yaml", 2),
        (b"a: \x07\n", "policy.broken_yaml", 1),
        (b"[" * 5_000, "policy.too_deep", 1),
    ],
)
def test_a_broken_file_is_refused_with_its_line(raw: bytes, code: str, line: int | None):
    error = refused(raw)

    assert (error.code, error.exit_status, error.details["file"]) == (code, 2, "x.yaml")
    assert error.details.get("line") == line
    assert "x.yaml" in error.message_vi
    assert "x.yaml" in error.message_en


@given(raw=st.binary(max_size=200))
def test_any_bytes_give_a_document_or_our_own_error(raw: bytes):
    with contextlib.suppress(PolicyError):
        parse_document(raw, name="x.yaml", schema="case")


@given(text=st.text(alphabet="{}[]:,-&*!?|>'\"#%@` \n\tab1", max_size=60))
def test_any_signs_of_yaml_give_a_document_or_our_own_error(text: str):
    with contextlib.suppress(PolicyError):
        parse_document(text.encode(), name="x.yaml")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(PolicyError) as error:
            read_document(path)
        assert error.value.code == "policy.unreadable"


def test_a_file_too_large_is_refused_before_it_is_parsed(tmp_path: Path):
    (tmp_path / "x.yaml").write_bytes(b"a: " + b"1" * 2_000)

    with pytest.raises(PolicyError) as error:
        read_document(tmp_path / "x.yaml", max_bytes=1_000)

    assert error.value.code == "policy.too_large"


def test_an_unknown_key_is_named_before_the_key_it_was_meant_to_be():
    error = refused(b"profile: p\ntime_limits: 20wd\nevents: [{at: x, kind: accepted}]\n", schema="case")

    assert (error.code, error.details["key"], error.details["line"]) == ("policy.unknown_key", "time_limits", 2)


def test_an_empty_list_and_a_missing_key_are_named():
    assert refused(b"profile: p\ntime_limit: 20wd\nevents: []\n", schema="case").code == "policy.empty_list"
    assert refused(b"profile: p\nevents: [{at: x, kind: accepted}]\n", schema="case").code == "policy.missing_key"
