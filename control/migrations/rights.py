"""Which role may do what on a table: each migration grants by name, nothing is granted by default.

Not for: the journal, whose rights its own migration spells out.
"""

from __future__ import annotations

from alembic import op

LOGIN_ROLES = ("vl_web", "vl_worker", "vl_sequencer", "vl_pruner", "vl_signer", "vl_reader")
GROUP_ROLES = ("vl_app",)
MEMBERS = {"vl_app": ("vl_web", "vl_worker")}


def grant_app(*tables: str, delete: bool = False, reader: bool = False) -> None:
    """Let the application read, add and change rows; deleting and the reader's SELECT are asked for by name."""
    verbs = "SELECT, INSERT, UPDATE" + (", DELETE" if delete else "")
    for table in tables:
        op.execute(f'GRANT {verbs} ON "{table}" TO vl_app')
        if reader:
            op.execute(f'GRANT SELECT ON "{table}" TO vl_reader')


def grant_append_only(*tables: str, reader: bool = False) -> None:
    """Let the application read and add rows, never change or delete them."""
    for table in tables:
        op.execute(f'GRANT SELECT, INSERT ON "{table}" TO vl_app')
        if reader:
            op.execute(f'GRANT SELECT ON "{table}" TO vl_reader')
