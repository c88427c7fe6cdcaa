"""Tables of the journal, as SQLAlchemy Core; control/migrations/versions/0002 creates them, with the rights.

The journal is the record: rows are added by the sequencer and never changed, except that the pruner may empty
`body` (leaf and link stay, so every proof stays good). Nothing here holds a personal value in clear.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

Moment = DateTime(timezone=True)

# Entries on their way: written in the transaction of the act, taken by the sequencer. The web may add a row
# and do nothing else. A body is one line, because the evidence bundle keeps one body a line.
outbox = Table(
    "audit_outbox",
    metadata,
    Column("oid", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("at", Moment, nullable=False),
    Column("retention", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("tokens", Text, nullable=False),
    CheckConstraint(r"position('\x0a'::bytea in body) = 0", name="one_line"),
)

# `seq` is the leaf index, from 0. `link` is not UNIQUE as the research has it: the primary key and the locked
# head already stop a fork, and a random index over 32 bytes halves the rate at ten million rows.
journal = Table(
    "audit_journal",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, nullable=False),
    Column("at", Moment, nullable=False),
    Column("retention", Text, nullable=False),
    Column("body", LargeBinary),
    Column("leaf", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("search_text", Text),
    Column("tokens", Text),
    UniqueConstraint("id"),
    CheckConstraint("seq >= 0", name="sequence"),
    CheckConstraint("octet_length(leaf) = 32 AND octet_length(link) = 32", name="hashes"),
    Index("ix_audit_journal_at", "at", postgresql_using="brin"),  # what is old enough; costs nothing when adding
)

# One row: how many entries there are and the link of the last. Locked by the sequencer in every batch.
head = Table(
    "audit_head",
    metadata,
    Column("k", SmallInteger, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("link", LargeBinary, nullable=False),
    CheckConstraint("k = 1", name="single"),
)

# Full Merkle tiles of 256 hashes (level 0: leaves); `root` is the tile's own root, one hash of the level above.
tile = Table(
    "audit_tile",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    CheckConstraint("octet_length(hashes) = 8192 AND octet_length(root) = 32", name="full"),
)

checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
)

# Public keys in C2SP form, with the size from which each is in use: the history a verifier takes along. `rotation` is
# the statement, signed by both keys, with which a key of the log took over from the one before (audit/keys.py).
key = Table(
    "audit_key",
    metadata,
    Column("vkey", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("since_size", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("rotation", LargeBinary),
    CheckConstraint("kind IN ('log', 'witness')", name="kind"),
)

# A key for each person, with which their values are sealed and made into tokens. Destroying it empties `key`:
# commitments and tokens that remain can no longer be tied to anybody. Somebody who comes back gets a new row.
subject = Table(
    "audit_subject",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("key", LargeBinary),
    Column("wrapped_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("destroyed_at", Moment),
    CheckConstraint("(key IS NULL) = (destroyed_at IS NOT NULL)", name="destroyed"),
    Index("ix_audit_subject_subject", "subject", unique=True, postgresql_where=text("destroyed_at IS NULL")),
)

# The sealed values of one entry that belong to one person.
opening = Table(
    "audit_opening",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("ix_audit_opening_subject_id", "subject_id"),
)

# What the trail is searched by when the search server is away: fed from the journal, can be built again.
search = Table(
    "audit_search",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("denied", Boolean, nullable=False),
    Column("actor_id", Text),
    Column("person_id", Text),
    Column("account_id", Text),
    Column("case_code", Text),
    Column("refs", ARRAY(Text), nullable=False),
    Column("words", ARRAY(Text), nullable=False),
    Column("tokens", ARRAY(Text), nullable=False),
    Index("ix_audit_search_at", "at"),
    Index("ix_audit_search_action", "action", "seq"),
    Index("ix_audit_search_outcome", "seq", postgresql_where=text("outcome <> 'success'")),
    Index("ix_audit_search_actor_id", "actor_id", "seq"),
    Index("ix_audit_search_person_id", "person_id", "seq", postgresql_where=text("person_id IS NOT NULL")),
    Index("ix_audit_search_account_id", "account_id", "seq", postgresql_where=text("account_id IS NOT NULL")),
    Index("ix_audit_search_case_code", "case_code", "seq", postgresql_where=text("case_code IS NOT NULL")),
    Index("ix_audit_search_refs", "refs", postgresql_using="gin"),
    Index("ix_audit_search_words", "words", postgresql_using="gin"),
    Index("ix_audit_search_tokens", "tokens", postgresql_using="gin"),
)

# How far each copy of the journal is: `upto` is the first sequence not yet there. `epoch` counts how often the
# cursor was set back: whoever read it before may not move it afterwards.
ship = Table(
    "audit_ship",
    metadata,
    Column("target", Text, primary_key=True),
    Column("upto", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("at", Moment, nullable=False),
    Column("stalled_since", Moment),
    Column("stopped", Boolean, nullable=False),
    Column("last_error", Text),
)

# The room on each volume the trail needs, as its process last measured it. While the journal's volume is "full" the
# outbox takes no act (audit/outbox.py): what is left of the disk belongs to PostgreSQL and to the trail's own words.
disk = Table(
    "audit_disk",
    metadata,
    Column("volume", Text, primary_key=True),
    Column("level", Text, nullable=False),
    Column("total_bytes", BigInteger, nullable=False),
    Column("free_bytes", BigInteger, nullable=False),
    Column("ballast_bytes", BigInteger, nullable=False),
    Column("since", Moment, nullable=False),
    Column("at", Moment, nullable=False),
    CheckConstraint("level IN ('ok', 'warning', 'refusing', 'full')", name="level"),
    CheckConstraint("volume IN ('journal', 'segments')", name="volume"),
)

# What a copy refused, and what the sequencer would not number (an id that is already in the journal).
dead = Table(
    "audit_dead",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("target", Text, nullable=False),
    Column("seq", BigInteger),
    Column("event_id", Uuid, nullable=False),
    Column("status", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("body", LargeBinary),
    Column("at", Moment, nullable=False),
    Index("ix_audit_dead_target", "target", "seq"),
)

# What comparing a copy with the journal found: entries `first_seq` (included) to `last_seq` (excluded).
# `sample` names the first differences: kind, number, id, where, which fields; never a value.
reconcile = Table(
    "audit_reconcile",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("target", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("checked", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("extra", BigInteger, nullable=False),
    Column("altered", BigInteger, nullable=False),
    Column("dead", BigInteger, nullable=False),
    Column("pruned", BigInteger, nullable=False),
    Column("sample", JSONB, nullable=False),
    CheckConstraint("first_seq >= 0 AND last_seq >= first_seq", name="range"),
    CheckConstraint("finished_at >= started_at", name="times"),
    Index("ix_audit_reconcile_target", "target", "id"),
)

# Legal hold: what may be neither pruned nor redacted, by whose written order. Two people place it, two release it.
hold = Table(
    "audit_hold",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("order_number", Text, nullable=False),
    Column("ordered_on", Date, nullable=False),
    Column("scope", Text, nullable=False),
    Column("value", Text),
    Column("since", Moment),
    Column("until", Moment),
    Column("requested_by", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("release_order_number", Text),
    Column("release_requested_by", Text),
    Column("release_approved_by", Text),
    Column("released_at", Moment),
    CheckConstraint("approved_by <> requested_by", name="four_eyes"),
    CheckConstraint("release_approved_by <> release_requested_by", name="release_four_eyes"),
    CheckConstraint(
        "(released_at IS NULL AND release_order_number IS NULL AND release_requested_by IS NULL"
        " AND release_approved_by IS NULL) OR (released_at IS NOT NULL AND release_order_number IS NOT NULL"
        " AND release_requested_by IS NOT NULL AND release_approved_by IS NOT NULL)",
        name="release",
    ),
    CheckConstraint("scope IN ('case', 'account', 'grant', 'document', 'actor', 'period')", name="scope"),
    CheckConstraint(
        "(scope = 'period' AND since IS NOT NULL AND until IS NOT NULL) OR (scope <> 'period' AND value IS NOT NULL)",
        name="scope_value",
    ),
)

# The operator's own values of retention, longer than the text asks; the newest row of a class counts, in the class's
# own unit. A row that lowers the value needs a second person: the trigger of the migration compares.
retention = Table(
    "audit_retention",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("retention", Text, nullable=False),
    Column("value", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("policy_digest", Text, nullable=False),
    Column("at", Moment, nullable=False),
    CheckConstraint("approved_by <> set_by", name="four_eyes"),
    CheckConstraint("value > 0", name="value"),
    Index("ix_audit_retention_retention", "retention", "id"),
)

prune = Table(
    "audit_prune",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("retention", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("emptied", BigInteger, nullable=False),
    Column("root_before", LargeBinary, nullable=False),
    Column("root_after", LargeBinary, nullable=False),
    Column("policy_digest", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("at", Moment, nullable=False),
    CheckConstraint("approved_by <> requested_by", name="four_eyes"),
    CheckConstraint("first_seq <= last_seq", name="range"),
)
