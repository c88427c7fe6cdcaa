"""Create files of accounts that were brought to be checked: the bytes that were checked are those that are taken."""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_append_only

revision = "0037"
down_revision = "0036"

TABLE = "account_import"
MOMENT = sa.DateTime(timezone=True)
CHECKS = {
    "digest": "file_sha256 = encode(sha256(file), 'hex')",
    "applied": (
        "(applied_at IS NULL) = (added IS NULL) AND (applied_at IS NULL) = (changed IS NULL) "
        "AND (applied_at IS NULL) = (left_out IS NULL)"
    ),
}


def upgrade() -> None:
    """Create the table; only what came of it is ever written into a row that stands."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("brought_by_id", sa.BigInteger()),
        sa.Column("brought_at", MOMENT, nullable=False),
        sa.Column("applied_at", MOMENT),
        *(sa.Column(name, sa.BigInteger()) for name in ("added", "changed", "left_out")),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        *(sa.CheckConstraint(condition, name=op.f(f"ck_{TABLE}_{name}")) for name, condition in CHECKS.items()),
        sa.ForeignKeyConstraint(["brought_by_id"], ["person.id"], name=f"fk_{TABLE}_brought_by_id_person"),
    )
    grant_append_only(TABLE, reader=True)
    op.execute(f"GRANT UPDATE (applied_at, added, changed, left_out) ON {TABLE} TO vl_app")


def downgrade() -> None:
    """Drop the table."""
    op.drop_table(TABLE)
