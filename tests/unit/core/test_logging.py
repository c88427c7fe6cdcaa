"""Logs carry scalars only."""

import json
import logging

import pytest

from control.logging import JSONFormatter, NotPlainError


def record(**fields):
    made = logging.makeLogRecord({"msg": "export_approved", "levelname": "INFO", "name": "control.exports"})
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_an_event_is_one_line_of_json_with_its_fields():
    line = JSONFormatter().format(record(export_id="12", count=3))

    assert "\n" not in line
    assert json.loads(line)["event"] == "export_approved"
    assert json.loads(line)["count"] == 3


@pytest.mark.parametrize("value", [{"name": "An"}, ["An"], object()])
def test_what_is_not_a_scalar_is_refused(value):
    with pytest.raises(NotPlainError):
        JSONFormatter().format(record(person=value))


def test_a_line_break_in_a_value_does_not_make_a_second_line():
    assert "\n" not in JSONFormatter().format(record(agent="a\nb"))
