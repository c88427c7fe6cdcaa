"""Create units and case assignments, and point people and cases at their unit.

Units known so far by their title alone are made from the titles people and cases carry; the directory gives them a key
of its own at the next reading. What the database itself refuses: an assignment to oneself, without a document, without
an end, or beside another that stands.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from control.migrations.rights import grant_app

revision = "0028"
down_revision = "0027"

MOMENT = sa.DateTime(timezone=True)
SPAN = "NOT isempty(span) AND lower_inc(span) AND NOT upper_inc(span) AND NOT lower_inf(span) AND NOT upper_inf(span)"
OVERLAP = """
ALTER TABLE case_assignment ADD CONSTRAINT ex_case_assignment_overlap EXCLUDE USING gist (
  int8range(person_id, person_id, '[]') WITH &&, int8range(case_file_id, case_file_id, '[]') WITH &&, span WITH &&
) WHERE (ended_at IS NULL)
"""
BACKFILL = """
INSERT INTO unit (key, title, first_seen_at)
SELECT 'u-' || left(encode(sha256(convert_to(title, 'UTF8')), 'hex'), 16), title, now()
FROM (SELECT unit AS title FROM person UNION SELECT unit FROM case_file) AS named
WHERE title <> ''
ORDER BY title
"""


def upgrade() -> None:
    """Create the tables and columns, fill them from what is there, and grant the application its rights."""
    op.create_table(
        "unit",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_unit"),
        sa.UniqueConstraint("key", name="uq_unit_key"),
        sa.CheckConstraint("key ~ '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$'", name=op.f("ck_unit_key_form")),
        sa.CheckConstraint("title <> ''", name=op.f("ck_unit_has_title")),
    )
    for table in ("person", "case_file"):
        op.add_column(table, sa.Column("unit_id", sa.BigInteger()))
        op.create_foreign_key(f"fk_{table}_unit_id_unit", table, "unit", ["unit_id"], ["id"])
        op.create_index(f"ix_{table}_unit_id", table, ["unit_id"])
    op.execute(BACKFILL)
    op.execute("UPDATE person SET unit_id = unit.id FROM unit WHERE unit.title = person.unit")
    op.execute("UPDATE case_file SET unit_id = unit.id FROM unit WHERE unit.title = case_file.unit")
    _create_assignments()
    grant_app("unit", "case_assignment", reader=True)


def _create_assignments() -> None:
    op.create_table(
        "case_assignment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("case_file_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("assigned_by_id", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("span", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("assigned_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_by_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_case_assignment"),
        sa.CheckConstraint("person_id <> assigned_by_id", name=op.f("ck_case_assignment_four_eyes")),
        sa.CheckConstraint(SPAN, name=op.f("ck_case_assignment_span")),
        sa.CheckConstraint("document <> ''", name=op.f("ck_case_assignment_has_document")),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by_id IS NULL)", name=op.f("ck_case_assignment_ended_by")),
        sa.ForeignKeyConstraint(["case_file_id"], ["case_file.id"], name="fk_case_assignment_case_file_id_case_file"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_case_assignment_person_id_person"),
        sa.ForeignKeyConstraint(["assigned_by_id"], ["person.id"], name="fk_case_assignment_assigned_by_id_person"),
        sa.ForeignKeyConstraint(["ended_by_id"], ["person.id"], name="fk_case_assignment_ended_by_id_person"),
    )
    op.execute(OVERLAP)
    op.create_index("ix_case_assignment_case_file_id", "case_assignment", ["case_file_id"])
    op.create_index("ix_case_assignment_person_id", "case_assignment", ["person_id"])


def downgrade() -> None:
    """Drop the assignments, the columns and the units."""
    op.drop_table("case_assignment")
    for table in ("case_file", "person"):
        op.drop_index(f"ix_{table}_unit_id", table)
        op.drop_constraint(f"fk_{table}_unit_id_unit", table)
        op.drop_column(table, "unit_id")
    op.drop_table("unit")
