"""Create the database roles (design.md, rule 8).

Roles belong to the whole server, so they are made only when missing and never dropped by a downgrade. They cannot
log in until the stand or the database administrator gives each a password.
"""

from alembic import op

from control.migrations.rights import GROUP_ROLES, LOGIN_ROLES, MEMBERS

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create missing roles, let them see the schema, and take away what PostgreSQL gives to everyone."""
    for role in (*GROUP_ROLES, *LOGIN_ROLES):
        op.execute(
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
    for group, members in MEMBERS.items():
        for member in members:
            op.execute(f"GRANT {group} TO {member}")
    op.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for role in (*GROUP_ROLES, *LOGIN_ROLES):
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    op.execute("GRANT SELECT ON alembic_version TO vl_app, vl_reader")


def downgrade() -> None:
    """Take the schema away from the roles; the roles stay."""
    for role in (*GROUP_ROLES, *LOGIN_ROLES):
        op.execute(f"REVOKE USAGE ON SCHEMA public FROM {role}")
    op.execute("REVOKE SELECT ON alembic_version FROM vl_app, vl_reader")
    op.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
