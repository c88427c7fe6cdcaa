"""Let a finding be about an account without a document, and close by itself when it has one."""

from alembic import op

from control.migrations.words import add_words, take_words

revision = "0049"
down_revision = "0048"
FINDING_KINDS = ("undocumented",)


def upgrade() -> None:
    """Add the kind; a finding of it may be closed by nobody, since its cause is gone."""
    add_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
    _replace("closed_by_somebody", "state <> 'closed' OR closed_by IS NOT NULL OR kind IN ('undocumented')")
    op.execute(
        "ALTER TABLE finding ADD CONSTRAINT ck_finding_open_by_nobody CHECK (state = 'closed' OR closed_by IS NULL)"
    )
    _replace("closed_has_moment", "(state = 'closed') = (closed_at IS NOT NULL)")


def downgrade() -> None:
    """Take it back; refused while a finding of this kind stands."""
    _replace("closed_has_moment", "(closed_by IS NULL) = (closed_at IS NULL)")
    op.execute("ALTER TABLE finding DROP CONSTRAINT ck_finding_open_by_nobody")
    _replace("closed_by_somebody", "(state = 'closed') = (closed_by IS NOT NULL)")
    take_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)


def _replace(name: str, condition: str) -> None:
    op.execute(f"ALTER TABLE finding DROP CONSTRAINT ck_finding_{name}")
    op.execute(f"ALTER TABLE finding ADD CONSTRAINT ck_finding_{name} CHECK ({condition})")
