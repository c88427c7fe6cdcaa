"""Create sealed accounts, their openings and their uses.

What the database itself refuses: one person who seals, opens or reviews alone; two of the same side who open; a change
of what two people opened; an opening that opens again; a use that is explained twice.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app
from control.migrations.words import add_words, take_words

revision = "0040"
down_revision = "0039"

MOMENT = sa.DateTime(timezone=True)
FINDING_KINDS = ("break-glass",)
OPENING_GUARD = """
CREATE FUNCTION break_glass_opening_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.account_id, NEW.is_drill, NEW.reason, NEW.reference, NEW.source, NEW.user_id, NEW.asked_at, NEW.asked_by_id,
      NEW.asked_for_security, NEW.happened_from, NEW.happened_to) IS DISTINCT FROM
     (OLD.account_id, OLD.is_drill, OLD.reason, OLD.reference, OLD.source, OLD.user_id, OLD.asked_at, OLD.asked_by_id,
      OLD.asked_for_security, OLD.happened_from, OLD.happened_to)
     OR (OLD.opened_at IS NOT NULL AND (NEW.opened_at, NEW.opened_by_id, NEW.ends_at)
         IS DISTINCT FROM (OLD.opened_at, OLD.opened_by_id, OLD.ends_at)) THEN
    RAISE EXCEPTION 'what two people opened never changes'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_break_glass_opening_unchanged';
  END IF;
  IF (OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at)
     OR (OLD.reviewed_at IS NOT NULL AND (NEW.reviewed_at, NEW.reviewed_by_id, NEW.review)
         IS DISTINCT FROM (OLD.reviewed_at, OLD.reviewed_by_id, OLD.review)) THEN
    RAISE EXCEPTION 'opening % is over', OLD.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_break_glass_opening_no_way_back';
  END IF;
  RETURN NEW;
END $$
"""
USE_GUARD = """
CREATE FUNCTION break_glass_use_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.account_id, NEW.at, NEW.address, NEW.ref, NEW.reported_at)
     IS DISTINCT FROM (OLD.account_id, OLD.at, OLD.address, OLD.ref, OLD.reported_at)
     OR (OLD.opening_id IS NOT NULL AND NEW.opening_id IS DISTINCT FROM OLD.opening_id) THEN
    RAISE EXCEPTION 'a use never changes'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_break_glass_use_unchanged';
  END IF;
  RETURN NEW;
