"""Create people, their roles, factors, sign-ins and sessions.

The application deletes in three tables only: roles that the directory took away, and tries and half sign-ins that
are past their use. People, factors and sessions stay, because entries of the trail point at them.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)
TABLES = (
    "person",
    "person_role",
    "directory_contact",
    "directory_listing",
    "factor",
    "sign_in_try",
    "pending_sign_in",
    "login_session",
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def _person_id() -> sa.Column[int]:
    return sa.Column("person_id", sa.BigInteger(), nullable=False)


def upgrade() -> None:
    """Create the tables and let the application use them; the monitor's reader sees no person."""
    _create_person()
    _create_role()
    _create_directory()
    _create_factor()
    _create_sign_in()
    _create_session()
    grant_app("person", "directory_contact", "directory_listing", "factor", "login_session")
    grant_app("person_role", "sign_in_try", "pending_sign_in", delete=True)
    op.execute("GRANT USAGE ON SEQUENCE factor_id_seq TO vl_app")  # a factor's id is needed before its secret is sealed
    op.execute("GRANT SELECT ON directory_contact, directory_listing TO vl_reader")


def downgrade() -> None:
    """Drop what was created, newest first."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_person() -> None:
    op.create_table(
        "person",
        _id(),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("sort_key", sa.Text(collation="C"), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("title", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("directory_dn", sa.Text()),
        sa.Column("state", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("synced_at", MOMENT),
        sa.Column("absent_since", MOMENT),
        sa.Column("left_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("login", name="uq_person_login"),
        sa.UniqueConstraint("directory_dn", name="uq_person_directory_dn"),
        sa.CheckConstraint("login ~ '^[a-z0-9._-]{2,64}$'", name=op.f("ck_person_login_form")),
        sa.CheckConstraint("display_name <> ''", name=op.f("ck_person_has_name")),
        sa.CheckConstraint("state IN ('active', 'suspended', 'left')", name=op.f("ck_person_state_known")),
        sa.CheckConstraint("(state = 'left') = (left_at IS NOT NULL)", name=op.f("ck_person_left_has_moment")),
    )
    op.create_index("ix_person_sort_key", "person", ["sort_key", "id"])


def _create_role() -> None:
    op.create_table(
        "person_role",
        _id(),
        _person_id(),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default=sa.text("'directory'"), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person_role"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_person_role_person_id_person"),
        sa.UniqueConstraint("person_id", "role", name="uq_person_role_person_id"),
        sa.CheckConstraint("source IN ('directory')", name=op.f("ck_person_role_source_known")),
        sa.CheckConstraint("role ~ '^[a-z][a-z-]*$'", name=op.f("ck_person_role_role_form")),
    )
    op.create_index("ix_person_role_role", "person_role", ["role"])


def _create_directory() -> None:
    op.create_table(
        "directory_contact",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("answered_at", MOMENT),
        sa.Column("failing_since", MOMENT),
        sa.Column("last_failure_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_directory_contact"),
        sa.CheckConstraint("id = 1", name=op.f("ck_directory_contact_one_row")),
    )
    op.create_table(
        "directory_listing",
        _id(),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("outcome", sa.Text(), server_default=sa.text("'running'"), nullable=False),
        sa.Column("reason", sa.Text()),
        *(
            sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
            for name in ("people_seen", "people_added", "people_changed", "people_left")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_directory_listing"),
        sa.CheckConstraint(
            "outcome IN ('running', 'complete', 'refused', 'failed')", name=op.f("ck_directory_listing_outcome_known")
        ),
        sa.CheckConstraint(
            "(outcome = 'running') = (ended_at IS NULL)", name=op.f("ck_directory_listing_ended_has_moment")
        ),
    )
    op.create_index("ix_directory_listing_started_at", "directory_listing", ["started_at"])


def _create_factor() -> None:
    op.create_table(
        "factor",
        _id(),
        _person_id(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.Column("removed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_factor"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_factor_person_id_person"),
        sa.CheckConstraint("kind IN ('totp')", name=op.f("ck_factor_kind_known")),
        sa.CheckConstraint("state IN ('pending', 'active', 'removed')", name=op.f("ck_factor_state_known")),
        sa.CheckConstraint("kind <> 'totp' OR octet_length(secret) >= 28", name=op.f("ck_factor_totp_has_secret")),
        sa.CheckConstraint("last_step >= 0", name=op.f("ck_factor_step_counts")),
        sa.CheckConstraint("state <> 'active' OR confirmed_at IS NOT NULL", name=op.f("ck_factor_active_is_confirmed")),
        sa.CheckConstraint("(state = 'removed') = (removed_at IS NOT NULL)", name=op.f("ck_factor_removed_has_moment")),
    )
    op.create_index(
        "uq_factor_active_totp",
        "factor",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'totp' AND state = 'active'"),
    )
    op.create_index("ix_factor_person_id", "factor", ["person_id"])


def _create_sign_in() -> None:
    op.create_table(
        "sign_in_try",
        _id(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(), nullable=False),
        sa.Column("address_digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("outcome", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_try"),
        sa.CheckConstraint("kind IN ('password', 'code')", name=op.f("ck_sign_in_try_kind_known")),
        sa.CheckConstraint(
            "outcome IN ('open', 'failed', 'passed', 'unanswered', 'released')",
            name=op.f("ck_sign_in_try_outcome_known"),
        ),
        sa.CheckConstraint("octet_length(name_digest) = 32", name=op.f("ck_sign_in_try_name_digest_size")),
        sa.CheckConstraint("octet_length(address_digest) = 32", name=op.f("ck_sign_in_try_address_digest_size")),
    )
    op.create_index("ix_sign_in_try_name_digest", "sign_in_try", ["name_digest", "at"])
    op.create_index("ix_sign_in_try_address_digest", "sign_in_try", ["address_digest", "at"])
    op.create_index("ix_sign_in_try_at", "sign_in_try", ["at"])
    op.create_table(
        "pending_sign_in",
        _id(),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        _person_id(),
        sa.Column("factor_id", sa.BigInteger()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("next_path", sa.Text(), server_default=sa.text("'/'"), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_pending_sign_in"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_pending_sign_in_person_id_person"),
        sa.ForeignKeyConstraint(["factor_id"], ["factor.id"], name="fk_pending_sign_in_factor_id_factor"),
        sa.UniqueConstraint("token_digest", name="uq_pending_sign_in_token_digest"),
        sa.CheckConstraint("octet_length(token_digest) = 32", name=op.f("ck_pending_sign_in_token_digest_size")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_pending_sign_in_expires_later")),
        sa.CheckConstraint("tries >= 0", name=op.f("ck_pending_sign_in_tries_count")),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_reason IS NULL)", name=op.f("ck_pending_sign_in_ended_has_reason")
        ),
        sa.CheckConstraint(
            "ended_reason IN ('passed', 'tries', 'replaced')", name=op.f("ck_pending_sign_in_ended_reason_known")
        ),
    )
    op.create_index("ix_pending_sign_in_person_id", "pending_sign_in", ["person_id"])
    op.create_index("ix_pending_sign_in_expires_at", "pending_sign_in", ["expires_at"])


def _create_session() -> None:
    op.create_table(
        "login_session",
        _id(),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        _person_id(),
        sa.Column("factor_id", sa.BigInteger(), nullable=False),
        sa.Column("auth_level", sa.Text(), nullable=False),
        sa.Column("second_factor_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("idle_seconds", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("user_agent", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_login_session"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_login_session_person_id_person"),
        sa.ForeignKeyConstraint(["factor_id"], ["factor.id"], name="fk_login_session_factor_id_factor"),
        sa.UniqueConstraint("token_digest", name="uq_login_session_token_digest"),
        sa.CheckConstraint("octet_length(token_digest) = 32", name=op.f("ck_login_session_token_digest_size")),
        sa.CheckConstraint("auth_level IN ('medium', 'high')", name=op.f("ck_login_session_auth_level_known")),
        sa.CheckConstraint(
            "ended_reason IN ('signed-out', 'ended-by-owner', 'ended-by-officer', 'idle', 'lifetime', "
            "'person-not-active', 'factor-changed', 'replaced')",
            name=op.f("ck_login_session_ended_reason_known"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_reason IS NULL)", name=op.f("ck_login_session_ended_has_reason")
        ),
        sa.CheckConstraint("ends_at > created_at", name=op.f("ck_login_session_ends_later")),
        sa.CheckConstraint("idle_seconds > 0", name=op.f("ck_login_session_idle_positive")),
    )
    op.create_index(
        "ix_login_session_person_id",
        "login_session",
        ["person_id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_login_session_created_at", "login_session", ["created_at"])
