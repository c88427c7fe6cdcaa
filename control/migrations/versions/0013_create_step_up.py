"""Create keys, recovery codes, step-up, two-person resets, enrolment codes, known devices and notices.

Factors learn two more kinds; a try learns two; a session learns three more ways to end. Deleted by the application:
challenges, questions and devices past their use, never a factor, a code or a reset, because the trail points at them.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app

revision = "0013"
down_revision = "0012"

MOMENT = sa.DateTime(timezone=True)
TABLES = (
    "recovery_code",
    "key_challenge",
    "factor_reset",
    "enrolment_code",
    "person_notice",
    "known_device",
    "step_up",
)
OLD_ENDS = (
    "ended_reason IN ('signed-out', 'ended-by-owner', 'ended-by-officer', 'idle', 'lifetime', 'person-not-active', "
    "'factor-changed', 'replaced')"
)
NEW_ENDS = OLD_ENDS[:-1] + ", 'factor-reset', 'password-changed', 'roles-changed')"
OLD_HAS_SECRET = "kind <> 'totp' OR octet_length(secret) >= 28"  # noqa: S105  # a condition, not a secret
HAS_SECRET = "kind <> 'totp' OR (secret IS NOT NULL AND octet_length(secret) >= 28)"  # noqa: S105


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def _ref(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _key(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("id", name=f"pk_{table}")


def _foreign(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, MOMENT, nullable=nullable)


def _recheck(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def upgrade() -> None:
    """Widen what stands, create the tables, let the application use them."""
    op.add_column("person", sa.Column("password_changed_at", MOMENT))
    _widen_factor()
    _create_proofs()
    _create_resets()
    _create_notice()
    _create_device()
    _create_step_up()
    op.add_column("pending_sign_in", _ref("enrolment_id", nullable=True))
    op.create_foreign_key(
        "fk_pending_sign_in_enrolment_id_enrolment_code", "pending_sign_in", "enrolment_code", ["enrolment_id"], ["id"]
    )
    _recheck("sign_in_try", "kind_known", "kind IN ('password', 'code', 'recovery', 'enrolment')")
    _recheck("login_session", "ended_reason_known", NEW_ENDS)
    grant_app("recovery_code", "factor_reset", "enrolment_code", "person_notice")
    grant_app("key_challenge", "known_device", "step_up", delete=True)


def downgrade() -> None:
    """Drop what was created; sessions, tries and factors of the new kinds go with it, none of which the old code knows.

    Only rows nobody can use any more under the old code are taken away.
    """
    op.drop_constraint("fk_pending_sign_in_enrolment_id_enrolment_code", "pending_sign_in", type_="foreignkey")
    op.drop_column("pending_sign_in", "enrolment_id")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DELETE FROM sign_in_try WHERE kind IN ('recovery', 'enrolment')")
    _recheck("sign_in_try", "kind_known", "kind IN ('password', 'code')")
    op.execute(
        "UPDATE login_session SET ended_reason = 'factor-changed' "
        "WHERE ended_reason IN ('factor-reset', 'password-changed', 'roles-changed')"
    )
    _recheck("login_session", "ended_reason_known", OLD_ENDS)
    _narrow_factor()
    op.drop_column("person", "password_changed_at")


def _widen_factor() -> None:
    op.alter_column("factor", "secret", nullable=True)
    op.add_column("factor", sa.Column("label", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("factor", sa.Column("credential_id", sa.LargeBinary()))
    op.add_column("factor", sa.Column("public_key", sa.LargeBinary()))
    op.add_column("factor", sa.Column("sign_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_unique_constraint("uq_factor_credential_id", "factor", ["credential_id"])
    _recheck("factor", "kind_known", "kind IN ('totp', 'webauthn', 'recovery')")
    _recheck("factor", "totp_has_secret", HAS_SECRET)
    op.create_check_constraint(
        op.f("ck_factor_webauthn_has_key"),
        "factor",
        "kind <> 'webauthn' OR (credential_id IS NOT NULL AND public_key IS NOT NULL AND label <> '')",
    )
    op.create_check_constraint(op.f("ck_factor_count_counts"), "factor", "sign_count >= 0")
    op.create_index(
        "uq_factor_active_recovery",
        "factor",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'recovery' AND state = 'active'"),
    )


def _narrow_factor() -> None:
    op.drop_index("uq_factor_active_recovery", "factor")
    for name in ("count_counts", "webauthn_has_key"):
        op.drop_constraint(op.f(f"ck_factor_{name}"), "factor", type_="check")
    op.drop_constraint("uq_factor_credential_id", "factor", type_="unique")
    op.execute("DELETE FROM login_session WHERE factor_id IN (SELECT id FROM factor WHERE kind <> 'totp')")
    op.execute("DELETE FROM factor WHERE kind <> 'totp'")
    for column in ("sign_count", "public_key", "credential_id", "label"):
        op.drop_column("factor", column)
    _recheck("factor", "totp_has_secret", OLD_HAS_SECRET)
    _recheck("factor", "kind_known", "kind IN ('totp')")
    op.alter_column("factor", "secret", nullable=False)


def _create_proofs() -> None:
    op.create_table(
        "recovery_code",
        _id(),
        _ref("factor_id"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _moment("used_at", nullable=True),
        _key("recovery_code"),
        _foreign("recovery_code", "factor_id", "factor"),
        sa.UniqueConstraint("digest", name="uq_recovery_code_digest"),
        _check("recovery_code", "digest_size", "octet_length(digest) = 32"),
    )
    op.create_index("ix_recovery_code_factor_id", "recovery_code", ["factor_id"])
    op.create_table(
        "key_challenge",
        _id(),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("holder_digest", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        _moment("created_at"),
        _moment("expires_at"),
        _moment("used_at", nullable=True),
        _key("key_challenge"),
        sa.UniqueConstraint("digest", name="uq_key_challenge_digest"),
        _check("key_challenge", "digest_size", "octet_length(digest) = 32"),
        _check("key_challenge", "holder_digest_size", "octet_length(holder_digest) = 32"),
        _check("key_challenge", "purpose_known", "purpose IN ('sign-in', 'sign-in-first', 'register', 'step-up')"),
        _check("key_challenge", "expires_later", "expires_at > created_at"),
    )
    op.create_index("ix_key_challenge_expires_at", "key_challenge", ["expires_at"])


def _create_resets() -> None:
    op.create_table(
        "factor_reset",
        _id(),
        _ref("person_id"),
        _ref("requested_by_id"),
        _moment("requested_at"),
        sa.Column("reason", sa.Text(), nullable=False),
        _moment("expires_at"),
        sa.Column("state", sa.Text(), server_default=sa.text("'requested'"), nullable=False),
        _ref("confirmed_by_id", nullable=True),
        _moment("settled_at", nullable=True),
        _key("factor_reset"),
        *(_foreign("factor_reset", name, "person") for name in ("person_id", "requested_by_id", "confirmed_by_id")),
        _check("factor_reset", "state_known", "state IN ('requested', 'confirmed', 'withdrawn')"),
        _check("factor_reset", "not_own_request", "requested_by_id <> person_id"),
        _check("factor_reset", "not_own_confirmation", "confirmed_by_id <> person_id"),
        _check("factor_reset", "two_persons", "confirmed_by_id <> requested_by_id"),
        _check("factor_reset", "confirmed_by_somebody", "(state = 'confirmed') = (confirmed_by_id IS NOT NULL)"),
        _check("factor_reset", "settled_has_moment", "(state = 'requested') = (settled_at IS NULL)"),
        _check("factor_reset", "expires_later", "expires_at > requested_at"),
        _check("factor_reset", "has_reason", "reason <> ''"),
    )
    op.create_index(
        "uq_factor_reset_open",
        "factor_reset",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("state = 'requested'"),
    )
    op.create_index("ix_factor_reset_requested_at", "factor_reset", ["requested_at"])
    op.create_table(
        "enrolment_code",
        _id(),
        _ref("person_id"),
        _ref("issued_by_id", nullable=True),
        _ref("reset_id", nullable=True),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("is_unsafe_open", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _moment("issued_at"),
        _moment("expires_at"),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        _moment("used_at", nullable=True),
        _moment("revoked_at", nullable=True),
        _key("enrolment_code"),
        *(_foreign("enrolment_code", name, "person") for name in ("person_id", "issued_by_id")),
        _foreign("enrolment_code", "reset_id", "factor_reset"),
        sa.UniqueConstraint("digest", name="uq_enrolment_code_digest"),
        _check("enrolment_code", "digest_size", "octet_length(digest) = 32"),
        _check("enrolment_code", "has_code", "is_unsafe_open = (digest IS NULL)"),
        _check("enrolment_code", "not_own", "issued_by_id <> person_id"),
        _check("enrolment_code", "issued_by_somebody", "is_unsafe_open OR issued_by_id IS NOT NULL"),
        _check("enrolment_code", "expires_later", "expires_at > issued_at"),
        _check("enrolment_code", "tries_count", "tries >= 0"),
    )
    op.create_index(
        "uq_enrolment_code_open",
        "enrolment_code",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("used_at IS NULL AND revoked_at IS NULL"),
    )


def _create_notice() -> None:
    op.create_table(
        "person_notice",
        _id(),
        _ref("person_id"),
        sa.Column("code", sa.Text(), nullable=False),
        _moment("at"),
        _moment("read_at", nullable=True),
        _key("person_notice"),
        _foreign("person_notice", "person_id", "person"),
        _check("person_notice", "has_code", "code <> ''"),
    )
    op.create_index("ix_person_notice_person_id", "person_notice", ["person_id", "at"])


def _create_device() -> None:
    op.create_table(
        "known_device",
        _id(),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        _ref("person_id"),
        _moment("created_at"),
        _moment("last_used_at"),
        _moment("expires_at"),
        _key("known_device"),
        _foreign("known_device", "person_id", "person"),
        sa.UniqueConstraint("token_digest", name="uq_known_device_token_digest"),
        _check("known_device", "token_digest_size", "octet_length(token_digest) = 32"),
        _check("known_device", "expires_later", "expires_at > created_at"),
    )
    op.create_index("ix_known_device_person_id", "known_device", ["person_id"])
    op.create_index("ix_known_device_expires_at", "known_device", ["expires_at"])


def _create_step_up() -> None:
    op.create_table(
        "step_up",
        _id(),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        _ref("person_id"),
        sa.Column("session_code", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("matter_digest", sa.LargeBinary(), nullable=False),
        _moment("created_at"),
        _moment("expires_at"),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        _moment("ended_at", nullable=True),
        sa.Column("ended_reason", sa.Text()),
        _ref("factor_id", nullable=True),
        sa.Column("kept_file", sa.LargeBinary()),
        sa.Column("kept_name", sa.Text(), server_default=sa.text("''"), nullable=False),
        _key("step_up"),
        _foreign("step_up", "person_id", "person"),
        _foreign("step_up", "factor_id", "factor"),
        sa.UniqueConstraint("token_digest", name="uq_step_up_token_digest"),
        _check("step_up", "token_digest_size", "octet_length(token_digest) = 32"),
        _check("step_up", "matter_digest_size", "octet_length(matter_digest) = 32"),
        _check("step_up", "expires_later", "expires_at > created_at"),
        _check("step_up", "tries_count", "tries >= 0"),
        _check("step_up", "ended_reason_known", "ended_reason IN ('proved', 'tries', 'changed')"),
        _check("step_up", "ended_has_reason", "(ended_at IS NULL) = (ended_reason IS NULL)"),
        _check(
            "step_up",
            "proved_by_factor",
            "(ended_reason IS NOT DISTINCT FROM 'proved') = (factor_id IS NOT NULL)",
        ),
    )
    op.create_index("ix_step_up_person_id", "step_up", ["person_id"])
    op.create_index("ix_step_up_expires_at", "step_up", ["expires_at"])
