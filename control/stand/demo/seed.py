"""Seed the demonstration: its people, enrolled with a known TOTP secret, its privileged accounts and its cases.

What is seeded goes through the same services as everything else, so each step has its entry in the trail.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import policies
from control import cases, privilege
from control.acts import Act
from control.db import Database
from control.people import NumberBook, enrol_known_factor, open_unsafe_enrolment, seed_applicants, sync_people
from control.people.circumstances import directory_of
from control.settings import Settings
from control.stand.demo.people import load_people
from control.stand.demo.shared import make_shared_role
from control.writers import make_writer

SYSTEM = "demonstration-seed"
NONCE_BYTES = 12


def seed(
    *,
    environment_file: Path,
    totp_secrets: Mapping[str, str],
    applicant_password: str,
    seal: Mapping[str, str],
    owner_url: str = "",
) -> None:
    """Read the directory into the tables, enrol who has a known secret, add accounts and cases; safe to run again.

    Invented applicants have one password together. `seal` holds the two halves and the second factor of the one sealed
    account. `owner_url` is the demonstration's own database server, where one shared account can be real; empty: none.
    """
    settings = Settings.from_env(read_environment(environment_file))
    law = policies.load()
    database = Database(settings.database_url, pool_size=1)
    writer = make_writer(settings, law)
    act = Act.for_system(SYSTEM, now=datetime.now(UTC), writer=writer, policy_digest=law.digest)
    try:
        directory = directory_of(settings, policies=law)
        sync_people(database, directory=directory, roles=law.roles, act=act)
        with database.unit_of_work() as session:
            for login, secret in totp_secrets.items():
                enrol_known_factor(session, login=login, secret=secret, settings=settings, act=act)
            # Who is to meet the drawing at a first sign-in meets it without the slip of an officer; production refuses.
            for person in load_people():
                if not person.enrolled:
                    open_unsafe_enrolment(session, login=person.login, settings=settings, act=act)
        with database.unit_of_work() as session:
            privilege.seed_demonstration(session, act)
            privilege.seed_review(session, act)
            terms = privilege.LifecycleTerms.of(law, profile=settings.profile)
            privilege.seed_account_requests(session, act, terms=terms)
            privilege.seed_seal(session, act, known=_known(seal), law=law, settings=settings)
            if settings.eid_issuer:
                privilege.seed_agreement(session, act)
        with database.unit_of_work() as session:
            seed_applicants(session, password=applicant_password, settings=settings, law=law, act=act)
            book = NumberBook.of(settings, law=law, on=act.now.astimezone(policies.RULES_ZONE).date())
            cases.seed_demonstration(session, act, book=book)
        if owner_url:
            _seed_vault(database, settings=settings, owner_url=owner_url, act=act)
    finally:
        database.engine.dispose()


def _known(seal: Mapping[str, str]) -> privilege.KnownSeal:
    return privilege.KnownSeal(
        first=seal["first_half"],
        second=seal["second_half"],
        totp_secret=seal["totp_secret"],
        nonces=(secrets.token_bytes(NONCE_BYTES), secrets.token_bytes(NONCE_BYTES)),
    )


def _seed_vault(database: Database, *, settings: Settings, owner_url: str, act: Act) -> None:
    """Give the vault the secret of one real role, once; without the signer it stays away, as in production."""
    with database.unit_of_work() as session:
        login = privilege.vault_waits(session)
        if login is None:
            return
        role = make_shared_role(owner_url, login=login)
        privilege.seed_vault(
            session,
            act,
            host=role.host,
            port=role.port,
            database=role.database,
            secret=role.secret,
            custody=privilege.Custody.beside(settings.signer_socket),
        )


def read_environment(file: Path) -> dict[str, str]:
    """Return the settings in one file of DIR/env."""
    pairs = (line.partition("=") for line in file.read_text(encoding="utf-8").splitlines())
    return {name: value for name, _, value in pairs if name}
