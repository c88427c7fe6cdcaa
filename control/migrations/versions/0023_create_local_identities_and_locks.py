"""Tell people apart by kind, and create local passwords and locks on people.

What the database itself refuses: staff without a place in the directory, and anybody else with one (S0-5.5-2); a local
password of staff; a lock after a death, a dissolution or a court without the paper's number and date (S0-8.1.d).
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app

revision = "0023"
down_revision = "0022"

MOMENT = sa.DateTime(timezone=True)
KINDS = "kind IN ('staff', 'citizen', 'organisation', 'break-glass')"
ENDS = (
    "signed-out",
    "ended-by-owner",
    "ended-by-officer",
    "idle",
    "lifetime",
    "person-not-active",
    "factor-changed",
    "replaced",
    "factor-reset",
    "password-changed",
    "roles-changed",
)
CAUSES = (
    "court",
    "death",
    "dissolution",
    "break-glass-sealed",
    "dormant",
    "emergency",
    "leak",
    "owner-paused",
    "request",
)


def _words(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def upgrade() -> None:
    """Add the kind, then the tables that rest on it."""
    op.add_column("person", sa.Column("kind", sa.Text(), server_default=sa.text("'staff'"), nullable=False))
    op.create_unique_constraint("uq_person_id_kind", "person", ["id", "kind"])
    op.create_check_constraint(op.f("ck_person_kind_known"), "person", KINDS)
    op.create_check_constraint(
        op.f("ck_person_staff_from_directory"), "person", "(kind = 'staff') = (directory_dn IS NOT NULL)"
    )
    op.add_column(
        "pending_sign_in", sa.Column("resumes", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    _check("login_session", "ended_reason_known", f"ended_reason IN ({_words((*ENDS, 'person-locked'))})")
    _check("person_role", "source_known", "source IN ('directory', 'break-glass')")
    _create_password()
    _create_lock()
    grant_app("local_password", "person_lock")


def downgrade() -> None:
    """Drop what was created; a person the directory does not know must be gone before."""
    op.drop_table("person_lock")
    op.drop_table("local_password")
    _check("person_role", "source_known", "source IN ('directory')")
    _check("login_session", "ended_reason_known", f"ended_reason IN ({_words(ENDS)})")
    op.drop_column("pending_sign_in", "resumes")
    op.drop_constraint(op.f("ck_person_staff_from_directory"), "person")
    op.drop_constraint(op.f("ck_person_kind_known"), "person")
    op.drop_constraint("uq_person_id_kind", "person")
    op.drop_column("person", "kind")


def _check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def _create_password() -> None:
    op.create_table(
        "local_password",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("person_kind", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.Column("must_change", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("replaced_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_local_password"),
        sa.ForeignKeyConstraint(
            ["person_id", "person_kind"], ["person.id", "person.kind"], name="fk_local_password_person_id_person"
        ),
        sa.CheckConstraint("person_kind <> 'staff'", name=op.f("ck_local_password_never_staff")),
        sa.CheckConstraint("hash LIKE '$argon2id$%'", name=op.f("ck_local_password_hash_form")),
        sa.CheckConstraint("replaced_at >= set_at", name=op.f("ck_local_password_replaced_later")),
    )
    op.create_index("ix_local_password_person_id", "local_password", ["person_id", "id"])
    op.create_index(
        "uq_local_password_present",
        "local_password",
        ["person_id"],
        unique=True,
        postgresql_where=sa.text("replaced_at IS NULL"),
    )


def _create_lock() -> None:
    op.create_table(
        "person_lock",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("locked_at", MOMENT, nullable=False),
        sa.Column("locked_by_id", sa.BigInteger()),
        sa.Column("until", MOMENT),
        sa.Column("document_number", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("document_on", sa.Date()),
        sa.Column("lifted_at", MOMENT),
        sa.Column("lifted_by_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_person_lock"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_person_lock_person_id_person"),
        sa.ForeignKeyConstraint(["locked_by_id"], ["person.id"], name="fk_person_lock_locked_by_id_person"),
        sa.ForeignKeyConstraint(["lifted_by_id"], ["person.id"], name="fk_person_lock_lifted_by_id_person"),
        sa.CheckConstraint(f"cause IN ({_words(CAUSES)})", name=op.f("ck_person_lock_cause_known")),
        sa.CheckConstraint("until > locked_at", name=op.f("ck_person_lock_until_later")),
        sa.CheckConstraint("lifted_at >= locked_at", name=op.f("ck_person_lock_lifted_later")),
        sa.CheckConstraint(
            "lifted_at IS NOT NULL OR lifted_by_id IS NULL", name=op.f("ck_person_lock_lifted_has_moment")
        ),
        sa.CheckConstraint(
            "NOT (cause IN ('court', 'death', 'dissolution')) OR (document_number <> '' AND document_on IS NOT NULL)",
            name=op.f("ck_person_lock_paper_named"),
        ),
    )
    op.create_index("ix_person_lock_person_id", "person_lock", ["person_id", "id"])
    op.create_index(
        "ix_person_lock_standing", "person_lock", ["person_id"], postgresql_where=sa.text("lifted_at IS NULL")
    )
