"""What the wing `privilege` adds to the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from control.messages import Message
from control.ports import AgreementLookup, GrantLookup
from control.privilege import messages
from control.privilege.accounts import editroutes
from control.privilege.accounts import routes as accounts
from control.privilege.accounts.entering import watch_entry
from control.privilege.accounts.using import note_use_of
from control.privilege.agreements import routes as agreements
from control.privilege.agreements.service import agreement_in_force, end_agreements_on
from control.privilege.api import routes as api
from control.privilege.assets import routes as assets
from control.privilege.breakglass import sealroutes as breakglass
from control.privilege.breakglass.guard import guard
from control.privilege.documents import routes as documents
from control.privilege.grants import routes as grants
from control.privilege.grants.service import active_grant
from control.privilege.imports import routes as imports
from control.privilege.imports.messages import IMPORT_MESSAGES
from control.privilege.keys import routes as keys
from control.privilege.keys.service import admit
from control.privilege.lifecycle import receipts, urgentroutes
from control.privilege.lifecycle.messages import MESSAGES as LIFECYCLE_MESSAGES
from control.privilege.lifecycle.panels import account_panel as life_panel
from control.privilege.notices import routes as notices
from control.privilege.papers import routes as papers
from control.privilege.personnel import routes as personnel
from control.privilege.population import lookuproutes, paperroutes, rightroutes, watchroutes
from control.privilege.population import routes as population
from control.privilege.population.messages import MESSAGES as POPULATION_MESSAGES
from control.privilege.population.rights import withdraw_rights_on
from control.privilege.processes import routes as processes
from control.privilege.requests import extending
from control.privilege.reviews import routes as reviews
from control.privilege.rulesets import routes as rulesets
from control.privilege.vault import taking as vault
from control.privilege.vault.messages import VAULT_MESSAGES
from control.privilege.vault.panels import account_panel as vault_panel
from control.privilege.vault.service import close_for_grant as close_checkouts

AGREEMENT_LOOKUP: AgreementLookup = agreement_in_force
GRANT_LOOKUP: GrantLookup = active_grant
BLUEPRINTS: tuple[Blueprint, ...] = (
    extending.blueprint,  # the requests' own, complete once the pages of deciding and extending have joined it
    accounts.blueprint,
    editroutes.blueprint,
    assets.blueprint,
    agreements.blueprint,
    breakglass.blueprint,  # that of openings, complete once the pages of seals have joined it
    documents.blueprint,
    grants.blueprint,
    imports.blueprint,
    keys.blueprint,
    urgentroutes.blueprint,  # that of account requests, complete once its steps and the urgent lock have joined it
    notices.blueprint,
    papers.blueprint,
    personnel.blueprint,
    processes.blueprint,
    receipts.blueprint,
    rulesets.blueprint,
    vault.blueprint,
    reviews.blueprint,
    api.blueprint,
    population.blueprint,
    paperroutes.blueprint,
    rightroutes.blueprint,
    lookuproutes.blueprint,
    watchroutes.blueprint,
)
PORTS: Mapping[str, Any] = {
    "account_panel:life": life_panel,
    "account_panel:secret": vault_panel,
    "account_use": note_use_of,
    "document_closer:agreements": end_agreements_on,
    "document_closer:population": withdraw_rights_on,
    "grant_closer:vault": close_checkouts,
    "grant_lookup": GRANT_LOOKUP,
    "key_admission": admit,
    "session_guard": guard,
    "session_watch": watch_entry,
    "provider_agreement": AGREEMENT_LOOKUP,
}
MESSAGES: Mapping[str, Message] = {
    **messages.MESSAGES,
    **IMPORT_MESSAGES,
    **LIFECYCLE_MESSAGES,
    **POPULATION_MESSAGES,
    **VAULT_MESSAGES,
}
