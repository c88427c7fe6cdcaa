"""All runbooks of the tree by slug, read when asked: a page mended at night is the page shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from control.errors import NotFound
from control.operations.places import RUNBOOKS
from control.operations.runbooks.domain import Runbook, parse

_SLUG = re.compile(r"[a-z0-9-]{1,80}")


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder of runbooks."""

    folder: Path = RUNBOOKS

    def slugs(self) -> tuple[str, ...]:
        """Return every slug, in order."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.md") if _SLUG.fullmatch(path.stem)))

    def all(self) -> tuple[Runbook, ...]:
        """Return every runbook. Raises Unavailable(`runbook.broken`)."""
        return tuple(self.get(slug) for slug in self.slugs())

    def get(self, slug: str) -> Runbook:
        """Return one runbook. Raises NotFound, or Unavailable(`runbook.broken`)."""
        if not _SLUG.fullmatch(slug):
            raise NotFound("runbook", slug)
        try:
            content = (self.folder / f"{slug}.md").read_bytes()
        except FileNotFoundError as error:
            raise NotFound("runbook", slug) from error
        return parse(slug, content)

    def find(self, slug: str) -> Runbook | None:
        """Return one runbook, or None when there is none of this name."""
        try:
            return self.get(slug) if slug else None
        except NotFound:
            return None
