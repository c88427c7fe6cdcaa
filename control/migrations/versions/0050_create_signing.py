"""Create questions put to signing SIMs and remote signing services, and let certificates be reached by them.

What the database itself refuses: a question that ended and still knows whom it was put to, one accepted by no factor, a
certificate on a SIM that nothing reaches, an approved account that neither an officer nor a certificate stands behind.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app
from control.migrations.words import add_words, take_words

revision = "0050"
down_revision = "0049"

MOMENT = sa.DateTime(timezone=True)
DEVICES = ("signing-sim", "remote-signing")
DECIDED = "state NOT IN ('approved', 'returned', 'refused') OR "
BY_OFFICER = DECIDED + "(decided_by_id IS NOT NULL AND decided_at IS NOT NULL)"
BY_OFFICER_OR_CERTIFICATE = (
    DECIDED + "(decided_at IS NOT NULL AND "
    "(decided_by_id IS NOT NULL OR (state = 'approved' AND way IN "
    "('signing-usb', 'signing-sim', 'remote-signing'))))"
)
REACHED = "(carrier = 'signing-usb') = (reach_token IS NULL) AND (reach_token IS NULL) = (reach_sealed IS NULL)"


def upgrade() -> None:
    """Create the table, widen the lists, and say of each certificate what carries its key."""
    add_words("factor", constraint="ck_factor_kind_known", column="kind", words=DEVICES)
    add_words("sign_in_try", constraint="ck_sign_in_try_kind_known", column="kind", words=("signing",))
    _extend_certificates()
    _decide_accounts(BY_OFFICER_OR_CERTIFICATE)
    _create_question()
    grant_app("signing_question", delete=True)


def downgrade() -> None:
    """Take all of it back; refused while a device is a factor or an account stands on a certificate alone."""
    op.drop_table("signing_question")
    _decide_accounts(BY_OFFICER)
    for name in ("carrier_known", "carrier_reached", "reach_token_size"):
        op.drop_constraint(op.f(f"ck_client_certificate_{name}"), "client_certificate")
    for column in ("reach_sealed", "reach_token", "carrier"):
        op.drop_column("client_certificate", column)
    take_words("sign_in_try", constraint="ck_sign_in_try_kind_known", column="kind", words=("signing",))
    take_words("factor", constraint="ck_factor_kind_known", column="kind", words=DEVICES)


def _extend_certificates() -> None:
    table = "client_certificate"
    op.add_column(table, sa.Column("carrier", sa.Text(), server_default=sa.text("'signing-usb'"), nullable=False))
    op.add_column(table, sa.Column("reach_token", sa.LargeBinary()))
    op.add_column(table, sa.Column("reach_sealed", sa.LargeBinary()))
    conditions = {
        "carrier_known": "carrier IN ('signing-usb', 'signing-sim', 'remote-signing')",
        "carrier_reached": REACHED,
        "reach_token_size": "octet_length(reach_token) = 32",
    }
    for name, condition in conditions.items():
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def _decide_accounts(condition: str) -> None:
    name = op.f("ck_citizen_account_decided_by_somebody")
    op.drop_constraint(name, "citizen_account")
    op.create_check_constraint(name, "citizen_account", condition)


def _create_question() -> None:
    table = "signing_question"

    def check(name: str, text: str) -> sa.CheckConstraint:
        return sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}"))

    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text()),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("session_code", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("next_path", sa.Text(), server_default=sa.text("'/'"), nullable=False),
        sa.Column("subject_token", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("control_code", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("looked_at", MOMENT),
        sa.Column("looks", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("factor_id", sa.BigInteger()),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("token_digest", name=f"uq_{table}_token_digest"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=f"fk_{table}_person_id_person"),
        sa.ForeignKeyConstraint(["factor_id"], ["factor.id"], name=f"fk_{table}_factor_id_factor"),
        check("token_digest_size", "octet_length(token_digest) = 32"),
        check("subject_token_size", "octet_length(subject_token) = 32"),
        check("nonce_size", "octet_length(nonce) = 32"),
        check("control_code_form", "control_code ~ '^[0-9]{4}$'"),
        check("way_known", "way IN ('signing-sim', 'remote-signing')"),
        check("purpose_known", "purpose IN ('sign-in', 'register', 'bind', 'raise')"),
        check("of_nobody", "(purpose IN ('sign-in', 'register')) = (person_id IS NULL)"),
        check("kind_of_registration", "(purpose = 'register') = (kind IS NOT NULL)"),
        check("kind_known", "kind IN ('citizen', 'organisation')"),
        check("expires_later", "expires_at > created_at"),
        check("looks_count", "looks >= 0"),
        check(
            "ended_reason_known",
            "ended_reason IN ('accepted', 'rejected', 'refused', 'timed-out', 'unknown-subscriber', 'blocked', "
            "'unanswered', 'looks')",
        ),
        check("ended_has_reason", "(ended_at IS NULL) = (ended_reason IS NULL)"),
        check("ended_keeps_nothing", "(ended_at IS NULL) = (sealed IS NOT NULL)"),
        check("accepted_by_factor", "(ended_reason IS NOT DISTINCT FROM 'accepted') = (factor_id IS NOT NULL)"),
    )
    op.create_index("ix_signing_question_subject_token", table, ["subject_token", "created_at"])
    op.create_index("ix_signing_question_expires_at", table, ["expires_at"])
