"""The geometry of drawings: inside its frame, never hiding a value, and the same figures as the table."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from control.frame import charts

values = st.integers(0, 10_000_000)


def percent(text: str) -> float:
    return float(text.removesuffix("%"))


@given(st.lists(st.tuples(values, values), max_size=60))
def test_columns_stay_inside_their_frame_and_show_every_value(pairs):
    drawn = charts.bars([{"label": "x", "value": value, "mark": mark} for value, mark in pairs])

    for bar, (value, mark) in zip(drawn, pairs, strict=True):
        assert percent(bar.x) >= 0
        assert percent(bar.x) + percent(bar.width) <= 100.01
        assert bar.y >= charts.TOP_LINE
        assert (bar.height > 0) == (value > 0)
        assert (bar.mark_height > 0) == (mark > 0)


@given(st.lists(values, min_size=1, max_size=12))
def test_the_parts_of_a_whole_lie_side_by_side_and_fill_it(parts):
    drawn = charts.shares([{"value": value} for value in parts])

    assert abs(sum(percent(piece.width) for piece in drawn) - (100 if sum(parts) else 0)) < 0.1
    assert [piece.value for piece in drawn] == parts


def test_a_bar_that_is_more_than_full_stays_full():
    assert (charts.filled(1.03), charts.filled(-1), charts.filled(0.5)) == ("100.00%", "0.00%", "50.00%")


def test_many_labels_show_only_every_fourth_where_it_is_narrow():
    drawn = charts.bars([{"label": str(hour), "value": 1} for hour in range(24)])

    assert [bar.label for bar in drawn if not bar.is_label_wide] == ["0", "4", "8", "12", "16", "20"]
