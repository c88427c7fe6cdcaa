"""What every call of /api/v1 shares: reading the JSON sent, proving an act, entity tags, lists with links.

Not for: one resource (accounts.py, requests.py, grants.py, keys.py). Invariants: a reading call is an entry before its
answer leaves; an act that needs a fresh proof answers 401 with the question, and the same call again brings the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, request, url_for
from sqlalchemy.orm import Session

from control.actions import Action
from control.decisions import Decision, Deny
from control.errors import (
    InvalidForm,
    InvalidInput,
    NotAllowed,
    NotProven,
    PreconditionFailed,
    PreconditionRequired,
)
from control.people.stepup import Ask, Given, Matter, Proven, demand
from control.privilege.api import shapes
from control.privilege.fields import Fields
from control.privilege.requests.models import PrivilegeRequest

blueprint = Blueprint("privilege_api", __name__, url_prefix="/api/v1")
REASON_CHARACTERS = 500
PROOF_FIELDS = ("step_up", "step_up_code", "step_up_key")


def sent() -> dict[str, str]:
    """Return the JSON object of the call with texts for values. Raises InvalidInput for anything else."""
    return {name: str(value) for name, value in sent_object().items() if not isinstance(value, list)}


def sent_object() -> dict[str, Any]:
    """Return the JSON object of the call: texts, whole numbers and lists of texts. Raises InvalidInput."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not all(_is_plain(value) for value in body.values()):
        raise InvalidInput("request.bad")
    return body


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def reason() -> str:
    """Return the reason that came with the call. Raises InvalidForm."""
    fields = Fields(sent())
    text = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    refuse_faults(fields)
    return text


def refuse_faults(fields: Fields) -> None:
    """Raise InvalidForm when a field of the call was faulty."""
    if fields.faults:
        raise InvalidForm(tuple(fields.faults))


def prove(session: Session, matter: Matter) -> Proven | Ask:
    """Take the proof that came with the call, or put the question; call it in the transaction of the act."""
    body = sent()
    token, code, key = (body.get(name, "") for name in PROOF_FIELDS)
    return demand(session, matter, given=Given(token=token, code=code, key=key))


def ask(matter: Matter, question: Ask) -> NotProven:
    """Return the error that puts the question: send the same call again with `step_up` and a code or a key's answer."""
    return NotProven(
        question.fault or "step-up.required",
        question={
            "step_up": question.token,
            "expires_at": shapes.moment(question.expires_at),
            "confirms": str(matter.action),
            "sha256": matter.digest.hex(),
            "title": matter.title,
            "by": [name for name, is_there in (("code", question.has_code), ("key", question.has_key)) if is_there],
            "key_options": url_for("step_up.ask_key"),
        },
    )


def answered(session: Session, body: Mapping[str, Any]) -> Response:
    """Answer a reading call; that it was made is an entry before the answer leaves (S3-8.1)."""
    details = {"endpoint": request.endpoint or "", "status": int(HTTPStatus.OK)}
    g.act.record(session, Action.ACCESS_API_CALL, details=details)
    answer = make_response(jsonify(body), HTTPStatus.OK)
    if body.get("next"):
        answer.headers["Link"] = f'<{body["next"]}>; rel="next"'
    return answer


def refuse_if(decision: Decision) -> None:
    """Raise NotAllowed for a refusal, which is committed by now."""
    if isinstance(decision, Deny):
        raise NotAllowed(decision)


def tag_of(row: PrivilegeRequest) -> str:
    """Return the entity tag of a request: its version, the digest of what it asks for, and its state."""
    return f"{row.version}-{row.body_sha256[:16]}-{row.state}"


def tagged(row: PrivilegeRequest, answer: Response) -> Response:
    """Put the entity tag on an answer that shows a request."""
    answer.set_etag(tag_of(row))
    return answer


def demand_match(row: PrivilegeRequest) -> None:
    """Hold a change to the version its author has seen. Raises PreconditionRequired, PreconditionFailed."""
    if not request.if_match or request.if_match.star_tag:
        raise PreconditionRequired("api.if_match_required")
    if not request.if_match.contains(tag_of(row)):
        raise PreconditionFailed("request.changed")
