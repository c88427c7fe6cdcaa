"""Create the state of the trail's disks, and let the trail's own process write entries about itself.

The sequencer may number what it likes already, so that adding to the outbox gives it no power; its entries pass
through the same door as everybody's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table and grant: the trail's process writes it, everyone who works with the trail reads it."""
    op.create_table(
        "audit_disk",
        sa.Column("volume", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("total_bytes", sa.BigInteger, nullable=False),
        sa.Column("free_bytes", sa.BigInteger, nullable=False),
        sa.Column("ballast_bytes", sa.BigInteger, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("volume", name="pk_audit_disk"),
        sa.CheckConstraint("level IN ('ok', 'warning', 'refusing', 'full')", name="ck_audit_disk_level"),
        sa.CheckConstraint("volume IN ('journal', 'segments')", name="ck_audit_disk_volume"),
    )
    op.execute("GRANT SELECT ON audit_disk TO vl_app, vl_sequencer, vl_pruner, vl_signer, vl_reader")
    op.execute("GRANT INSERT, UPDATE ON audit_disk TO vl_sequencer")
    op.execute("GRANT INSERT ON audit_outbox TO vl_sequencer")


def downgrade() -> None:
    """Take the right back and drop the table; the next start measures the disks anew."""
    op.execute("REVOKE INSERT ON audit_outbox FROM vl_sequencer")
    op.drop_table("audit_disk")
