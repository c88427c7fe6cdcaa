"""Prints one of the numbered forms: what is known as text, what is not as fields to fill in on the screen or by hand.

Not for: the forms' words and fields (policies/papers.yaml). Invariants: a value is text, never markup; a name the form
does not have is a fault of the caller, not a silent loss; the PDF needs nothing but our own fonts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from control.frame.paper import pdf_of
from control.text import nfc
from policies import Paper, Papers, load_papers

FOLDER = Path(__file__).parent
ROWS = "rows"
MAXIMUM_ROWS = 500
LONGEST_VALUE = 4_000
Values = Mapping[str, str | Sequence[Mapping[str, str]]]


@cache
def _papers() -> Papers:
    return load_papers()


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def all_papers() -> tuple[Paper, ...]:
    """Return the forms in the order of their numbers."""
    return tuple(_papers().papers[name] for name in sorted(_papers().papers))


def paper(form_id: str) -> Paper:
    """Return one form, `"01"` to `"08"`. Raises KeyError."""
    return _papers().papers[form_id]


def missing_papers(act: str, *, attached: Collection[str]) -> tuple[str, ...]:
    """Return the forms an act (`create`, `lock`, `activate`, `revoke`, `population`) still lacks. Raises KeyError."""
    return _papers().missing(act, attached)


def render_paper(form_id: str, values: Values) -> bytes:
    """Return a form as PDF (A4): given values as text, the others as fields; `rows` holds the rows of its table.

    Raises KeyError for an unknown form, ValueError for a value the form has no place for or that is too long.
    """
    form = paper(form_id)
    fields, rows = _checked(form, values)
    page = (
        _environment()
        .get_template("papers/paper.xhtml")
        .render(
            paper=form,
            values=fields,
            rows=rows,
            blanks=range(0 if rows else form.blank_rows),
            labels={one.id: one.label_vi for one in form.fields},
            kinds={one.id: one.kind for one in form.fields},
        )
    )
    style = (FOLDER / "paper.css").read_text(encoding="utf-8")
    return pdf_of(page, more_style=style, has_fields=True)


def _checked(form: Paper, values: Values) -> tuple[dict[str, str], list[dict[str, str]]]:
    known = {one.id for one in form.fields}
    fields: dict[str, str] = {}
    rows: list[dict[str, str]] = []
    for name, value in values.items():
        if name == ROWS and form.columns and not isinstance(value, str):
            rows = _checked_rows(form, value)
        elif name in known and isinstance(value, str):
            fields[name] = _text(value)
        else:
            raise ValueError(f"form {form.id} has no place for {name}")
    return fields, rows


def _checked_rows(form: Paper, rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    if len(rows) > MAXIMUM_ROWS:
        raise ValueError(f"form {form.id} takes at most {MAXIMUM_ROWS} rows")
    columns = {one.id for one in form.columns}
    strange = {name for row in rows for name in row} - columns
    if strange:
        raise ValueError(f"form {form.id} has no column {', '.join(sorted(strange))}")
    return [{name: _text(value) for name, value in row.items()} for row in rows]


def _text(value: Any) -> str:
    text = nfc(str(value)).strip()
    if len(text) > LONGEST_VALUE:
        raise ValueError(f"a value of a form is at most {LONGEST_VALUE} characters long")
    return "".join(character for character in text if character == "\n" or character.isprintable())
