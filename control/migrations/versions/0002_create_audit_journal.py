"""Create the journal of the trail, with the rights and the triggers that keep it as it was written.

What each role may do is spelled out here and nowhere else. The application adds to the outbox and reads the journal;
only the sequencer numbers; only the pruner empties bodies, and leaf and link stay. The triggers stop also the owner
of the tables while they stand, so that a slip in a console is no loss.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)

APPEND_ONLY = ("audit_checkpoint", "audit_key", "audit_tile", "audit_dead", "audit_prune")

GRANTS = (
    # The web and the worker: add entries, read what is numbered. Of the outbox they see only how old it is.
    ("INSERT", "audit_outbox", "vl_app"),
    ("SELECT (oid, at)", "audit_outbox", "vl_app, vl_reader"),
    ("SELECT, INSERT", "audit_subject", "vl_app"),
    ("SELECT, INSERT", "audit_opening", "vl_app"),
    # The sequencer and the shipper. FOR UPDATE asks for the right to update one column.
    ("SELECT, DELETE", "audit_outbox", "vl_sequencer"),
    ("UPDATE (oid)", "audit_outbox", "vl_sequencer"),
    ("INSERT", "audit_journal", "vl_sequencer"),
    ("INSERT, UPDATE", "audit_head", "vl_sequencer"),
    ("INSERT", "audit_tile, audit_checkpoint, audit_key, audit_search, audit_dead", "vl_sequencer"),
    ("INSERT, UPDATE", "audit_ship", "vl_sequencer"),
    # The pruner: empty bodies, drop openings, destroy keys. Nobody else can.
    ("UPDATE (body, search_text, tokens)", "audit_journal", "vl_pruner"),
    ("SELECT, UPDATE, DELETE", "audit_opening", "vl_pruner"),
    ("SELECT", "audit_subject", "vl_pruner"),
    ("UPDATE (key, destroyed_at)", "audit_subject", "vl_pruner"),
    ("DELETE", "audit_search", "vl_pruner"),
    ("INSERT", "audit_prune", "vl_pruner"),
)

# Nothing in these is personal: everyone who works with the trail reads them.
READ_BY_ALL = (
    "audit_journal, audit_head, audit_tile, audit_checkpoint, audit_key, audit_search, audit_ship, audit_dead, "
    "audit_hold, audit_prune"
)
READERS = "vl_app, vl_sequencer, vl_pruner, vl_signer, vl_reader"

# One row changes in one way: the pruner takes the body away. `IS NOT DISTINCT FROM` also compares what is NULL.
GUARD_JOURNAL = """
CREATE FUNCTION audit_guard_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_user = 'vl_pruner' AND NEW.body IS NULL
     AND NEW.search_text IS NULL AND NEW.tokens IS NULL
     AND (NEW.seq, NEW.id, NEW.at, NEW.retention, NEW.leaf, NEW.link)
         IS NOT DISTINCT FROM (OLD.seq, OLD.id, OLD.at, OLD.retention, OLD.leaf, OLD.link) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit: % on % is refused, the journal is only added to', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$
