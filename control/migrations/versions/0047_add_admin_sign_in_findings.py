"""Let a finding be about a sign-in with rights of administration by somebody no account names (S0-8.1.a)."""

from control.migrations.words import add_words, take_words

revision = "0047"
down_revision = "0046"
FINDING_KINDS = ("admin-sign-in",)


def upgrade() -> None:
    """Add the kind."""
    add_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)


def downgrade() -> None:
    """Take it back; refused while a finding of this kind stands."""
    take_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
