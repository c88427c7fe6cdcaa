"""Documents, grants, fields and codes: the pure rules."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.decisions import Allow, Deny
from control.privilege.codes import id_from
from control.privilege.documents.domain import MIB, NewDocument, covers, date_faults, file_fault
from control.privilege.fields import Fields
from control.privilege.grants.domain import GrantFacts, Phase, Step, may_step
from policies import RULES_ZONE

PDF = b"%PDF-1.7\n%%EOF\n"
TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PDF, None),
        (b"", "document.file.required"),
        (b"MZ", "document.file.not_pdf"),
        (b" %PDF-1.7 %%EOF", "document.file.not_pdf"),
        (b"%PDF-1.7 cut off", "document.file.not_pdf"),
        (b"<html>%PDF-%%EOF", "document.file.not_pdf"),
        (PDF + b" " * MIB, "document.file.too_large"),
    ],
)
def test_the_bytes_decide_whether_a_file_is_a_pdf(content, expected):
    fault = file_fault(content, name="file", maximum_mib=1)

    assert (fault.code if fault else None) == expected


@pytest.mark.parametrize(
    ("signed", "first", "last", "expected"),
    [
        (0, 0, 0, []),
        (1, 0, 5, ["document.signed_on.in_future"]),
        (0, 5, 1, ["document.validity.reversed"]),
        (-9, -9, -1, ["document.expired"]),
        (1, -9, -1, ["document.signed_on.in_future", "document.expired"]),
    ],
)
def test_the_dates_of_a_document_are_judged_all_at_once(signed, first, last, expected):
    days = [TODAY + timedelta(days=number) for number in (signed, first, last)]

    faults = date_faults(signed_on=days[0], valid_from=days[1], valid_to=days[2], today=TODAY)

    assert [fault.code for fault in faults] == expected


@given(first=st.integers(-5, 5), length=st.integers(0, 10), start=st.integers(-200, 200), hours=st.integers(1, 200))
def test_a_document_covers_a_window_exactly_when_it_is_in_force_on_each_of_its_days(first, length, start, hours):
    valid_from = TODAY + timedelta(days=first)
    valid_to = valid_from + timedelta(days=length)
    starts_at = NOON + timedelta(hours=start)
    ends_at = starts_at + timedelta(hours=hours)

    decision = covers(valid_from, valid_to, starts_at=starts_at, ends_at=ends_at, today=date(2020, 1, 1), number="1")

    moments = (starts_at + timedelta(hours=number) for number in range(hours))
    local_days = {moment.astimezone(RULES_ZONE).date() for moment in moments}
    local_days.add((ends_at - timedelta(microseconds=1)).astimezone(RULES_ZONE).date())
    assert isinstance(decision, Allow) is all(valid_from <= day <= valid_to for day in local_days)


def test_a_document_cannot_exist_without_a_valid_day_or_a_pdf():
    values = {
        "number": "1", "signed_on": TODAY, "signer": "A", "issuing_unit": "B", "subject": "C", "valid_from": TODAY,
        "valid_to": TODAY, "file": PDF,
    }  # fmt: skip
    NewDocument(**values)

    with pytest.raises(ValueError, match="valid"):
        NewDocument(**(values | {"valid_to": TODAY - timedelta(days=1)}))
    with pytest.raises(ValueError, match="PDF"):
        NewDocument(**(values | {"file": b"x"}))


def make_grant(state="active", *, start=0, end=4):
    return GrantFacts(
        state=state, starts_at=NOON + timedelta(hours=start), ends_at=NOON + timedelta(hours=end), person_id=3
    )


@pytest.mark.parametrize(
    ("state", "hour", "phase"),
    [
        ("active", -1, Phase.SCHEDULED),
        ("active", 0, Phase.ACTIVE),
        ("active", 4, Phase.OVER),
        ("suspended", -1, Phase.SUSPENDED),
        ("suspended", 1, Phase.SUSPENDED),
        ("suspended", 4, Phase.OVER),
        ("ended", 1, Phase.OVER),
        ("revoked", 1, Phase.REVOKED),
        ("revoked", 9, Phase.REVOKED),
    ],
)
def test_the_phase_follows_from_state_and_time(state, hour, phase):
    assert make_grant(state).phase(NOON + timedelta(hours=hour)) is phase


@given(state=st.sampled_from(["active", "suspended", "ended", "revoked"]), hour=st.integers(-10, 10))
def test_only_an_active_grant_inside_its_span_ever_holds(state, hour):
    assert make_grant(state).holds(NOON + timedelta(hours=hour)) is (state == "active" and 0 <= hour < 4)


@given(state=st.sampled_from(["ended", "revoked"]), step=st.sampled_from(Step), hour=st.integers(-10, 10))
def test_nothing_leads_out_of_an_ended_grant(state, step, hour):
    decision = may_step(make_grant(state), step=step, actor_id=9, now=NOON + timedelta(hours=hour))

    assert isinstance(decision, Deny)


def test_a_grant_without_length_cannot_exist():
    with pytest.raises(ValueError, match="lasts"):
        make_grant(start=4, end=4)


@pytest.mark.parametrize(
    "code", ["", "YC", "YC-", "YC-x", "YC-²", "YC-١", "CQ-0001", "YC-1 ", "YC--1", "YC-" + "9" * 30]
)
def test_what_is_no_code_is_no_row(code):
    assert id_from(code, prefix="YC-") == 0


@given(number=st.integers(1, 10**14))
def test_a_code_leads_back_to_its_number(number):
    assert id_from(f"YC-{number:04d}", prefix="YC-") == number


@given(text=st.text(max_size=300))
def test_whatever_is_typed_gives_a_value_or_our_own_fault(text):
    fields = Fields({"a": text})

    found = (
        fields.text("a"),
        fields.day("a"),
        fields.moment("a"),
        fields.number("a"),
        fields.choice("a", among=("x",)),
    )

    assert not [sign for sign in found[0] if unicodedata.category(sign) in {"Cc", "Cs"}]
    assert all(fault.field == "a" for fault in fields.faults)
    assert len(fields.faults) >= 3


@pytest.mark.parametrize("text", ["23/11/2026 09:30", "2026-11-23T09:30", "2026-11-23 09:30", " 23/11/2026  09:30 "])
def test_a_moment_is_read_in_the_zone_of_the_rules(text):
    found = Fields({"a": text}).moment("a")

    assert found == datetime(2026, 11, 23, 9, 30, tzinfo=RULES_ZONE)


@pytest.mark.parametrize("text", ["31/02/2026 09:30", "23/11/2026", "23/11/0001 09:30", "24:00", "ngày mai"])
def test_what_is_no_moment_is_told_and_not_guessed(text):
    fields = Fields({"a": text})

    assert fields.moment("a") is None
    assert [fault.code for fault in fields.faults] == ["input.not_a_moment"]
