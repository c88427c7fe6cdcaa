"""A call that creates, sent twice, creates once: the key the caller chose stands beside what came of the first call.

Not for: connection keys, which have a form token of their own in their table. Invariants: the row is written in the
transaction of what it stands for; one key of one person means one body; what came of it is shown, never done, again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from flask import request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from control.acts import Act
from control.errors import Conflict, InvalidForm, InvalidInput
from control.privilege.api.calls import PROOF_FIELDS
from control.privilege.api.models import ApiOnce

HEADER = "Idempotency-Key"
KEY_CHARACTERS = 64


def key_of_call() -> str:
    """Return the key the caller chose. Raises InvalidForm without one, or with one that is not printable ASCII."""
    key = request.headers.get(HEADER, "").strip()
    if not key:
        raise InvalidForm((InvalidInput("input.required", field=HEADER),))
    if len(key) > KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise InvalidForm((InvalidInput("api.once_form", field=HEADER, maximum=KEY_CHARACTERS),))
    return key


def made_before(session: Session, *, key: str, operation: str, body: Mapping[str, Any], act: Act) -> str | None:
    """Return the code of what the same call made before, None for the first. Raises Conflict for another body."""
    row = session.scalar(select(ApiOnce).where(ApiOnce.person_id == act.actor.id, ApiOnce.key == key))
    if row is None:
        return None
    if (row.operation, row.body_sha256) != (operation, _digest(body)):
        raise Conflict("api.once_reused")
    return row.made


def remember(session: Session, *, key: str, operation: str, body: Mapping[str, Any], made: str, act: Act) -> None:
    """Write what the call made. Raises Conflict when the same key was used at the same moment; nothing is done then."""
    row = ApiOnce(
        person_id=act.actor.id, key=key, operation=operation, body_sha256=_digest(body), made=made, at=act.now
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        raise Conflict("api.once_at_once") from error


def _digest(body: Mapping[str, Any]) -> str:
    plain = {name: value for name, value in body.items() if name not in PROOF_FIELDS}
    return sha256(json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
