"""Rules over runs: who may start what, what an end means, and what an event of the runner becomes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from control.decisions import Allow, Deny
from control.errors import InvalidInput, NotFound, Unavailable
from control.operations.places import PLAYBOOKS
from control.operations.runs.catalogue import Catalogue
from control.operations.runs.domain import Ended, Risk, RunState, Stop, code_of, id_of, may_start, verdict
from control.operations.runs.events import counts_of, findings_of, row_of

NOW = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
GOOD = Ended(rc=0, counts={"ok": 3})
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def test_reading_needs_the_permission_alone_and_every_change_two_more_people() -> None:
    assert may_start(Risk.READ_ONLY) == Allow(rule="run.read_only")
    for risk in (Risk.CHANGE, Risk.DESTRUCTIVE):
        assert may_start(risk) == Deny(rule="run.two_people", reason="run.needs_approval")


@pytest.mark.parametrize(
    ("stop", "ended", "state", "reason"),
    [
        (None, GOOD, RunState.DONE, None),
        (None, Ended(rc=0, counts={}), RunState.FAILED, "run.nothing_ran"),
        (None, Ended(rc=0, counts={"skipped": 2}), RunState.FAILED, "run.nothing_ran"),
        (None, Ended(rc=2, counts={"ok": 3}), RunState.FAILED, "run.tasks_failed"),
        (None, Ended(rc=0, counts={"ok": 3, "failed": 1}), RunState.FAILED, "run.tasks_failed"),
        (None, Ended(rc=4, counts={"unreachable": 1}), RunState.FAILED, "run.tasks_failed"),
        (None, Ended(rc=None, counts={"ok": 1}), RunState.FAILED, "run.tasks_failed"),
        (None, None, RunState.INTERRUPTED, "run.supervisor_died"),
        (Stop.CANCELLED, GOOD, RunState.CANCELLED, "run.cancelled"),
        (Stop.CANCELLED, None, RunState.CANCELLED, "run.cancelled"),
        (Stop.TIMED_OUT, GOOD, RunState.FAILED, "run.timed_out"),
        (Stop.WORKER_STOPPED, GOOD, RunState.INTERRUPTED, "run.worker_stopped"),
        (Stop.LEASE_LOST, None, RunState.INTERRUPTED, "run.lease_lost"),
    ],
)
def test_our_own_flag_speaks_before_the_runners_word(
    stop: Stop | None, ended: Ended | None, state: RunState, reason: str | None
) -> None:
    found = verdict(stop=stop, ended=ended)

    assert (found.state, found.reason) == (state, reason)


@given(st.integers(min_value=1, max_value=10**11))
def test_a_code_leads_back_to_its_number(number: int) -> None:
    assert id_of(code_of(number)) == number


@pytest.mark.parametrize("code", ["", "LC-1", "lc-0001", "LC-0001 ", "LC-٠٠٠١", "CB-0001", "LC--001", "LC-" + "9" * 13])
def test_what_is_no_code_is_not_found(code: str) -> None:
    with pytest.raises(NotFound):
        id_of(code)


@given(event=st.dictionaries(st.sampled_from(["event", "event_data", "created", "stdout"]), json_values))
def test_any_event_gives_a_row_or_nothing(event: dict[str, Any]) -> None:
    for kind in ("runner_on_ok", "playbook_on_stats", "else"):
        row = row_of({**event, "event": kind}, number=1, now=NOW)
        assert row is None or (row["at"].tzinfo is not None and 0 <= row["milliseconds"] <= 86_400_000)
        assert isinstance(counts_of({**event, "event": kind}) or {}, dict)
        assert isinstance(findings_of(event), dict)


@given(result=st.dictionaries(st.sampled_from(["msg", "stdout", "censored", "changed"]), json_values))
def test_any_result_of_a_module_gives_a_short_text_the_database_takes(result: dict[str, Any]) -> None:
    event = {"event": "runner_on_ok", "event_data": {"task": "T", "host": "h", "res": result, "duration": 0.5}}

    row = row_of(event, number=1, now=NOW)

    assert row is not None
    assert len(row["message"]) <= 600
    assert "\0" not in row["message"]
    row["message"].encode("utf-8")


def test_a_censored_result_shows_nothing_but_that_it_is_censored() -> None:
    result = {"censored": "the output has been hidden", "msg": "secret", "stdout": "secret"}
    event = {"event": "runner_on_ok", "event_data": {"task": "T", "host": "h", "res": result}}

    row = row_of(event, number=1, now=NOW)

    assert row is not None
    assert row["message"] == "the output has been hidden"


def test_the_catalogue_is_complete_and_every_playbook_is_the_reviewed_one() -> None:
    catalogue = Catalogue.load()

    files = {path.name for path in PLAYBOOKS.glob("*.yml")}
    assert {playbook.path.name for playbook in catalogue.by_id.values()} == files
    for playbook in catalogue.by_id.values():
        assert playbook.content()
        names = {task["name"] for play in yaml.safe_load(playbook.content()) for task in play["tasks"]}
        assert names == set(playbook.tasks), "each task has its Vietnamese name"


def test_a_read_only_playbook_uses_modules_that_only_read() -> None:
    harmless = {"command", "setup", "uri", "wait_for", "set_stats", "debug"}
    for playbook in Catalogue.load().by_id.values():
        if playbook.risk is not Risk.READ_ONLY:
            continue
        for play in yaml.safe_load(playbook.content()):
            assert not play.get("become")
            for task in play["tasks"]:
                used = {key.removeprefix("ansible.builtin.") for key in task if key.startswith("ansible.builtin.")}
                assert used <= harmless, task["name"]
                assert "command" not in used or task["changed_when"] is False


def catalogue_file(folder: Path, **changes: object) -> Path:
    (folder / "p.yml").write_text("[]")
    entry = {
        "id": "p", "file": "p.yml", "sha256": "0" * 64, "risk": "read-only", "title": "a", "title_en": "b",
        "purpose": "c", "purpose_en": "d", "runbook": "r", "timeout_seconds": 5, "params": {"type": "object"},
        "tasks": {},
    }  # fmt: skip
    (folder / "catalogue.yaml").write_text(yaml.safe_dump({"playbooks": [entry | changes]}))
    return folder


@pytest.mark.parametrize("change", [{"file": "../p.yml"}, {"extra": 1}])
def test_an_entry_that_is_not_complete_or_points_outside_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(Unavailable, match=r"playbook\.catalogue"):
        Catalogue.load(catalogue_file(tmp_path, **change))


def test_a_playbook_with_another_digest_has_no_content(tmp_path: Path) -> None:
    playbook = Catalogue.load(catalogue_file(tmp_path)).get("p")

    with pytest.raises(Unavailable, match=r"playbook\.digest"):
        playbook.content()


def test_the_prepared_parameters_fit_the_schema(tmp_path: Path) -> None:
    from control.operations.alerts.view import prepared_params
    from tests.factories.operations import make_settings

    settings = make_settings(
        "postgresql://vl_web:secret@127.0.0.1:5432/vonglau",
        tmp_path,
        portal_url="https://user:secret@cong.minh-hoa.test/api",
        ldap_url="ldap://127.0.0.1",
        prometheus_url="http://127.0.0.1:9090",
    )

    params = prepared_params(settings)

    Catalogue.load().get("collect_diagnostics").check(params)
    assert "secret" not in str(params)
    assert [service["name"] for service in params["services"]] == [
        "postgresql", "prometheus", "directory", "national-portal",
    ]  # fmt: skip
    with pytest.raises(InvalidInput):
        Catalogue.load().get("collect_diagnostics").check({**params, "more": 1})
