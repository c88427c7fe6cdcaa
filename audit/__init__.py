"""The trail: entries written with the act, numbered, hashed, linked, sealed, shipped and searched.

Not for: deciding what is recorded or showing it; that is `control`. Imports nothing of ours and no web framework.
"""

from audit.canonical import NotCanonicalError, canonical
from audit.entry import About, Entry, Outcome, body, new_id
from audit.outbox import NotWrittenError, append
from audit.subjects import SOURCES, SubjectKeyError, SubjectKeys, openings, tokens
from audit.tables import metadata
from audit.text import fold, words
from audit.writer import Writer

__all__ = [
    "SOURCES",
    "About",
    "Entry",
    "NotCanonicalError",
    "NotWrittenError",
    "Outcome",
    "SubjectKeyError",
    "SubjectKeys",
    "Writer",
    "append",
    "body",
    "canonical",
    "fold",
    "metadata",
    "new_id",
    "openings",
    "tokens",
    "words",
]
