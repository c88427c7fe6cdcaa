"""Add words to, or take them from, the list a CHECK allows: `kind IN ('a', 'b')`.

A migration names only its own words, so that two which add to one list can be put in either order.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

_WORD = re.compile(r"'([^']+)'::text")
_DEFINITION = sa.text(
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name AND conrelid = CAST(:table AS regclass)"
)


def add_words(table: str, *, constraint: str, column: str, words: tuple[str, ...]) -> None:
    """Let the column hold these words too."""
    _rewrite(table, constraint=constraint, column=column, words=_present(table, constraint) | set(words))


def take_words(table: str, *, constraint: str, column: str, words: tuple[str, ...]) -> None:
    """Forbid these words again; rows that hold one stop the downgrade."""
    _rewrite(table, constraint=constraint, column=column, words=_present(table, constraint) - set(words))


def _present(table: str, constraint: str) -> set[str]:
    found = op.get_bind().scalar(_DEFINITION, {"name": constraint, "table": table})
    if not found:
        raise RuntimeError(f"{table} has no constraint {constraint}")
    return set(_WORD.findall(found))


def _rewrite(table: str, *, constraint: str, column: str, words: set[str]) -> None:
    listed = ", ".join(f"'{word}'" for word in sorted(words))
    op.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{constraint}"')
    op.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{constraint}" CHECK ("{column}" IN ({listed}))')
