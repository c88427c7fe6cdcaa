"""What the header and the footer of every page say: who, where, under which law, and what is degraded.

Not for: finding out whether a part works (each wing reports its own). Invariant: a page can always be drawn; when the
state of the parts cannot be read, the page says that it is not known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from flask import current_app, g, request
from flask_babel import gettext, lazy_gettext
from flask_babel.speaklater import LazyString
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from control.frame import i18n, keyboard, navigation
from control.permissions import Permission

log = logging.getLogger(__name__)


class PartState(StrEnum):
    """How one part of the house is; blind means nobody knows, which is neither good nor bad."""

    GOOD = "good"
    BAD = "bad"
    BLIND = "blind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part the house rests on; `meaning` says what its state means for the person who reads.

    Only a part marked `is_public` shows before anybody has signed in.
    """

    name: str | LazyString
    state: PartState
    since: datetime | None = None
    meaning: str | LazyString = ""
    is_public: bool = False


def no_parts(_now: datetime) -> Sequence[Part]:
    """Report nothing: for tests and for an application without neighbours."""
    return ()


def role_code(role: str, _language: str) -> str:
    """Name a role by its code: for tests; the wiring gives the titles of policies/roles.yaml."""
    return role


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFacts:
    """What does not change while the application runs; `parts` must be cheap, it is asked on every page."""

    version: str
    organisation: str
    profile: str
    policy_digest: str
    is_demonstration: bool
    is_separated: bool = True
    level: int = 3
    parts: Callable[[datetime], Sequence[Part]] = no_parts
    role_title: Callable[[str, str], str] = role_code


class Frame:
    """The frame of one page; lives as long as the request."""

    def __init__(self, facts: FrameFacts) -> None:
        self.facts = facts

    @property
    def language(self) -> str:
        """`vi` or `en`."""
        return i18n.language()

    @property
    def now(self) -> datetime:
        """The request's one moment."""
        now: datetime = g.now
        return now

    @cached_property
    def person(self) -> object | None:
        """Whoever is signed in, None for a visitor."""
        actor = g.get("actor")
        return actor if actor is not None and actor.id else None

    @property
    def roles(self) -> str:
        """The titles of the person's roles, in one line."""
        held = sorted(getattr(self.person, "roles", ()))
        return ", ".join(self.facts.role_title(role, self.language) for role in held)

    @property
    def session_ends_at(self) -> datetime | None:
        """When the session ends by itself."""
        ends_at: datetime | None = getattr(self.person, "session_ends_at", None)
        return ends_at

    @property
    def wing(self) -> str | None:
        """The wing the address belongs to."""
        return navigation.wing_of(request.path)

    @property
    def is_applicant(self) -> bool:
        """Whether a citizen or an organisation is signed in, who has pages of their own and none of the house."""
        return bool(getattr(self.person, "is_applicant", False))

    @property
    def own_pages(self) -> tuple[navigation.Link, ...]:
        """The pages of an applicant; none for anybody else."""
        return navigation.own_links(request.path, answers=is_page) if self.is_applicant else ()

    def wings(self, here: str | None) -> tuple[navigation.Link, ...]:
        """The wings to draw; none before somebody is signed in, and an applicant's own pages for an applicant."""
        if self.is_applicant:
            return self.own_pages
        return navigation.wing_links(here, answers=is_page) if self.person else ()

    def places(self, here: str | None) -> tuple[navigation.Link, ...]:
        """The places of the present wing."""
        if self.person is None or self.is_applicant:
            return ()
        return navigation.place_links(here, request.path, answers=is_page)

    def pages(self, here: str | None) -> tuple[navigation.Place, tuple[navigation.Link, ...]] | None:
        """The present place and its pages, None where it has no more than one."""
        if self.person is None or self.is_applicant:
            return None
        held: frozenset[Permission] = getattr(self.person, "permissions", frozenset())
        return navigation.page_links(here, request.path, answers=is_page, permissions=held)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts to show to this person, what is wrong first."""
        order = (PartState.BAD, PartState.BLIND, PartState.GOOD)
        shown = [part for part in self._all_parts() if part.is_public or (self.person and not self.is_applicant)]
        return tuple(sorted(shown, key=lambda part: order.index(part.state)))

    def _all_parts(self) -> list[Part]:
        try:
            parts = list(self.facts.parts(self.now))
        except Exception:  # the page of the very fault must still be drawn, and say that we do not know
            log.exception("parts_not_readable")
            parts = [Part(name=lazy_gettext("State of the parts"), state=PartState.BLIND)]
        if not self.facts.is_separated:
            parts.append(
                Part(
                    name=lazy_gettext("Separation of system accounts"),
                    state=PartState.BAD,
                    meaning=lazy_gettext("started without root: every process runs under one account"),
                )
            )
        return parts

    @property
    def bad_count(self) -> int:
        """How many parts are down."""
        return sum(part.state is PartState.BAD for part in self.parts)

    @property
    def blind_count(self) -> int:
        """How many parts nobody knows about."""
        return sum(part.state is PartState.BLIND for part in self.parts)

    @property
    def parts_summary(self) -> str:
        """`1 hỏng, 1 không rõ trong 6 phần`."""
        total = len(self.parts)
        if total == 1 and self.parts[0].state is PartState.GOOD:
            return str(gettext("%(part)s works", part=self.parts[0].name))
        if not (self.bad_count or self.blind_count):
            return str(gettext("all %(total)s parts work", total=total))
        found = []
        if self.bad_count:
            found.append(gettext("%(n)s down", n=self.bad_count))
        if self.blind_count:
            found.append(gettext("%(n)s not known", n=self.blind_count))
        return str(gettext("%(found)s of %(total)s parts", found=", ".join(found), total=total))

    @property
    def way_back(self) -> str:
        """Where a language switch returns to: this page, if it can be asked for again."""
        if request.method in {"GET", "HEAD"}:
            kept = [(key, value) for key, value in request.args.items(multi=True) if key != "lang"]
            return _with_query(request.path, kept)
        return request.path if _match(request.path) is not None else "/"

    @property
    def are_keys_on(self) -> bool:
        """Whether single keys work for this browser."""
        return request.cookies.get(keyboard.KEYS_COOKIE) != keyboard.KEYS_OFF


def is_page(path: str) -> bool:
    """Whether the application has a page of its own at this address, not one thing of a list that happens to fit."""
    return _match(path) == {}


def _match(path: str) -> Mapping[str, object] | None:
    """Return what the address holds for its endpoint, None when nothing answers a GET there."""
    try:
        _endpoint, values = current_app.url_map.bind("localhost").match(path, method="GET")
    except RequestRedirect:
        return {}
    except (NotFound, MethodNotAllowed):
        return None
    return values


def _with_query(path: str, pairs: list[tuple[str, str]]) -> str:
    from urllib.parse import urlencode

    return f"{path}?{urlencode(pairs)}" if pairs else path
