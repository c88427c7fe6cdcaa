"""Create accounts of citizens and organisations, codes and messages sent to them, and complaints about accounts.

What the database itself refuses: an account of staff, a decision by its own holder, a second living account of one
number, a message that went and still says what it said, a registration that ended and still knows who it was.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app

revision = "0044"
down_revision = "0043"

MOMENT = sa.DateTime(timezone=True)
KINDS = "('citizen', 'organisation')"
WAYS = (
    "('portal-account', 'phone', 'social-insurance', 'tax-code', 'business-code', 'other-data', "
    "'electronic-identity', 'signing-usb', 'signing-sim', 'remote-signing', 'connected')"
)
TABLES = (
    "outgoing_message",
    "citizen_registration",
    "citizen_account",
    "contact_code",
    "dormancy_warning",
    "account_issue",
)


def upgrade() -> None:
    """Create the tables; let a phone be a factor and its codes be counted."""
    _check("factor", "kind_known", _factor_kinds("sms"))
    _check("sign_in_try", "kind_known", _try_kinds("registration", "sms"))
    _create_message()
    _create_registration()
    _create_account()
    _create_code()
    _create_warning()
    _create_issue()
    grant_app(*TABLES)
    op.execute("GRANT USAGE ON SEQUENCE account_issue_id_seq TO vl_app")  # the id is needed before the report is sealed
    op.create_index(
        "uq_factor_active_sms",
        "factor",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'sms' AND state = 'active'"),
    )


def downgrade() -> None:
    """Drop what was created; phones as factors must be gone before."""
    op.drop_index("uq_factor_active_sms", "factor")
    for table in reversed(TABLES):
        op.drop_table(table)
    _check("sign_in_try", "kind_known", _try_kinds())
    _check("factor", "kind_known", _factor_kinds())


def _factor_kinds(*more: str) -> str:
    return f"kind IN ({_words('totp', 'webauthn', 'recovery', 'certificate', *more)})"


def _try_kinds(*more: str) -> str:
    return f"kind IN ({_words('password', 'code', 'recovery', 'enrolment', *more)})"


def _words(*values: str) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def _ck(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _fk(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["person.id"], name=f"fk_{table}_{column}_person")


def _create_message() -> None:
    table = "outgoing_message"
    op.create_table(
        table,
        _id(),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("reference", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("key", name=f"uq_{table}_key"),
        _fk(table, "person_id"),
        _ck(table, "channel_known", "channel IN ('sms', 'mail')"),
        _ck(table, "state_known", "state IN ('waiting', 'sent', 'failed', 'expired')"),
        _ck(
            table,
            "purpose_known",
            "purpose IN ('account-issue', 'account-state', 'confirmation-code', 'dormant-warning', 'sign-in-code', "
            "'taken-number')",
        ),
        _ck(table, "sealed_while_waiting", "(state = 'waiting') = (sealed IS NOT NULL)"),
        _ck(table, "ended_has_moment", "(state = 'waiting') = (ended_at IS NULL)"),
        _ck(table, "expires_later", "expires_at > created_at"),
        _ck(table, "tries_count", "tries >= 0"),
    )
    op.create_index(f"ix_{table}_next_at", table, ["next_at", "id"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_index(f"ix_{table}_person_id", table, ["person_id", "id"])


def _create_registration() -> None:
    table = "citizen_registration"
    op.create_table(
        table,
        _id(),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("number_token", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("password_hash", sa.Text()),
        sa.Column("code_digest", sa.LargeBinary()),
        sa.Column("is_decoy", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("token_digest", name=f"uq_{table}_token_digest"),
        _ck(table, "token_digest_size", "octet_length(token_digest) = 32"),
        _ck(table, "kind_known", f"kind IN {KINDS}"),
        _ck(table, "way_known", f"way IN {WAYS}"),
        _ck(table, "channel_known", "channel IN ('sms', 'mail')"),
        _ck(table, "expires_later", "expires_at > created_at"),
        _ck(table, "tries_count", "tries >= 0"),
        _ck(table, "ended_reason_known", "ended_reason IN ('confirmed', 'expired', 'replaced', 'tries')"),
        _ck(table, "ended_has_reason", "(ended_at IS NULL) = (ended_reason IS NULL)"),
        _ck(
            table,
            "ended_keeps_nothing",
            "ended_at IS NULL OR (sealed IS NULL AND password_hash IS NULL AND code_digest IS NULL)",
        ),
        _ck(
            table,
            "open_has_all",
            "ended_at IS NOT NULL OR (sealed IS NOT NULL AND password_hash IS NOT NULL AND code_digest IS NOT NULL)",
        ),
    )
    op.create_index(f"ix_{table}_expires_at", table, ["expires_at"], postgresql_where=sa.text("ended_at IS NULL"))


def _create_account() -> None:
    table = "citizen_account"
    op.create_table(
        table,
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_kind", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'registered'"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("number_token", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("registered_at", MOMENT, nullable=False),
        sa.Column("check_by", MOMENT),
        sa.Column("escalated_at", MOMENT),
        sa.Column("decided_at", MOMENT),
        sa.Column("decided_by_id", sa.BigInteger()),
        sa.Column("decision_sealed", sa.LargeBinary()),
        sa.Column("cancelled_at", MOMENT),
        sa.PrimaryKeyConstraint("person_id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["person_id", "person_kind"], ["person.id", "person.kind"], name=f"fk_{table}_person_id_person"
        ),
        _fk(table, "decided_by_id"),
        _ck(table, "kind_known", f"person_kind IN {KINDS}"),
        _ck(table, "way_known", f"way IN {WAYS}"),
        _ck(table, "level_known", "level IN ('low', 'medium', 'high')"),
        _ck(table, "state_known", "state IN ('registered', 'returned', 'approved', 'refused', 'cancelled')"),
        _ck(table, "number_token_size", "octet_length(number_token) = 32"),
        _ck(table, "is_sealed", "octet_length(sealed) >= 28"),
        _ck(table, "not_own_decision", "decided_by_id <> person_id"),
        _ck(
            table,
            "decided_by_somebody",
            "state NOT IN ('approved', 'returned', 'refused') OR "
            "(decided_by_id IS NOT NULL AND decided_at IS NOT NULL)",
        ),
        _ck(table, "cancelled_has_moment", "(state = 'cancelled') = (cancelled_at IS NOT NULL)"),
        _ck(table, "registered_has_clock", "state <> 'registered' OR check_by IS NOT NULL"),
        _ck(table, "version_positive", "version > 0"),
    )
    op.create_index(
        f"uq_{table}_number_token",
        table,
        ["number_token"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('cancelled', 'refused')"),
    )
    op.create_index(
        f"ix_{table}_check_by", table, ["check_by", "person_id"], postgresql_where=sa.text("state = 'registered'")
    )


def _create_code() -> None:
    table = "contact_code"
    op.create_table(
        table,
        _id(),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("used_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        _fk(table, "person_id"),
        _ck(table, "digest_size", "octet_length(digest) = 32"),
        _ck(table, "purpose_known", "purpose IN ('sign-in')"),
        _ck(table, "expires_later", "expires_at > created_at"),
        _ck(table, "tries_count", "tries >= 0"),
    )
    op.create_index(
        f"uq_{table}_open", table, ["person_id", "purpose"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(f"ix_{table}_person_id", table, ["person_id", "created_at"])


def _create_warning() -> None:
    table = "dormancy_warning"
    op.create_table(
        table,
        _id(),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("warned_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("person_id", "since", "number", name=f"uq_{table}_person_id"),
        _fk(table, "person_id"),
        _ck(table, "number_positive", "number > 0"),
    )


def _create_issue() -> None:
    table = "account_issue"
    moments = ("acknowledged", "accepted", "settled")
    op.create_table(
        table,
        _id(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("reported_at", MOMENT, nullable=False),
        sa.Column("reported_by_id", sa.BigInteger()),
        sa.Column("due_at", MOMENT),
        *(sa.Column(f"{name}_at", MOMENT) for name in moments),
        *(sa.Column(f"{name}_by_id", sa.BigInteger()) for name in moments),
        sa.Column("acknowledge_breached_at", MOMENT),
        sa.Column("result_breached_at", MOMENT),
        sa.Column("outcome", sa.Text()),
        sa.Column("result_sealed", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        *(_fk(table, f"{name}_id") for name in ("person", "reported_by", *(f"{one}_by" for one in moments))),
        _ck(table, "kind_known", "kind IN ('impersonated', 'wrong-data', 'other')"),
        _ck(table, "state_known", "state IN ('reported', 'acknowledged', 'accepted', 'settled')"),
        _ck(
            table,
            "outcome_known",
            "outcome IN ('corrected', 'account-locked', 'account-cancelled', 'unfounded')",
        ),
        _ck(table, "is_sealed", "octet_length(sealed) >= 28"),
        _ck(table, "acknowledged_has_moment", "(state = 'reported') = (acknowledged_at IS NULL)"),
        _ck(table, "accepted_has_moment", "(state IN ('accepted', 'settled')) = (accepted_at IS NOT NULL)"),
        _ck(table, "settled_has_moment", "(state = 'settled') = (settled_at IS NOT NULL)"),
        _ck(table, "settled_has_outcome", "(state = 'settled') = (outcome IS NOT NULL)"),
        _ck(table, "acknowledged_after_report", "acknowledged_at >= reported_at"),
        _ck(table, "accepted_after_acknowledgement", "accepted_at >= acknowledged_at"),
        _ck(table, "settled_after_acceptance", "settled_at >= accepted_at"),
        _ck(table, "due_while_clock_runs", "(state IN ('reported', 'accepted')) = (due_at IS NOT NULL)"),
        _ck(table, "not_own_settlement", "settled_by_id <> person_id"),
    )
    op.create_index(f"ix_{table}_due_at", table, ["due_at", "id"])
    op.create_index(f"ix_{table}_person_id", table, ["person_id", "id"])
