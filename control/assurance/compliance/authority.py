"""Every privileged act of the last day is led back to what allowed it (S0-4.4).

Opening a case file needs a grant that was in force then, held by the one who opened it, under a document valid on
that day. A playbook run needs the entry of whoever asked for it. Both are read from the trail and compared with the
tables, so that neither can be tidied alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from audit import tables
from audit.projection import read_body, text_at
from control.actions import Action
from control.assurance.compliance.domain import Witness
from control.assurance.compliance.sight import Sight
from control.operations.models import Alert, Run
from control.privilege.models import AuthorisingDocument, PrivilegeGrant

WINDOW = timedelta(hours=24)
SETTLING = timedelta(seconds=5)  # an entry is numbered a moment after its act
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One entry of the trail, as far as it matters here."""

    sequence: int
    at: datetime
    leaf: bytes
    actor: str | None
    grant: str | None
    case: str | None
    run: str | None
    session: str | None


def acts_and_their_authority(session: Session, now: datetime) -> Sight:
    """Judge each opening of a case file and each playbook run of the last day."""
    since = now - WINDOW
    openings = _entries(session, Action.CASES_FILE_OPEN, since=since)
    grants = _grants(session, {opening.grant for opening in openings if opening.grant})
    bad_openings = [one for one in openings if not _is_covered(one, grants.get(one.grant or ""))]
    asked = {entry.run for entry in _entries(session, Action.OPERATIONS_RUN_REQUEST, since=since - WINDOW)}
    runs = session.execute(
        select(Run, Alert)
        .join(Alert, Alert.id == Run.alert_id, isouter=True)
        .where(Run.requested_at >= since, Run.requested_at <= now - SETTLING)
        .order_by(Run.id.desc())
    ).all()
    bad_runs = [run for run, _ in runs if run.code not in asked]
    witnesses = (
        *_opening_witnesses([*bad_openings, *openings][:1], grants),
        *_run_witnesses([*((run, None) for run in bad_runs), *((run, alert) for run, alert in runs)]),
    )
    return Sight.of(
        now,
        since=since,
        judged=len(openings) + len(runs),
        bad=len(bad_openings) + len(bad_runs),
        name="acts",
        facts={"openings": len(openings), "runs": len(runs)},
        witnesses=witnesses,
    )


def _entries(session: Session, action: Action, *, since: datetime) -> list[_Seen]:
    """Successful entries of one action, newest first; found by the canonical bytes themselves."""
    table = tables.journal
    needle = func.convert_to(literal(f'"action":"{action}"'), "UTF8")
    rows = session.execute(
        select(table.c.seq, table.c.at, table.c.leaf, table.c.body)
        .where(table.c.at >= since, table.c.body.is_not(None), func.position(needle.op("in")(table.c.body)) > 0)
        .order_by(table.c.seq.desc())
    )
    found = (_seen(row.seq, row.at, bytes(row.leaf), read_body(bytes(row.body))) for row in rows)
    return [one for one in found if one is not None]


def _seen(sequence: int, at: datetime, leaf: bytes, body: dict[str, Any]) -> _Seen | None:
    if text_at(body, "event", "outcome") != "success":
        return None
    return _Seen(
        sequence=sequence,
        at=at,
        leaf=leaf,
        actor=text_at(body, "user", "id"),
        grant=text_at(body, "vn", "grant", "id"),
        case=text_at(body, "vn", "case", "code"),
        run=text_at(body, "vn", "run", "id"),
        session=text_at(body, "session", "id"),
    )


def _grants(session: Session, codes: Iterable[str]) -> dict[str, tuple[PrivilegeGrant, AuthorisingDocument]]:
    numbers = [int(code.rpartition("-")[2]) for code in codes if code.rpartition("-")[2].isdigit()]
    rows = session.execute(
        select(PrivilegeGrant, AuthorisingDocument)
        .join(AuthorisingDocument, AuthorisingDocument.id == PrivilegeGrant.document_id)
        .where(PrivilegeGrant.id.in_(numbers))
    )
    return {grant.code: (grant, document) for grant, document in rows}


def _is_covered(opening: _Seen, pair: tuple[PrivilegeGrant, AuthorisingDocument] | None) -> bool:
    if pair is None:
        return False
    grant, document = pair
    is_in_time = grant.span.lower is not None and grant.span.upper is not None
    is_in_time = is_in_time and grant.span.lower <= opening.at < grant.span.upper  # type: ignore[operator]  # checked above
    is_before_end = grant.ended_at is None or opening.at <= grant.ended_at
    is_document_valid = document.valid_from <= opening.at.astimezone(ZONE).date() <= document.valid_to
    return opening.actor == f"person:{grant.person_id}" and is_in_time and is_before_end and is_document_valid


def _opening_witnesses(
    openings: list[_Seen], grants: dict[str, tuple[PrivilegeGrant, AuthorisingDocument]]
) -> Iterable[Witness]:
    for opening in openings:
        pair = grants.get(opening.grant or "")
        if pair is not None:
            grant, document = pair
            request = f"YC-{grant.request_id:04d}"
            yield Witness(kind="document", code=document.number, digest=document.file_sha256)
            yield Witness(kind="request", code=request)
            yield Witness(kind="approval", code=request)
            yield Witness(kind="grant", code=grant.code)
        if opening.session:
            yield Witness(kind="session", code=opening.session)
        yield Witness(kind="entry", code=str(opening.sequence), digest=opening.leaf.hex(), note=opening.case or "")


def _run_witnesses(runs: list[tuple[Run, Alert | None]]) -> Iterable[Witness]:
    for run, alert in runs[:1]:
        if alert is not None:
            yield Witness(kind="alert", code=alert.code, note=alert.name)
            yield Witness(kind="runbook", code=alert.runbook)
        yield Witness(kind="run", code=run.code, digest=run.result_digest or "", note=run.playbook)
