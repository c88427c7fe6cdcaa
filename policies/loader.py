"""Read the policy files into frozen values.

Not for: rules themselves. Invariants: a file that breaks its schema, repeats an id, cites nothing or names a thing that
does not exist is refused with file and line; nothing is read at import; the same bytes give the same digest.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policies.calendars import CalendarYear, build, read_years
from policies.documents import Document, read_day, read_document, refuse_repeats
from policies.messages import refusal
from policies.model import Control, Duty, Overlay, Parameter, Profile, Reason, Register, Role, Separation, freeze
from policies.papers import Papers, load_papers
from policies.requirements import Requirements, load_requirements
from policies.retention import Retention, load_retention
from policies.worktime import WorkCal

DATA = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Profiles, decrees behind them, national rules and the operator's own values."""

    profiles: Mapping[str, Profile]
    decrees: Mapping[str, Mapping[str, Parameter]]
    national: Mapping[str, Parameter]
    operator: Mapping[str, Parameter]
    overlays: Mapping[str, Overlay]
    retention: Retention

    def profile(self, name: str) -> Profile:
        """Return the profile. Raises PolicyError `law.unknown_profile`."""
        if name not in self.profiles:
            raise refusal("law.unknown_profile", profile=name[:60], known=", ".join(self.profiles))
        return self.profiles[name]

    def parameter(self, name: str, profile: str | None = None, on: date | None = None) -> Parameter:
        """Return `name` as `profile` has it on a day, or as entered when no day is given.

        A value is looked for in the profile, then in the decree behind it, then among national and operator's values.
        Where the profile is silent its silent entry is returned, value None. Raises PolicyError
        `law.unknown_parameter`, `law.unknown_profile`.
        """
        chosen = self.profile(profile) if profile is not None else None
        places: list[Mapping[str, Parameter]] = [self.national, self.operator, self.retention.parameters()]
        if chosen is not None:
            places = [chosen.parameters, self.decrees[chosen.decree], *places]
        for place in places:
            if name in place:
                found = replace(place[name], profile=profile, overlay=self.overlays.get(name))
                return found if on is None else found.on(on)
        raise self._unknown(name)

    def governing(self, name: str, profile: str) -> Parameter:
        """Return `name` from the profile, or from the decree behind it where the profile is silent."""
        chosen = self.profile(profile)
        own = chosen.parameters.get(name)
        if own is not None and own.value is not None:
            return own
        return self.decrees[chosen.decree][name]

    def _unknown(self, name: str) -> Exception:
        known = {*self.national, *self.operator, *self.retention.parameters()}
        for profile in self.profiles.values():
            known |= {*profile.parameters, *self.decrees[profile.decree]}
        if name in known:
            return refusal("law.unknown_profile", profile="", known=", ".join(self.profiles))
        near = ", ".join(difflib.get_close_matches(name, sorted(known), n=3)) or "–"
        return refusal("law.unknown_parameter", name=name[:60], near=near)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """All the law the product runs under, frozen, with the digest of the bytes it came from."""

    rules: Rules
    years: tuple[CalendarYear, ...]
    calendar: WorkCal
    register: Register
    roles: Mapping[str, Role]
    separations: tuple[Separation, ...]
    requirements: Requirements
    papers: Papers
    digest: str

    def profile(self, name: str) -> Profile:
        """Return the profile. Raises PolicyError `law.unknown_profile`."""
        return self.rules.profile(name)

    @property
    def retention(self) -> Retention:
        """The retention classes as the texts have them, before any value an operator raised."""
        return self.rules.retention

    def parameter(self, name: str, profile: str | None = None, on: date | None = None) -> Parameter:
        """Return one parameter, as `Rules.parameter` does."""
        return self.rules.parameter(name, profile, on)


def load(folder: Path | None = None) -> Policies:
    """Read and check every policy file in `folder` (the package's own by default). Raises PolicyError.

    Reading takes a moment: the caller keeps the result.
    """
    root = folder or DATA
    years = read_years(root / "calendar")
    return Policies(
        rules=load_rules(root),
        years=years,
        calendar=build(years),
        register=load_register(root),
        roles=load_roles(root),
        separations=load_separations(root),
        requirements=load_requirements(root / "compliance"),
        papers=load_papers(root),
        digest=digest(root),
    )


def digest(folder: Path | None = None) -> str:
    """Return `sha256:…` over the names and bytes of all policy files, in order of names."""
    root = folder or DATA
    total = hashlib.sha256()
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*.yaml")}
    for name in sorted(files):
        body = files[name].read_bytes()
        total.update(f"{len(name.encode())}:{name}:{len(body)}:".encode())
        total.update(body)
    return f"sha256:{total.hexdigest()}"


def load_calendar(folder: Path | None = None) -> WorkCal:
    """Read the working calendar alone."""
    return build(read_years((folder or DATA) / "calendar"))


