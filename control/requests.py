"""The circumstances of each web request, taken once, and the one handler that turns an error into a page or JSON.

Not for: rules. Invariants: a request has one `now`; every refusal and every crash stands in the trail exactly once;
a person never sees a stack trace, SQL, a path, or whether an account exists.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from flask_login import LoginManager
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, SecurityError

import audit
from control.access import is_public
from control.actions import Action
from control.acts import NOTHING, VISITOR, Act, Actor
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import (
    InvalidForm,
    InvalidInput,
    JournalUnavailable,
    LevelTooLow,
    NotProven,
    NotSignedIn,
    NotVisible,
    Unavailable,
    VongLauError,
)
from control.messages import CORE_MESSAGES
from control.services import services

SESSION_COOKIE = "__Host-vonglau"
USER_AGENT_CHARACTERS = 256
log = logging.getLogger(__name__)
RECORDED_AT_ONCE = frozenset(
    {
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.PRECONDITION_FAILED,
        HTTPStatus.PRECONDITION_REQUIRED,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
OUT_OF_SCOPE = "scope.outside"
MIB = 1024 * 1024


def install(app: Flask) -> None:
    """Take the circumstances before each request and answer every error in the person's language."""
    app.before_request(take_circumstances)
    manager = LoginManager(app)
    manager.session_protection = None  # our session table decides; an address that changes is no proof of theft
    manager.request_loader(_load_actor)
    app.register_error_handler(VongLauError, _answer_error)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_crash)


def take_circumstances() -> None:
    """Set `g.now`, `g.act`, `g.actor` and `g.request_id`, the same for the whole request."""
    held = services()
    g.now = held.clock()
    g.request_id = secrets.token_hex(8)
    g.actor = VISITOR
    g.act = Act(
        actor=VISITOR,
        now=g.now,
        writer=held.writer,
        policy_digest=held.policies.digest,
        request_id=g.request_id,
        method=request.method,
        source_ip=request.remote_addr,
        user_agent=request.headers.get("User-Agent", "")[:USER_AGENT_CHARACTERS] or None,
    )
    if request.endpoint == "static":
        return
    try:
        actor = _load_actor(request)
    except Unavailable:
        if not is_public(request.endpoint):
            raise
        actor = None  # the pages of sign-in stand also while nothing can be written down, not even that one was here
    if actor is not None:
        g.actor, g.act = actor, g.act.as_actor(actor)
        if g.get("standing_purpose"):
            g.act = g.act.for_purpose(g.standing_purpose)


def _load_actor(_request: Any) -> Actor | None:
    if g.actor.id:
        held_actor: Actor = g.actor
        return held_actor
    resume = services().ports.get("session_resume")
    token = request.cookies.get(SESSION_COOKIE, "")
    if resume is None or not token:
        return None
    with unit_of_work() as session:
        actor: Actor | None = resume(session, token=token, now=g.now, act=g.act)
        guard = services().ports.get("session_guard")
        if actor is not None and guard is not None:
            purpose = guard(session, actor=actor, act=g.act, alarm=services().ports["alarm"])
            if purpose is None:
                return None
            g.standing_purpose = purpose
    return actor


def reference_number() -> str:
    """Return the number a person can read to the on-call officer, for example `7F3A-91C2`."""
    head: str = g.get("request_id", secrets.token_hex(8))[:8].upper()
    return f"{head[:4]}-{head[4:]}"


def current_language() -> str:
    """Return `vi` or `en`: the language the person chose, Vietnamese when none was."""
    chosen = request.args.get("lang") or request.cookies.get("lang") or "vi"
    return chosen if chosen in {"vi", "en"} else "vi"


def wants_json() -> bool:
    """Tell whether the caller is a program."""
    accepted = request.accept_mimetypes
    return request.path.startswith(("/hooks/", "/api/")) or (accepted["application/json"] > accepted["text/html"])


def _answer_error(error: VongLauError) -> Response:
    if isinstance(error, NotVisible):
        _record_failure(OUT_OF_SCOPE, denied=True, about=error.about, rule=error.rule)
    elif error.status in RECORDED_AT_ONCE and not g.act.emitted.count:
        _record_failure(error.code, denied=True)
    if isinstance(error, JournalUnavailable | Unavailable):
        log.error("act_failed_closed", extra={"code": error.code, "request_id": g.request_id})
    if isinstance(error, NotSignedIn) and not wants_json() and request.method == "GET":
        login = services().ports.get("sign_in_url")
        if login is not None:
            return redirect_to_sign_in(login())
    if isinstance(error, LevelTooLow) and not wants_json() and request.method == "GET":
        raising = services().ports.get("raise_level_url")
        if raising is not None:
            return make_response(
                "", HTTPStatus.SEE_OTHER, {"Location": raising(error.needed, request.full_path.rstrip("?"))}
            )
    faults = error.faults if isinstance(error, InvalidForm) else ()
    question = error.question if isinstance(error, NotProven) else None
    return _page(
        error.code, error.status, citation=error.citation, params=error.context, faults=faults, question=question
    )


