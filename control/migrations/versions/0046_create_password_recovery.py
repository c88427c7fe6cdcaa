"""Create recoveries of applicants' passwords, and the words their tries and messages need.

What the database itself refuses: a recovery by staff, a decoy that proves something, a password set without two proofs,
codes that outlive their recovery.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app
from control.migrations.words import add_words, take_words

revision = "0046"
down_revision = "0045"

TABLE = "password_recovery"
MOMENT = sa.DateTime(timezone=True)
WORDS = (
    ("sign_in_try", "ck_sign_in_try_kind_known", "kind", ("password-recovery",)),
    ("outgoing_message", "ck_outgoing_message_purpose_known", "purpose", ("password-changed", "recovery-code")),
)


def upgrade() -> None:
    """Create the table and add the words."""
    for table, constraint, column, words in WORDS:
        add_words(table, constraint=constraint, column=column, words=words)
    op.create_table(
        TABLE,
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("person_kind", sa.Text()),
        sa.Column("sms_digest", sa.LargeBinary()),
        sa.Column("mail_digest", sa.LargeBinary()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("proved_at", MOMENT),
        sa.Column("second", sa.Text()),
        sa.Column("enrolment_code_id", sa.BigInteger()),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        sa.UniqueConstraint("token_digest", name=f"uq_{TABLE}_token_digest"),
        sa.ForeignKeyConstraint(
            ["person_id", "person_kind"], ["person.id", "person.kind"], name=f"fk_{TABLE}_person_id_person"
        ),
        sa.ForeignKeyConstraint(
            ["enrolment_code_id"], ["enrolment_code.id"], name=f"fk_{TABLE}_enrolment_code_id_enrolment_code"
        ),
        _ck("token_digest_size", "octet_length(token_digest) = 32"),
        _ck("sms_digest_size", "octet_length(sms_digest) = 32"),
        _ck("mail_digest_size", "octet_length(mail_digest) = 32"),
        _ck("kind_known", "person_kind IN ('citizen', 'organisation')"),
        _ck("person_has_kind", "(person_id IS NULL) = (person_kind IS NULL)"),
        _ck(
            "decoy_proves_nothing",
            "person_id IS NOT NULL OR (sms_digest IS NULL AND mail_digest IS NULL AND proved_at IS NULL)",
        ),
        _ck("second_known", "second IN ('mail', 'insurance', 'officers')"),
        _ck("proved_has_second", "(proved_at IS NULL) = (second IS NULL)"),
        _ck("officers_have_code", "(second = 'officers') = (enrolment_code_id IS NOT NULL)"),
        _ck("expires_later", "expires_at > created_at"),
        _ck("tries_count", "tries >= 0"),
        _ck("ended_reason_known", "ended_reason IN ('used', 'expired', 'tries', 'replaced')"),
        _ck("ended_has_reason", "(ended_at IS NULL) = (ended_reason IS NULL)"),
        _ck("used_was_proved", "ended_reason <> 'used' OR proved_at IS NOT NULL"),
        _ck("ended_keeps_nothing", "ended_at IS NULL OR (sms_digest IS NULL AND mail_digest IS NULL)"),
    )
    op.create_index(f"ix_{TABLE}_person_id", TABLE, ["person_id", "created_at"])
    op.create_index(f"ix_{TABLE}_expires_at", TABLE, ["expires_at"], postgresql_where=sa.text("ended_at IS NULL"))
    grant_app(TABLE)


def downgrade() -> None:
    """Drop the table and take the words back; refused while a row holds one."""
    op.drop_table(TABLE)
    for table, constraint, column, words in WORDS:
        take_words(table, constraint=constraint, column=column, words=words)


def _ck(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{TABLE}_{name}"))
