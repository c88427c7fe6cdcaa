"""Turn the runner's events into rows a page can show, and into counts and findings.

Invariant: any JSON object gives a row or nothing; never an error, whatever a module wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from control.operations.runs.domain import MAX_MESSAGE_CHARACTERS

STATUSES = {
    "playbook_on_task_start": "started",
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
    "runner_item_on_ok": "item-ok",
    "runner_item_on_failed": "item-failed",
    "playbook_on_stats": "stats",
}
DAY_SECONDS = 86_400.0
COUNTED = {"ok": "ok", "failures": "failed", "dark": "unreachable", "changed": "changed", "skipped": "skipped"}


def row_of(event: Mapping[str, Any], *, number: int, now: datetime) -> dict[str, Any] | None:
    """Return the columns of a RunEvent, or None for an event no page shows."""
    kind = event.get("event")
    status = STATUSES.get(kind) if isinstance(kind, str) else None
    data = event.get("event_data")
    if status is None or not isinstance(data, Mapping):
        return None
    result = data.get("res")
    is_changed = isinstance(result, Mapping) and result.get("changed") is True
    return {
        "number": number,
        "at": _moment(event.get("created"), now),
        "kind": kind,
        "task": _text(data.get("task") or data.get("name"), 200),
        "host": _text(data.get("host"), 200),
        "status": "changed" if status == "ok" and is_changed else status,
        "milliseconds": _milliseconds(data.get("duration")),
        "message": _message(result),
    }


def counts_of(event: Mapping[str, Any]) -> dict[str, int] | None:
    """Return the totals of a `playbook_on_stats` event, None for any other."""
    data = event.get("event_data")
    if event.get("event") != "playbook_on_stats" or not isinstance(data, Mapping):
        return None
    return {name: _sum(data.get(source)) for source, name in COUNTED.items()}


def findings_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the playbook itself wanted to be read, from `set_stats`."""
    data = event.get("event_data")
    found = data.get("artifact_data") if isinstance(data, Mapping) else None
    return {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {}


def _sum(by_host: object) -> int:
    if not isinstance(by_host, Mapping):
        return 0
    return sum(value for value in by_host.values() if isinstance(value, int))


def _moment(text: object, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else now
    except ValueError:
        return now
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _milliseconds(seconds: object) -> int:
    if not isinstance(seconds, int | float) or seconds != seconds:  # NaN is unlike itself
        return 0
    return int(min(max(float(seconds), 0.0), DAY_SECONDS) * 1000)


def _message(result: object) -> str:
    if not isinstance(result, Mapping):
        return ""
    if "censored" in result:
        return _text(result["censored"], MAX_MESSAGE_CHARACTERS)
    for name in ("msg", "stdout", "stderr"):
        if isinstance(result.get(name), str) and result[name].strip():
            return _text(result[name].strip(), MAX_MESSAGE_CHARACTERS)
    return ""


def _text(value: object, most: int) -> str:
    text = value if isinstance(value, str) else ""
    clean = text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= most else clean[: most - 1] + "…"
