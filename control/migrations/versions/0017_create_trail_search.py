"""Create saved searches of the trail: a person's own, or shared with a role."""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app

revision = "0017"
down_revision = "0016"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table and its rights."""
    op.create_table(
        "trail_search",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_trail_search"),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name="fk_trail_search_owner_id_person"),
        sa.UniqueConstraint("owner_id", "name_key", name="uq_trail_search_owner_id"),
        sa.CheckConstraint("name <> '' AND char_length(name) <= 80", name=op.f("ck_trail_search_name")),
        sa.CheckConstraint("state <> '' AND char_length(state) <= 2000", name=op.f("ck_trail_search_state")),
        sa.CheckConstraint("role IS NULL OR role <> ''", name=op.f("ck_trail_search_role")),
    )
    op.create_index("ix_trail_search_role", "trail_search", ["role"], postgresql_where=sa.text("role IS NOT NULL"))
    grant_app("trail_search", delete=True)


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("trail_search")
