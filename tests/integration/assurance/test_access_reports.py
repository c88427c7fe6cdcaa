"""Access reports: counted from the trail by day, function, person and unit; on screen, as CSV and on paper."""

from __future__ import annotations

import csv
import html
import io
import re
import threading
import unicodedata
import zlib
from datetime import timedelta

import pytest
from fontTools.ttLib import TTFont
from sqlalchemy.orm import Session

import audit
from control.assurance.reports.jobs import make_report
from control.frame.paper import FACES, FONTS
from control.operations.jobs import JobContext
from control.permissions import Permission
from tests.factories.people import make_person
from tests.integration.conftest import NOON

READ = Permission.ASSURANCE_TRAIL_READ
MAKE = Permission.ASSURANCE_REPORT_MAKE
WEEK = {"first": "17/11/2026", "last": "23/11/2026"}


@pytest.fixture
def people(role_engine, clean_database):
    with Session(role_engine("vl_web")) as session:
        one = make_person(session, "mau.nt", name="Nguyễn Thị Mẫu", unit="Phòng An toàn thông tin").id
        two = make_person(session, "tap.dt", name="Đặng Thị Tập", unit="Bộ phận Một cửa").id
        session.commit()
    return one, two


@pytest.fixture
def week(people, write, number):
    """Monday noon is the pause, 9:00 is work, Sunday is off."""
    one, two = people
    at_work, sunday = NOON - timedelta(hours=3), NOON - timedelta(days=1)
    for _ in range(3):
        write(at=at_work, actor_id=f"person:{one}", action="audit:trail:search")
    write(at=sunday, actor_id=f"person:{one}", action="cases:file:open")
    write(at=at_work, actor_id=f"person:{two}", action="cases:file:open", outcome=audit.Outcome.FAILURE, denied=True)
    write(at=NOON, actor_id="system:alerts", action="operations:alert:receive")
    write(at=NOON - timedelta(days=30), actor_id=f"person:{two}", action="cases:file:open")
    number(NOON)


def table(answer):
    assert answer.mimetype == "text/csv", answer.text[:500]
    return list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))[1:]


@pytest.mark.requirement("S2-5.1.k-2")
def test_a_report_by_day_function_person_and_unit_comes_from_the_trail(
    sign_in, client, submit, people, week, written, seal
):
    seal()
    one, _ = people
    sign_in(READ, MAKE, person=one)

    made = submit("/trail/reports", on="/trail/reports", **WEEK)
    address = made.headers["Location"]
    shown = html.unescape(client.get(address).text)

    assert made.status_code == 303
    assert "<b>6 lượt truy cập</b> của <b>2 người</b> và hệ thống, <b>1 bị từ chối</b>" in shown
    assert "<b>33,3" in shown  # two of six: on the Sunday, and in the pause at noon
    days = table(client.get(f"{address}/csv?by=day"))
    assert len(days) == 7
    assert days[-2:] == [["2026-11-22", "1", "0"], ["2026-11-23", "5", "1"]]
    functions = table(client.get(f"{address}/csv?by=function"))
    assert [row[0::2] for row in functions] == [
        ["audit:trail:search", "3"],
        ["cases:file:open", "2"],
        ["operations:alert:receive", "1"],
    ]
    persons = table(client.get(f"{address}/csv?by=person"))
    assert persons[0] == [f"person:{one}", "Nguyễn Thị Mẫu", "Phòng An toàn thông tin", "4", "0", "0.25"]
    assert persons[2][:5] == ["system:alerts", "", "", "1", "0"]
    units = table(client.get(f"{address}/csv?by=unit"))
    assert [row[:4] for row in units] == [
        ["Phòng An toàn thông tin", "1", "4", "0"],
        ["Bộ phận Một cửa", "1", "1", "1"],
        ["system:", "0", "1", "0"],
    ]
    actions = [one["event"]["action"] for one in written()]
    assert actions[:3] == ["audit:report:request", "audit:report:make", "audit:report:read"]
    assert actions.count("audit:report:export") == 4