def load_rules(folder: Path | None = None) -> Rules:
    """Read profiles, decrees, national rules, operator's values and retention classes. Raises PolicyError."""
    root = folder or DATA
    decrees = _read_decrees(root / "decrees.yaml")
    national_file = read_document(root / "national.yaml", schema="national")
    refuse_repeats(national_file, at=("overlays",), key="name")
    operator_file = read_document(root / "operator.yaml", schema="operator")
    profiles = {}
    for path in sorted((root / "profiles").glob("*.yaml")):
        profile = _read_profile(path, decrees=decrees)
        profiles[profile.id] = profile
    return Rules(
        profiles=MappingProxyType(profiles),
        decrees=MappingProxyType(decrees),
        national=_parameters(national_file, at=("parameters",), origin="national"),
        operator=_parameters(operator_file, at=("parameters",), origin="operator"),
        overlays=MappingProxyType(
            {
                data["name"]: _overlay(national_file, index=index)
                for index, data in enumerate(national_file.data["overlays"])
            }
        ),
        retention=load_retention(root),
    )


def _read_decrees(path: Path) -> dict[str, Mapping[str, Parameter]]:
    document = read_document(path, schema="decrees")
    refuse_repeats(document, at=("decrees",), key="id")
    return {
        data["id"]: _parameters(document, at=("decrees", index, "parameters"), origin="decree")
        for index, data in enumerate(document.data["decrees"])
    }


def _read_profile(path: Path, *, decrees: Mapping[str, Any]) -> Profile:
    document = read_document(path, schema="profile")
    data = document.data
    if data["id"] != path.stem:
        raise refusal(
            "policy.conflict",
            file=path.name,
            line=document.line(("id",)),
            problem_vi=f"id phải là “{path.stem}” như tên tệp.",
            problem_en=f"the id must be “{path.stem}” like the file.",
        )
    if data["decree"] not in decrees:
        line = document.line(("decree",))
        raise refusal("policy.unknown_reference", file=path.name, line=line, reference=data["decree"])
    return Profile(
        id=data["id"],
        title_vi=data["title_vi"],
        title_en=data["title_en"],
        citation=data["document"]["citation"],
        status_vi=data["document"]["status_vi"],
        status_en=data["document"]["status_en"],
        decree=data["decree"],
        parameters=_parameters(document, at=("parameters",), origin="profile"),
    )


def _parameters(document: Document, *, at: tuple[str | int, ...], origin: str) -> Mapping[str, Parameter]:
    refuse_repeats(document, at=at, key="name")
    items = _at(document, at)
    return MappingProxyType(
        {data["name"]: _parameter(document, at=(*at, index), origin=origin) for index, data in enumerate(items)}
    )


def _parameter(document: Document, *, at: tuple[str | int, ...], origin: str) -> Parameter:
    data = _at(document, at)
    return Parameter(
        name=data["name"],
        value=freeze(data["value"]),
        unit=data["unit"],
        citation=data["citation"],
        from_=_optional_date(document, (*at, "from")),
        to=_optional_date(document, (*at, "to")),
        confidence=data["confidence"],
        origin=origin,
        details=freeze(data.get("details", {})),
        note=data.get("note", ""),
    )


def _overlay(document: Document, *, index: int) -> Overlay:
    at: tuple[str | int, ...] = ("overlays", index)
    data = _at(document, at)
    return Overlay(
        name=data["name"],
        value=freeze(data["value"]),
        unit=data["unit"],
        citation=data["citation"],
        from_=_optional_date(document, (*at, "from")),
        to=_optional_date(document, (*at, "to")),
        confidence=data["confidence"],
        rule=data["rule"],
        scope_vi=data["scope_vi"],
        scope_en=data["scope_en"],
    )


def _at(document: Document, path: tuple[str | int, ...]) -> Any:
    value = document.data
    for step in path:
        value = value[step]
    return value


def _optional_date(document: Document, path: tuple[str | int, ...]) -> date | None:
    return None if _at(document, path) is None else read_day(document, at=path)


def load_roles(folder: Path | None = None) -> Mapping[str, Role]:
    """Read roles.yaml. Raises PolicyError, also when an incompatible role does not exist or does not answer."""
    document = read_document((folder or DATA) / "roles.yaml", schema="roles")
    refuse_repeats(document, at=("roles",), key="id")
    refuse_repeats(document, at=("roles",), key="ldap_group")
    roles = {
        data["id"]: Role(
            id=data["id"],
            title_vi=data["title_vi"],
            title_en=data["title_en"],
            ldap_group=data["ldap_group"],
            citation=data["citation"],
            permissions=frozenset(data["permissions"]),
            incompatible_with=frozenset(data["incompatible_with"]),
            scope=data.get("scope", "unit"),
        )
        for data in document.data["roles"]
    }
    for index, role in enumerate(roles.values()):
        for other in role.incompatible_with:
            if other not in roles or role.id not in roles[other].incompatible_with:
                line = document.line(("roles", index, "incompatible_with"))
                raise refusal(
                    "policy.unknown_reference", file=document.name, line=line, reference=f"{other} ↔ {role.id}"
                )
    _refuse_unseparated(document, roles)
    return MappingProxyType(roles)


