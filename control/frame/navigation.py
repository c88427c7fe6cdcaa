"""The six wings and the pages inside each, as data: what the header and the second line show.

Not for: access (the gate decides; a page that is refused stays in the list and says why). Invariant: a page whose
address the application does not answer is not drawn, so nothing here points nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One page in the second line of the header."""

    path: str
    title: LazyString


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
    """One drawn entry; `is_here` for the page or the part of the house the person is in."""

    title: LazyString | str
    path: str
    is_here: bool
    count: int | None = None


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
            Place(path="/privilege/mine", title=lazy_gettext("My own")),
            Place(path="/privilege/accounts", title=lazy_gettext("Accounts")),
            Place(path="/privilege/assets", title=lazy_gettext("Assets")),
            Place(path="/privilege/requests", title=lazy_gettext("Requests")),
            Place(path="/privilege/account-requests", title=lazy_gettext("Account requests")),
            Place(path="/privilege/notices", title=lazy_gettext("Notices")),
            Place(path="/privilege/processes", title=lazy_gettext("Issued processes")),
            Place(path="/privilege/personnel", title=lazy_gettext("Personnel changes")),
            Place(path="/privilege/account-rules", title=lazy_gettext("Account rules")),
            Place(path="/privilege/receipts", title=lazy_gettext("My receipts")),
            Place(path="/privilege/documents", title=lazy_gettext("Documents")),
            Place(path="/privilege/papers", title=lazy_gettext("Forms")),
            Place(path="/privilege/agreements", title=lazy_gettext("Agreements")),
            Place(path="/privilege/grants", title=lazy_gettext("Grants")),
            Place(path="/privilege/keys", title=lazy_gettext("Connection keys")),
            Place(path="/privilege/secrets", title=lazy_gettext("Secrets")),
            Place(path="/privilege/population", title=lazy_gettext("Population database")),
            Place(path="/privilege/reviews", title=lazy_gettext("Reviews")),
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
            Place(path="/people/applicants", title=lazy_gettext("Applicants")),
            Place(path="/people/issues", title=lazy_gettext("Complaints")),
            Place(path="/people/roles", title=lazy_gettext("Rights")),
            Place(path="/people/seniors", title=lazy_gettext("Senior accounts")),
            Place(path="/people/resets", title=lazy_gettext("Factor resets")),
            Place(path="/people/me", title=lazy_gettext("My sign-in")),
            Place(path="/people/me/factors", title=lazy_gettext("My second factors")),
            Place(path="/people/me/identities", title=lazy_gettext("Linked identities")),
            Place(path="/people/me/certificates", title=lazy_gettext("My certificates")),
        ),
    ),
)

Answers = Callable[[str], bool]


def wing_of(path: str) -> str | None:
    """Return the key of the wing an address belongs to, None outside the house."""
    first = path.strip("/").split("/", 1)[0]
    return next((wing.key for wing in WINGS if wing.path.strip("/").split("/", 1)[0] == first), None)


def wing_links(here: str | None, *, answers: Answers) -> tuple[Link, ...]:
    """Return the wings whose opening page exists."""
    return tuple(
        Link(title=wing.title, path=wing.path, is_here=wing.key == here) for wing in WINGS if answers(wing.path)
    )


def place_links(here: str | None, path: str, *, answers: Answers) -> tuple[Link, ...]:
    """Return the existing pages of one wing; the longest address that begins `path` is the present one."""
    wing = next((wing for wing in WINGS if wing.key == here), None)
    if wing is None:
        return ()
    places = [place for place in wing.places if answers(place.path)]
    current = _deepest([place.path for place in places], path)
    return tuple(Link(title=place.title, path=place.path, is_here=place.path == current) for place in places)


def _deepest(paths: Sequence[str], path: str) -> str | None:
    holding = [candidate for candidate in paths if path == candidate or path.startswith(f"{candidate}/")]
    return max(holding, key=len, default=None)
