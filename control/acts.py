"""The circumstances of one act, and the one way to write its entry.

Not for: deciding. Invariant: an entry is written in the caller's transaction; when it cannot be written the act
fails with JournalUnavailable (design.md, rule 1), and nothing of it stays.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

import audit
from control.actions import Action
from control.db import WAITING_ENTRIES
from control.decisions import Deny
from control.errors import JournalUnavailable
from control.levels import Level
from control.permissions import Permission
from control.text import nfc
from control.titles import words_of
from control.version import VERSION

UUID_RANDOM_BYTES = 10
NOTHING = audit.About()
VISITOR_LOGIN = "visitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: a person with a session, or the system itself (`id` 0)."""

    id: int
    login: str
    name: str
    roles: frozenset[str] = frozenset()
    permissions: frozenset[Permission] = frozenset()
    session_id: str | None = None
    session_ends_at: datetime | None = None
    second_factor_at: datetime | None = None
    auth_level: Level = Level.LOW
    unit_id: int | None = None
    house: frozenset[Permission] = frozenset()  # those of `permissions` that reach beyond the person's own unit
    kind: str = "staff"
    owes_password: bool = False

    @property
    def is_applicant(self) -> bool:
        """Whether this is a citizen or an organisation, who has pages of their own and no others."""
        return self.kind in {"citizen", "organisation"}

    @property
    def ref(self) -> str | None:
        """The identifier that stands in the trail; none for a visitor, of whom nothing is known yet."""
        if self.id:
            return f"person:{self.id}"
        return None if self.login == VISITOR_LOGIN else f"system:{self.login}"

    # Flask-Login reads these names.
    @property
    def is_authenticated(self) -> bool:
        """Whether a person stands behind the act."""
        return bool(self.id)

    @property
    def is_active(self) -> bool:
        """Whether the person may act; a suspended one gets no Actor at all."""
        return bool(self.id)

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is known."""
        return not self.id

    def get_id(self) -> str:
        """The identifier Flask-Login passes around; authority never rests on it."""
        return str(self.id)


VISITOR = Actor(id=0, login=VISITOR_LOGIN, name="")
ABOUT_NAMES = tuple(one.name for one in fields(audit.About))


def _composed(about: audit.About) -> audit.About:
    """Return the identifiers in the one form entries accept; most are ASCII and stay as they are."""
    given = {name: value for name in ABOUT_NAMES if (value := getattr(about, name)) and not value.isascii()}
    return replace(about, **{name: nfc(value) for name, value in given.items()}) if given else about


@dataclass(slots=True)
class Emitted:
    """Counts the entries of one act, so that a declared route that records nothing is noticed."""

    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who acts, when, from where, through which request and under which policies."""

    actor: Actor
    now: datetime
    writer: audit.Writer
    policy_digest: str
    request_id: str
    method: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    purpose: str | None = None
    emitted: Emitted = field(default_factory=Emitted)

    @classmethod
    def for_system(cls, name: str, *, now: datetime, writer: audit.Writer, policy_digest: str) -> Act:
        """Return the act of a command or job; it stands in the trail as `system:<name>`."""
        return cls(
            actor=Actor(id=0, login=name, name=""),
            now=now,
            writer=writer,
            policy_digest=policy_digest,
            request_id=secrets.token_hex(8),
        )

    def as_actor(self, actor: Actor) -> Act:
        """Return the same circumstances with the person known, as after a sign-in."""
        return replace(self, actor=actor)

    def for_purpose(self, purpose: str) -> Act:
        """Return the same act with the purpose the person chose (design.md, rule 7)."""
        return replace(self, purpose=purpose)

    def record(
        self,
        session: Session,
        action: Action,
        *,
        about: audit.About = NOTHING,
        details: Mapping[str, str | int | bool] | None = None,
        personal: Mapping[str, str] | None = None,
        outcome: audit.Outcome = audit.Outcome.SUCCESS,
        reason: str | None = None,
        denied: bool = False,
        subject: str | None = None,
        titles: tuple[str, ...] = (),
    ) -> None:
        """Write the entry of what was done in the session's transaction. Raises JournalUnavailable.

        `personal` values (path to value) become commitments, sealed under the key of `subject`
        (`citizen:…`, `person:…`); `titles` are searchable words that name no citizen. The action's own title is added.
        """
        boot, number, mono_ns = self.writer.next()
        entry = audit.Entry(
            id=audit.new_id(self.now, secrets.token_bytes(UUID_RANDOM_BYTES)),
            at=self.now,
            action=str(action),
            outcome=outcome,
            denied=denied,
            reason=reason,
            actor_id=self.actor.ref,
            actor_name=self.actor.name or None,
            actor_roles=tuple(sorted(self.actor.roles)),
            session_id=self.actor.session_id,
            purpose=nfc(self.purpose) if self.purpose else None,
            policy_digest=self.policy_digest,
            request_id=self.request_id,
            trace_id=self.request_id,
            method=self.method,
            source_ip=self.source_ip,
            user_agent=self.user_agent,
            about=_composed(about),
            details={name: nfc(value) if isinstance(value, str) else value for name, value in (details or {}).items()},
            personal=dict(personal or {}),
            subject=subject,
            titles=(*words_of(action), *titles),
            retention=self.writer.retention_of(action),
            writer_boot=boot,
            writer_n=number,
            writer_mono_ns=mono_ns,
            version=VERSION,
        )
        waiting: list[audit.Entry] | None = session.info.get(WAITING_ENTRIES)
        if waiting is not None and entry.changes_nothing and not session.in_nested_transaction():
            waiting.append(entry)  # written at the end of the unit of work, which waits for it (control/db.py)
        else:
            self._write(session, entry)
        self.emitted.count += 1

    def _write(self, session: Session, entry: audit.Entry) -> None:
        try:
            audit.append(session.connection(), entry, writer=self.writer)
        except (SQLAlchemyError, audit.NotWrittenError) as error:
            self.writer.void([entry.writer_n or 0])  # also when there was no connection to watch
            raise JournalUnavailable from error

    def refuse(
        self,
        session: Session,
        action: Action,
        decision: Deny,
        *,
        about: audit.About = NOTHING,
        details: Mapping[str, str | int | bool] | None = None,
        personal: Mapping[str, str] | None = None,
        titles: tuple[str, ...] = (),
    ) -> None:
        """Write the entry of a refusal; it is committed like any other outcome."""
        self.record(
            session,
            action,
            about=about,
            details={**(details or {}), "rule": decision.rule},
            personal=personal,
            titles=titles,
            outcome=audit.Outcome.FAILURE,
            reason=decision.reason,
            denied=True,
        )
