"""The numbered forms people fill in for accounts: which fields each has, and which forms a kind of act needs.

Not for: printing (the application does). Invariants: a form that names a field it does not have, or a set that names a
form that is not there, is refused with file and line; the order is that of the file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policies.documents import Document, read_document, refuse_repeats
from policies.messages import refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperField:
    """One thing a form asks for; `kind` is `line`, `lines` or `day`."""

    id: str
    kind: str
    is_required: bool
    label_vi: str
    label_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperColumn:
    """One column of a form's table; `width` in percent of the paper."""

    id: str
    width: int
    label_vi: str
    label_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One part of a form's body: exactly one of the four is set."""

    text: str = ""
    clauses: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    is_table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One numbered form; `fields` begin with those of its head, `columns` is empty when it has no table."""

    id: str
    layout: str
    citation: str
    title_vi: str
    title_en: str
    about_vi: str
    signer_vi: str
    receivers_vi: tuple[str, ...]
    fields: tuple[PaperField, ...]
    columns: tuple[PaperColumn, ...]
    blank_rows: int
    body: tuple[Block, ...]

    def field(self, name: str) -> PaperField:
        """Return one of its fields. Raises KeyError."""
        return {one.id: one for one in self.fields}[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSet:
    """The forms one kind of act needs."""

    act: str
    papers: tuple[str, ...]
    citation: str
    text_vi: str
    text_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """All forms and sets."""

    papers: Mapping[str, Paper]
    sets: Mapping[str, PaperSet]

    def missing(self, act: str, attached: Collection[str]) -> tuple[str, ...]:
        """Return which forms an act still lacks, in their order. Raises KeyError for an act without a set."""
        return tuple(one for one in self.sets[act].papers if one not in attached)


def load_papers(folder: Path | None = None) -> Papers:
    """Read papers.yaml. Raises PolicyError."""
    document = read_document((folder or Path(__file__).parent) / "papers.yaml", schema="papers")
    for at, key in ((("head",), "id"), (("papers",), "id"), (("sets",), "act")):
        refuse_repeats(document, at=at, key=key)
    papers = {data["id"]: _paper(document, index) for index, data in enumerate(document.data["papers"])}
    sets = {}
    for index, data in enumerate(document.data["sets"]):
        for name in data["papers"]:
            if name not in papers:
                line = document.line(("sets", index, "papers"))
                raise refusal("policy.unknown_reference", file=document.name, line=line, reference=name)
        sets[data["act"]] = PaperSet(**{**data, "papers": tuple(data["papers"])})
    return Papers(papers=MappingProxyType(papers), sets=MappingProxyType(sets))


def _paper(document: Document, index: int) -> Paper:
    data = document.data["papers"][index]
    head = [one for one in document.data["head"] if data["layout"] in one["layouts"]]
    fields = tuple(_field(one) for one in [*head, *data.get("fields", ())])
    table: Mapping[str, Any] = data.get("table", {"rows": 0, "columns": ()})
    known = {one.id for one in fields}
    if len(known) != len(fields):
        raise _unknown(document, index, "fields")
    body = tuple(
        Block(
            text=one.get("text", ""),
            clauses=tuple(one.get("clauses", ())),
            fields=tuple(one.get("fields", ())),
            is_table=one.get("table", False),
        )
        for one in data["body"]
    )
    for block in body:
        for name in block.fields:
            if name not in known:
                raise _unknown(document, index, name)
        if block.is_table and not table["columns"]:
            raise _unknown(document, index, "table")
    return Paper(
        **{name: data[name] for name in ("id", "layout", "citation", "title_vi", "title_en", "about_vi", "signer_vi")},
        receivers_vi=tuple(data["receivers_vi"]),
        fields=fields,
        columns=tuple(PaperColumn(**one) for one in table["columns"]),
        blank_rows=table["rows"],
        body=body,
    )


def _unknown(document: Document, index: int, name: str) -> Exception:
    line = document.line(("papers", index))
    return refusal("policy.unknown_reference", file=document.name, line=line, reference=name)


def _field(data: Mapping[str, Any]) -> PaperField:
    return PaperField(
        id=data["id"],
        kind=data["kind"],
        is_required=data["required"],
        label_vi=data["label_vi"],
        label_en=data["label_en"],
    )
