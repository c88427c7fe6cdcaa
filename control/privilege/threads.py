"""The stations of the golden thread this wing knows: document, request, approval, grant, trail.

Not for: drawing (the frame's macro). Invariant: each station links to the neighbour itself; one that should be there
and is not stands as gone or as still to come, never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from flask import url_for
from flask_babel import gettext

from control.frame.thread import Station, StationState
from control.privilege.documents.models import AuthorisingDocument
from control.privilege.grants.models import PrivilegeGrant
from control.privilege.requests.models import PrivilegeRequest


def request_stations(request: PrivilegeRequest, grant: PrivilegeGrant | None, *, here: str) -> tuple[Station, ...]:
    """Return the thread of a loaded request and of the grant it became, seen from `here`."""
    agreed = sum(
        approval.decision == "approve" and approval.version == request.version for approval in request.approvals
    )
    address = url_for("privilege_requests.show", code=request.code)
    found = [
        Station(
            kind="document",
            text=request.document.number,
            href=url_for("privilege_documents.show", document_id=request.document_id),
        ),
        Station(
            kind="request",
            text=gettext("%(code)s, version %(version)s", code=request.code, version=request.version),
            href=address,
        ),
        _approval(request, agreed=agreed, address=address),
        _grant(request, grant),
        Station(kind="entry", text=grant.code if grant else request.code, href=trail_of(grant or request)),
        Station(kind="evidence", state=StationState.NEXT, text=gettext("when the grant has ended")),
    ]
    return tuple(_seen_from(here, station) for station in found)


def document_stations(document: AuthorisingDocument, resting: Sequence[PrivilegeRequest]) -> tuple[Station, ...]:
    """Return the thread as far as a document goes: itself, the newest request on it, its entries."""
    newest = resting[0] if resting else None
    request = (
        Station(kind="request", text=newest.code, href=url_for("privilege_requests.show", code=newest.code))
        if newest
        else Station(kind="request", state=StationState.NEXT)
    )
    return (
        Station(kind="document", text=document.number, state=StationState.HERE),
        request,
        Station(kind="entry", text=document.number, href=f"/trail?q={quote(document.number)}"),
    )


def trail_of(thing: PrivilegeGrant | PrivilegeRequest) -> str:
    """Return the address of everything the trail holds on a grant or request."""
    return f"/trail?q={thing.code}"


def _approval(request: PrivilegeRequest, *, agreed: int, address: str) -> Station:
    text = gettext("%(agreed)s of %(needed)s", agreed=agreed, needed=request.approvals_needed)
    if request.state == "submitted" and agreed < request.approvals_needed:
        return Station(kind="approval", text=text, state=StationState.NEXT)
    if request.state == "approved":
        return Station(kind="approval", text=gettext("%(share)s, same digest", share=text), href=f"{address}#approvals")
    return Station(kind="approval", state=StationState.GONE)


def _grant(request: PrivilegeRequest, grant: PrivilegeGrant | None) -> Station:
    if grant is not None:
        return Station(kind="grant", text=grant.code, href=url_for("privilege_grants.show", code=grant.code))
    waiting = request.state == "submitted"
    return Station(kind="grant", state=StationState.NEXT if waiting else StationState.GONE)


def _seen_from(here: str, station: Station) -> Station:
    if station.kind != here or station.state is not StationState.DONE:
        return station
    return Station(kind=station.kind, text=station.text, state=StationState.HERE)
