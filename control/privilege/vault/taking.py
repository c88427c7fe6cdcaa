"""The two acts that touch a secret in clear: putting one into the vault, and taking one out, shown this once.

Not for: rules (domain.py). Invariants: a secret that was typed is sealed before anything else happens to it, and the
page that asks for the second factor carries only what it was sealed to; a secret taken out is in one answer to one
POST, which no cache keeps, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from flask import flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from control.access import audited, not_audited, signed_in
from control.actions import Action
from control.db import unit_of_work
from control.decisions import Deny
from control.errors import InvalidInput, NotFound, Unavailable
from control.frame.forms import kept
from control.people.stepup import Ask, Matter, ask_page, demand, steps_up
from control.privilege.answers import faults_of, named
from control.privilege.documents.service import documents_in_force
from control.privilege.fields import Fields
from control.privilege.vault import service
from control.privilege.vault.custody import Custody, CustodyRefused
from control.privilege.vault.domain import DEPOSIT_RULE, RELEASE_RULE, Method, may_deposit
from control.privilege.vault.forms import NAMES, Deposit, read_deposit
from control.privilege.vault.routes import (
    OWN,
    blueprint,
    may_see,
    page_of,
    refused,
    start_waiting,
    terms_now,
    told,
    unprocessable,
)
from control.privilege.vault.sealing import NotThisSecretError, Sealed, unseal
from control.privilege.vault.service import Opened
from control.services import services

__all__ = ["blueprint"]
REASON_CHARACTERS = 500


@blueprint.post("/<code>/checkout")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_VAULT_TAKE)
@steps_up
def take(code: str) -> ResponseReturnValue:
    """Check a secret out and show it, this once."""
    fields = Fields(request.form)
    reason = fields.text("reason", maximum=REASON_CHARACTERS, has_lines=True)
    if fields.faults:
        return unprocessable(page_of(code, faults=told(fields)))
    found: Opened | Deny | Ask
    with unit_of_work() as session:
        account, grant, decision = service.judge_check_out(session, code=code, act=g.act)
        matter = _taking(code, reason=reason, grant_code=grant.code if grant else "")
        proof = None if isinstance(decision, Deny) else demand(session, matter)
        if isinstance(proof, Ask):
            found = proof
        else:
            act = g.act if proof is None else proof.act
            found = service.check_out(session, code=code, reason=reason, act=act, terms=terms_now())
    if isinstance(found, Ask):
        return ask_page(matter, found)
    if isinstance(found, Deny):
        if not may_see(account, grant):
            raise NotFound("account", code)  # the refusal is on record; a stranger learns nothing
        return refused(found, code)
    return _shown(found, code)


def _taking(code: str, *, reason: str, grant_code: str) -> Matter:
    return Matter(
        action=Action.PRIVILEGE_VAULT_TAKE,
        binds={"account": code, "reason": reason, "grant": grant_code},
        lines=(
            (gettext("Account"), code),
            (gettext("Grant"), grant_code),
            (gettext("Reason"), reason),
        ),
        title=gettext("Take the secret of %(code)s; it is shown once", code=code),
        back=url_for("privilege_vault.show", code=code),
    )


def _shown(opened: Opened, code: str) -> ResponseReturnValue:
    checkout = opened.checkout
    try:
        data_key = _custody().open_for_checkout(checkout.id, token=opened.token)
        secret = unseal(opened.ciphertext, data_key=data_key, account=code, number=opened.number)
    except (CustodyRefused, NotThisSecretError, Unavailable) as error:
        with unit_of_work() as session:
            service.give_up(session, checkout_id=checkout.id, reason="vault.release_refused", act=g.act)
        if isinstance(error, Unavailable):
            raise
        return refused(Deny(rule=RELEASE_RULE, reason="vault.release_refused"), code)
    with unit_of_work() as session:
        row = service.note_shown(session, checkout_id=checkout.id, act=g.act)
    answer = make_response(render_template("vault/shown.html", checkout=row, secret=secret), HTTPStatus.CREATED)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.get("/<code>/deposit")
@signed_in(because=OWN)
@not_audited(because="an empty form for whoever answers for the account")
def deposit_form(code: str) -> ResponseReturnValue:
    """Show the form with which a secret is deposited."""
    return _form(code, form={"method": Method.POSTGRESQL.value, "port": "5432"}, faults={})


@blueprint.post("/<code>/deposit")
@signed_in(because=OWN)
@audited(Action.PRIVILEGE_VAULT_DEPOSIT)
@steps_up
def deposit(code: str) -> ResponseReturnValue:
    """Put a secret into the vault, or show every fault beside its field; the secret itself is never shown again."""
    fields = Fields(request.form)
    asked = read_deposit(fields)
    if asked is None:
        return _faulty(code, fields.faults)
    try:
        with unit_of_work() as session:
            account = service.load_account(session, code)
            sealed = asked.sealed or service.seal_new(session, account, secret=asked.secret, custody=_custody())
            matter = _depositing(code, asked=asked, sealed=sealed)
            may = may_deposit(service.facts_of(session, account), person_id=g.actor.id)
            proof = None if isinstance(may, Deny) else demand(session, matter)
            found: object = proof
            if not isinstance(proof, Ask):
                found = service.deposit(
                    session,
                    code=code,
                    sealed=sealed,
                    target=asked.target,
                    document_id=asked.document_id,
                    act=g.act if proof is None else proof.act,
                )
                start_waiting(session)
    except InvalidInput as fault:
        return _faulty(code, [fault])
    if isinstance(found, Ask):
        return ask_page(matter, found, instead={"secret": sealed.text})
    if isinstance(found, Deny):
        if account.owner_id != g.actor.id:
            raise NotFound("account", code)
        return refused(found, code)
    flash(gettext("The secret of %(code)s is in the vault.", code=code), "ok")
    return redirect(url_for("privilege_vault.show", code=code), HTTPStatus.SEE_OTHER)


def _faulty(code: str, faults: Sequence[InvalidInput]) -> ResponseReturnValue:
    with unit_of_work() as session:
        refusal = Deny(rule=DEPOSIT_RULE, reason=faults[0].code)
        g.act.refuse(session, Action.PRIVILEGE_VAULT_DEPOSIT, refusal)
    return unprocessable(_form(code, form=kept(request.form, *NAMES), faults=faults_of(faults)))


def _depositing(code: str, *, asked: Deposit, sealed: Sealed) -> Matter:
    target = asked.target
    where = f"{target.host}:{target.port}/{target.database}" if target.host else gettext("changed by hand")
    return Matter(
        action=Action.PRIVILEGE_VAULT_DEPOSIT,
        binds={
            "account": code,
            "sealed": sealed.digest,
            "document": str(asked.document_id),
            "method": str(target.method),
            "target": where if target.host else "",
        },
        lines=(
            (gettext("Account"), code),
            (gettext("Target"), where),
            (gettext("Secret"), gettext("version %(number)s, encrypted already", number=sealed.number)),
        ),
        title=gettext("Put the secret of %(code)s into the vault", code=code),
        back=url_for("privilege_vault.show", code=code),
    )


def _custody() -> Custody:
    return Custody.beside(services().settings.signer_socket)


def _form(code: str, *, form: dict[str, str], faults: dict[str, str]) -> str:
    with unit_of_work() as session:
        account = service.load_account(session, code)
        if account.owner_id != g.actor.id:
            raise NotFound("account", code)
        documents = [
            (str(row.id), f"{row.number}, {row.valid_from:%d/%m/%Y} – {row.valid_to:%d/%m/%Y}")
            for row in documents_in_force(session, act=g.act)
        ]
    return render_template(
        "vault/deposit.html",
        account=account,
        form=form,
        faults=faults,
        summary=named(faults),
        documents=[("", gettext("Choose…")), *documents],
        methods=[
            (Method.POSTGRESQL.value, gettext("PostgreSQL role: by playbook")),
            (Method.MANUAL.value, gettext("anything else: by hand")),
        ],
    )
