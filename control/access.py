"""One gate for every door: each endpoint says who may enter and what it records.

Not for: rules about an object (those are decisions in the wings). Invariants: an endpoint without both marks stops
the application at start; a refusal at the gate is an entry of the trail (S0-4.4).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, current_app, g, request

import audit
from control import room
from control.actions import Action
from control.acts import VISITOR
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import LevelTooLow, NotAllowed, NotSignedIn, TooMany, Unavailable, VongLauError
from control.levels import Level, reaches
from control.permissions import Permission
from control.settings import Mode
from control.traces import Trace, audited, not_audited

__all__ = [
    "Access",
    "Door",
    "Trace",
    "access_of",
    "api",
    "applicants",
    "at_level",
    "audited",
    "enforce",
    "install",
    "least_level_of",
    "machine",
    "not_audited",
    "public",
    "requires",
    "signed_in",
]
View = TypeVar("View", bound=Callable[..., Any])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Door(StrEnum):
    """The kinds of access mark."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    APPLICANT = "applicant"
    PERMISSION = "permission"
    MACHINE = "machine"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may enter an endpoint; `detail` is the permission, the machine's name, or the reason.

    `everyone` lets applicants in too, who otherwise reach their own pages only; `owing` also lets in whoever owes a new
    password, and nobody else who does.
    """

    door: Door
    detail: str
    everyone: bool = False
    owing: bool = False

    def __str__(self) -> str:
        return f"{self.door}{' or applicant' if self.everyone else ''}: {self.detail}"


def requires(permission: Permission) -> Callable[[View], View]:
    """Mark an endpoint as open to signed-in people whose roles hold the permission."""
    return _mark("access", Access(door=Door.PERMISSION, detail=permission))


def signed_in(*, because: str, everyone: bool = False, owing: bool = False) -> Callable[[View], View]:
    """Mark an endpoint as open to every signed-in person of the agency, with the reason; see Access for the rest."""
    return _mark("access", Access(door=Door.SIGNED_IN, detail=because, everyone=everyone, owing=owing))


def applicants(*, because: str) -> Callable[[View], View]:
    """Mark an endpoint as open to signed-in citizens and organisations, and to nobody of the agency."""
    return _mark("access", Access(door=Door.APPLICANT, detail=because))


def public(*, because: str) -> Callable[[View], View]:
    """Mark an endpoint as open to everyone, with the reason."""
    return _mark("access", Access(door=Door.PUBLIC, detail=because))


def machine(name: str) -> Callable[[View], View]:
    """Mark an endpoint as open to one calling system that brings its bearer token (settings `<name>_token`)."""
    return _mark("access", Access(door=Door.MACHINE, detail=name))


def api(permission: Permission) -> Callable[[View], View]:
    """Mark an endpoint of the API: a connection key whose scopes hold the permission, or a person who holds it."""
    return _mark("access", Access(door=Door.API, detail=permission))


def at_level(level: Level) -> Callable[[View], View]:
    """Mark an endpoint as one that only a session of at least this level enters (S4-11.3-2)."""
    return _mark("least_level", level)


def least_level_of(app: Flask, endpoint: str) -> Level | None:
    """Return the level an endpoint needs, None when it asks for none beside its access mark."""
    level: Level | None = getattr(app.view_functions.get(endpoint), "least_level", None)
    return level


def _mark(name: str, value: object) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        setattr(view, name, value)
        return view

    return decorate


def access_of(app: Flask, endpoint: str) -> Access:
    """Return the mark of an endpoint; `install` has proved that it has one."""
    view: Any = app.view_functions[endpoint]
    mark: Access = view.access
    return mark


def is_public(endpoint: str | None) -> bool:
    """Tell whether everyone may enter an endpoint; an unknown one is nobody's."""
    mark: Access | None = getattr(current_app.view_functions.get(endpoint or ""), "access", None)
    return mark is not None and mark.door is Door.PUBLIC


def trace_of(app: Flask, endpoint: str) -> Trace:
    """Return what an endpoint records; `install` has proved that it says so."""
    view: Any = app.view_functions[endpoint]
    mark: Trace = view.trace
    return mark


def install(app: Flask) -> None:
    """Refuse to start while any endpoint, static files included, lacks a mark. Raises RuntimeError."""
    bare = sorted(
        name for name, view in app.view_functions.items() if not (hasattr(view, "access") and hasattr(view, "trace"))
    )
    if bare:
        raise RuntimeError(f"endpoints without an access or audit mark: {', '.join(bare)}")
    wrong = sorted(
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if _changes_state(rule.methods) and _is_read_permission(access_of(app, rule.endpoint))
    )
    if wrong:
        raise RuntimeError(f"endpoints that change state behind a read permission: {', '.join(wrong)}")
    app.before_request(enforce)
    app.after_request(_notice_silence)
    app.after_request(_record_what_leaves)


def _changes_state(methods: set[str] | None) -> bool:
    return bool((methods or set()) - SAFE_METHODS)


def _is_read_permission(access: Access) -> bool:
    return access.door in {Door.PERMISSION, Door.API} and access.detail.endswith(":read")


