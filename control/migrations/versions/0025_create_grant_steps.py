"""Create the history and the uses of grants; let a request extend a grant; keep who approved by which role.

What the database refuses: a use under a grant that does not hold at that moment; an extension that does not begin
where its grant ends, is for somebody or something else, or makes the whole stretch longer than its class allows; a
decision by somebody who is not active, or for the security unit by somebody who is not of it.
Every change of a grant's state is told to whoever listens on `vonglau_grant`.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app, grant_append_only
from control.migrations.words import add_words, take_words

revision = "0025"
down_revision = "0024"

MOMENT = sa.DateTime(timezone=True)
FINDING_KINDS = ("approver",)

USE_GUARD = """
CREATE FUNCTION grant_use_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE held privilege_grant;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.closed_at IS NOT NULL THEN
      RAISE EXCEPTION 'use % was closed', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_grant_use_no_way_back';
    END IF;
    RETURN NEW;
  END IF;
  SELECT * INTO held FROM privilege_grant WHERE id = NEW.grant_id FOR SHARE;
  IF FOUND AND (held.state <> 'active' OR NOT held.span @> NEW.opened_at) THEN
    RAISE EXCEPTION 'grant % does not hold', NEW.grant_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_grant_use_grant_holds';
  END IF;
  RETURN NEW;
END $$
"""
EXTENSION_GUARD = """
CREATE FUNCTION privilege_request_extension_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE extended privilege_grant; begins timestamptz;
BEGIN
  SELECT * INTO extended FROM privilege_grant WHERE id = NEW.extends_grant_id;
  IF NOT FOUND OR NEW.starts_at <> upper(extended.span) THEN
    RAISE EXCEPTION 'an extension begins where its grant ends'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_request_extends_at_end';
  END IF;
  SELECT lower(g.span) INTO begins FROM privilege_grant g WHERE g.id = privilege_grant_root(NEW.extends_grant_id);
  IF NEW.ends_at - begins > (CASE NEW.class WHEN 'high' THEN interval '24 hours' ELSE interval '93 days' END) THEN
    RAISE EXCEPTION 'the whole stretch is longer than its class allows'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_request_longest_stretch';
  END IF;
  RETURN NEW;
END $$
"""
ROOT = """
CREATE FUNCTION privilege_grant_root(bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  WITH RECURSIVE chain AS (
    SELECT g.id, g.request_id, 0 AS steps FROM privilege_grant g WHERE g.id = $1
    UNION ALL
    SELECT g.id, g.request_id, chain.steps + 1
      FROM chain JOIN privilege_request r ON r.id = chain.request_id JOIN privilege_grant g ON g.id = r.extends_grant_id
  )
  SELECT id FROM chain ORDER BY steps DESC LIMIT 1
$$
"""
STANDING_GUARD = """
CREATE FUNCTION privilege_approval_standing_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM person WHERE id = NEW.approver_id AND state = 'active')
     OR (NEW.for_security AND NOT EXISTS (
           SELECT 1 FROM person_role WHERE person_id = NEW.approver_id AND role = 'security-officer')) THEN
    RAISE EXCEPTION 'person % may not decide', NEW.approver_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_privilege_approval_approver_standing';
  END IF;
  RETURN NEW;
END $$
"""
TELLING = """
CREATE FUNCTION privilege_grant_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('vonglau_grant', 'CQ-' || lpad(NEW.id::text, greatest(4, length(NEW.id::text)), '0') || ' '
                    || NEW.state);
  RETURN NULL;
