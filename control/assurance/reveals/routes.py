"""The page that opens sealed personal values: a purpose, a basis, a fresh proof, the entry, and then the values.

Not for: rules (domain.py). Nothing personal is in the answer before its entry is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from flask import Blueprint, g, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from control.access import audited, not_audited, requires
from control.actions import Action
from control.assurance.reveals import service
from control.assurance.reveals.domain import LIMIT, Basis, Purpose, read_basis
from control.assurance.trail import service as trail_service
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput, NotAllowed
from control.frame.forms import kept, sentences
from control.people.rules import number_of
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.requests import current_language
from control.services import services
from control.titles import title_of

reveals = Blueprint("reveals", __name__, url_prefix="/trail", template_folder="templates")


@reveals.get("/<int:sequence>/personal")
@requires(Permission.ASSURANCE_PERSONAL_REVEAL)
@not_audited(because="an empty form and the list of earlier openings; opening is the entry")
def form(sequence: int) -> ResponseReturnValue:
    """Ask for the purpose and the basis; nothing personal is read."""
    return _page(sequence)


@reveals.post("/<int:sequence>/personal")
@requires(Permission.ASSURANCE_PERSONAL_REVEAL)
@audited(Action.TRAIL_PERSONAL_REVEAL)
@steps_up
def reveal(sequence: int) -> ResponseReturnValue:
    """Open the values for the stated purpose; the limit is judged before anybody is asked to confirm."""
    held = services()
    most = number_of(held.policies, LIMIT, profile=held.settings.profile, on=g.now.date())
    try:
        basis = read_basis(purpose=request.form.get("purpose", ""), number=request.form.get("basis", ""))
        with unit_of_work() as session:
            service.check_basis(session, basis)
    except InvalidInput as error:
        faults = sentences(error, messages=held.messages, language=current_language())
        return make_response(_page(sequence, faults=faults), HTTPStatus.UNPROCESSABLE_ENTITY)
    matter = _matter(sequence, basis)
    proof: Ask | None = None
    with unit_of_work() as session:
        record, line = service.read(session, sequence=sequence)
        refused = service.allow(session, most=most, act=g.act)
        if refused is None:
            proven = demand(session, matter)
            if isinstance(proven, Ask):
                proof = proven
            else:
                service.note(session, record=record, line=line, basis=basis, act=proven.act)
    if isinstance(refused, Deny):
        raise NotAllowed(refused)
    if proof is not None:
        return ask_page(matter, proof)
    with unit_of_work() as session:  # the entry is committed; only now are the values read
        values = service.open_values(session, record=record, keys=held.writer.keys)
    return _page(sequence, values=values)


def _matter(sequence: int, basis: Basis) -> Matter:
    return Matter(
        action=Action.TRAIL_PERSONAL_REVEAL,
        binds={"entry": str(sequence), "purpose": basis.purpose.value, "basis": basis.number},
        lines=(
            (_("Entry"), str(sequence)),
            (_("Purpose"), _purposes()[basis.purpose]),
            (_("Case or document"), basis.number),
        ),
        title=_("Open the personal values of entry %(number)s", number=sequence),
        back=url_for(".form", sequence=sequence),
    )


def _purposes() -> dict[str, str]:
    return {
        Purpose.INCIDENT: str(_("Investigate an incident")),
        Purpose.INSPECTION: str(_("Answer an inspection or an audit")),
        Purpose.COMPLAINT: str(_("Answer a complaint or a denunciation")),
        Purpose.REQUEST_OF_SUBJECT: str(_("Answer the person whose data it is")),
    }


def _page(
    sequence: int, *, faults: Mapping[str, str] | None = None, values: tuple[service.Value, ...] | None = None
) -> str:
    with unit_of_work() as session:
        _record, line = service.read(session, sequence=sequence)
        names = trail_service.names_of(session, [line])
        rows = service.earlier(session, sequence=sequence)
    return render_template(
        "reveals/personal.html",
        line=line,
        names=names,
        rows=rows,
        values=values,
        faults=faults or {},
        purposes=_purposes(),
        typed=kept(request.form, "purpose", "basis"),
        title_of=title_of,
    )
