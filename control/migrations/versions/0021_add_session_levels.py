"""Let a session be of level low too; which proof gives which level is data in policies/."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Widen the words a level may be."""
    op.drop_constraint(op.f("ck_login_session_auth_level_known"), "login_session")
    op.create_check_constraint(
        op.f("ck_login_session_auth_level_known"), "login_session", "auth_level IN ('low', 'medium', 'high')"
    )


def downgrade() -> None:
    """Narrow them again: who signed in at level low signs in again."""
    op.execute(
        "UPDATE login_session SET auth_level = 'medium', ended_at = coalesce(ended_at, now()), "
        "ended_reason = coalesce(ended_reason, 'lifetime') WHERE auth_level = 'low'"
    )
    op.drop_constraint(op.f("ck_login_session_auth_level_known"), "login_session")
    op.create_check_constraint(
        op.f("ck_login_session_auth_level_known"), "login_session", "auth_level IN ('medium', 'high')"
    )
