"""Index what lists of accounts ask for, so that a page of a hundred thousand of them reads a page and no more."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"

TABLE = "privilege_account"
BY_CODE = ("asset_id", "category", "class", "kind", "owner_id", "state")
# What is only ever asked of a few: faults, and what is live.
FEW = {
    "ix_privilege_account_undocumented": (TABLE, ["code"], "document_id IS NULL AND state <> 'retired'"),
    "ix_privilege_account_unowned": (TABLE, ["code"], "owner_id IS NULL AND state <> 'retired'"),
    "ix_privilege_account_last_used": (TABLE, ["last_used_at"], "state = 'active'"),
    "ix_privilege_grant_live": ("privilege_grant", ["account_id"], "state IN ('active', 'suspended')"),
}


def upgrade() -> None:
    """Create the indexes; words are found by what they begin with."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    for column in BY_CODE:
        op.create_index(f"ix_privilege_account_{column}", TABLE, [column, "code"])
    for name, (table, columns, condition) in FEW.items():
        op.create_index(name, table, columns, postgresql_where=sa.text(condition))
    op.create_index("ix_privilege_grant_account_id", "privilege_grant", ["account_id", "id"])
    op.create_index("ix_privilege_request_account_id", "privilege_request", ["account_id", "id"])
    op.create_index("ix_privilege_request_document_id", "privilege_request", ["document_id", "id"])


def downgrade() -> None:
    """Drop them."""
    for table in ("privilege_request", "privilege_grant"):
        op.drop_index(f"ix_{table}_account_id", table)
    op.drop_index("ix_privilege_request_document_id", "privilege_request")
    for name, (table, _, _) in FEW.items():
        op.drop_index(name, table)
    for column in BY_CODE:
        op.drop_index(f"ix_privilege_account_{column}", TABLE)
