"""Nothing is done without saying what it records: every route, every command, and a route that says so and does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

import click
import pytest
from sqlalchemy import text

from audit.projection import read_body
from control.access import Door, access_of, audited, not_audited, public
from control.actions import Action
from control.acts import Actor
from control.cli import LazyGroup
from control.commands.declared import COMMANDS
from control.permissions import Permission
from control.requests import SESSION_COOKIE
from control.settings import Mode
from control.wiring import build

# Routes whose reading is an act (design.md, rule 7): personal data, evidence, what somebody did, signed documents.
READS_THAT_ARE_ACTS = (
    "/cases/<code>",
    "/compliance/evidence/<code>",
    "/operations/runs/<code>/result.zip",
    "/people",
    "/people/<login>",
    "/privilege/account-requests/<code>/papers/<form>",
    "/privilege/documents/<int:document_id>/file",
    "/trail",
    "/trail/<int:sequence>",
    "/trail/bundle",
    "/trail/findings",
    "/trail/findings/<code>",
)
# Sent with POST, and yet nothing is changed: the question only, whose answer is recorded with the act it confirms.
ASKS_ONLY = {"/privilege/account-requests/dates", "/step-up/options"}
LEAST_REASON_CHARACTERS = 12


def commands(command: click.Command, name: str = "") -> Iterator[str]:
    """Yield the full name of every command that does something."""
    if not isinstance(command, click.Group):
        yield name
        return
    if command.invoke_without_command and name:
        yield name
    context = click.Context(command)
    for part in command.list_commands(context):
        child = command.get_command(context, part)
        assert child is not None
        yield from commands(child, f"{name} {part}".strip())


def test_every_command_says_what_it_records_or_why_nothing():
    found = sorted(commands(LazyGroup("vonglau")))

    assert found == sorted(COMMANDS), sorted(set(found) ^ set(COMMANDS))
    assert all(trace.action in set(Action) or len(trace.because or "") > LEAST_REASON_CHARACTERS
               for trace in COMMANDS.values())  # fmt: skip


def test_every_route_says_what_it_records_and_every_change_records(app):
    silent_changes = []
    for rule in app.url_map.iter_rules():
        trace = app.view_functions[rule.endpoint].trace
        assert trace.action in set(Action) or len(trace.because) > LEAST_REASON_CHARACTERS, rule
        is_change = bool({"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set()))
        is_ours = access_of(app, rule.endpoint).door in {Door.PERMISSION, Door.SIGNED_IN}
        if is_change and is_ours and trace.action is None and rule.rule not in ASKS_ONLY:
            silent_changes.append(f"{rule.rule}: {trace.because}")
    assert silent_changes == []


@pytest.mark.parametrize("address", READS_THAT_ARE_ACTS)
def test_reading_personal_data_or_evidence_is_an_act(app, address):
    traces = [app.view_functions[rule.endpoint].trace for rule in app.url_map.iter_rules() if rule.rule == address]

    assert traces
    assert any(trace.action is not None for trace in traces)


@pytest.mark.fault(26)
def test_a_route_somebody_adds_without_saying_what_it_records_stops_the_application(app, law, clock, monkeypatch):
    settings = app.extensions["vonglau"].settings
    # A capability of tomorrow whose author forgot the mark; there is no other way to add a route unseen.
    from control.front import front

    def undeclared() -> str:
        return "said nothing"

    forgotten = public(because="a test")(undeclared)
    monkeypatch.setattr(front, "deferred_functions", list(front.deferred_functions))
    monkeypatch.setattr(front, "_got_registered_once", False)
    front.add_url_rule("/forgotten", "forgotten", forgotten)

    with pytest.raises(RuntimeError, match=r"front\.forgotten"):
        build(settings, clock=clock, database=app.extensions["vonglau"].database, law=law)


def actions(role_engine) -> list[tuple[str, dict]]:
    with role_engine("vl_owner").connect() as connection:
        bodies = connection.execute(text("SELECT body FROM audit_outbox ORDER BY oid")).scalars()
        trees = [read_body(bytes(body)) for body in bodies]
    return [(tree["event"]["action"], tree["vn"].get("details", {})) for tree in trees]


def test_a_list_that_leaves_as_a_file_is_an_entry_though_looking_at_it_is_none(app, client, role_engine):
    actor = Actor(id=7, login="xem.nv", name="Xem", permissions=frozenset({Permission.OPERATIONS_ALERT_READ}))
    app.extensions["vonglau"].ports["session_resume"] = lambda session, *, token, now, act: actor
    client.set_cookie(SESSION_COOKIE, "any", domain="localhost", secure=True)

    assert client.get("/operations/alerts").status_code == HTTPStatus.OK
    assert actions(role_engine) == []
    assert client.get("/operations/alerts?format=csv&state=ended").status_code == HTTPStatus.OK

    wanted = {"endpoint": "alerts.index", "filters": "format state"}
    assert actions(role_engine) == [("access:file:export", wanted)]


def test_a_silent_route_in_production_is_answered_with_an_entry_in_its_place(app, client, role_engine):
    live = replace(app.extensions["vonglau"].settings, mode=Mode.DEMONSTRATION)
    app.extensions["vonglau"] = replace(app.extensions["vonglau"], settings=live)
    mark = audited(Action.CASES_FILE_OPEN)
    app.view_functions["front.health"] = public(because="a test")(mark(lambda: "done"))
    health = next(rule.rule for rule in app.url_map.iter_rules() if rule.endpoint == "front.health")

    assert client.get(health).status_code == HTTPStatus.OK

    wanted = {"endpoint": "front.health", "declared": "cases:file:open"}
    assert actions(role_engine) == [("access:route:silent", wanted)]


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_declared_route_that_records_nothing_fails_its_own_request(app, client, is_declared):
    mark = audited(Action.ACCESS_ROUTE_ENTER) if is_declared else not_audited(because="a test that records nothing")
    view = public(because="a test")(mark(lambda: "done"))
    app.view_functions["front.health"] = view
    health = next(rule.rule for rule in app.url_map.iter_rules() if rule.endpoint == "front.health")

    if is_declared:
        with pytest.raises(RuntimeError, match="recorded nothing"):
            client.get(health)
    else:
        assert client.get(health).status_code == HTTPStatus.OK
