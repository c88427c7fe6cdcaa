"""Create what comparing the copies with the journal found, and fence the cursor of each copy.

`audit_ship.epoch` counts how often a cursor was set back: a shipper that read it before cannot move it any more. The
sequencer's role may now empty the search table, which is a copy that can be built again from the journal.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"

MOMENT = sa.DateTime(timezone=True)
READERS = "vl_app, vl_sequencer, vl_pruner, vl_signer, vl_reader"


def upgrade() -> None:
    """Create the table with its guards and rights; add the fence."""
    op.add_column("audit_ship", sa.Column("epoch", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    counts = ("checked", "missing", "extra", "altered", "dead", "pruned")
    op.create_table(
        "audit_reconcile",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in counts),
        sa.Column("sample", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_reconcile"),
        sa.CheckConstraint("first_seq >= 0 AND last_seq >= first_seq", name=op.f("ck_audit_reconcile_range")),
        sa.CheckConstraint("finished_at >= started_at", name=op.f("ck_audit_reconcile_times")),
    )
    op.create_index("ix_audit_reconcile_target", "audit_reconcile", ["target", "id"])
    for name, when, each in (("rows", "UPDATE OR DELETE", "ROW"), ("whole", "TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER audit_reconcile_{name} BEFORE {when} ON audit_reconcile "
            f"FOR EACH {each} EXECUTE FUNCTION audit_guard()"
        )
    op.execute(f"GRANT SELECT ON audit_reconcile TO {READERS}")
    op.execute("GRANT INSERT ON audit_reconcile TO vl_sequencer")
    op.execute("GRANT DELETE ON audit_search TO vl_sequencer")


def downgrade() -> None:
    """Drop the table and the fence; the right goes back."""
    op.execute("REVOKE DELETE ON audit_search FROM vl_sequencer")
    op.drop_table("audit_reconcile")
    op.drop_column("audit_ship", "epoch")