def redirect_to_sign_in(url: str) -> Response:
    """Send a person without a session to the sign-in page, remembering the local path only."""
    target = request.full_path.rstrip("?")
    return make_response("", HTTPStatus.SEE_OTHER, {"Location": f"{url}?next={_quoted(target)}"})


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path, safe="/")


HTTP_CODES = {
    400: "request.bad",
    404: "not_found",
    405: "method.not_allowed",
    413: "request.too_large",
    415: "request.bad",
}


def _answer_http(error: HTTPException) -> Response:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return make_response(error.get_response())
    if isinstance(error, SecurityError):  # the Host is not ours, so no link of ours can be built for a page
        return make_response(
            f"{CORE_MESSAGES['host.unknown'].vi}\n{CORE_MESSAGES['host.unknown'].en}\n", HTTPStatus.BAD_REQUEST
        )
    code = HTTP_CODES.get(
        error.code, "request.bad" if error.code < HTTPStatus.INTERNAL_SERVER_ERROR else "error.unexpected"
    )
    params: dict[str, object] = {}
    if isinstance(error, RequestEntityTooLarge):
        params["maximum_mib"] = (current_app.config["MAX_CONTENT_LENGTH"] or 0) // MIB
    if "act" not in g:
        take_circumstances()
    return _page(code, HTTPStatus(error.code), params=params)


def _answer_crash(error: Exception) -> Response:
    log.error(
        "request_crashed",
        extra={"endpoint": request.endpoint, "request_id": g.get("request_id")},
        exc_info=error,
    )
    if current_app.config.get("PROPAGATE_CRASHES"):
        raise error
    _record_failure("error.unexpected", denied=False)
    return _page("error.unexpected", HTTPStatus.INTERNAL_SERVER_ERROR)


def _record_failure(code: str, *, denied: bool, about: audit.About = NOTHING, rule: str = "access.object") -> None:
    """Write the `failed` entry in a transaction of its own; when even that fails, the log is all there is."""
    details = {"endpoint": request.endpoint or "", "code": code}
    try:
        with unit_of_work() as session:
            if denied:
                g.act.refuse(
                    session,
                    Action.ACCESS_ROUTE_ENTER,
                    Deny(rule=rule, reason=code),
                    about=about,
                    details=details,
                )
            else:
                g.act.record(
                    session,
                    Action.ERROR_REQUEST_FAIL,
                    outcome=audit.Outcome.FAILURE,
                    reason=code,
                    details=details,
                )
    except Unavailable:
        log.error("failure_not_recorded", extra={"code": code, "request_id": g.request_id})  # noqa: TRY400  # the cause is logged already


def _page(
    code: str,
    status: HTTPStatus,
    *,
    citation: str | None = None,
    params: dict[str, object] | None = None,
    faults: tuple[InvalidInput, ...] = (),
    question: Mapping[str, object] | None = None,
) -> Response:
    language = current_language()
    sentence = services().messages.render(code, language, **(params or {}))
    if request.path.startswith("/api/"):
        return _problem(code, status, sentence=sentence, citation=citation, faults=faults, question=question)
    if wants_json():
        body = {
            "error": {
                "code": code,
                "message": sentence,
                "citation": citation,
                "details": {"reference": reference_number()},
            }
        }
        return make_response(jsonify(body), status)
    page = render_template(
        "error.html",
        code=code,
        status=status,
        sentence=sentence,
        citation=citation,
        reference=reference_number(),
    )
    return make_response(page, status)


def _problem(
    code: str,
    status: HTTPStatus,
    *,
    sentence: str,
    citation: str | None,
    faults: tuple[InvalidInput, ...],
    question: Mapping[str, object] | None,
) -> Response:
    """Answer a program by problem details (RFC 9457); `question` is what it has to prove before the act."""
    messages, language = services().messages, current_language()
    body: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": sentence,
        "instance": request.path,
        "code": code,
        "citation": citation,
        "reference": reference_number(),
        "faults": [
            {
                "field": fault.field,
                "code": fault.code,
                "message": messages.render(fault.code, language, **fault.context),
            }
            for fault in faults
        ],
    }
    if question is not None:
        body["question"] = dict(question)
    answer = make_response(jsonify(body), status)
    answer.content_type = "application/problem+json"
    return answer