"""

GUARD = """
CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit: % on % is refused, it is only added to', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$
"""

# The head moves forward by whole batches and never back.
GUARD_HEAD = """
CREATE FUNCTION audit_guard_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.k = OLD.k AND NEW.origin = OLD.origin AND NEW.size >= OLD.size THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit: % on % is refused, the head only moves forward', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$
"""


def upgrade() -> None:
    """Create tables, then triggers, then rights."""
    _create_flow()
    _create_proofs()
    _create_personal()
    _create_search()
    _create_keeping()
    _create_guards()
    for rights, tables, roles in (*GRANTS, ("SELECT", READ_BY_ALL, READERS)):
        op.execute(f"GRANT {rights} ON {tables} TO {roles}")


def downgrade() -> None:
    """Drop everything; the trail is lost, so a journal that holds entries is not dropped."""
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT 1 FROM audit_journal) OR EXISTS (SELECT 1 FROM audit_outbox) THEN "
        "RAISE EXCEPTION 'audit: the journal holds entries and is not dropped'; END IF; END $$"
    )
    for table in (
        "audit_prune",
        "audit_hold",
        "audit_dead",
        "audit_ship",
        "audit_search",
        "audit_opening",
        "audit_subject",
        "audit_key",
        "audit_checkpoint",
        "audit_tile",
        "audit_head",
        "audit_journal",
        "audit_outbox",
    ):
        op.drop_table(table)
    for function in ("audit_guard_journal", "audit_guard_head", "audit_guard"):
        op.execute(f"DROP FUNCTION {function}()")


def _create_flow() -> None:
    op.create_table(
        "audit_outbox",
        sa.Column("oid", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("retention", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("search_text", sa.Text, nullable=False),
        sa.Column("tokens", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("oid", name="pk_audit_outbox"),
        sa.CheckConstraint(r"position('\x0a'::bytea in body) = 0", name="ck_audit_outbox_one_line"),
    )
    # A queue: rows live for milliseconds, so it is vacuumed by number, not by share.
    op.execute("ALTER TABLE audit_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)")
    op.create_table(
        "audit_journal",
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("retention", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
        sa.Column("search_text", sa.Text),
        sa.Column("tokens", sa.Text),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_journal"),
        sa.UniqueConstraint("id", name="uq_audit_journal_id"),
        sa.CheckConstraint("seq >= 0", name="ck_audit_journal_sequence"),
        sa.CheckConstraint("octet_length(leaf) = 32 AND octet_length(link) = 32", name="ck_audit_journal_hashes"),
    )
    op.create_table(
        "audit_head",
        sa.Column("k", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("k", name="pk_audit_head"),
        sa.CheckConstraint("k = 1", name="ck_audit_head_single"),
    )


def _create_proofs() -> None:
    op.create_table(
        "audit_tile",
        sa.Column("level", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="pk_audit_tile"),
        sa.CheckConstraint("octet_length(hashes) = 8192 AND octet_length(root) = 32", name="ck_audit_tile_full"),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_audit_checkpoint"),
    )
    op.create_table(
        "audit_key",
        sa.Column("vkey", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("since_size", sa.BigInteger, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("vkey", name="pk_audit_key"),
        sa.CheckConstraint("kind IN ('log', 'witness')", name="ck_audit_key_kind"),
    )


def _create_personal() -> None:
    op.create_table(
        "audit_subject",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("wrapped_by", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("destroyed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_audit_subject"),
        sa.CheckConstraint("(key IS NULL) = (destroyed_at IS NOT NULL)", name="ck_audit_subject_destroyed"),
    )
    op.create_index(
        "ix_audit_subject_subject",
        "audit_subject",
        ["subject"],
        unique=True,
        postgresql_where=sa.text("destroyed_at IS NULL"),
    )
    op.create_table(
        "audit_opening",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("subject_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", "subject_id", name="pk_audit_opening"),
    )
    op.create_index("ix_audit_opening_subject_id", "audit_opening", ["subject_id"])


def _create_search() -> None:
    op.create_table(
        "audit_search",
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("denied", sa.Boolean, nullable=False),
        sa.Column("actor_id", sa.Text),
        sa.Column("person_id", sa.Text),
        sa.Column("account_id", sa.Text),
        sa.Column("case_code", sa.Text),
        sa.Column("refs", ARRAY(sa.Text), nullable=False),
        sa.Column("words", ARRAY(sa.Text), nullable=False),
        sa.Column("tokens", ARRAY(sa.Text), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_search"),
    )
    table = "audit_search"
    op.create_index("ix_audit_search_at", table, ["at"])
    op.create_index("ix_audit_search_action", table, ["action", "seq"])
    op.create_index("ix_audit_search_outcome", table, ["seq"], postgresql_where=sa.text("outcome <> 'success'"))
    op.create_index("ix_audit_search_actor_id", table, ["actor_id", "seq"])
    for column in ("person_id", "account_id", "case_code"):
        op.create_index(
            f"ix_audit_search_{column}",
            table,
            [column, "seq"],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    for column in ("refs", "words", "tokens"):
        op.create_index(f"ix_audit_search_{column}", table, [column], postgresql_using="gin")


def _create_keeping() -> None:
    op.create_table(
        "audit_ship",
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("upto", sa.BigInteger, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("stalled_since", MOMENT),
        sa.Column("stopped", sa.Boolean, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("target", name="pk_audit_ship"),
    )
    op.create_table(
        "audit_dead",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_dead"),
    )
    op.create_index("ix_audit_dead_target", "audit_dead", ["target", "seq"])
    op.create_table(
        "audit_hold",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("order_number", sa.Text, nullable=False),
        sa.Column("ordered_on", sa.Date, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("since", MOMENT),
        sa.Column("until", MOMENT),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("placed_at", MOMENT, nullable=False),
        sa.Column("release_order_number", sa.Text),
        sa.Column("release_requested_by", sa.Text),
        sa.Column("release_approved_by", sa.Text),
        sa.Column("released_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_audit_hold"),
        sa.CheckConstraint("approved_by <> requested_by", name="ck_audit_hold_four_eyes"),
        sa.CheckConstraint("release_approved_by <> release_requested_by", name="ck_audit_hold_release_four_eyes"),
        sa.CheckConstraint(
            "(released_at IS NULL AND release_order_number IS NULL AND release_requested_by IS NULL"
            " AND release_approved_by IS NULL) OR (released_at IS NOT NULL AND release_order_number IS NOT NULL"
            " AND release_requested_by IS NOT NULL AND release_approved_by IS NOT NULL)",
            name="ck_audit_hold_release",
        ),
        sa.CheckConstraint(
            "scope IN ('case', 'account', 'grant', 'document', 'actor', 'period')", name="ck_audit_hold_scope"
        ),
        sa.CheckConstraint(
            "(scope = 'period' AND since IS NOT NULL AND until IS NOT NULL)"
            " OR (scope <> 'period' AND value IS NOT NULL)",
            name="ck_audit_hold_scope_value",
        ),
    )
    op.create_table(
        "audit_prune",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("retention", sa.Text, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("emptied", sa.BigInteger, nullable=False),
        sa.Column("root_before", sa.LargeBinary, nullable=False),
        sa.Column("root_after", sa.LargeBinary, nullable=False),
        sa.Column("policy_digest", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_prune"),
        sa.CheckConstraint("approved_by <> requested_by", name="ck_audit_prune_four_eyes"),
        sa.CheckConstraint("first_seq <= last_seq", name="ck_audit_prune_range"),
    )


def _create_guards() -> None:
    for function in (GUARD_JOURNAL, GUARD, GUARD_HEAD):
        op.execute(function)
    guards = {"audit_journal": "audit_guard_journal", "audit_head": "audit_guard_head"}
    guards |= dict.fromkeys(APPEND_ONLY, "audit_guard")
    for table, function in guards.items():
        op.execute(
            f"CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_guard()"
        )
