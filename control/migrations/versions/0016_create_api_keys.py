"""Create connection keys of other systems and the count of their calls.

What the database itself refuses: a key without a document in force on every day of its life; another secret, holder,
scope, range or document for a key that stands; a way back from revoked.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from control.migrations.rights import grant_app

revision = "0016"
down_revision = "0015"

MOMENT = sa.DateTime(timezone=True)
GUARD = """
CREATE FUNCTION api_key_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.prefix, NEW.secret_sha256, NEW.system, NEW.holder_unit, NEW.scopes, NEW.ranges, NEW.document_id,
      NEW.starts_at, NEW.issued_by_id)
     IS DISTINCT FROM
     (OLD.prefix, OLD.secret_sha256, OLD.system, OLD.holder_unit, OLD.scopes, OLD.ranges, OLD.document_id,
      OLD.starts_at, OLD.issued_by_id)
     OR NEW.expires_at > OLD.expires_at THEN
    RAISE EXCEPTION 'a key is never changed, only ended'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_api_key_unchanged';
  END IF;
  IF OLD.state = 'revoked' AND NEW.state <> 'revoked' THEN
    RAISE EXCEPTION 'nothing comes back from revoked'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_api_key_no_way_back';
  END IF;
  RETURN NEW;
END $$
"""
CHECKS = {
    "state": "state IN ('active', 'blocked', 'revoked')",
    "digest": "secret_sha256 ~ '^[0-9a-f]{64}$'",
    "window": "expires_at > starts_at",
    "quota": "quota_per_minute > 0",
    "ranges": "cardinality(ranges) > 0",
    "scopes": "cardinality(scopes) > 0",
    "complete": "system <> '' AND holder_unit <> '' AND focal_unit <> '' AND focal_contact <> '' AND purpose <> ''",
    "document_in_force": (
        "CAST(starts_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) >= document_valid_from AND "
        "CAST((expires_at AT TIME ZONE 'Asia/Ho_Chi_Minh') - interval '1 microsecond' AS date) <= document_valid_to"
    ),
    "revoked_at": "(state = 'revoked') = (revoked_at IS NOT NULL)",
}
TEXTS = ("prefix", "secret_sha256", "system", "holder_unit", "focal_unit", "focal_contact", "purpose")


def upgrade() -> None:
    """Create both tables, the guard, and what the application may do."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in TEXTS),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("ranges", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("quota_per_minute", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("document_valid_from", sa.Date(), nullable=False),
        sa.Column("document_valid_to", sa.Date(), nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text()),
        sa.Column("revoked_at", MOMENT),
        sa.Column("replaces_id", sa.BigInteger()),
        sa.Column("issued_by_id", sa.BigInteger(), nullable=False),
        sa.Column("form_token", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("last_used_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("prefix", name="uq_api_key_prefix"),
        sa.UniqueConstraint("form_token", name="uq_api_key_form_token"),
        *(sa.CheckConstraint(condition, name=op.f(f"ck_api_key_{name}")) for name, condition in CHECKS.items()),
        sa.ForeignKeyConstraint(["replaces_id"], ["api_key.id"], name="fk_api_key_replaces_id_api_key"),
        sa.ForeignKeyConstraint(["issued_by_id"], ["person.id"], name="fk_api_key_issued_by_id_person"),
        sa.ForeignKeyConstraint(
            ["document_id", "document_valid_from", "document_valid_to"],
            ["authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to"],
            name="fk_api_key_document_id_authorising_document",
        ),
    )
    op.create_index("ix_api_key_system", "api_key", ["system", "id"])
    op.create_table(
        "api_key_use",
        sa.Column("key_id", sa.BigInteger(), nullable=False),
        sa.Column("minute", MOMENT, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "minute", name="pk_api_key_use"),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name="fk_api_key_use_key_id_api_key"),
        sa.CheckConstraint("calls >= 0 AND refused >= 0", name=op.f("ck_api_key_use_counts")),
    )
    op.create_index("ix_api_key_use_minute", "api_key_use", ["minute"])
    op.execute(GUARD)
    op.execute("CREATE TRIGGER api_key_guard BEFORE UPDATE ON api_key FOR EACH ROW EXECUTE FUNCTION api_key_guard()")
    grant_app("api_key", "api_key_use", reader=True)


def downgrade() -> None:
    """Drop both tables and the guard."""
    op.drop_table("api_key_use")
    op.drop_table("api_key")
    op.execute("DROP FUNCTION api_key_guard()")
