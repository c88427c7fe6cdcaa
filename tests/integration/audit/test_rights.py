"""The wrong door: what each role may not do to the trail, tried by logging in as it."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.factories.audit import make_entry

KEPT = ("audit_journal", "audit_head", "audit_checkpoint", "audit_key", "audit_tile", "audit_dead", "audit_prune")
EVERYBODY = ("vl_web", "vl_worker", "vl_sequencer", "vl_pruner", "vl_signer", "vl_reader")


def attempt(trail, role, statement):
    with trail.engine(role).begin() as connection:
        connection.execute(text(statement))


def refused(trail, role, statement):
    with pytest.raises(DBAPIError) as error:
        attempt(trail, role, statement)
    return error.value.orig.sqlstate == "42501"  # insufficient_privilege, by grant or by trigger


@pytest.fixture
def kept(trail):
    """A journal with something in every table."""
    trail.fill(2)
    now, h = "now()", "decode(repeat('00', 32), 'hex')"
    for statement in (
        f"INSERT INTO audit_checkpoint VALUES (1, {h}, 'x', {now})",
        f"INSERT INTO audit_key VALUES ('k', 'log', 1, {now})",
        f"INSERT INTO audit_tile VALUES (0, 0, decode(repeat('00', 8192), 'hex'), {h})",
        (
            f"INSERT INTO audit_dead (target, event_id, status, reason, attempts, at)"
            f" VALUES ('x', gen_random_uuid(), 400, 'x', 1, {now})"
        ),
        (
            f"INSERT INTO audit_prune (retention, first_seq, last_seq, emptied, root_before, root_after, policy_digest,"
            f" requested_by, approved_by, at) VALUES ('A3M', 0, 0, 1, {h}, {h}, 'x', 'a', 'b', {now})"
        ),
    ):
        attempt(trail, "vl_owner", statement)
    return trail


def test_nobody_changes_deletes_or_empties_what_is_kept(kept):
    for role in EVERYBODY:
        for table in KEPT:
            column = "size" if table in {"audit_head", "audit_checkpoint"} else "at"
            column = {"audit_tile": "number"}.get(table, column)
            if (role, table) != ("vl_sequencer", "audit_head"):
                assert refused(kept, role, f"UPDATE {table} SET {column} = {column}"), (role, table)
            assert refused(kept, role, f"DELETE FROM {table}"), (role, table)
            assert refused(kept, role, f"TRUNCATE {table}"), (role, table)
            assert refused(kept, role, f"DROP TRIGGER {table}_rows ON {table}"), (role, table)
            assert refused(kept, role, f"ALTER TABLE {table} DISABLE TRIGGER ALL"), (role, table)
            assert refused(kept, role, f"DROP TABLE {table}"), (role, table)


def test_the_triggers_stop_the_owner_too_while_they_stand(kept):
    for table in KEPT:
        column = "link" if table in {"audit_head", "audit_journal"} else "root"
        column = {"audit_key": "kind", "audit_dead": "reason", "audit_prune": "retention"}.get(table, column)
        if table != "audit_head":
            assert refused(kept, "vl_owner", f"UPDATE {table} SET {column} = {column}"), table
        assert refused(kept, "vl_owner", f"DELETE FROM {table}"), table
        assert refused(kept, "vl_owner", f"TRUNCATE {table}"), table


def test_the_head_never_goes_back_not_even_for_the_sequencer(kept):
    assert refused(kept, "vl_sequencer", "UPDATE audit_head SET size = size - 1")
    assert refused(kept, "vl_sequencer", "UPDATE audit_head SET origin = 'x'")
    attempt(kept, "vl_sequencer", "UPDATE audit_head SET size = size")


@pytest.mark.parametrize("role", ["vl_web", "vl_worker"])
def test_the_web_adds_to_the_outbox_and_can_neither_read_change_nor_take_back(kept, role):
    kept.write(make_entry())

    for statement in (
        "SELECT body FROM audit_outbox",
        "UPDATE audit_outbox SET at = now()",
        "DELETE FROM audit_outbox",
        "TRUNCATE audit_outbox",
        "INSERT INTO audit_journal SELECT * FROM audit_journal",
        "UPDATE audit_head SET size = 9",
        "INSERT INTO audit_checkpoint SELECT * FROM audit_checkpoint",
        "UPDATE audit_ship SET upto = 0",
        "DELETE FROM audit_search",
        "UPDATE audit_subject SET key = NULL",
        "DELETE FROM audit_opening",
        "SET ROLE vl_sequencer",
        "SET session_replication_role = replica",
    ):
        assert refused(kept, role, statement), statement
    attempt(kept, role, "SELECT count(*) FROM audit_outbox")


@pytest.mark.parametrize("role", ["vl_reader", "vl_signer", "vl_sequencer"])
def test_personal_values_and_keys_are_for_the_application_alone(kept, role):
    assert refused(kept, role, "SELECT key FROM audit_subject")
    assert refused(kept, role, "SELECT sealed FROM audit_opening")


@pytest.mark.parametrize("role", ["vl_reader", "vl_signer"])
def test_who_only_reads_writes_no_entry(kept, role):
    assert refused(
        kept,
        role,
        "INSERT INTO audit_outbox (id, at, retention, body, search_text, tokens) "
        "VALUES (gen_random_uuid(), now(), 'A3M', 'x', '', '')",
    )


def test_the_pruner_takes_a_body_away_and_changes_nothing_else(kept):
    empty = "UPDATE audit_journal SET body = NULL, search_text = NULL, tokens = NULL WHERE seq = 0"

    assert refused(kept, "vl_pruner", "UPDATE audit_journal SET body = 'x', search_text = NULL, tokens = NULL")
    assert refused(kept, "vl_pruner", "UPDATE audit_journal SET leaf = leaf")
    assert refused(kept, "vl_sequencer", empty)
    assert refused(kept, "vl_owner", empty)
    attempt(kept, "vl_pruner", empty)


def test_a_body_of_two_lines_never_enters_the_outbox(trail):
    with pytest.raises(DBAPIError, match="one_line"):
        attempt(
            trail,
            "vl_web",
            "INSERT INTO audit_outbox (id, at, retention, body, search_text, tokens) "
            r"VALUES (gen_random_uuid(), now(), 'A3M', '{}\x0a{}'::text::bytea, '', '')".replace(
                r"'{}\x0a{}'::text::bytea", r"'\x7b0a7d'::bytea"
            ),
        )


def test_an_entry_waits_for_the_disk_whatever_the_role_was_told(trail):
    with trail.engine("vl_web").begin() as connection:
        connection.execute(text("SET synchronous_commit = off"))
        trail_entry = make_entry()

        import audit

        audit.append(connection, trail_entry)

        assert connection.scalar(text("SHOW synchronous_commit")) == "on"


def test_the_journal_is_not_dropped_while_it_holds_entries(kept):
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    from control.migrations import run as migrations

    script = ScriptDirectory(migrations.__file__.rpartition("/")[0])
    with kept.engine("vl_owner").connect() as connection:
        with Operations.context(MigrationContext.configure(connection)), pytest.raises(DBAPIError, match="not dropped"):
            script.get_revision("0002").module.downgrade()
        connection.rollback()