def test_the_paper_is_an_administrative_document_with_every_vietnamese_letter(
    sign_in, client, submit, people, week, tmp_path
):
    sign_in(READ, MAKE, person=people[0])
    address = submit("/trail/reports", on="/trail/reports", **WEEK).headers["Location"]

    answer = client.get(f"{address}/pdf")

    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-1.")
    inside = b"".join(_inflated(part) for part in re.findall(rb"stream\r?\n(.*?)endstream", answer.data, re.DOTALL))
    fonts = set(re.findall(rb"/FontName\s*/([A-Za-z0-9+-]+)", inside + answer.data))
    assert fonts
    assert all(b"Vong-Lau-Serif" in font or b"Liberation" in font for font in fonts), fonts


def _inflated(stream):
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_the_fonts_of_the_paper_hold_every_vietnamese_letter():
    alphabet = "aăâbcdđeêghiklmnoôơpqrstuưvxy" + "aăâeêioôơuưy" + "fjwz0123456789 –-…·%₫«»“”"
    marked = {
        unicodedata.normalize("NFC", letter + mark)
        for letter in "aăâeêioôơuưy"
        for mark in ("\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
    }
    wanted = {form for letter in {*alphabet, *marked} for form in (letter, letter.upper())}

    for name, _weight, _style in FACES:
        held = TTFont(FONTS / name).getBestCmap()
        assert [letter for letter in wanted if any(ord(char) not in held for char in letter)] == [], name


@pytest.mark.requirement("S2-5.1.k-2")
def test_a_report_is_refused_to_whoever_may_not_and_for_periods_that_make_no_sense(
    sign_in, client, submit, people, week, written
):
    sign_in(READ, person=people[0])
    assert submit("/trail/reports", on="/trail/reports", **WEEK).status_code == 403
    sign_in(READ, MAKE, person=people[0])
    for form in (
        {"first": "23/11/2026", "last": "17/11/2026"},
        {"first": "17/11/2026", "last": "24/11/2026"},
        {"first": "hôm qua", "last": "23/11/2026"},
        {"first": "01/01/1971", "last": "23/11/2026"},
    ):
        assert submit("/trail/reports", on="/trail/reports", **form).status_code == 422
    assert client.get("/trail/reports/4711").status_code == 404
    sign_in(person=people[0])
    assert client.get("/trail/reports").status_code == 403
    assert "audit:report:make" not in {one["event"]["action"] for one in written()}


def test_a_long_period_is_counted_month_by_month_by_a_job_and_shows_how_far_it_is(
    app, sign_in, client, submit, people, week, clock
):
    sign_in(READ, MAKE, person=people[0])
    address = submit("/trail/reports", on="/trail/reports", first="01/01/2026", last="23/11/2026").headers["Location"]
    number = int(address.rpartition("/")[2])
    waiting = html.unescape(client.get(address).text)

    held = app.extensions["vonglau"]
    context = JobContext(
        settings=held.settings,
        database=held.database,
        writer=held.writer,
        policy_digest="sha256:test",
        clock=clock,
        worker="test",
        random_hex=lambda count: "0" * count,
        stopping=threading.Event(),
    )
    make_report(context, report_id=number)
    make_report(context, report_id=number)  # delivered twice

    assert "0/327 ngày" in waiting
    assert client.get(f"{address}/csv").status_code == 200
    assert "<b>7 lượt truy cập</b>" in html.unescape(client.get(address).text)
    assert html.unescape(client.get("/trail/reports").text).count(">01/BC-BMH<") == 1


def test_a_report_that_is_not_done_cannot_be_taken_away(sign_in, client, submit, people, week):
    sign_in(READ, MAKE, person=people[0])
    address = submit("/trail/reports", on="/trail/reports", first="01/01/2026", last="23/11/2026").headers["Location"]

    assert client.get(f"{address}/pdf").status_code == 409
    assert client.get(f"{address}/csv?by=day").status_code == 409
    assert client.get(f"{address}/csv?by=evil").status_code == 404
