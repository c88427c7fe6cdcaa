"""Pages of edits: say what an account is to be; a second person reads the difference and decides."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from control.access import audited, not_audited, requires
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput
from control.people.models import Person
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.permissions import Permission
from control.privilege.accounts import editing, service
from control.privilege.accounts.changing import about
from control.privilege.accounts.editing import Wanted
from control.privilege.accounts.models import AccountEdit, PrivilegedAccount
from control.privilege.answers import faults_of, named, refused_page
from control.privilege.documents.service import documents_in_force, find_document
from control.privilege.fields import Fields
from control.privilege.requests.people import people_to_choose

blueprint = Blueprint("privilege_account_edits", __name__, url_prefix="/privilege", template_folder="templates")
CLASSES = ("normal", "high")
USE_CHARACTERS, REASON_CHARACTERS = 300, 500


@blueprint.get("/accounts/<code>/edit")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@not_audited(because="a form with what the account's own page shows")
def edit(code: str) -> ResponseReturnValue:
    """Show the form."""
    return _form(code, form=None, faults={})


@blueprint.post("/accounts/<code>/edit")
@requires(Permission.PRIVILEGE_ACCOUNT_MANAGE)
@audited(Action.PRIVILEGE_ACCOUNT_EDIT)
@steps_up
def propose(code: str) -> ResponseReturnValue:
    """Apply the edit, or keep it for a second person where the class is high."""
    fields = Fields(request.form)
    use = fields.text("use", maximum=USE_CHARACTERS)
    class_ = fields.choice("class", among=CLASSES)
    reason = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    document_id = fields.number("document")
    login = fields.text("owner")
    with unit_of_work() as session:
        account = service.load_account(session, code, viewer=g.actor)
        owner = session.scalar(select(Person).where(Person.login == login)) if login else None
        if login and owner is None:
            fields.faults.append(InvalidInput("input.not_a_choice", field="owner"))
        if document_id is not None and find_document(session, document_id) is None:
            fields.faults.append(InvalidInput("input.not_a_choice", field="document"))
        if fields.faults or owner is None or document_id is None:
            faults = faults_of(fields.faults)
            return make_response(_form(code, form=request.form, faults=faults), HTTPStatus.UNPROCESSABLE_ENTITY)
        wanted = Wanted(owner_id=owner.id, use=use, class_=class_, document_id=document_id, reason=reason)
        matter = _matter(session, account, wanted, owner=owner)
        proof = demand(session, matter) if matter else None
        if not isinstance(proof, Ask):
            outcome = editing.propose_edit(session, account=account, wanted=wanted, act=proof.act if proof else g.act)
    if matter and isinstance(proof, Ask):
        return ask_page(matter, proof)
    address = url_for("privilege_accounts.show", code=code)
    if isinstance(outcome, Deny):
        return refused_page(outcome, title=gettext("The account was not changed"), ways=_ways(address))
    done = gettext("A second person has to confirm the change.") if outcome.state == "proposed" else ""
    flash(done or gettext("The account is changed."), "ok")
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.get("/edits")
@requires(Permission.PRIVILEGE_ACCOUNT_READ)
@not_audited(because="names of accounts and officers on duty")
def index() -> ResponseReturnValue:
    """List the edits that wait for a second person, each with what it changes."""
    with unit_of_work() as session:
        rows = editing.open_edits(session, viewer=g.actor)
    return render_template("accounts/edits.html", rows=[(row, lines_of(row)) for row in rows])


@blueprint.post("/edits/<int:edit_id>/decision")
@requires(Permission.PRIVILEGE_REQUEST_APPROVE)
@audited(Action.PRIVILEGE_ACCOUNT_EDIT)
@steps_up
def decide(edit_id: int) -> ResponseReturnValue:
    """Confirm or reject exactly the edit that was read."""
    fields = Fields(request.form)
    verdict = fields.choice("verdict", among=("apply", "reject"))
    if fields.faults:
        raise fields.faults[0]
    with unit_of_work() as session:
        row = editing.load_edit(session, edit_id if edit_id < 2**63 else 0)
        matter = _decision_matter(session, row, verdict=verdict)
        proof = demand(session, matter)
        if not isinstance(proof, Ask):
            decision = editing.decide_edit(session, edit_id=row.id, approves=verdict == "apply", act=proof.act)
    if isinstance(proof, Ask):
        return ask_page(matter, proof)
    if isinstance(decision, Deny):
        return refused_page(decision, title=gettext("Your decision was refused"), ways=_ways(url_for(".index")))
    flash(gettext("The change is applied.") if verdict == "apply" else gettext("The change is rejected."), "ok")
    return redirect(url_for("privilege_accounts.show", code=row.account.code), HTTPStatus.SEE_OTHER)


def lines_of(row: AccountEdit) -> list[tuple[str, str, str]]:
    """Return what an edit changes: name, before, after."""
    account = row.account
    before = account.owner.display_name if account.owner else "–"
    found = [
        (gettext("Owner"), before, row.owner.display_name),
        (gettext("What it is for"), account.use, row.use),
        (gettext("Class"), account.class_, row.class_),
    ]
    return [line for line in found if line[1] != line[2]]


def _ways(address: str) -> list[tuple[str, str]]:
    return [(gettext("Back"), address)]


def _matter(session: Session, account: PrivilegedAccount, wanted: Wanted, *, owner: Person) -> Matter | None:
    """Return what is confirmed; None where a rule refuses, so that nobody is asked in vain."""
    if isinstance(editing.may_edit(session, account=account, wanted=wanted, act=g.act), Deny):
        return None
    document = find_document(session, wanted.document_id)
    return Matter(
        action=Action.PRIVILEGE_ACCOUNT_EDIT,
        binds={
            "account": account.code, "owner": str(wanted.owner_id), "use": wanted.use, "class": wanted.class_,
            "document": str(wanted.document_id), "reason": wanted.reason,
        },
        lines=(
            (gettext("Account"), account.code),
            (gettext("Owner"), f"{owner.display_name} ({owner.login})"),
            (gettext("What it is for"), wanted.use),
            (gettext("Class"), wanted.class_),
            (gettext("Authorising document"), document.number if document else ""),
            (gettext("Reason"), wanted.reason),
        ),
        title=gettext("Change %(code)s", code=account.code),
        back=url_for(".edit", code=account.code),
        about=about(session, account),
    )  # fmt: skip


def _decision_matter(session: Session, row: AccountEdit, *, verdict: str) -> Matter:
    return Matter(
        action=Action.PRIVILEGE_ACCOUNT_EDIT,
        binds={"edit": str(row.id), "verdict": verdict},
        lines=(
            (gettext("Account"), row.account.code),
            *((name, f"{before} → {after}") for name, before, after in lines_of(row)),
            (gettext("Authorising document"), row.document.number),
        ),
        title=gettext("Confirm the change") if verdict == "apply" else gettext("Reject the change"),
        back=url_for(".index"),
        about=about(session, row.account, document_number=row.document.number),
    )


def _form(code: str, *, form: dict[str, str] | None, faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        account = service.load_account(session, code, viewer=g.actor)
        people = people_to_choose(session)
        documents = documents_in_force(session, act=g.act)
    begun = {
        "owner": account.owner.login if account.owner else "",
        "use": account.use,
        "class": account.class_,
        "document": request.args.get("document", ""),
        "reason": "",
    }
    choose = ("", gettext("Choose…"))
    return render_template(
        "accounts/edit.html",
        account=account,
        form=form or begun,
        faults=faults,
        summary=named(faults),
        people=[choose, *((one.login, f"{one.display_name} ({one.login})") for one in people)],
        documents=[choose, *((str(one.id), f"{one.number}, {one.subject}") for one in documents)],
    )