END $$
"""
TRIGGERS = {
    "grant_use_guard": "BEFORE INSERT OR UPDATE ON grant_use FOR EACH ROW",
    "privilege_request_extension_guard": (
        "BEFORE INSERT OR UPDATE ON privilege_request FOR EACH ROW WHEN (NEW.extends_grant_id IS NOT NULL)"
    ),
    "privilege_approval_standing_guard": "BEFORE INSERT ON privilege_approval FOR EACH ROW",
    "privilege_grant_tell": (
        "AFTER UPDATE ON privilege_grant FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)"
    ),
}
GRANT_COLUMNS: dict[str, Any] = {
    "ended_cause": sa.Text(),
    "started_at": MOMENT,
    "suspended_at": MOMENT,
    "suspended_cause": sa.Text(),
    "closed_at": MOMENT,
    "cut_ms": sa.BigInteger(),
}


def upgrade() -> None:
    """Add the columns, both tables, the guards and their rights."""
    for name, kind in GRANT_COLUMNS.items():
        op.add_column("privilege_grant", sa.Column(name, kind, nullable=True))
    # What holds already was looked at under the rule of then; only what still waits is looked at anew.
    op.execute("UPDATE privilege_grant SET started_at = lower(span) WHERE lower(span) <= now() AND state = 'active'")
    op.create_check_constraint(op.f("ck_privilege_grant_cut_ms"), "privilege_grant", "cut_ms >= 0")
    op.create_check_constraint(
        op.f("ck_privilege_grant_suspended_cause"), "privilege_grant", "state = 'suspended' OR suspended_cause IS NULL"
    )
    op.create_unique_constraint("uq_privilege_grant_right", "privilege_grant", ["id", "person_id", "account_id"])
    op.execute(f"GRANT UPDATE ({', '.join(GRANT_COLUMNS)}) ON privilege_grant TO vl_app")
    op.add_column("privilege_approval", sa.Column("approver_roles", sa.Text(), nullable=True))
    op.add_column("privilege_request", sa.Column("extends_grant_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "fk_privilege_request_extends",
        "privilege_request",
        "privilege_grant",
        ["extends_grant_id", "holder_id", "account_id"],
        ["id", "person_id", "account_id"],
    )
    op.create_index(
        "ix_privilege_request_extends",
        "privilege_request",
        ["extends_grant_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('submitted', 'approved')"),
    )
    _create_step()
    _create_use()
    for body in (ROOT, USE_GUARD, EXTENSION_GUARD, STANDING_GUARD, TELLING):
        op.execute(body)
    for name, moment in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {moment} EXECUTE FUNCTION {name}()")
    add_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)


def downgrade() -> None:
    """Drop what upgrade created."""
    take_words("finding", constraint="ck_finding_kind_known", column="kind", words=FINDING_KINDS)
    for name, moment in TRIGGERS.items():
        table = moment.partition(" ON ")[2].split()[0]
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("grant_use")
    op.drop_table("privilege_grant_step")
    op.drop_index("ix_privilege_request_extends", "privilege_request")
    op.drop_constraint("fk_privilege_request_extends", "privilege_request")
    op.drop_column("privilege_request", "extends_grant_id")
    op.execute("DROP FUNCTION privilege_grant_root(bigint)")
    op.drop_column("privilege_approval", "approver_roles")
    op.drop_constraint("uq_privilege_grant_right", "privilege_grant")
    op.drop_constraint("ck_privilege_grant_suspended_cause", "privilege_grant")
    op.drop_constraint("ck_privilege_grant_cut_ms", "privilege_grant")
    for name in GRANT_COLUMNS:
        op.drop_column("privilege_grant", name)


def _create_step() -> None:
    op.create_table(
        "privilege_grant_step",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("grant_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("approvers", sa.Text(), nullable=False),
        sa.Column("rights_before", sa.Text(), nullable=False),
        sa.Column("rights_after", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_privilege_grant_step"),
        sa.CheckConstraint(
            "step IN ('granted', 'started', 'withheld', 'suspended', 'resumed', 'ended', 'revoked')",
            name=op.f("ck_privilege_grant_step_step"),
        ),
        sa.CheckConstraint("reference <> ''", name=op.f("ck_privilege_grant_step_reference")),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["privilege_grant.id"], name="fk_privilege_grant_step_grant_id_privilege_grant"
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name="fk_privilege_grant_step_actor_id_person"),
    )
    op.create_index("ix_privilege_grant_step_grant_id", "privilege_grant_step", ["grant_id", "id"])
    grant_append_only("privilege_grant_step", reader=True)


def _create_use() -> None:
    op.create_table(
        "grant_use",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("grant_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("is_remote", sa.Boolean(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("closed_cause", sa.Text(), nullable=True),
        sa.Column("cut_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_grant_use"),
        sa.UniqueConstraint("kind", "ref", name="uq_grant_use_kind"),
        sa.CheckConstraint("kind ~ '^[a-z][a-z-]*$' AND ref <> ''", name=op.f("ck_grant_use_named")),
        sa.CheckConstraint("closed_at IS NULL OR closed_at >= opened_at", name=op.f("ck_grant_use_closed_later")),
        sa.CheckConstraint("cut_ms >= 0", name=op.f("ck_grant_use_cut_ms")),
        sa.ForeignKeyConstraint(["grant_id"], ["privilege_grant.id"], name="fk_grant_use_grant_id_privilege_grant"),
    )
    op.create_index("ix_grant_use_grant_id", "grant_use", ["grant_id", "id"])
    op.create_index(
        "ix_grant_use_told",
        "grant_use",
        ["kind", "id"],
        postgresql_where=sa.text("told_at IS NOT NULL AND closed_at IS NULL"),
    )
    grant_app("grant_use", reader=True)
