"""Let a finding be about a senior account that nobody reviewed, and let the reader see what keys were flagged for."""

from alembic import op

from control.migrations.words import add_words, take_words

revision = "0045"
down_revision = "0044"
FINDING_KINDS = ("senior",)


def upgrade() -> None:
    """Add the kind, and the right that a runbook's question needs."""
    add_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
    op.execute("GRANT SELECT ON api_key_flag TO vl_reader")


def downgrade() -> None:
    """Take both back; refused while a finding of this kind stands."""
    op.execute("REVOKE SELECT ON api_key_flag FROM vl_reader")
    take_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