def load_separations(folder: Path | None = None) -> tuple[Separation, ...]:
    """Read which permissions nobody may hold together, from roles.yaml. Raises PolicyError."""
    document = read_document((folder or DATA) / "roles.yaml", schema="roles")
    refuse_repeats(document, at=("separations",), key="id")
    return tuple(
        Separation(**{**data, "permissions": (data["permissions"][0], data["permissions"][1])})
        for data in document.data["separations"]
    )


def _refuse_unseparated(document: Document, roles: Mapping[str, Role]) -> None:
    """Refuse a role, or two roles that one person may hold, with both permissions of a separation."""
    for index, data in enumerate(document.data["separations"]):
        first, second = data["permissions"]
        for one, other in product(roles.values(), repeat=2):
            meets = one is other or other.id not in one.incompatible_with
            if meets and first in one.permissions and second in other.permissions:
                raise refusal(
                    "policy.not_separated",
                    file=document.name,
                    line=document.line(("separations", index)),
                    separation=data["id"],
                    roles=" + ".join(dict.fromkeys((one.id, other.id))),
                )


def load_register(folder: Path | None = None, *, with_coverage: bool = True) -> Register:
    """Read the requirement register, both catalogues and the classes. Raises PolicyError.

    `with_coverage=False` leaves out coverage.yaml, for whoever is about to write it.
    """
    root = folder or DATA
    duties = _read_duties(root / "register.yaml")
    reasons = _read_reasons(root / "classification.yaml", known=duties)
    coverage = root / "coverage.yaml"
    return Register(
        duties=MappingProxyType(duties),
        level3=MappingProxyType(_read_catalogue(root / "level3.yaml")),
        circular21=MappingProxyType(_read_catalogue(root / "circular21.yaml")),
        reasons=MappingProxyType(reasons),
        implemented=_read_implemented(coverage, known=duties) if with_coverage else frozenset(),
    )


def _read_duties(path: Path) -> dict[str, Duty]:
    document = read_document(path, schema="register")
    refuse_repeats(document, at=("entries",), key="id")
    refuse_repeats(document, at=("policy_parameters",), key="name")
    names = {data["name"] for data in document.data["policy_parameters"]}
    for index, data in enumerate(document.data["entries"]):
        for name in data.get("policy_parameters", ()):
            if name not in names:
                line = document.line(("entries", index, "policy_parameters"))
                raise refusal("policy.unknown_reference", file=path.name, line=line, reference=name)
    return {
        data["id"]: Duty(
            id=data["id"],
            article=data["article"],
            who=data["who"],
            capability=data["capability"],
            requirement_en=data["requirement_en"],
            acceptance_en=data["acceptance_en"],
            parameters=tuple(data.get("policy_parameters", ())),
        )
        for data in document.data["entries"]
    }


def _read_catalogue(path: Path) -> dict[str, Control]:
    document = read_document(path, schema="catalogue")
    refuse_repeats(document, at=("entries",), key="id")
    wanted = Control.__dataclass_fields__
    return {
        data["id"]: Control(**{key: value for key, value in data.items() if key in wanted})
        for data in document.data["entries"]
    }


def _read_reasons(path: Path, *, known: Mapping[str, Duty]) -> dict[str, Reason]:
    document = read_document(path, schema="classification")
    reasons: dict[str, Reason] = {}
    for kind in ("operated", "outside"):
        for index, data in enumerate(document.data[kind]):
            for place, duty_id in enumerate(data["ids"]):
                line = document.line((kind, index, "ids", place))
                if duty_id not in known:
                    raise refusal("law.unknown_id", file=path.name, line=line, id=duty_id)
                if duty_id in reasons:
                    raise refusal("policy.duplicate_id", file=path.name, line=line, id=duty_id, first_line="–")
                reasons[duty_id] = Reason(kind=kind, vi=data["reason_vi"], en=data["reason_en"])
    return reasons


def _read_implemented(path: Path, *, known: Mapping[str, Duty]) -> frozenset[str]:
    document = read_document(path, schema="coverage")
    for index, duty_id in enumerate(document.data["implemented"]):
        if duty_id not in known:
            line = document.line(("implemented", index))
            raise refusal("law.unknown_id", file=path.name, line=line, id=duty_id)
    return frozenset(document.data["implemented"])
