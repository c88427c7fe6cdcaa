"""Create the record of creating calls of the interface, so that one sent twice creates once."""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_append_only

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Create the table; the application adds rows and never changes one."""
    op.create_table(
        "api_once",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("made", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_once"),
        sa.UniqueConstraint("person_id", "key", name="uq_api_once_person_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_api_once_person_id_person"),
        sa.CheckConstraint("key <> '' AND operation <> '' AND made <> ''", name=op.f("ck_api_once_complete")),
        sa.CheckConstraint("body_sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_api_once_digest")),
    )
    grant_append_only("api_once", reader=True)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("api_once")
