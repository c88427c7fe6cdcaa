"""The six wings, the places inside each, and the pages beside each other in one place: three lines, as data.

The second line holds at most nine places; a place with several pages shows them in a line of its own when somebody is
in one of them, so that every page of a wing is two clicks away.
Not for: access (the gate decides; a page that is refused stays in the list and says why). Invariant: a page whose
address the application does not answer is not drawn, so nothing here points nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString

from control.permissions import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a place; `needs` is for pages that each role has of its own, drawn to nobody else."""

    path: str
    title: LazyString
    needs: Permission | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One entry of the second line; `pages` in reading order where it has several, its own among them."""

    path: str
    title: LazyString
    pages: tuple[Page, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every address that belongs here."""
        return (self.path, *(page.path for page in self.pages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wing:
    """One wing of the house; `places` in reading order, the first is where the wing opens."""

    key: str
    title: LazyString
    places: tuple[Place, ...]

    @property
    def path(self) -> str:
        """Where the wing opens."""
        return self.places[0].path


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One drawn entry; `here` is "page" on that very page, "true" somewhere inside, "" elsewhere (aria-current)."""

    title: LazyString
    path: str
    here: str


WINGS: tuple[Wing, ...] = (
    Wing(
        key="trail",
        title=lazy_gettext("Trail"),
        places=(
            Place(path="/trail", title=lazy_gettext("Timeline")),
            Place(path="/trail/findings", title=lazy_gettext("Findings")),
            Place(path="/trail/integrity", title=lazy_gettext("Integrity")),
            Place(path="/trail/retention", title=lazy_gettext("Retention")),
            Place(path="/trail/reports", title=lazy_gettext("Access reports")),
            Place(path="/trail/bundle", title=lazy_gettext("Evidence bundles")),
        ),
    ),
    Wing(
        key="privilege",
        title=lazy_gettext("Privilege"),
        places=(
            Place(path="/privilege", title=lazy_gettext("Queue")),
            Place(
                path="/privilege/mine",
                title=lazy_gettext("My own"),
                pages=(
                    Page(path="/privilege/mine", title=lazy_gettext("Accounts and grants")),
                    Page(path="/privilege/receipts", title=lazy_gettext("My receipts")),
                    Page(path="/privilege/secrets/mine", title=lazy_gettext("My check-outs")),
                    Page(path="/privilege/reviews/mine", title=lazy_gettext("What I have to decide")),
                ),
            ),
            Place(
                path="/privilege/accounts",
                title=lazy_gettext("Accounts"),
                pages=(
                    Page(path="/privilege/accounts", title=lazy_gettext("Accounts")),
                    Page(path="/privilege/assets", title=lazy_gettext("Assets")),
                    Page(path="/privilege/accounts/handover", title=lazy_gettext("Accounts to hand over")),
                    Page(path="/privilege/edits", title=lazy_gettext("Changes of accounts")),
                    Page(path="/privilege/secrets", title=lazy_gettext("Secrets")),
                    Page(path="/privilege/reviews", title=lazy_gettext("Reviews")),
                ),
            ),
            Place(
                path="/privilege/requests",
                title=lazy_gettext("Requests"),
                pages=(
                    Page(path="/privilege/requests", title=lazy_gettext("Requests")),
                    Page(path="/privilege/grants", title=lazy_gettext("Grants")),
                ),
            ),
            Place(
                path="/privilege/account-requests",
                title=lazy_gettext("Account requests"),
                pages=(
                    Page(path="/privilege/account-requests", title=lazy_gettext("Account requests")),
                    Page(path="/privilege/notices", title=lazy_gettext("Notices")),
                    Page(path="/privilege/processes", title=lazy_gettext("Issued processes")),
                    Page(path="/privilege/personnel", title=lazy_gettext("Personnel changes")),
                    Page(path="/privilege/account-rules", title=lazy_gettext("Account rules")),
                ),
            ),
            Place(
                path="/privilege/documents",
                title=lazy_gettext("Documents"),
                pages=(
                    Page(path="/privilege/documents", title=lazy_gettext("Documents")),
                    Page(path="/privilege/papers", title=lazy_gettext("Forms")),
                    Page(path="/privilege/agreements", title=lazy_gettext("Agreements")),
                ),
            ),
            Place(path="/privilege/keys", title=lazy_gettext("Connection keys")),
            Place(
                path="/privilege/population",
                title=lazy_gettext("Population database"),
                pages=(
                    Page(
                        path="/privilege/population/link",
                        title=lazy_gettext("Connection"),
                        needs=Permission.PRIVILEGE_POPULATION_READ,
                    ),
                    Page(
                        path="/privilege/population/registrations",
                        title=lazy_gettext("Registrations"),
                        needs=Permission.PRIVILEGE_POPULATION_READ,
                    ),
                    Page(
                        path="/privilege/population/papers",
                        title=lazy_gettext("Papers"),
                        needs=Permission.PRIVILEGE_POPULATION_READ,
                    ),
                    Page(
                        path="/privilege/population/rights",
                        title=lazy_gettext("Rights of officers"),
                        needs=Permission.PRIVILEGE_POPULATION_READ,
                    ),
                    Page(
                        path="/privilege/population/lookup",
                        title=lazy_gettext("Look-up"),
                        needs=Permission.PRIVILEGE_POPULATION_LOOKUP,
                    ),
                    Page(
                        path="/privilege/population/queries",
                        title=lazy_gettext("Look-ups made"),
                        needs=Permission.PRIVILEGE_POPULATION_READ,
                    ),
                    Page(
                        path="/privilege/population/checks",
                        title=lazy_gettext("Comparisons"),
                        needs=Permission.PRIVILEGE_POPULATION_READ,
                    ),
                    Page(
                        path="/privilege/population/leaks",
                        title=lazy_gettext("Leaks"),
                        needs=Permission.PRIVILEGE_POPULATION_READ,
                    ),
                    Page(
                        path="/privilege/population/usage",
                        title=lazy_gettext("Use by unit"),
                        needs=Permission.PRIVILEGE_POPULATION_INSPECT,
                    ),
                ),
            ),
            Place(path="/privilege/break-glass", title=lazy_gettext("Break-glass")),
        ),
    ),
    Wing(
        key="cases",
        title=lazy_gettext("Cases"),
        places=(
            Place(path="/cases", title=lazy_gettext("Case files")),
            Place(path="/cases/mine", title=lazy_gettext("My cases")),
            Place(path="/cases/procedures", title=lazy_gettext("Procedures")),
        ),
    ),
    Wing(
        key="operations",
        title=lazy_gettext("Operations"),
        places=(
            Place(path="/operations/alerts", title=lazy_gettext("Alerts")),
            Place(path="/operations/runs", title=lazy_gettext("Runs")),
            Place(path="/operations/runbooks", title=lazy_gettext("Runbooks")),
            Place(path="/operations/schedules", title=lazy_gettext("Schedules")),
            Place(path="/operations/maintenance", title=lazy_gettext("Maintenance")),
            Place(path="/operations/backups", title=lazy_gettext("Backups")),
        ),
    ),
    Wing(
        key="compliance",
        title=lazy_gettext("Compliance"),
        places=(
            Place(path="/compliance", title=lazy_gettext("Posture")),
            Place(path="/compliance/evidence", title=lazy_gettext("Evidence")),
            Place(path="/compliance/dossiers", title=lazy_gettext("Level dossiers")),
        ),
    ),
    Wing(
        key="people",
        title=lazy_gettext("People"),
        places=(
            Place(path="/people", title=lazy_gettext("Directory")),
            Place(
                path="/people/applicants",
                title=lazy_gettext("Applicants"),
                pages=(
                    Page(path="/people/applicants", title=lazy_gettext("Applicants")),
                    Page(path="/people/issues", title=lazy_gettext("Complaints")),
                ),
            ),
            Place(
                path="/people/roles",
                title=lazy_gettext("Rights"),
                pages=(
                    Page(path="/people/roles", title=lazy_gettext("Rights")),
                    Page(path="/people/roles/doors", title=lazy_gettext("Doors by role")),
                    Page(path="/people/seniors", title=lazy_gettext("Senior accounts")),
                ),
            ),
            Place(path="/people/resets", title=lazy_gettext("Factor resets")),
            Place(
                path="/people/me",
                title=lazy_gettext("My sign-in"),
                pages=(
                    Page(path="/people/me", title=lazy_gettext("My sign-in")),
                    Page(path="/people/me/factors", title=lazy_gettext("My second factors")),
                    Page(path="/people/me/identities", title=lazy_gettext("Linked identities")),
                    Page(path="/people/me/certificates", title=lazy_gettext("My certificates")),
                ),
            ),
        ),
    ),
)

# What an applicant has instead: pages of their own, and none of the house.
OWN = (
    Page(path="/account", title=lazy_gettext("My account")),
    Page(path="/cases/mine", title=lazy_gettext("My cases")),
)

Answers = Callable[[str], bool]
Entry = TypeVar("Entry", Place, Page)


def wing_of(path: str) -> str | None:
    """Return the key of the wing an address belongs to, None outside the house."""
    first = path.strip("/").split("/", 1)[0]
    return next((wing.key for wing in WINGS if wing.path.strip("/").split("/", 1)[0] == first), None)


def own_links(path: str, *, answers: Answers) -> tuple[Link, ...]:
    """Return the pages an applicant has."""
    pages = _existing(OWN, answers)
    current = _deepest([page.path for page in pages], path)
    return tuple(
        Link(title=page.title, path=page.path, here=_mark(page.path, path) if page.path == current else "")
        for page in pages
    )


def wing_links(wing_key: str | None, *, answers: Answers) -> tuple[Link, ...]:
    """Return the wings whose opening page exists."""
    return tuple(
        Link(title=wing.title, path=wing.path, here="true" if wing.key == wing_key else "")
        for wing in WINGS
        if answers(wing.path)
    )


def place_links(wing_key: str | None, path: str, *, answers: Answers) -> tuple[Link, ...]:
    """Return the existing places of one wing; the longest address that begins `path` says which is the present one."""
    places = _existing(_places(wing_key), answers)
    current = _deepest([address for place in places for address in place.paths], path)
    return tuple(
        Link(title=place.title, path=place.path, here=_mark(place.path, path) if current in place.paths else "")
        for place in places
    )


def page_links(
    wing_key: str | None, path: str, *, answers: Answers, permissions: Collection[Permission] = ()
) -> tuple[Place, tuple[Link, ...]] | None:
    """Return the present place with the pages of it that this person is shown; None where it is one page."""
    places = _existing(_places(wing_key), answers)
    current = _deepest([address for place in places for address in place.paths], path)
    place = next((place for place in places if current in place.paths), None)
    if place is None:
        return None
    pages = [page for page in _existing(place.pages, answers) if page.needs is None or page.needs in permissions]
    links = [
        Link(title=page.title, path=page.path, here=_mark(page.path, path) if page.path == current else "")
        for page in pages
    ]
    return (place, tuple(links)) if len(links) > 1 else None


def _places(wing_key: str | None) -> tuple[Place, ...]:
    return next((wing.places for wing in WINGS if wing.key == wing_key), ())


def _existing(entries: Sequence[Entry], answers: Answers) -> list[Entry]:
    return [entry for entry in entries if answers(entry.path)]


def _mark(address: str, path: str) -> str:
    return "page" if address == path else "true"


def _deepest(paths: Sequence[str], path: str) -> str | None:
    holding = [candidate for candidate in paths if path == candidate or path.startswith(f"{candidate}/")]
    return max(holding, key=len, default=None)
