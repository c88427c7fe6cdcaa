"""Let a session end because its officer signed in elsewhere (S3-10.4)."""

from control.migrations.words import add_words, take_words

revision = "0048"
down_revision = "0047"
END_REASONS = ("elsewhere",)


def upgrade() -> None:
    """Add the reason."""
    add_words(
        "login_session", constraint="ck_login_session_ended_reason_known", column="ended_reason", words=END_REASONS
    )


def downgrade() -> None:
    """Take it back; refused while a session ended for it."""
    take_words(
        "login_session", constraint="ck_login_session_ended_reason_known", column="ended_reason", words=END_REASONS
    )
