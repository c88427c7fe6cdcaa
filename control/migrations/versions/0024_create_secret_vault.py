"""Create the vault: custody of secrets, their versions, check-outs, rotations, and what the signer opened.

What the database itself refuses: a second current or candidate version; another content for a version that stands; a
second open check-out, or one without a grant that holds; a second rotation under way; a release by anybody but the
signer's role, or a changed one. The signer's role reads what it judges by and never a ciphertext.
"""

import sqlalchemy as sa
from alembic import op

from control.migrations.rights import grant_app, grant_append_only

revision = "0024"
down_revision = "0023"

MOMENT = sa.DateTime(timezone=True)
VERSION_GUARD = """
CREATE FUNCTION secret_version_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.account_id, NEW.number, NEW.origin, NEW.created_at, NEW.created_by_id)
     IS DISTINCT FROM (OLD.account_id, OLD.number, OLD.origin, OLD.created_at, OLD.created_by_id)
     OR (NEW.ciphertext IS DISTINCT FROM OLD.ciphertext AND NEW.role <> 'spent')
     OR (OLD.role = 'spent') THEN
    RAISE EXCEPTION 'a version of a secret is never changed, only spent'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_secret_version_unchanged';
  END IF;
  RETURN NEW;
END $$
"""
CHECKOUT_GUARD = """
CREATE FUNCTION secret_checkout_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM 1 FROM privilege_grant held
    WHERE held.id = NEW.grant_id AND held.person_id = NEW.person_id AND held.account_id = NEW.account_id
      AND held.state = 'active' AND held.span @> NEW.opened_at AND NEW.until <= upper(held.span)
    FOR SHARE;  -- a grant that ends at this moment waits, and then closes this check-out too
    IF NOT FOUND THEN
      RAISE EXCEPTION 'a secret is checked out under a grant that holds'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_secret_checkout_granted';
    END IF;
    IF NEW.shown_at IS NOT NULL OR NEW.closed_at IS NOT NULL
       OR NOT EXISTS (SELECT FROM secret_version v WHERE v.id = NEW.version_id AND v.role = 'current') THEN
      RAISE EXCEPTION 'a check-out begins open, with the current version'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_secret_checkout_begins';
    END IF;
  ELSIF (NEW.account_id, NEW.version_id, NEW.grant_id, NEW.person_id, NEW.reason, NEW.token_sha256, NEW.opened_at,
         NEW.until)
        IS DISTINCT FROM
        (OLD.account_id, OLD.version_id, OLD.grant_id, OLD.person_id, OLD.reason, OLD.token_sha256, OLD.opened_at,
         OLD.until)
        OR OLD.closed_at IS NOT NULL
        OR (OLD.shown_at IS NOT NULL AND NEW.shown_at IS DISTINCT FROM OLD.shown_at) THEN
    RAISE EXCEPTION 'a check-out is only shown once and closed once'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_secret_checkout_unchanged';
  END IF;
  RETURN NEW;
END $$
"""
ROTATION_GUARD = """
CREATE FUNCTION secret_rotation_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.ended_at IS NOT NULL
     OR (NEW.account_id, NEW.kind, NEW.cause, NEW.asked_by_id, NEW.asked_at)
        IS DISTINCT FROM (OLD.account_id, OLD.kind, OLD.cause, OLD.asked_by_id, OLD.asked_at) THEN
    RAISE EXCEPTION 'a rotation that ended stays as it ended'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_secret_rotation_unchanged';
  END IF;
  RETURN NEW;
END $$
"""
GUARDS = {
    "secret_version": (VERSION_GUARD, "UPDATE"),
    "secret_checkout": (CHECKOUT_GUARD, "INSERT OR UPDATE"),
    "secret_rotation": (ROTATION_GUARD, "UPDATE"),
}
SIGNER_READS = {
    "secret_version": "id, account_id, number, role, wrapped_key, kek",
    "secret_checkout": "id, account_id, version_id, grant_id, person_id, token_sha256, opened_at, until, shown_at, "
    "closed_at",
    "secret_rotation": "id, account_id, started_at, ended_at",
    "privilege_grant": "id, person_id, account_id, state, span",
    "privilege_account": "id, code, state",
    "person": "id, state",
}
CHECKS = {
    "secret_custody": {
        "method": "method IN ('postgresql', 'manual')",
        "state": "state IN ('known', 'unknown')",
        "target": (
            "(method = 'manual' AND host IS NULL AND port IS NULL AND database IS NULL) OR "
            "(method = 'postgresql' AND host <> '' AND port BETWEEN 1 AND 65535 AND database <> '')"
        ),
    },
    "secret_version": {
        "role": "role IN ('candidate', 'current', 'previous', 'spent')",
        "origin": "origin IN ('deposit', 'rotation')",
        "number": "number > 0",
        "content": (
            "(role = 'spent') = (ciphertext IS NULL) AND (ciphertext IS NULL) = (wrapped_key IS NULL) "
            "AND (ciphertext IS NULL) = (kek IS NULL)"
        ),
        "created_by": "(origin = 'deposit') = (created_by_id IS NOT NULL)",
    },
    "secret_checkout": {
        "window": "until > opened_at",
        "token": "token_sha256 ~ '^[0-9a-f]{64}$'",
        "reason": "reason <> ''",
        "closed": "(closed_at IS NULL) = (closed_why IS NULL)",
        "closed_why": "closed_why IN ('returned', 'grant-ended', 'time', 'not-delivered')",
        "returned_by": "closed_why <> 'returned' OR closed_by_id IS NOT NULL",
    },
    "secret_rotation": {
        "kind": "kind IN ('replace', 'prove')",
        "cause": "cause IN ('returned', 'deposit', 'schedule', 'asked', 'recovery')",
        "result": "result IN ('rotated', 'kept', 'restored', 'unknown', 'interrupted', 'not-prepared')",
        "ended": "(ended_at IS NULL) = (result IS NULL)",
        "moments": "started_at IS NULL OR started_at >= asked_at",
        "asked_by": "cause <> 'asked' OR asked_by_id IS NOT NULL",
    },
    "secret_release": {"one_cause": "(checkout_id IS NULL) <> (rotation_id IS NULL)"},
}


