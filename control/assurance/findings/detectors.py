"""What in a window of the trail, and in the state around it, must be explained. Pure.

Not for: reading (gathering.py) or remembering (service.py). Invariant: each detector is a function of the window and
the operator's bounds; asked twice about the same, or about windows that overlap, it names the same occurrences by the
same keys.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit.anchors import AnchorState
from audit.counters import Gap
from audit.journal import Checkpoint
from audit.reconciliations import Reconciliation
from audit.state import SegmentState
from control.actions import Action
from control.assurance.findings.domain import Kind, Rules, Sighting
from control.privilege import Undocumented
from policies import RULES_ZONE

HOUR = timedelta(hours=1)
PERSON = "person:"
VISITOR = "visitor"
JOURNAL = "journal"
# What shows personal data or hands out evidence; a few an hour are work, many are copying.
PERSONAL_READS = frozenset(
    {
        str(Action.ACCESS_FILE_EXPORT),
        str(Action.ASSURANCE_EVIDENCE_READ),
        str(Action.ASSURANCE_FINDING_EXPORT),
        str(Action.AUDIT_BUNDLE_EXPORT),
        str(Action.AUDIT_ENTRY_EXPORT),
        str(Action.AUDIT_REPORT_EXPORT),
        str(Action.AUDIT_TRAIL_EXPORT),
        str(Action.CASES_FILE_OPEN),
        str(Action.OPERATIONS_RESULT_DOWNLOAD),
        str(Action.PEOPLE_PERSON_EXPORT),
        str(Action.PEOPLE_PERSON_SHOW),
        str(Action.PRIVILEGE_DOCUMENT_DOWNLOAD),
        str(Action.PRIVILEGE_POPULATION_ASK),
        str(Action.PRIVILEGE_POPULATION_DOWNLOAD),
        str(Action.TRAIL_PERSONAL_REVEAL),
    }
)
ENTERING = str(Action.SESSION_BROWSER_START)
VERIFYING = str(Action.AUDIT_JOURNAL_VERIFY)
# What only says that somebody was not signed in yet: every bookmark does it.
AT_THE_DOOR = frozenset({"session.required", "session.ended", "csrf.invalid"})
# Entries with which a part of the product itself says what must be explained: action → what it is, and the detail that
# names what it is about; where there is none, the part stands for itself.
TOLD: Mapping[str, tuple[Kind, str]] = {
    "access:route:silent": (Kind.SILENT_ROUTE, "endpoint"),
    "audit:clock:differ": (Kind.CLOCK, "process"),
    "audit:clock:regress": (Kind.CLOCK, "process"),
    "audit:segment:lose": (Kind.SEGMENT, ""),
    "audit:segment:unlink": (Kind.SEGMENT, ""),
    "people:senior:overdue": (Kind.SENIOR, "senior"),
    "privilege:breakglass:misuse": (Kind.BREAK_GLASS, "account"),
    "privilege:breakglass:open": (Kind.BREAK_GLASS, "opening"),
    "privilege:breakglass:unexplained": (Kind.BREAK_GLASS, "account"),
    "privilege:grant:withhold": (Kind.APPROVER, "grant"),
    "privilege:lifecycle:escalate": (Kind.ACCOUNTS, "subject"),
    "privilege:review:lapse": (Kind.REVIEW, "review"),
    "sign-in:sealed:refuse": (Kind.BREAK_GLASS, "person"),
    "privilege:key:flag": (Kind.KEY_USE, "key"),
    "privilege:vault:lose": (Kind.SECRET, "account"),
}
SEGMENTS = "segments"
# What other wings write when it must be explained by, or about, the person it names.
CONCERNING: Mapping[str, Kind] = {
    str(Action.PRIVILEGE_ACCOUNT_FLAG): Kind.ADMIN_SIGN_IN,
    str(Action.PRIVILEGE_POPULATION_COLLIDE): Kind.POPULATION_SHARED,
    str(Action.PRIVILEGE_POPULATION_DIFFER): Kind.POPULATION_LIST,
    str(Action.PRIVILEGE_POPULATION_LEAK): Kind.POPULATION_LEAK,
    str(Action.PRIVILEGE_POPULATION_MISMATCH): Kind.POPULATION_QUERY,
    str(Action.PRIVILEGE_POPULATION_SUSPECT): Kind.POPULATION_SHARED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One numbered entry, as far as it matters here; `details` are the flat values of its body."""

    sequence: int
    at: datetime
    action: str
    is_success: bool = True
    is_denied: bool = False
    reason: str | None = None
    actor: str | None = None
    target: str | None = None
    session: str | None = None
    roles: frozenset[str] = frozenset()
    boot: str | None = None
    number: int = 0
    mono_ns: int = 0
    details: Mapping[str, str | int | bool] = field(default_factory=dict)

    @property
    def person_id(self) -> int | None:
        """The person who acted, None for the system and for visitors."""
        return number_of(self.actor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One session of one person from one address, from its start to its last act."""

    code: str
    person_id: int
    address: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An entry that a copy, or the journal itself, would not take."""

    id: int
    target: str
    sequence: int | None
    at: datetime
    reason: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The last time the whole journal was walked: what kinds of fault there were, and where the first is."""

    at: datetime
    kinds: tuple[str, ...]
    first_at: int
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the detectors look at; entries in the order of the journal."""

    now: datetime
    entries: tuple[Seen, ...] = ()
    stays: tuple[Stay, ...] = ()
    gaps: tuple[Gap, ...] = ()
    verified: Verified | None = None
    dead: tuple[DeadLetter, ...] = ()
    reconciled: tuple[Reconciliation, ...] = ()
    anchors: tuple[AnchorState, ...] = ()
    segments: SegmentState | None = None
    checkpoint: Checkpoint | None = None
    undocumented: tuple[Undocumented, ...] = ()


Detector = Callable[[Window, Rules], Iterable[Sighting]]


def detect(window: Window, rules: Rules) -> list[Sighting]:
    """Return every occurrence, in the order of the detectors."""
    return [sighting for detector in DETECTORS for sighting in detector(window, rules)]


def number_of(reference: str | None) -> int | None:
    """Return the id in `person:5`, None for anything else."""
    digits = (reference or "").removeprefix(PERSON)
    is_person = reference is not None and reference.startswith(PERSON) and digits.isascii() and digits.isdigit()
    return int(digits) if is_person else None


def told(window: Window, _rules: Rules) -> Iterator[Sighting]:
    """What the trail's own parts say in an entry: a silent route, an unlinked file, a refusal of the witness."""
    for entry in window.entries:
        if entry.action in TOLD:
            kind, name = TOLD[entry.action]
            subject = str(entry.details.get(name) or entry.reason or entry.action) if name else SEGMENTS
            yield Sighting(
                kind=kind,
                subject=f"writer:{subject}" if kind is Kind.CLOCK else subject,
                key=str(entry.sequence),
                at=entry.at,
                sequence=entry.sequence,
                facts=_plain(entry.details),
            )


def concerning(window: Window, _rules: Rules) -> Iterator[Sighting]:
    """A shared account, a right off the list, a look-up without its case, a leak: each about the person it names."""
    for entry in window.entries:
        if entry.action in CONCERNING:
            person_id = number_of(entry.target)
            yield Sighting(
                kind=CONCERNING[entry.action],
                subject=entry.target or entry.action,
                key=str(entry.sequence),
                at=entry.at,
                sequence=entry.sequence,
                person_id=person_id,
                facts=_plain(entry.details),
            )


def gaps(window: Window, _rules: Rules) -> Iterator[Sighting]:
    """Numbers a writer gave that never arrived."""
    for gap in window.gaps:
        yield Sighting(
            kind=Kind.GAP,
            subject=f"writer:{gap.boot}",
            key=f"{gap.boot}:{gap.written}",
            at=window.now,
            sequence=gap.sequence,
            facts={"boot": gap.boot, "numbers": gap.written},
        )


def tampering(window: Window, _rules: Rules) -> Iterator[Sighting]:
    """A walk over the whole journal that found more than gaps, whether the house or a command walked."""
    found = window.verified
    worse = [kind for kind in found.kinds if kind != "writer-gap"] if found else []
    if found and worse:
        yield Sighting(
            kind=Kind.TAMPER,
            subject=JOURNAL,
            key=f"{' '.join(worse)}:{found.first_at}",
            at=found.at,
            sequence=found.first_at,
            facts={"problems": " ".join(worse), "evidence": found.evidence},
        )
    for entry in window.entries:
        kinds = [kind for kind in str(entry.details.get("kinds", "")).split() if kind != "writer-gap"]
        if entry.action == VERIFYING and entry.details.get("ok") is False and kinds:
            yield Sighting(
                kind=Kind.TAMPER,
                subject=JOURNAL,
                key=f"{' '.join(kinds)}:{entry.details.get('first_at', 0)}",
                at=entry.at,
                sequence=entry.sequence,
                facts={"problems": " ".join(kinds)},
            )


def clock_steps(window: Window, rules: Rules) -> Iterator[Sighting]:
    """A wall clock that moved otherwise than the steady clock of the same process, backward or forward."""
    last: dict[str, Seen] = {}
    for entry in sorted(window.entries, key=lambda one: one.number):
        if entry.boot is None or not entry.mono_ns:
            continue
        before = last.get(entry.boot)
        last[entry.boot] = entry
        if before is None:
            continue
        steady = timedelta(microseconds=(entry.mono_ns - before.mono_ns) // 1000)
        step = (entry.at - before.at) - steady
        if abs(step) > rules.clock_tolerance:
            yield Sighting(
                kind=Kind.CLOCK,
                subject=f"writer:{entry.boot}",
                key=f"{entry.boot}:{entry.number}",
                at=entry.at,
                sequence=entry.sequence,
                facts={"boot": entry.boot, "step_seconds": round(step.total_seconds())},
            )


def volume(window: Window, rules: Rules) -> Iterator[Sighting]:
    """More acts, or more looks at personal data and evidence, in an hour than one person's work needs."""
    for name, most, wanted in (
        ("entries", rules.entries_an_hour, None),
        ("personal", rules.personal_an_hour, PERSONAL_READS),
    ):
        for person_id, entries in _by_person(window.entries, wanted=wanted).items():
            for entry, count in _over(entries, most=most, within=HOUR):
                hour = entry.at.astimezone(RULES_ZONE).strftime("%Y-%m-%dT%H")
                yield Sighting(
                    kind=Kind.VOLUME,
                    subject=f"{PERSON}{person_id}",
                    key=f"{person_id}:{name}:{hour}",
                    at=entry.at,
                    sequence=entry.sequence,
                    person_id=person_id,
                    facts={"what": name, "count": count, "most": most},
                )


def off_hours(window: Window, rules: Rules) -> Iterator[Sighting]:
    """A sign-in, or a look at personal data, outside working hours by somebody who is not on duty then."""
    for entry in window.entries:
        person_id = entry.person_id
        if person_id is None or not entry.is_success or entry.action not in {ENTERING, *PERSONAL_READS}:
            continue
        if entry.roles & rules.hours_exempt or rules.is_worked(entry.at):
            continue
        day = entry.at.astimezone(RULES_ZONE).date()
        yield Sighting(
            kind=Kind.OFF_HOURS,
            subject=f"{PERSON}{person_id}",
            key=f"{person_id}:{entry.session or entry.sequence}:{day}",
            at=entry.at,
            sequence=entry.sequence,
            person_id=person_id,
            facts={"action": entry.action},
        )


def refusals(window: Window, rules: Rules) -> Iterator[Sighting]:
    """Many refusals of one person, or of sign-ins in one name, in a short time; each of them is an occurrence."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for entry in window.entries:
        if entry.is_denied and entry.reason not in AT_THE_DOOR:
            groups[_refused(entry)].append(entry)
    for subject, entries in groups.items():
        recent: deque[Seen] = deque()
        named: set[int] = set()
        for entry in sorted(entries, key=lambda one: (one.at, one.sequence)):
            recent.append(entry)
            while entry.at - recent[0].at > rules.refusals_window:
                recent.popleft()
            if len(recent) < rules.refusals_most:
                continue
            for one in recent:
                if one.sequence not in named:
                    named.add(one.sequence)
                    yield Sighting(
                        kind=Kind.REFUSALS,
                        subject=subject,
                        key=str(one.sequence),
                        at=one.at,
                        sequence=one.sequence,
                        person_id=number_of(subject),
                        facts={"action": one.action, "reason": one.reason or ""},
                    )


def shared_accounts(window: Window, rules: Rules) -> Iterator[Sighting]:
    """One person who works from two addresses at the same time."""
    by_person: dict[int, list[Stay]] = defaultdict(list)
    for stay in window.stays:
        if stay.address:
            by_person[stay.person_id].append(stay)
    for person_id, stays in by_person.items():
        ordered = sorted(stays, key=lambda stay: (stay.first, stay.code))
        for place, early in enumerate(ordered):
            for late in ordered[place + 1 :]:
                together = min(early.last, late.last) - late.first
                if late.address != early.address and together >= rules.shared_overlap:
                    yield Sighting(
                        kind=Kind.SHARED,
                        subject=f"{PERSON}{person_id}",
                        key=f"{early.code}+{late.code}",
                        at=late.first,
                        person_id=person_id,
                        facts={"sessions": f"{early.code} {late.code}", "minutes": int(together.total_seconds() // 60)},
                    )


def dead_letters(window: Window, _rules: Rules) -> Iterator[Sighting]:
    """What a copy refused for good; what the journal itself refused was forged or repeated."""
    for letter in window.dead:
        yield Sighting(
            kind=Kind.TAMPER if letter.target == JOURNAL else Kind.DEAD_LETTER,
            subject=letter.target if letter.target != JOURNAL else f"{JOURNAL}:repeat",
            key=f"dead:{letter.id}",
            at=letter.at,
            sequence=letter.sequence,
            facts={"reason": letter.reason[:200], "status": letter.status},
        )


def index_differences(window: Window, _rules: Rules) -> Iterator[Sighting]:
    """A comparison of a copy with the journal that found it different."""
    for run in window.reconciled:
        if not run.is_equal:
            yield Sighting(
                kind=Kind.INDEX,
                subject=run.target,
                key=str(run.id),
                at=run.finished_at,
                sequence=next((one.sequence for one in run.sample if one.sequence is not None), None),
                facts={"missing": run.missing, "extra": run.extra, "altered": run.altered},
            )


def anchors(window: Window, rules: Rules) -> Iterator[Sighting]:
    """A witness or stamp that refuses, which means that it saw another past, or that has been silent too long."""
    for anchor in window.anchors:
        silent_since = anchor.stalled_since
        is_silent = silent_since is not None and window.now - silent_since > rules.anchor_silence
        if anchor.refused or is_silent:
            since = silent_since or anchor.asked_at
            yield Sighting(
                kind=Kind.TAMPER if anchor.refused else Kind.ANCHOR,
                subject=f"{anchor.kind}:{anchor.name}",
                key=f"{anchor.name}:{'refused' if anchor.refused else 'silent'}:{since.isoformat()}",
                at=since,
                sequence=max(0, anchor.size - 1) if anchor.size else None,
                facts={"size": anchor.size, "why": (anchor.last_error or "")[:200]},
            )


def segments(window: Window, _rules: Rules) -> Iterator[Sighting]:
    """Segment files that contradict the journal; a person must decide."""
    state = window.segments
    if state is not None and state.stopped:
        since = state.stalled_since or state.at
        yield Sighting(
            kind=Kind.SEGMENT,
            subject=SEGMENTS,
            key=f"stopped:{since.isoformat()}",
            at=since,
            sequence=state.upto,
            facts={"behind": state.behind, "why": (state.last_error or "")[:200]},
        )


def undocumented(window: Window, _rules: Rules) -> Iterator[Sighting]:
    """An account that came to be known, by a file or otherwise, and rests on no document."""
    for account in window.undocumented:
        yield Sighting(
            kind=Kind.UNDOCUMENTED,
            subject=account.code,
            key=f"{account.code}:{account.since.isoformat()}",
            at=account.since,
            facts={
                "asset": account.asset,
                "state": account.state,
                "owner": "named" if account.has_owner else "none",
            },
        )


DETECTORS: tuple[Detector, ...] = (
    told,
    concerning,
    gaps,
    tampering,
    clock_steps,
    volume,
    off_hours,
    refusals,
    shared_accounts,
    dead_letters,
    index_differences,
    anchors,
    segments,
    undocumented,
)


def _plain(details: Mapping[str, str | int | bool]) -> dict[str, str | int]:
    return {name: str(value)[:200] if isinstance(value, str | bool) else value for name, value in details.items()}


def _refused(entry: Seen) -> str:
    """Whose refusals these are: who acted, or whose name a visitor tried."""
    person = entry.person_id
    if person is None:
        person = number_of(entry.target)
    if person is not None:
        return f"{PERSON}{person}"
    return entry.actor or VISITOR


def _by_person(entries: Iterable[Seen], *, wanted: frozenset[str] | None) -> dict[int, list[Seen]]:
    found: dict[int, list[Seen]] = defaultdict(list)
    for entry in entries:
        if entry.person_id is not None and (wanted is None or entry.action in wanted):
            found[entry.person_id].append(entry)
    return found


def _over(entries: Iterable[Seen], *, most: int, within: timedelta) -> Iterator[tuple[Seen, int]]:
    """Yield the entries that make more than `most` within a stretch of time, one an hour at most."""
    recent: deque[Seen] = deque()
    told_hours: set[str] = set()
    for entry in sorted(entries, key=lambda one: (one.at, one.sequence)):
        recent.append(entry)
        while entry.at - recent[0].at >= within:
            recent.popleft()
        hour = entry.at.strftime("%Y%m%d%H")
        if len(recent) > most and hour not in told_hours:
            told_hours.add(hour)
            yield entry, len(recent)
