"""Lead whoever comes by electronic identity to the account they registered here, by the verified number alone.

Invariants: one number is one citizen here, so that nobody becomes a second person beside their account; an assertion
below the account's own assurance joins nothing; what somebody else may have set on an account that no officer has
checked (password, phone, open sessions) opens it no more once its number's true holder came.
"""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.acts import Act
from control.decisions import Deny
from control.levels import Level, reaches
from control.people.citizens.models import ENDED, CitizenAccount
from control.people.citizens.registering import wait_for_number
from control.people.factors.models import Factor
from control.people.local.models import LocalPassword
from control.people.oidc.domain import Assertion, ProviderRules
from control.people.oidc.identities import add_identity, identities_of_person
from control.people.oidc.models import ExternalIdentity
from control.people.sessions.service import end_sessions
from control.people.signin.models import KnownDevice

RULE = "people.one_identity"


def join_account(
    session: Session, *, assertion: Assertion, rules: ProviderRules, act: Act
) -> ExternalIdentity | Deny | None:
    """Link the asserted identity to the citizen's account of the same number; None where there is none.

    A refusal means that there is one, and that this assertion does not open it.
    """
    if assertion.account_token is not None:
        wait_for_number(session, assertion.account_token)
    account = _account(session, assertion) if rules.number_links else None
    if account is None:
        return None
    held = identities_of_person(session, person_id=account.person_id)
    if any(row.provider == assertion.provider for row in held):
        return Deny(rule=RULE, reason="identity.taken")
    if not reaches(assertion.level, Level(account.level)):
        return Deny(rule=RULE, reason="identity.level_low")
    if account.state != "approved":
        _shut_out(session, account, act=act)
    return add_identity(session, assertion=assertion, person_id=account.person_id, linked_by="number", act=act)


def was_joined(session: Session, *, person_id: int, act: Act) -> bool:
    """Tell whether the present act led somebody to an account they had registered before."""
    row = session.scalar(
        select(ExternalIdentity.id)
        .join(CitizenAccount, CitizenAccount.person_id == ExternalIdentity.person_id)
        .where(
            ExternalIdentity.person_id == person_id,
            ExternalIdentity.linked_by == "number",
            ExternalIdentity.linked_at == act.now,
        )
    )
    return row is not None


def _account(session: Session, assertion: Assertion) -> CitizenAccount | None:
    if assertion.account_token is None:
        return None
    return session.scalar(
        select(CitizenAccount)
        .where(
            CitizenAccount.number_token == assertion.account_token,
            CitizenAccount.person_kind == "citizen",
            CitizenAccount.state.not_in(ENDED),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _shut_out(session: Session, account: CitizenAccount, *, act: Act) -> None:
    """End what the registrant of an unchecked account set: nobody knows yet that it was its number's holder."""
    person_id = account.person_id
    session.execute(
        update(LocalPassword)
        .where(LocalPassword.person_id == person_id, LocalPassword.replaced_at.is_(None))
        .values(replaced_at=act.now)
    )
    removed = session.execute(
        update(Factor)
        .where(Factor.person_id == person_id, Factor.state != "removed")
        .values(state="removed", removed_at=act.now)
        .returning(Factor.id)
    ).all()
    session.execute(delete(KnownDevice).where(KnownDevice.person_id == person_id))
    end_sessions(session, person_id=person_id, reason="factor-changed", act=act)
    act.record(
        session,
        Action.PEOPLE_PASSWORD_SET,
        about=audit.About(person_id=f"person:{person_id}"),
        details={"taken": True, "factors": len(removed), "state": account.state},
    )
