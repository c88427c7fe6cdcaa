"""The trail: entries written with the act, numbered, hashed, linked, sealed, shipped and searched.

Not for: deciding what is recorded or showing it; that is `control`. Imports nothing of ours and no web framework.
"""

from audit.anchors import Anchor, Anchors, AnchorState, Cosignature, printable_line, with_cosignatures
from audit.bundle import Exported, NothingToExportError, export_bundle
from audit.canonical import NotCanonicalError, canonical
from audit.chain import Problem, Report, verify_journal
from audit.entry import About, Entry, Outcome, body, new_id
from audit.group import GroupCommitter
from audit.journal import Checkpoint, Journal, Lag, Record
from audit.outbox import NotWrittenError, append
from audit.query import (
    FACETS,
    FILTERS,
    AccessCount,
    AccessReport,
    Bar,
    Count,
    Facets,
    Histogram,
    Hit,
    Page,
    Query,
    Search,
    SearchUnavailableError,
)
from audit.reconciliations import Difference, Reconciliation
from audit.reconciliations import newest as newest_reconciliation
from audit.reconciliations import recent as recent_reconciliations
from audit.sequencer import Sequencer
from audit.state import DiskState, Level, SegmentState, disk_states, segment_state
from audit.subjects import SOURCES, SubjectKeyError, SubjectKeys, openings, tokens
from audit.tables import metadata
from audit.text import fold, words
from audit.writer import Writer

# The search server's client is heavy: audit.search and audit.shipper are imported by whoever needs them.
__all__ = [
    "FACETS",
    "FILTERS",
    "SOURCES",
    "About",
    "AccessCount",
    "AccessReport",
    "Anchor",
    "AnchorState",
    "Anchors",
    "Bar",
    "Checkpoint",
    "Cosignature",
    "Count",
    "Difference",
    "DiskState",
    "Entry",
    "Exported",
    "Facets",
    "GroupCommitter",
    "Histogram",
    "Hit",
    "Journal",
    "Lag",
    "Level",
    "NotCanonicalError",
    "NotWrittenError",
    "NothingToExportError",
    "Outcome",
    "Page",
    "Problem",
    "Query",
    "Reconciliation",
    "Record",
    "Report",
    "Search",
    "SearchUnavailableError",
    "SegmentState",
    "Sequencer",
    "SubjectKeyError",
    "SubjectKeys",
    "Writer",
    "append",
    "body",
    "canonical",
    "disk_states",
    "export_bundle",
    "fold",
    "metadata",
    "new_id",
    "newest_reconciliation",
    "openings",
    "printable_line",
    "recent_reconciliations",
    "segment_state",
    "tokens",
    "verify_journal",
    "with_cosignatures",
    "words",
]
