"""Gettext catalogues of all wings: find, extract, compare, compile.

Not for: loading them into a request (see i18n.py). Invariants: the English sentence in the source is the key; a
Vietnamese entry that is missing, empty or fuzzy is a fault; compiled files are never kept in the repository.
Run as `python -m control.frame check|update|compile`.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

CONTROL = Path(__file__).resolve().parent.parent
CATALOG = Path("vi") / "LC_MESSAGES" / "messages.po"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "_l": None,
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "lazy_pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
METHODS = [("**/templates/**.html", "jinja2"), ("templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"**/templates/**.html": {"silent": "false"}, "templates/**.html": {"silent": "false"}}
FIRST_LINES = "# Vietnamese entries of this wing; the key is the English sentence in its templates and modules.\n#"
IDLE_HEADERS = tuple(
    f'"{name}:'
    for name in (
        "Project-Id-Version",
        "Report-Msgid-Bugs-To",
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Last-Translator",
        "Language-Team",
        "Generated-By",
    )
)

Key = tuple[str | None, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One sentence the source asks for; `plural` is None where there is one form."""

    context: str | None
    text: str
    plural: str | None
    places: tuple[str, ...]

    @property
    def key(self) -> Key:
        """What identifies the sentence in a catalogue."""
        return self.context, self.text


def wings(root: Path = CONTROL) -> dict[str, Path]:
    """Return folder by wing; the frame itself (`""`) also speaks for the modules of the core."""
    found = {"": root}
    for wiring in sorted(root.glob("*/wiring.py")):
        if wiring.parent.name != "frame":
            found[wiring.parent.name] = wiring.parent
    return found


def translation_folders(root: Path = CONTROL) -> tuple[Path, ...]:
    """Return the folders that hold a Vietnamese catalogue, the frame's first."""
    folders = (folder / "translations" for folder in wings(root).values())
    return tuple(folder for folder in folders if (folder / CATALOG).is_file())


def wanted(wing: str, root: Path = CONTROL) -> dict[Key, Wanted]:
    """Return every sentence the wing's templates and modules ask for."""
    others = set(wings(root)) - {""}
    result: dict[Key, Wanted] = {}
    for place, text, context in _extracted(root / wing if wing else root):
        if not wing and place.split(os.sep, 1)[0] in others:
            continue
        singular, plural = (text[0], text[1]) if isinstance(text, tuple) else (text, None)
        earlier = result.get((context, singular))
        places = (*earlier.places, place) if earlier else (place,)
        plural = plural or (earlier.plural if earlier else None)
        result[context, singular] = Wanted(context=context, text=singular, plural=plural, places=places)
    return result


def _extracted(folder: Path) -> Iterator[tuple[str, str | tuple[str, ...], str | None]]:
    found = extract_from_dir(
        folder,
        method_map=METHODS,
        options_map=OPTIONS,
        keywords=KEYWORDS,
        directory_filter=lambda path: Path(path).name not in {"vendor", "translations", "__pycache__"},
    )
    for path, line, text, _comments, context in found:
        yield f"{path}:{line}", text, context


def read(path: Path) -> Catalog:
    """Return the catalogue at `path`, an empty one when there is none."""
    if not path.is_file():
        return Catalog(locale="vi", domain="messages")
    with path.open("rb") as stream:
        return read_po(stream, locale="vi", domain="messages", abort_invalid=True)


def faults(wing: str, root: Path = CONTROL) -> tuple[str, ...]:
    """Return one line for each sentence without a usable Vietnamese entry, and for each entry nobody asks for."""
    catalog = read(root / wing / "translations" / CATALOG)
    asked = wanted(wing, root)
    lines = []
    for key, sentence in asked.items():
        entry = catalog.get(sentence.text, context=key[0])
        if entry is None or not _filled(entry.string):
            lines.append(f"{wing or 'frame'}: missing: {sentence.text!r} ({sentence.places[0]})")
        elif entry.fuzzy:
            lines.append(f"{wing or 'frame'}: fuzzy: {sentence.text!r}")
        else:
            lines.extend(f"{wing or 'frame'}: {error}: {sentence.text!r}" for error in entry.check(catalog))
    for entry in catalog:
        text = entry.id[0] if isinstance(entry.id, tuple | list) else entry.id
        if text and (entry.context, text) not in asked:
            lines.append(f"{wing or 'frame'}: nobody asks for {text!r}")
    return tuple(lines)


def contradictions(root: Path = CONTROL) -> tuple[str, ...]:
    """Return the sentences that two wings translate differently: loaded together, one would win silently."""
    seen: dict[Key, tuple[str, object]] = {}
    lines = []
    for wing, folder in wings(root).items():
        for entry in read(folder / "translations" / CATALOG):
            text = entry.id[0] if isinstance(entry.id, tuple | list) else entry.id
            if not text or not _filled(entry.string):
                continue
            first, string = seen.setdefault((entry.context, text), (wing, entry.string))
            if string != entry.string:
                lines.append(f"{text!r}: {first or 'frame'} says {string!r}, {wing} says {entry.string!r}")
    return tuple(lines)


def update(wing: str, root: Path = CONTROL) -> int:
    """Write the wing's catalogue anew: kept entries, an empty one for each new sentence; return how many are empty."""
    path = root / wing / "translations" / CATALOG
    old = read(path)
    fresh = Catalog(locale="vi", domain="messages", header_comment=FIRST_LINES, fuzzy=False)
    empty = 0
    for key, sentence in sorted(
        wanted(wing, root).items(), key=lambda item: (item[1].places[0].split(":")[0], item[0][1])
    ):
        entry = old.get(sentence.text, context=key[0])
        string = entry.string if entry is not None and _filled(entry.string) else None
        empty += string is None
        identity = (sentence.text, sentence.plural) if sentence.plural else sentence.text
        if sentence.plural and isinstance(string, str):
            string = (string,)
        fresh.add(identity, string, context=key[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_po_text(fresh), encoding="utf-8")
    return empty


def _po_text(catalog: Catalog) -> str:
    """Return the file without the header lines that change at every run and say nothing."""
    stream = io.BytesIO()
    write_po(stream, catalog, width=110, no_location=True, ignore_obsolete=True)
    lines = stream.getvalue().decode("utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(IDLE_HEADERS))


def compile_catalogs(root: Path = CONTROL) -> tuple[Path, ...]:
    """Compile every catalogue that is newer than its compiled form; return those written.

    Several processes may start at once: each file is written beside its place and moved there. Raises RuntimeError
    where this account may not write; whoever installs the product compiles first.
    """
    written = []
    for folder in translation_folders(root):
        source = folder / CATALOG
        target = source.with_suffix(".mo")
        if target.is_file() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        try:
            _write_whole(target, read(source))
        except OSError as error:
            raise RuntimeError(f"{target} cannot be written: run `python -m control.frame compile` first") from error
        written.append(target)
    return tuple(written)


def _write_whole(target: Path, catalog: Catalog) -> None:
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as stream:
        write_mo(stream, catalog)
    part = Path(stream.name)
    try:
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _filled(string: object) -> bool:
    if isinstance(string, Mapping):
        return all(string.values())
    return all(string) if isinstance(string, tuple | list) else bool(string)
