"""The schema moves up, down and up again, and models and migrations agree."""

import pytest
from sqlalchemy import create_engine, text

from control.migrations import run

CATALOGUE = text(
    """
    SELECT 'column', table_name, column_name, data_type || coalesce(column_default, '') || is_nullable
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
      WHERE NOT tgisinternal
    UNION ALL SELECT 'function', '', proname, pg_get_functiondef(oid) FROM pg_proc
      WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
    UNION ALL SELECT 'right', table_name, grantee, privilege_type FROM information_schema.role_table_grants
      WHERE table_schema = 'public'
    ORDER BY 1, 2, 3, 4
    """
)


@pytest.fixture
def engine(empty_database):
    made = create_engine(empty_database)
    yield made
    made.dispose()


def shape(engine):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(CATALOGUE)]


def test_up_down_and_up_again_leaves_the_same_schema(engine):
    run.upgrade(engine)
    first = shape(engine)

    run.downgrade(engine)
    empty = [row for row in shape(engine) if row[1] != "alembic_version"]
    run.upgrade(engine)

    assert empty == []
    assert shape(engine) == first


def test_models_and_migrations_agree(engine):
    run.upgrade(engine)

    assert run.differences(engine) == []
    assert run.current(engine) == run.head()


def test_upgrading_twice_changes_nothing(engine):
    run.upgrade(engine)
    first = shape(engine)

    run.upgrade(engine)

    assert shape(engine) == first


def test_every_constraint_and_index_has_a_name_of_ours(engine):
    run.upgrade(engine)

    kinds = ("pk_", "fk_", "uq_", "ck_", "ix_", "ex_")
    strange = [
        (table, name)
        for kind, table, name, definition in shape(engine)
        if kind == "constraint"
        and not name.startswith(kinds)
        and not table.strip('"').startswith(("procrastinate_", "alembic_"))
        and "NOT NULL" not in definition.upper()[:9]
        and not table.startswith("-")
    ]
    assert strange == []
