"""Begin a rotation as a run, hand its secrets to the run alone, and take in what the run found.

Not for: rules about secrets (control/privilege/vault). Invariants: one run a rotation; what a run found is settled
once, by whoever comes first: the worker that ran it, or the pass that finds it ended.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

import policies
from control import privilege
from control.acts import Act
from control.operations.alerts import open_subjects, raise_own, settle_own
from control.operations.jobs import JobContext
from control.operations.runs import Catalogue, RunRequest, RunState, find, id_of, order_run
from control.privilege import Custody, RotationResult, SettledRotation, VaultTerms

PLAYBOOK = "rotate_secret"
TOKEN_BYTES = 16
FAILED, UNKNOWN, OVERDUE = "SecretRotationFailed", "SecretUnknown", "SecretOverdue"
TAKEN = "SecretTaken"
ENDED = frozenset({RunState.DONE, RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED})
WITH_FINDINGS = frozenset({RunState.DONE, RunState.FAILED})


def start_rotation(session: Session, *, rotation_id: int, act: Act) -> str:
    """Order the run of a rotation in the caller's transaction; return its code. Implements control.ports."""
    request = RunRequest(
        playbook=PLAYBOOK, params={"rotation": rotation_id}, token=secrets.token_hex(TOKEN_BYTES), alert_id=None
    )
    run = order_run(session, request, lock=f"rotation:{rotation_id}", act=act, catalogue=Catalogue.load())
    return run.code


def prepare(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the playbook's programs read: the target and every secret they may try. Raises Unavailable."""
    prepared = privilege.prepare_rotation(
        context.database,
        rotation_id=int(params["rotation"]),
        custody=Custody.beside(context.settings.signer_socket),
        terms=VaultTerms.of(policies.load()),
        act=context.act("vault"),
    )
    return prepared.body


def settle_ended(session: Session, *, act: Act) -> int:
    """Settle every rotation whose run is over, raise and settle the alerts; return how many. Safe to call twice."""
    count = 0
    for rotation in privilege.rotations_under_way(session):
        run = find(session, id_of(rotation.run_code or ""))
        if run.state not in ENDED:
            continue
        found = run.findings if run.state in WITH_FINDINGS and run.findings else None
        settled = privilege.settle_rotation(session, rotation_id=rotation.id, found=found, act=act)
        if settled is not None:
            tell(session, settled, act=act)
            count += 1
    return count


def tell(session: Session, settled: SettledRotation, *, act: Act) -> None:
    """Raise the alert a result calls for, and end those it makes untrue."""
    result, account = settled.result, settled.account
    if result is RotationResult.UNKNOWN:
        raise_own(session, UNKNOWN, subject=account, act=act)
    if settled.is_as_wanted:
        settle_own(session, FAILED, subject=account, act=act)
    elif result is not RotationResult.UNKNOWN:
        raise_own(session, FAILED, subject=account, act=act)


def begin_waiting(session: Session, *, act: Act) -> int:
    """Order the run of every rotation that has none yet; return how many."""
    waiting = privilege.waiting_rotations(session)
    for rotation in waiting:
        rotation.run_code = start_rotation(session, rotation_id=rotation.id, act=act)
    session.flush()
    return len(waiting)


def reconcile_alerts(session: Session, *, act: Act, terms: VaultTerms) -> None:
    """Let an alert burn for exactly the secrets that are overdue, reported as perhaps taken, or lost."""
    for name, wanted in (
        (OVERDUE, privilege.overdue_secrets(session, terms=terms, now=act.now)),
        (TAKEN, privilege.taken_secrets(session)),
        (UNKNOWN, privilege.unknown_secrets(session)),
    ):
        burning = open_subjects(session, name)
        for account in sorted(wanted - burning):
            raise_own(session, name, subject=account, act=act)
        for account in sorted(burning - wanted):
            settle_own(session, name, subject=account, act=act)
