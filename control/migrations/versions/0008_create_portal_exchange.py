"""Create the outbox to the national portal and the ledger of what was exchanged with it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from control.migrations.rights import grant_app, grant_append_only

revision = "0008"
down_revision = "0007"

Moment = sa.DateTime(timezone=True)
READER_COLUMNS = "id, message_id, kind, created_at, state, attempts, next_try_at, last_outcome, settled_at"


def upgrade() -> None:
    """A message is never dropped: it waits, is acknowledged, or is refused by the portal and then shown."""
    op.create_table(
        "portal_message",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try_at", Moment, nullable=False),
        sa.Column("last_outcome", sa.Text),
        sa.Column("settled_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_portal_message"),
        sa.UniqueConstraint("message_id", name="uq_portal_message_message_id"),
        sa.CheckConstraint("state IN ('waiting', 'acknowledged', 'refused')", name=op.f("ck_portal_message_state")),
        sa.CheckConstraint("(state = 'waiting') = (settled_at IS NULL)", name=op.f("ck_portal_message_settled")),
    )
    op.create_index(
        "ix_portal_message_waiting", "portal_message", ["id"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "portal_exchange",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("http_status", sa.Integer),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("portal_reference", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_portal_exchange"),
        sa.CheckConstraint("milliseconds >= 0", name=op.f("ck_portal_exchange_duration")),
    )
    op.create_index("ix_portal_exchange_outcome", "portal_exchange", ["outcome", "at"])
    op.create_index("ix_portal_exchange_at", "portal_exchange", ["at"])
    grant_app("portal_message")
    # What is sent about a case may be about a person: the monitor sees that a message waits, not what it says.
    op.execute(f"GRANT SELECT ({READER_COLUMNS}) ON portal_message TO vl_reader")
    grant_append_only("portal_exchange", reader=True)


def downgrade() -> None:
    """Drop the outbox and the ledger."""
    op.drop_table("portal_exchange")
    op.drop_table("portal_message")
