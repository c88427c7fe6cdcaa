"""Create what stands outside the journal: cosignatures, stamps and lines, the state of each, and who signed after whom.

Only the process of the trail adds to them, and what it added stays. `audit_key.rotation` is the statement, signed by
both keys, with which a key of the log took over from the one before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

MOMENT = sa.DateTime(timezone=True)
READERS = "vl_app, vl_sequencer, vl_pruner, vl_signer, vl_reader"
ADDED_TO = ("audit_cosignature", "audit_anchor")


def upgrade() -> None:
    """Create the tables with their guards and rights; the history of keys gets its statements."""
    op.add_column("audit_key", sa.Column("rotation", sa.LargeBinary))
    op.create_table(
        "audit_cosignature",
        sa.Column("size", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("vkey", sa.Text, nullable=False),
        sa.Column("witness", sa.Text, nullable=False),
        sa.Column("line", sa.LargeBinary, nullable=False),
        sa.Column("cosigned_at", MOMENT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("size", "vkey", name="pk_audit_cosignature"),
    )
    op.create_table(
        "audit_anchor",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("certificates", sa.LargeBinary),
        sa.Column("asserted_at", MOMENT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_anchor"),
        sa.CheckConstraint("kind IN ('stamp', 'line')", name=op.f("ck_audit_anchor_kind")),
        sa.CheckConstraint("octet_length(root) = 32", name=op.f("ck_audit_anchor_root")),
    )
    op.create_index("ix_audit_anchor_kind", "audit_anchor", ["kind", "size"])
    op.create_index(
        "ix_audit_anchor_line", "audit_anchor", ["day"], unique=True, postgresql_where=sa.text("kind = 'line'")
    )
    op.create_table(
        "audit_anchor_state",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("stalled_since", MOMENT),
        sa.Column("refused", sa.Boolean, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("name", name="pk_audit_anchor_state"),
        sa.CheckConstraint("kind IN ('witness', 'stamp', 'line')", name=op.f("ck_audit_anchor_state_kind")),
    )
    for table in ADDED_TO:
        for name, when, each in (("rows", "UPDATE OR DELETE", "ROW"), ("whole", "TRUNCATE", "STATEMENT")):
            op.execute(
                f"CREATE TRIGGER {table}_{name} BEFORE {when} ON {table} FOR EACH {each} EXECUTE FUNCTION audit_guard()"
            )
        op.execute(f"GRANT INSERT ON {table} TO vl_sequencer")
    op.execute("GRANT INSERT, UPDATE ON audit_anchor_state TO vl_sequencer")
    op.execute(f"GRANT SELECT ON audit_cosignature, audit_anchor, audit_anchor_state TO {READERS}")


def downgrade() -> None:
    """Drop the tables and the statements; witnesses keep what they signed themselves."""
    for table in ("audit_anchor_state", "audit_anchor", "audit_cosignature"):
        op.drop_table(table)
    op.drop_column("audit_key", "rotation")
