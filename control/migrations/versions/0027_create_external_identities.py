"""Create identities at providers with the questions put to them, and let a session rest on one of them."""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app

revision = "0027"
down_revision = "0026"

MOMENT = sa.DateTime(timezone=True)
PROVIDERS = "provider IN ('e-id', 'central')"
LIVE = sa.text("unlinked_at IS NULL")


def upgrade() -> None:
    """Create the tables, then the columns that point at them."""
    _create_identities()
    _create_questions()
    op.create_table(
        "provider_keys",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("provider", name="pk_provider_keys"),
        sa.CheckConstraint(PROVIDERS, name=op.f("ck_provider_keys_provider_known")),
    )
    grant_app("external_identity", "provider_keys")
    grant_app("provider_question", delete=True)
    _rest_on_identities()
    _create_agreements()


def _create_agreements() -> None:
    op.create_table(
        "provider_agreement",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_by_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_provider_agreement"),
        sa.ForeignKeyConstraint(
            ["document_id", "valid_from", "valid_to"],
            ["authorising_document.id", "authorising_document.valid_from", "authorising_document.valid_to"],
            name="fk_provider_agreement_document",
        ),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["person.id"], name="fk_provider_agreement_recorded_by_id_person"),
        sa.ForeignKeyConstraint(["ended_by_id"], ["person.id"], name="fk_provider_agreement_ended_by_id_person"),
        sa.CheckConstraint(PROVIDERS, name=op.f("ck_provider_agreement_provider_known")),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by_id IS NULL)", name=op.f("ck_provider_agreement_ended_by_somebody")
        ),
        sa.CheckConstraint("ended_at >= recorded_at", name=op.f("ck_provider_agreement_ended_later")),
    )
    op.create_index(
        "uq_provider_agreement_live",
        "provider_agreement",
        ["provider"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_provider_agreement_recorded_at", "provider_agreement", ["recorded_at", "id"])
    grant_app("provider_agreement")


def _create_identities() -> None:
    op.create_table(
        "external_identity",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("number_digest", sa.LargeBinary()),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("linked_by", sa.Text(), nullable=False),
        sa.Column("linked_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT),
        sa.Column("unlinked_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_external_identity"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_external_identity_person_id_person"),
        sa.CheckConstraint(PROVIDERS, name=op.f("ck_external_identity_provider_known")),
        sa.CheckConstraint(
            "linked_by IN ('person', 'number', 'assertion')", name=op.f("ck_external_identity_linked_by_known")
        ),
        sa.CheckConstraint("issuer <> '' AND subject <> ''", name=op.f("ck_external_identity_named")),
        sa.CheckConstraint("octet_length(number_digest) = 32", name=op.f("ck_external_identity_number_digest_size")),
        sa.CheckConstraint("unlinked_at >= linked_at", name=op.f("ck_external_identity_unlinked_later")),
    )
    op.create_index(
        "uq_external_identity_subject", "external_identity", ["issuer", "subject"], unique=True, postgresql_where=LIVE
    )
    op.create_index(
        "uq_external_identity_person",
        "external_identity",
        ["person_id", "provider"],
        unique=True,
        postgresql_where=LIVE,
    )
    op.create_index("ix_external_identity_number", "external_identity", ["number_digest"], postgresql_where=LIVE)


def _create_questions() -> None:
    op.create_table(
        "provider_question",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("state_digest", sa.LargeBinary(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("session_code", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("next_path", sa.Text(), server_default=sa.text("'/'"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_provider_question"),
        sa.UniqueConstraint("state_digest", name="uq_provider_question_state_digest"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_provider_question_person_id_person"),
        sa.CheckConstraint(PROVIDERS, name=op.f("ck_provider_question_provider_known")),
        sa.CheckConstraint("purpose IN ('sign-in', 'link', 'raise')", name=op.f("ck_provider_question_purpose_known")),
        sa.CheckConstraint(
            "(purpose = 'sign-in') = (person_id IS NULL)", name=op.f("ck_provider_question_sign_in_of_nobody")
        ),
        sa.CheckConstraint("octet_length(state_digest) = 32", name=op.f("ck_provider_question_state_digest_size")),
        sa.CheckConstraint("octet_length(token_digest) = 32", name=op.f("ck_provider_question_token_digest_size")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_provider_question_expires_later")),
        sa.CheckConstraint(
            "ended_reason IN ('answered', 'other-browser')", name=op.f("ck_provider_question_ended_reason_known")
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_reason IS NULL)", name=op.f("ck_provider_question_ended_has_reason")
        ),
    )
    op.create_index("ix_provider_question_expires_at", "provider_question", ["expires_at"])


def _rest_on_identities() -> None:
    op.add_column("login_session", sa.Column("identity_id", sa.BigInteger()))
    op.create_foreign_key(
        "fk_login_session_identity_id_external_identity",
        "login_session",
        "external_identity",
        ["identity_id"],
        ["id"],
    )
    op.alter_column("login_session", "factor_id", nullable=True)
    op.create_check_constraint(
        op.f("ck_login_session_rests_on_proof"), "login_session", "factor_id IS NOT NULL OR identity_id IS NOT NULL"
    )
    op.execute("GRANT SELECT (identity_id) ON login_session TO vl_reader")
    op.add_column("pending_sign_in", sa.Column("identity_id", sa.BigInteger()))
    op.create_foreign_key(
        "fk_pending_sign_in_identity_id_external_identity",
        "pending_sign_in",
        "external_identity",
        ["identity_id"],
        ["id"],
    )
    op.add_column(
        "pending_sign_in", sa.Column("asserted_level", sa.Text(), server_default=sa.text("'low'"), nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_pending_sign_in_asserted_level_known"),
        "pending_sign_in",
        "asserted_level IN ('low', 'medium', 'high')",
    )


def downgrade() -> None:
    """Take all of it away; whoever has no factor of ours signs in another way."""
    op.drop_table("provider_agreement")
    op.drop_column("pending_sign_in", "asserted_level")
    op.drop_column("pending_sign_in", "identity_id")
    op.drop_constraint(op.f("ck_login_session_rests_on_proof"), "login_session")
    op.execute("DELETE FROM login_session WHERE factor_id IS NULL")
    op.alter_column("login_session", "factor_id", nullable=False)
    op.drop_column("login_session", "identity_id")
    op.drop_table("provider_keys")
    op.drop_table("provider_question")
    op.drop_table("external_identity")
