"""Let a finding be about access to the population database: shared use, lists, look-ups, leaks."""

from control.migrations.words import add_words, take_words

revision = "0032"
down_revision = "0031"

FINDING_KINDS = ("population-leak", "population-list", "population-query", "population-shared")


def upgrade() -> None:
    """Take the new kinds."""
    add_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)


def downgrade() -> None:
    """Forget them; refused while a finding of theirs stands."""
    take_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