END $$
"""
OPENING_CHECKS = {
    "complete": "reason <> '' AND reference <> '' AND source <> ''",
    "two_openers": "opened_by_id <> asked_by_id",
    "both_sides": "opened_for_security <> asked_for_security",
    "opened": (
        "(opened_by_id IS NULL) = (opened_at IS NULL) AND (opened_at IS NULL) = (ends_at IS NULL) "
        "AND (opened_at IS NULL) = (opened_for_security IS NULL)"
    ),
    "ends_later": "ends_at > opened_at",
    "closed_later": "closed_at IS NULL OR closed_at >= opened_at",
    "closed_cause_known": "closed_cause IN ('afterwards', 'deadline', 'person')",
    "reviewer_had_no_part": (
        "reviewed_by_id <> asked_by_id AND reviewed_by_id <> opened_by_id AND reviewed_by_id <> user_id"
    ),
    "reviewed": (
        "reviewed_at IS NULL OR (reviewed_by_id IS NOT NULL AND review <> '' AND closed_at IS NOT NULL "
        "AND reconciled_at IS NOT NULL)"
    ),
}


def upgrade() -> None:
    """Create the three tables, their guards and rights."""
    _create_account()
    _create_opening()
    _create_use()
    op.execute(OPENING_GUARD)
    op.execute(USE_GUARD)
    for table in ("break_glass_opening", "break_glass_use"):
        op.execute(
            f"CREATE TRIGGER {table}_guard BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_guard()"
        )
    grant_app("break_glass_opening", "break_glass_use", reader=True)
    grant_app("break_glass_account")
    add_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)


def downgrade() -> None:
    """Drop what upgrade created."""
    take_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
    for table in ("break_glass_use", "break_glass_opening"):
        op.drop_table(table)
        op.execute(f"DROP FUNCTION {table}_guard()")
    op.drop_table("break_glass_account")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _people(table: str, *names: str) -> list[sa.ForeignKeyConstraint]:
    return [sa.ForeignKeyConstraint([name], ["person.id"], name=f"fk_{table}_{name}_person") for name in names]


def _create_account() -> None:
    op.create_table(
        "break_glass_account",
        _id(),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("half_by_id", sa.BigInteger()),
        sa.Column("half_at", MOMENT),
        sa.Column("half_secret", sa.LargeBinary()),
        sa.Column("sealed_by_id", sa.BigInteger()),
        sa.Column("sealed_at", MOMENT),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_break_glass_account"),
        sa.UniqueConstraint("person_id", name="uq_break_glass_account_person_id"),
        sa.UniqueConstraint("account_id", name="uq_break_glass_account_account_id"),
        sa.CheckConstraint(
            "state IN ('unsealed', 'preparing', 'sealed', 'open')", name=op.f("ck_break_glass_account_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'preparing') = (half_secret IS NOT NULL) AND (half_secret IS NULL OR half_by_id IS NOT NULL)",
            name=op.f("ck_break_glass_account_half"),
        ),
        sa.CheckConstraint("sealed_by_id <> half_by_id", name=op.f("ck_break_glass_account_two_sealers")),
        sa.CheckConstraint(
            "state NOT IN ('sealed', 'open') OR sealed_at IS NOT NULL", name=op.f("ck_break_glass_account_sealed_at")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["privilege_account.id"], name="fk_break_glass_account_account_id_privilege_account"
        ),
        *_people("break_glass_account", "person_id", "half_by_id", "sealed_by_id"),
    )


def _create_opening() -> None:
    moments = ("happened_from", "happened_to", "opened_at", "ends_at", "closed_at", "reconciled_at", "review_due_at")
    op.create_table(
        "break_glass_opening",
        _id(),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("is_drill", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("reason", "reference", "source")),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_for_security", sa.Boolean(), nullable=False),
        *(sa.Column(name, MOMENT) for name in moments),
        sa.Column("opened_by_id", sa.BigInteger()),
        sa.Column("opened_for_security", sa.Boolean()),
        sa.Column("closed_cause", sa.Text()),
        sa.Column("reviewed_at", MOMENT),
        sa.Column("reviewed_by_id", sa.BigInteger()),
        sa.Column("review", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_break_glass_opening"),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_break_glass_opening_{name}"))
            for name, rule in OPENING_CHECKS.items()
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["break_glass_account.id"], name="fk_break_glass_opening_account_id_break_glass_account"
        ),
        *_people("break_glass_opening", "user_id", "asked_by_id", "opened_by_id", "reviewed_by_id"),
    )
    op.create_index(
        "ix_break_glass_opening_open",
        "break_glass_opening",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("opened_at IS NOT NULL AND closed_at IS NULL"),
    )


def _create_use() -> None:
    op.create_table(
        "break_glass_use",
        _id(),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("reported_at", MOMENT, nullable=False),
        sa.Column("opening_id", sa.BigInteger()),
        sa.Column("unexplained_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_break_glass_use"),
        sa.UniqueConstraint("account_id", "ref", name="uq_break_glass_use_account_id"),
        sa.CheckConstraint("ref <> ''", name=op.f("ck_break_glass_use_ref")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["break_glass_account.id"], name="fk_break_glass_use_account_id_break_glass_account"
        ),
        sa.ForeignKeyConstraint(
            ["opening_id"], ["break_glass_opening.id"], name="fk_break_glass_use_opening_id_break_glass_opening"
        ),
    )
    op.create_index("ix_break_glass_use_opening_id", "break_glass_use", ["opening_id"])
    op.create_index(
        "ix_break_glass_use_unexplained", "break_glass_use", ["at"], postgresql_where=sa.text("opening_id IS NULL")
    )