def enforce() -> None:
    """Let the request pass or raise NotSignedIn or NotAllowed; a refusal is recorded first."""
    if request.endpoint is None:
        return
    access = access_of(current_app, request.endpoint)
    if access.door is Door.API and brings_key():
        _admit_key(access.detail)
        return
    fault = _fault(access) or _lack_of_level(request.endpoint) or _lack_of_room(access)
    if fault is None:
        return
    with unit_of_work() as session:
        g.act.refuse(
            session,
            Action.ACCESS_ROUTE_ENTER,
            Deny(rule="access.gate", reason=fault.code),
            details={"endpoint": request.endpoint},
        )
    raise fault


def _fault(access: Access) -> VongLauError | None:
    if access.door is Door.PUBLIC:
        return None
    if access.door is Door.MACHINE:
        return None if _brings_token(access.detail) else NotSignedIn("token.refused")
    if not g.actor.id:
        return NotSignedIn("session.required")
    if g.actor.owes_password and not access.owing:
        return NotAllowed(Deny(rule="access.new_password", reason="password.must_change"))
    if access.door is Door.APPLICANT or (g.actor.is_applicant and not access.everyone):
        is_own = access.door is Door.APPLICANT and g.actor.is_applicant
        return None if is_own else NotAllowed(Deny(rule="access.applicants_apart", reason="access.not_yours"))
    if access.door is Door.SIGNED_IN or access.detail in g.actor.permissions:
        return None
    return NotAllowed(Deny(rule="access.gate", reason="access.denied", params={"permission": access.detail}))


def _lack_of_level(endpoint: str) -> VongLauError | None:
    """Refuse a session whose level is too low; nothing was done, and the page says how to raise it."""
    needed = least_level_of(current_app, endpoint)
    if needed is None or reaches(g.actor.auth_level, needed):
        return None
    params = {"needed": needed, "held": g.actor.auth_level}
    return LevelTooLow(Deny(rule="access.level", reason=f"access.level_{needed}", params=params), needed=needed)


def _lack_of_room(access: Access) -> VongLauError | None:
    """Refuse what hands out privilege while the disk of the trail is nearly full."""
    if access.door not in {Door.PERMISSION, Door.API} or request.method in SAFE_METHODS:
        return None
    if not room.hands_out_privilege(access.detail):
        return None
    with unit_of_work() as session:
        return Unavailable("audit.room_is_low") if room.is_running_out(session) else None


def brings_key() -> bool:
    """Tell whether the call brings a connection key; then no cookie of it counts for anything."""
    return request.headers.get("Authorization", "")[:7].lower() == "bearer "


def _admit_key(permission: str) -> None:
    """Let a system in by its key. Raises NotSignedIn, NotAllowed, TooMany; the port recorded the refusal."""
    token = request.headers["Authorization"].partition(" ")[2].strip()
    with unit_of_work() as session:
        judged = current_app.extensions["vonglau"].ports["key_admission"](
            session, token=token, scope=permission, address=request.remote_addr, act=g.act.as_actor(VISITOR)
        )
    if isinstance(judged, Deny):
        if judged.reason == "key.quota_reached":
            fault = TooMany(judged.reason, citation=judged.citation)
            fault.context = dict(judged.params)
            raise fault
        raise NotAllowed(judged) if judged.reason == "key.scope_refused" else NotSignedIn("key.refused")
    g.actor, g.act = judged.actor, g.act.as_actor(judged.actor)


def _brings_token(name: str) -> bool:
    expected: str = getattr(current_app.extensions["vonglau"].settings, f"{name}_token")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return bool(expected) and scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), expected.encode())


def _record_what_leaves(response: Any) -> Any:
    """Write an entry for a file that a route without an act of its own hands out: no list leaves unseen."""
    trace: Trace | None = getattr(current_app.view_functions.get(request.endpoint or ""), "trace", None)
    leaves = response.headers.get("Content-Disposition", "").startswith("attachment")
    if trace is None or trace.action is not None or not leaves or response.status_code != HTTPStatus.OK:
        return response
    filters = " ".join(sorted(name for name, value in request.args.items() if value)[:20])
    return _written(response, Action.ACCESS_FILE_EXPORT, {"endpoint": request.endpoint or "", "filters": filters})


def _notice_silence(response: Any) -> Any:
    """A route that declares an action and records nothing fails its own request in tests.

    In production the trail gets an entry in its place, from which a finding and an alert are made.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    trace: Trace | None = getattr(view, "trace", None)
    if trace is None or trace.action is None or response.status_code >= 500 or g.act.emitted.count:  # HTTP
        return response
    if response.status_code in {400, 401, 405, 413, 422}:
        return response  # refused for its form before the act began; nothing was touched
    if current_app.extensions["vonglau"].settings.mode is not Mode.TEST:
        current_app.logger.error("declared_route_recorded_nothing", extra={"endpoint": request.endpoint})
        return _written(
            response,
            Action.ACCESS_ROUTE_SILENT,
            {"endpoint": request.endpoint or "", "declared": str(trace.action)},
            outcome=audit.Outcome.FAILURE,
        )
    raise RuntimeError(f"{request.endpoint} declares {trace.action} and recorded nothing")


def _written(
    response: Any,
    action: Action,
    details: dict[str, str | int | bool],
    *,
    outcome: audit.Outcome = audit.Outcome.SUCCESS,
) -> Any:
    """Return the answer once its entry stands; without the entry nobody gets the answer (design.md, rule 1)."""
    try:
        with unit_of_work() as session:
            g.act.record(session, action, details=details, outcome=outcome)
    except Unavailable as error:
        return current_app.make_response(current_app.handle_user_exception(error))
    return response
