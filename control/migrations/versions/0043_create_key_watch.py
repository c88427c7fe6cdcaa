"""Remember where connection keys call from and what in their use was unusual; let a finding be about it.

A finding may also be about a secret of which no kept version works.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from control.migrations.rights import grant_app, grant_append_only
from control.migrations.words import add_words, take_words

revision = "0043"
down_revision = "0042"

MOMENT = sa.DateTime(timezone=True)
FINDING_KINDS = ("key-use", "secret-unknown")
RULES = "'address', 'elsewhere', 'quiet', 'refusals', 'volume'"


def upgrade() -> None:
    """Create both tables, and take the new kinds of finding."""
    op.create_table(
        "api_key_address",
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "address", name="pk_api_key_address"),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name="fk_api_key_address_key_id_api_key"),
    )
    op.create_table(
        "api_key_flag",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("told_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_api_key_flag"),
        sa.UniqueConstraint("key_id", "rule", "window", name="uq_api_key_flag_key_id"),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name="fk_api_key_flag_key_id_api_key"),
        sa.CheckConstraint(f"rule IN ({RULES})", name=op.f("ck_api_key_flag_rule")),
    )
    grant_append_only("api_key_address")
    grant_app("api_key_flag")
    add_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)


def downgrade() -> None:
    """Drop both; refused while a finding of the new kinds stands."""
    take_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
    op.drop_table("api_key_flag")
    op.drop_table("api_key_address")
