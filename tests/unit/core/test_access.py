"""A door without a mark stops the application before it opens."""

import pytest
from flask import Flask

from control import access
from control.access import not_audited, public, requires
from control.permissions import Permission


@pytest.fixture
def bare_app():
    return Flask("doors", static_folder=None)


def test_an_endpoint_without_marks_stops_the_start(bare_app):
    bare_app.add_url_rule("/open", "open", lambda: "")

    with pytest.raises(RuntimeError, match="without an access or audit mark: open"):
        access.install(bare_app)


def test_an_endpoint_with_half_its_marks_stops_the_start(bare_app):
    bare_app.add_url_rule("/open", "open", public(because="a test")(lambda: ""))

    with pytest.raises(RuntimeError, match="open"):
        access.install(bare_app)


def test_a_change_behind_a_read_permission_stops_the_start(bare_app):
    view = requires(Permission.INTERNAL_COMPONENTS_READ)(not_audited(because="a test")(lambda: ""))
    bare_app.add_url_rule("/change", "change", view, methods=["POST"])

    with pytest.raises(RuntimeError, match="read permission: change"):
        access.install(bare_app)


def test_a_marked_endpoint_lets_the_application_start(bare_app):
    bare_app.add_url_rule("/open", "open", public(because="a test")(not_audited(because="a test")(lambda: "")))

    access.install(bare_app)

    assert access.access_of(bare_app, "open").detail == "a test"
