"""Numbers a writer gave and the journal does not hold: taken out before sequencing, or left by a killed process.

Not for: hashes and links (chain.py). Invariants: a number counts as missing only between two numbers of the same start
of the same writer; a number that its writer declared undone, or that people explained by a document, is missing no
more.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from audit.journal import Journal
from audit.outbox import VOID_ACTION, ranges
from audit.projection import read_body, text_at

EXPLAIN_ACTION = "audit:gap:explain"
MOST_NUMBERS = 10**6  # of one range: a declaration cannot be made to fill the memory
_WRITER = re.compile(rb'"writer":\{"boot":"([^"\\]+)","mono_ns":\d+,"n":(\d+)\}\}$')
DECLARATIONS = tuple(f'"action":"{action}"'.encode() for action in (VOID_ACTION, EXPLAIN_ACTION))
_RANGE = re.compile(r"([1-9][0-9]{0,17})(?:-([1-9][0-9]{0,17}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Numbers of one start of one writer that never arrived; `sequence` is the entry that showed the first of them."""

    boot: str
    numbers: tuple[int, ...]
    sequence: int

    @property
    def written(self) -> str:
        """The numbers as people write them: 3-5,9."""
        return ranges(self.numbers)


@dataclass(slots=True)
class _Boot:
    """The numbers of one start of one writer."""

    highest: int
    last_sequence: int
    missing: dict[int, int] = field(default_factory=dict)  # number → the entry that showed it is missing


@dataclass(slots=True)
class Counters:
    """Finds numbers that were given and never arrived; can be put aside and taken up again (`as_json`)."""

    boots: dict[str, _Boot] = field(default_factory=dict)
    declared: dict[str, set[int]] = field(default_factory=dict)
    last_unknown: int = -1  # the last entry whose number cannot be read: pruned, or before the walk began

    def read(self, sequence: int, body: bytes | None) -> str | None:
        """Take note of one entry; return what is wrong with its number."""
        if body is None:
            self.last_unknown = sequence
            return None
        found = _WRITER.search(body)
        wrong = self.see(found[1].decode(), int(found[2]), sequence) if found else None
        if any(mark in body for mark in DECLARATIONS):
            self.declare(body)
        return wrong

    def see(self, boot: str, number: int, sequence: int) -> str | None:
        """Take note of one number; return what is wrong with it."""
        known = self.boots.get(boot)
        if known is None:
            known = self.boots[boot] = _Boot(
                highest=number - 1 if self.last_unknown >= 0 else 0, last_sequence=sequence
            )
        if number > known.highest:
            if self.last_unknown < known.last_sequence or self.last_unknown < 0:
                known.missing.update(dict.fromkeys(range(known.highest + 1, number), sequence))
            known.highest, known.last_sequence = number, sequence
            return None
        known.last_sequence = sequence
        if known.missing.pop(number, None) is None and self.last_unknown < 0:
            return f"number {number} of writer {boot} comes twice"
        return None

    def see_all(self, writers: Iterable[tuple[str, int]], first: int) -> Iterator[tuple[int, str]]:
        """Take note of the numbers of entries `first` and on; yield (entry, what is wrong)."""
        for sequence, (boot, number) in enumerate(writers, start=first):
            known = self.boots.get(boot)
            if known is not None and number == known.highest + 1:
                known.highest, known.last_sequence = number, sequence
            elif wrong := self.see(boot, number, sequence):
                yield sequence, wrong

    def declare(self, body: bytes) -> None:
        """Take note of numbers that a writer, or people who explain a gap, say were never committed."""
        tree = read_body(body)
        is_said = text_at(tree, "event", "outcome") == "success"
        if not is_said or text_at(tree, "event", "action") not in {VOID_ACTION, EXPLAIN_ACTION}:
            return  # a refusal to explain declares nothing
        details = tree.get("vn", {}).get("details", {})
        numbers = numbers_in(str(details.get("numbers", "")))
        self.declared.setdefault(str(details.get("boot")), set()).update(numbers or ())

    def gaps(self, *, before: int | None = None) -> list[Gap]:
        """Return what is missing and was not declared, one gap a writer, in the order it showed.

        With `before` only what an entry below that number has shown: a slow commit may still fill the rest.
        """
        found = []
        for name, boot in self.boots.items():
            shown = {n for n, at in boot.missing.items() if before is None or at < before}
            numbers = tuple(sorted(shown - self.declared.get(name, set())))
            if numbers:
                found.append(Gap(boot=name, numbers=numbers, sequence=boot.missing[numbers[0]]))
        return sorted(found, key=lambda gap: (gap.sequence, gap.boot))

    def as_json(self) -> dict[str, Any]:
        """Return what has to be remembered to go on later; what is settled is left out."""
        kept = {}
        for name, boot in self.boots.items():
            missing = {str(n): at for n, at in boot.missing.items() if n not in self.declared.get(name, set())}
            kept[name] = [boot.highest, boot.last_sequence, missing]
        return {"last_unknown": self.last_unknown, "boots": kept}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Counters":
        """Return the counters as they were put aside."""
        boots = {
            name: _Boot(highest=highest, last_sequence=last, missing={int(n): at for n, at in missing.items()})
            for name, (highest, last, missing) in kept.get("boots", {}).items()
        }
        return cls(boots=boots, last_unknown=kept.get("last_unknown", -1))

    def forget_before(self, sequence: int) -> None:
        """Drop writers that have been silent since before an entry and miss nothing, so that the memory stays small.

        One that comes back later seems to miss all its former numbers: whoever remembers confirms with `find_gaps`.
        """
        for name in [name for name, boot in self.boots.items() if boot.last_sequence < sequence]:
            if not set(self.boots[name].missing) - self.declared.get(name, set()):
                del self.boots[name]
                self.declared.pop(name, None)

    def clear(self, gap: Gap) -> None:
        """Forget numbers that turned out to be in the journal after all."""
        for number in gap.numbers:
            self.boots[gap.boot].missing.pop(number, None)


def numbers_in(text: str) -> tuple[int, ...] | None:
    """Read numbers as people write them: `3-5,9`; None when it is anything else or holds no number."""
    numbers: set[int] = set()
    for part in text.replace(" ", "").split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < MOST_NUMBERS or len(numbers) > MOST_NUMBERS:
            return None
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))


def find_gaps(connection: Connection) -> list[Gap]:
    """Read the whole journal and return what no writer declared and nobody explained."""
    counters = Counters()
    for record in Journal(connection).iterate():
        counters.read(record.sequence, record.body)
    return counters.gaps()