def _checks(table: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}")) for name, text in CHECKS[table].items()]


def _key(table: str, column: str, target: str, *, to: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.{to}"], name=f"fk_{table}_{column}_{target}")


def upgrade() -> None:
    """Create the tables, the guards, and what each role may do."""
    _custody_and_versions()
    _checkouts()
    _rotations()
    _releases()
    for table, (function, moments) in GUARDS.items():
        op.execute(function)
        op.execute(
            f"CREATE TRIGGER {table}_guard BEFORE {moments} ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_guard()"
        )
    grant_app("secret_custody", "secret_version", "secret_checkout")
    grant_app("secret_rotation", reader=True)
    # What the runbooks ask; neither ciphertext nor wrapped key is a reader's.
    op.execute(
        "GRANT SELECT (id, account_id, number, role, origin, created_at, verified_at) ON secret_version TO vl_reader"
    )
    grant_append_only("secret_release_told")
    op.execute("GRANT SELECT ON secret_release TO vl_app")
    op.execute("GRANT SELECT, INSERT ON secret_release TO vl_signer")
    for table, columns in SIGNER_READS.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO vl_signer")


def _custody_and_versions() -> None:
    op.create_table(
        "secret_custody",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("host", sa.Text()),
        sa.Column("port", sa.BigInteger()),
        sa.Column("database", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("deposited_by_id", sa.BigInteger(), nullable=False),
        sa.Column("deposited_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_secret_custody"),
        _key("secret_custody", "account_id", "privilege_account"),
        _key("secret_custody", "document_id", "authorising_document"),
        _key("secret_custody", "deposited_by_id", "person"),
        *_checks("secret_custody"),
    )
    op.create_table(
        "secret_version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary()),
        sa.Column("wrapped_key", sa.LargeBinary()),
        sa.Column("kek", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by_id", sa.BigInteger()),
        sa.Column("verified_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_secret_version"),
        sa.UniqueConstraint("account_id", "number", name="uq_secret_version_account_id"),
        sa.UniqueConstraint("id", "account_id", name="uq_secret_version_account"),
        _key("secret_version", "account_id", "secret_custody", to="account_id"),
        _key("secret_version", "created_by_id", "person"),
        *_checks("secret_version"),
    )
    for role in ("current", "candidate"):
        condition = sa.text(f"role = '{role}'")
        op.create_index(
            f"ix_secret_version_{role}", "secret_version", ["account_id"], unique=True, postgresql_where=condition
        )


def _checkouts() -> None:
    op.create_table(
        "secret_checkout",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("account_id", "version_id", "grant_id", "person_id")
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("shown_at", MOMENT),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_why", sa.Text()),
        sa.Column("closed_by_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_secret_checkout"),
        _key("secret_checkout", "account_id", "secret_custody", to="account_id"),
        sa.ForeignKeyConstraint(
            ["version_id", "account_id"],
            ["secret_version.id", "secret_version.account_id"],
            name="fk_secret_checkout_version",
        ),
        _key("secret_checkout", "grant_id", "privilege_grant"),
        _key("secret_checkout", "person_id", "person"),
        _key("secret_checkout", "closed_by_id", "person"),
        *_checks("secret_checkout"),
    )
    is_open = sa.text("closed_at IS NULL")
    op.create_index("ix_secret_checkout_open", "secret_checkout", ["account_id"], unique=True, postgresql_where=is_open)
    op.create_index("ix_secret_checkout_person_id", "secret_checkout", ["person_id", "id"])
    op.create_index("ix_secret_checkout_grant_id", "secret_checkout", ["grant_id"])


def _rotations() -> None:
    op.create_table(
        "secret_rotation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger()),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("run_code", sa.Text()),
        sa.Column("started_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("result", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_secret_rotation"),
        _key("secret_rotation", "account_id", "secret_custody", to="account_id"),
        _key("secret_rotation", "asked_by_id", "person"),
        *_checks("secret_rotation"),
    )
    is_open = sa.text("ended_at IS NULL")
    op.create_index("ix_secret_rotation_open", "secret_rotation", ["account_id"], unique=True, postgresql_where=is_open)
    op.create_index("ix_secret_rotation_account_id", "secret_rotation", ["account_id", "id"])


def _releases() -> None:
    op.create_table(
        "secret_release",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("checkout_id", sa.BigInteger()),
        sa.Column("rotation_id", sa.BigInteger()),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("kek", sa.Text(), nullable=False),
        sa.Column("released_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_secret_release"),
        sa.UniqueConstraint("checkout_id", name="uq_secret_release_checkout_id"),
        sa.UniqueConstraint("rotation_id", "version_id", name="uq_secret_release_rotation_id"),
        _key("secret_release", "version_id", "secret_version"),
        _key("secret_release", "checkout_id", "secret_checkout"),
        _key("secret_release", "rotation_id", "secret_rotation"),
        *_checks("secret_release"),
    )
    op.create_table(
        "secret_release_told",
        sa.Column("release_id", sa.BigInteger(), nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("release_id", name="pk_secret_release_told"),
        _key("secret_release_told", "release_id", "secret_release"),
    )


def downgrade() -> None:
    """Drop everything of the vault."""
    for table in ("privilege_grant", "privilege_account", "person"):
        op.execute(f"REVOKE SELECT ({SIGNER_READS[table]}) ON {table} FROM vl_signer")  # noqa: S608 - names of our own
    for table in (
        "secret_release_told",
        "secret_release",
        "secret_rotation",
        "secret_checkout",
        "secret_version",
        "secret_custody",
    ):
        op.drop_table(table)
    for table in GUARDS:
        op.execute(f"DROP FUNCTION {table}_guard()")
