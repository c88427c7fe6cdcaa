"""A list's state in the address, its pages and its download."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select

from control.errors import InvalidInput
from control.frame.tables import (
    BYTE_ORDER_MARK,
    FORMULA_STARTS,
    ListingRules,
    csv_response,
    csv_text,
    read_cursor,
    write_cursor,
)

RULES = ListingRules(sorts={"at": "-", "name": ""}, default="-at", filters=("q", "state"), size=3)
ROWS = Table("row", MetaData(), Column("at", Integer), Column("id", Integer, primary_key=True))


def test_the_state_is_read_from_the_address():
    listing = RULES.read({"q": "  csdl ", "sort": "name", "foreign": "x"})

    assert dict(listing.filters) == {"q": "csdl", "state": ""}
    assert (listing.key, listing.is_descending, listing.is_filtered) == ("name", False, True)


def test_an_unknown_sort_is_bad_input():
    with pytest.raises(InvalidInput) as refused:
        RULES.read({"sort": "id; drop table person"})

    assert refused.value.code == "list.sort.unknown"


def test_an_address_keeps_the_filters_and_leaves_out_what_is_usual():
    listing = RULES.read({"q": "đăng nhập", "after": write_cursor((5, 7))})

    assert listing.address("/trail") == "/trail?q=%C4%91%C4%83ng+nh%E1%BA%ADp"
    assert listing.address("/trail", after="abc", format="csv").endswith("&after=abc&format=csv")
    assert RULES.read({}).address("/trail") == "/trail"


def test_a_column_sorts_its_natural_way_first_and_turns_when_pressed_again():
    assert RULES.read({"sort": "name"}).sort_address("/x", "at") == "/x"
    assert RULES.read({}).sort_address("/x", "at") == "/x?sort=at"
    assert RULES.read({"sort": "name"}).sort_address("/x", "name") == "/x?sort=-name"
    assert RULES.read({"sort": "-name"}).sort_address("/x", "name") == "/x?sort=name"


@pytest.mark.parametrize("sort", ["-at", "at"])
def test_pages_by_cursor_show_every_row_exactly_once(sort):
    rules = ListingRules(sorts={"at": "-"}, default="-at", size=3)
    engine = create_engine("sqlite://")
    ROWS.metadata.create_all(engine)
    seen: list[int] = []
    with engine.begin() as connection:
        connection.execute(insert(ROWS), [{"at": number // 4, "id": number} for number in range(11)])
        after: str | None = ""
        while after is not None:
            listing = rules.read({"sort": sort, "after": after})
            query = select(ROWS).where(listing.after(ROWS.c.at, ROWS.c.id))
            found = connection.execute(query.order_by(*listing.order(ROWS.c.at, ROWS.c.id)).limit(listing.limit)).all()
            page = listing.page(found, cursor=lambda row: (row.at, row.id), total=11)
            seen += [row.id for row in page.rows]
            after = page.older
    engine.dispose()

    assert seen == sorted(range(11), reverse=sort == "-at")


@pytest.mark.parametrize("cursor", [("text", 1), (1,), (1, 2, 3)])
def test_a_cursor_of_another_list_is_bad_input(cursor):
    listing = RULES.read({"after": write_cursor(cursor)})

    with pytest.raises(InvalidInput):
        listing.after(ROWS.c.at, ROWS.c.id)


@given(
    st.lists(
        st.integers(-(2**62), 2**62) | st.text(max_size=20) | st.dates() | st.datetimes(timezones=st.just(UTC)),
        max_size=3,
    )
)
def test_a_cursor_reads_back_what_was_written(values):
    values = tuple(value.replace("\x00", "") if isinstance(value, str) else value for value in values) or (1,)

    assert read_cursor(write_cursor(values)) == values


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
@example("W251bGxd")  # [null]
@example("W3siYXQiOjF9XQ")  # [{"at":1}]
@example("W3RydWVd")  # [true]
@example("WzFlOTk5XQ")  # [1e999]
def test_any_cursor_gives_a_value_or_our_own_error(text):
    with suppress(InvalidInput):
        assert all(isinstance(value, str | int | date | datetime) for value in read_cursor(text))


def test_the_last_page_has_no_older_one():
    page = RULES.read({}).page([1, 2, 3], cursor=lambda row: (row,))

    assert page.older is None
    assert page.rows == (1, 2, 3)


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_a_cell_that_a_spreadsheet_would_calculate_is_quoted(start):
    text = csv_text(["name"], [[f'{start}HYPERLINK("http://example.invalid")']])

    cell = list(csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK))))[1][0]
    assert cell.startswith("'" + start)


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_no_cell_of_any_download_begins_like_a_formula(rows):
    text = csv_text(["a", "b"], rows)

    for row in csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")):
        assert not any(cell.startswith(FORMULA_STARTS) for cell in row)


def test_numbers_of_ours_stay_numbers_and_nothing_stays_empty():
    assert csv_text(["n"], [[-5, None, datetime(2026, 11, 25, tzinfo=UTC)]]).splitlines()[1] == (
        "-5,,2026-11-25T00:00:00+00:00"
    )


def test_a_download_is_a_named_utf8_attachment():
    answer = csv_response("accounts.csv", ["Tên"], [["Hoạ"]])

    assert answer.headers["Content-Disposition"] == "attachment; filename=accounts.csv"
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.get_data().decode("utf-8-sig").splitlines() == ["Tên", "Hoạ"]


def test_a_list_leaves_whole_as_a_file_or_not_at_all(monkeypatch):
    monkeypatch.setattr("control.frame.tables.CSV_ROWS", 30)
    listing = RULES.read({"format": "csv"})

    assert listing.limit == 31
    assert len(listing.page(range(30), cursor=lambda row: (row,)).rows) == 30
    with pytest.raises(InvalidInput) as refused:
        listing.page(range(31), cursor=lambda row: (row,))
    assert (refused.value.code, refused.value.context) == ("list.csv.too_long", {"most": 30})
