"""Create access reviews and their items.

What the database itself refuses: another text of what was found; a decision by anybody but the reviewer, by whom it
concerns, without a reason, or a second time; a campaign opened again; two open campaigns about the same.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app
from control.migrations.words import add_words, take_words

revision = "0030"
down_revision = "0029"

MOMENT = sa.DateTime(timezone=True)
FINDING_KINDS = ("review",)
GUARD = """
CREATE FUNCTION access_review_item_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.review_id, NEW.kind, NEW.subject, NEW.subject_id, NEW.person_id, NEW.body)
     IS DISTINCT FROM (OLD.review_id, OLD.kind, OLD.subject, OLD.subject_id, OLD.person_id, OLD.body) THEN
    RAISE EXCEPTION 'what was found never changes'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_access_review_item_unchanged';
  END IF;
  IF OLD.decision IS NOT NULL AND
     (NEW.decision, NEW.reason, NEW.decided_at, NEW.decided_by_id, NEW.reviewer_id, NEW.outcome)
     IS DISTINCT FROM (OLD.decision, OLD.reason, OLD.decided_at, OLD.decided_by_id, OLD.reviewer_id, OLD.outcome) THEN
    RAISE EXCEPTION 'item % was decided', OLD.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_access_review_item_decided_once';
  END IF;
  RETURN NEW;
END $$
"""
CLOSED = """
CREATE FUNCTION access_review_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.scope, NEW.scope_value, NEW.kinds, NEW.is_standing, NEW.opened_at, NEW.opened_by_id, NEW.due_at, NEW.items,
      NEW.snapshot_sha256) IS DISTINCT FROM (OLD.scope, OLD.scope_value, OLD.kinds, OLD.is_standing, OLD.opened_at,
      OLD.opened_by_id, OLD.due_at, OLD.items, OLD.snapshot_sha256)
     OR (OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at) THEN
    RAISE EXCEPTION 'a campaign is only ever closed'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_access_review_unchanged';
  END IF;
  IF NEW.closed_at IS NOT NULL AND EXISTS (
       SELECT 1 FROM access_review_item WHERE review_id = NEW.id AND decision IS NULL) THEN
    RAISE EXCEPTION 'campaign % has undecided items', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_access_review_done';
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Create both tables, their guards and rights."""
    _create_review()
    _create_item()
    op.execute(GUARD)
    op.execute(CLOSED)
    for table in ("access_review", "access_review_item"):
        op.execute(
            f"CREATE TRIGGER {table}_guard BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_guard()"
        )
    grant_app("access_review", "access_review_item", reader=True)
    add_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)


def downgrade() -> None:
    """Drop what upgrade created."""
    take_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
    for table in ("access_review_item", "access_review"):
        op.drop_table(table)
        op.execute(f"DROP FUNCTION {table}_guard()")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _create_review() -> None:
    op.create_table(
        "access_review",
        _id(),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("scope", "scope_value", "kinds")),
        sa.Column("is_standing", sa.Boolean(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("opened_by_id", sa.BigInteger()),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("snapshot_sha256", sa.Text(), nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_access_review"),
        sa.CheckConstraint("scope IN ('all', 'class', 'owner', 'unit')", name=op.f("ck_access_review_scope_known")),
        sa.CheckConstraint("(scope = 'all') = (scope_value = '')", name=op.f("ck_access_review_scope_value")),
        sa.CheckConstraint("kinds <> ''", name=op.f("ck_access_review_kinds")),
        sa.CheckConstraint("due_at > opened_at", name=op.f("ck_access_review_due_later")),
        sa.CheckConstraint("is_standing OR opened_by_id IS NOT NULL", name=op.f("ck_access_review_opened_by")),
        sa.CheckConstraint("items > 0", name=op.f("ck_access_review_has_items")),
        sa.CheckConstraint("closed_at >= opened_at", name=op.f("ck_access_review_closed_later")),
        sa.ForeignKeyConstraint(["opened_by_id"], ["person.id"], name="fk_access_review_opened_by_id_person"),
    )
    op.create_index(
        "ix_access_review_open",
        "access_review",
        ["scope", "scope_value", "kinds"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _create_item() -> None:
    checks = {
        "kind_known": "kind IN ('account', 'grant', 'key', 'role')",
        "decision_known": "decision IN ('keep', 'change', 'remove')",
        "outcome_known": (
            "outcome IN ('asked', 'directory', 'ended', 'kept', 'lifted', 'over-already', 'retired', 'revoked')"
        ),
        "reviewer_not_concerned": "reviewer_id <> person_id",
        "decided": "(decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by_id IS NULL)",
        "decided_by_reviewer": "decided_by_id = reviewer_id",
        "decided_with_reason": "decision IS NULL OR reason <> ''",
        "digest": "body_sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')",
    }
    op.create_table(
        "access_review_item",
        _id(),
        sa.Column("review_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("reviewer_id", sa.BigInteger()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text()),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("decided_at", MOMENT),
        sa.Column("decided_by_id", sa.BigInteger()),
        sa.Column("outcome", sa.Text()),
        sa.Column("overdue_at", MOMENT),
        sa.Column("was_suspended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reminded_days", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_access_review_item"),
        sa.UniqueConstraint("review_id", "kind", "subject", name="uq_access_review_item_review_id"),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_access_review_item_{name}")) for name, rule in checks.items()),
        sa.ForeignKeyConstraint(
            ["review_id"], ["access_review.id"], name="fk_access_review_item_review_id_access_review"
        ),
        *(
            sa.ForeignKeyConstraint([name], ["person.id"], name=f"fk_access_review_item_{name}_person")
            for name in ("person_id", "reviewer_id", "decided_by_id")
        ),
    )
    op.create_index(
        "ix_access_review_item_reviewer_id",
        "access_review_item",
        ["reviewer_id"],
        postgresql_where=sa.text("decision IS NULL"),
    )
    op.create_index("ix_access_review_item_subject", "access_review_item", ["kind", "subject"])
