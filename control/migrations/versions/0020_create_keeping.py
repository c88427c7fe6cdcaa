"""Create the proposals about the keeping of the trail, the decisions on them, and the counts of what is kept.

A proposal never changes but in its state; it becomes approved only with as many approving persons as it needs. The
pruner reads them and writes down that an approved one is done: it can approve nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from control.migrations.rights import grant_app, grant_append_only

revision = "0020"
down_revision = "0019"

MOMENT = sa.DateTime(timezone=True)
CHANGING = "state, decided_at, done_at, result"

GUARD = f"""
CREATE FUNCTION keeping_guard_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE agreed integer;
BEGIN
  IF to_jsonb(NEW) - string_to_array('{CHANGING}', ', ') <> to_jsonb(OLD) - string_to_array('{CHANGING}', ', ') THEN
    RAISE EXCEPTION 'keeping: a proposal does not change' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  SELECT count(*) INTO agreed FROM keeping_decision
    WHERE proposal_id = NEW.id AND decision = 'approve' AND body_sha256 = NEW.body_sha256;
  IF OLD.state = 'open' AND NEW.state IN ('refused', 'withdrawn', 'lapsed')
     OR OLD.state IN ('open', 'approved') AND NEW.state IN ('approved', 'done', 'failed')
        AND agreed >= 2 - (NEW.proposer_key <> 0)::integer THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'keeping: % does not become %, % persons agreed', OLD.state, NEW.state, agreed
    USING ERRCODE = 'insufficient_privilege';
END $$
"""  # noqa: S608  # the names of our own columns


def upgrade() -> None:
    """Create the tables, the guard and the rights."""
    _create_proposals()
    _create_decisions()
    op.create_table(
        "keeping_survey",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("classes", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_keeping_survey"),
    )
    op.create_index("ix_keeping_survey_at", "keeping_survey", ["at"])
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER keeping_proposal_rows BEFORE UPDATE ON keeping_proposal "
        "FOR EACH ROW EXECUTE FUNCTION keeping_guard_proposal()"
    )
    grant_app("keeping_proposal", reader=True)
    grant_append_only("keeping_decision", "keeping_survey", reader=True)
    op.execute("GRANT SELECT ON keeping_proposal, keeping_decision TO vl_pruner")
    op.execute("GRANT UPDATE (state, done_at, result) ON keeping_proposal TO vl_pruner")


def downgrade() -> None:
    """Drop the tables; what was done stands in the trail."""
    for table in ("keeping_survey", "keeping_decision", "keeping_proposal"):
        op.drop_table(table)
    op.execute("DROP FUNCTION keeping_guard_proposal()")


def _create_proposals() -> None:
    op.create_table(
        "keeping_proposal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("order_number", sa.Text()),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("proposed_by_id", sa.BigInteger()),
        sa.Column("proposer_key", sa.BigInteger(), nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_at", MOMENT),
        sa.Column("done_at", MOMENT),
        sa.Column("result", JSONB()),
        sa.PrimaryKeyConstraint("id", name="pk_keeping_proposal"),
        sa.UniqueConstraint("id", "proposer_key", name="uq_keeping_proposal_proposer"),
        sa.UniqueConstraint("id", "body_sha256", name="uq_keeping_proposal_body"),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["person.id"], name="fk_keeping_proposal_proposed_by_id_person"),
        sa.CheckConstraint(
            "kind IN ('prune', 'hold', 'release', 'erase', 'lower')", name=op.f("ck_keeping_proposal_kind_known")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'approved', 'refused', 'withdrawn', 'lapsed', 'done', 'failed')",
            name=op.f("ck_keeping_proposal_state_known"),
        ),
        sa.CheckConstraint("proposer_key = coalesce(proposed_by_id, 0)", name=op.f("ck_keeping_proposal_proposer")),
        sa.CheckConstraint(
            "proposed_by_id IS NOT NULL OR kind IN ('prune', 'hold', 'release')",
            name=op.f("ck_keeping_proposal_system_takes_nothing_personal"),
        ),
        sa.CheckConstraint(
            "body_sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')", name=op.f("ck_keeping_proposal_digest")
        ),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_keeping_proposal_reason")),
        sa.CheckConstraint("(state = 'open') = (decided_at IS NULL)", name=op.f("ck_keeping_proposal_decided_at")),
        sa.CheckConstraint(
            "(state IN ('done', 'failed')) = (done_at IS NOT NULL)", name=op.f("ck_keeping_proposal_done_at")
        ),
    )
    op.create_index("ix_keeping_proposal_proposed_at", "keeping_proposal", ["proposed_at", "id"])
    op.create_index(
        "ix_keeping_proposal_open",
        "keeping_proposal",
        ["kind", "target"],
        unique=True,
        postgresql_where=sa.text("state IN ('open', 'approved')"),
    )


def _create_decisions() -> None:
    op.create_table(
        "keeping_decision",
        sa.Column("proposal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("proposer_key", sa.BigInteger(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("second_factor_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("proposal_id", "person_id", name="pk_keeping_decision"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_keeping_decision_person_id_person"),
        sa.ForeignKeyConstraint(
            ["proposal_id", "proposer_key"],
            ["keeping_proposal.id", "keeping_proposal.proposer_key"],
            name="fk_keeping_decision_proposer",
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id", "body_sha256"],
            ["keeping_proposal.id", "keeping_proposal.body_sha256"],
            name="fk_keeping_decision_body",
        ),
        sa.CheckConstraint("person_id <> proposer_key", name=op.f("ck_keeping_decision_not_proposer")),
        sa.CheckConstraint("decision IN ('approve', 'refuse')", name=op.f("ck_keeping_decision_decision")),
        sa.CheckConstraint(
            "decision = 'approve' OR reason <> ''", name=op.f("ck_keeping_decision_reason_of_a_refusal")
        ),
        sa.CheckConstraint("second_factor_at <= decided_at", name=op.f("ck_keeping_decision_second_factor")),
    )
