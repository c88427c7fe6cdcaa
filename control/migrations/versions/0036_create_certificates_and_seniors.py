"""Create certificates bound to people, senior accounts that rest on them, and the rights only those grant.

What the database itself refuses: an active senior account whose certificate is not in use (its state cascades into the
row), a certificate bound by one officer alone or by its holder, a right granted by anybody who is no active senior.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app

revision = "0036"
down_revision = "0035"

MOMENT = sa.DateTime(timezone=True)
KINDS = "kind IN ({})"
FORMER, WIDER = "'totp', 'webauthn', 'recovery'", "'totp', 'webauthn', 'recovery', 'certificate'"
BY_SENIOR = """
CREATE FUNCTION senior_right_by_senior() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM senior_account s
        WHERE s.id = NEW.senior_id AND s.person_id = NEW.granted_by_id AND s.state = 'active'
    ) THEN
        RAISE EXCEPTION 'only an active senior account grants this right' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Create the tables and let a factor be a certificate."""
    _let_factors_be(WIDER)
    _create_certificates()
    _create_seniors()
    _create_rights()
    grant_app("client_certificate", "senior_right")
    grant_app("senior_account", reader=True)


def _let_factors_be(kinds: str) -> None:
    op.drop_constraint(op.f("ck_factor_kind_known"), "factor")
    op.create_check_constraint(op.f("ck_factor_kind_known"), "factor", KINDS.format(kinds))


def _create_certificates() -> None:
    table = "client_certificate"

    def check(name: str, text: str) -> sa.CheckConstraint:
        return sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}"))

    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("factor_id", sa.BigInteger()),
        sa.Column("state", sa.Text(), server_default=sa.text("'requested'"), nullable=False),
        sa.Column("bound_by", sa.Text(), server_default=sa.text("'officers'"), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("valid_from", MOMENT, nullable=False),
        sa.Column("valid_to", MOMENT, nullable=False),
        sa.Column("document_number", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("confirmed_by_id", sa.BigInteger()),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_client_certificate"),
        sa.UniqueConstraint("fingerprint", name="uq_client_certificate_fingerprint"),
        sa.UniqueConstraint("id", "person_id", "state", name="uq_client_certificate_standing"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_client_certificate_person_id_person"),
        sa.ForeignKeyConstraint(["factor_id"], ["factor.id"], name="fk_client_certificate_factor_id_factor"),
        sa.ForeignKeyConstraint(
            ["requested_by_id"], ["person.id"], name="fk_client_certificate_requested_by_id_person"
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"], ["person.id"], name="fk_client_certificate_confirmed_by_id_person"
        ),
        check("fingerprint_size", "octet_length(fingerprint) = 32"),
        check("state_known", "state IN ('requested', 'active', 'refused', 'revoked')"),
        check("bound_by_known", "bound_by IN ('officers', 'registration')"),
        check("valid_later", "valid_to > valid_from"),
        check("not_own_request", "requested_by_id <> person_id OR bound_by = 'registration'"),
        check("not_own_confirmation", "confirmed_by_id <> person_id"),
        check("two_persons", "confirmed_by_id <> requested_by_id"),
        check("confirmed", "state <> 'active' OR bound_by = 'registration' OR confirmed_by_id IS NOT NULL"),
        check("active_is_factor", "state <> 'active' OR factor_id IS NOT NULL"),
        check("by_document", "bound_by = 'registration' OR document_number <> ''"),
        check("ended_has_moment", "(state IN ('refused', 'revoked')) = (ended_at IS NOT NULL)"),
        check("ended_has_reason", "(ended_at IS NULL) = (ended_reason IS NULL)"),
        check(
            "ended_reason_known",
            "ended_reason IN ('lost', 'stolen', 'replaced', 'left', 'refused', 'factor-reset')",
        ),
    )
    op.create_index("ix_client_certificate_person_id", table, ["person_id", "id"])
    op.create_index("ix_client_certificate_requested", table, ["id"], postgresql_where=sa.text("state = 'requested'"))


def _create_seniors() -> None:
    table = "senior_account"

    def check(name: str, text: str) -> sa.CheckConstraint:
        return sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}"))

    def person(column: str) -> sa.ForeignKeyConstraint:
        return sa.ForeignKeyConstraint([column], ["person.id"], name=f"fk_{table}_{column}_person")

    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("document_on", sa.Date(), nullable=False),
        sa.Column("certificate_id", sa.BigInteger(), nullable=False),
        sa.Column("certificate_state", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'requested'"), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("confirmed_by_id", sa.BigInteger()),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("reviewed_by_id", sa.BigInteger()),
        sa.Column("reviewed_at", MOMENT),
        sa.Column("flagged_at", MOMENT),
        sa.Column("suspended_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_senior_account"),
        sa.ForeignKeyConstraint(
            ["certificate_id", "person_id", "certificate_state"],
            ["client_certificate.id", "client_certificate.person_id", "client_certificate.state"],
            name="fk_senior_account_certificate",
            onupdate="CASCADE",
        ),
        person("person_id"),
        person("requested_by_id"),
        person("confirmed_by_id"),
        person("reviewed_by_id"),
        check("state_known", "state IN ('requested', 'active', 'suspended', 'ended')"),
        check("bound_to_certificate", "state <> 'active' OR certificate_state = 'active'"),
        check("confirmed", "state <> 'active' OR confirmed_by_id IS NOT NULL"),
        check("complete", "body <> '' AND document_number <> ''"),
        check("not_own_request", "requested_by_id <> person_id"),
        check("not_own_confirmation", "confirmed_by_id <> person_id"),
        check("two_persons", "confirmed_by_id <> requested_by_id"),
        check("not_own_review", "reviewed_by_id <> person_id"),
        check("suspended_has_moment", "(state = 'suspended') = (suspended_at IS NOT NULL)"),
        check("ended_has_moment", "(state = 'ended') = (ended_at IS NOT NULL)"),
        check("reason_known", "reason IN ('certificate-revoked', 'by-officer')"),
    )
    op.create_index(
        "uq_senior_account_live", table, ["person_id"], unique=True, postgresql_where=sa.text("state <> 'ended'")
    )
    op.create_index("ix_senior_account_requested_at", table, ["requested_at", "id"])


def _create_rights() -> None:
    table = "senior_right"

    def check(name: str, text: str) -> sa.CheckConstraint:
        return sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}"))

    def key(column: str, other: str) -> sa.ForeignKeyConstraint:
        return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")

    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("senior_id", sa.BigInteger(), nullable=False),
        sa.Column("granted_by_id", sa.BigInteger(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_by_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_senior_right"),
        key("person_id", "person"),
        key("senior_id", "senior_account"),
        key("granted_by_id", "person"),
        key("ended_by_id", "person"),
        check("complete", "name <> '' AND document_number <> ''"),
        check("not_own", "granted_by_id <> person_id"),
        check("ended_by_somebody", "(ended_at IS NULL) = (ended_by_id IS NULL)"),
    )
    op.create_index(
        "uq_senior_right_live", table, ["person_id", "name"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index("ix_senior_right_granted_at", table, ["granted_at", "id"])
    op.create_index("ix_senior_right_senior_id", table, ["senior_id"])
    op.execute(BY_SENIOR)
    op.execute(
        "CREATE TRIGGER senior_right_by_senior BEFORE INSERT ON senior_right "
        "FOR EACH ROW EXECUTE FUNCTION senior_right_by_senior()"
    )


def downgrade() -> None:
    """Take all of it away; who proved themselves by certificate signs in another way."""
    op.drop_table("senior_right")
    op.execute("DROP FUNCTION senior_right_by_senior()")
    op.drop_table("senior_account")
    op.drop_table("client_certificate")
    op.execute(
        "UPDATE login_session SET factor_id = NULL WHERE identity_id IS NOT NULL AND factor_id IN "
        "(SELECT id FROM factor WHERE kind = 'certificate')"
    )
    op.execute("DELETE FROM login_session WHERE factor_id IN (SELECT id FROM factor WHERE kind = 'certificate')")
    op.execute("DELETE FROM step_up WHERE factor_id IN (SELECT id FROM factor WHERE kind = 'certificate')")
    op.execute("DELETE FROM factor WHERE kind = 'certificate'")
    _let_factors_be(FORMER)
