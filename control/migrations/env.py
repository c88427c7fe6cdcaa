"""Runs the migrations on the connection it is handed; has no settings of its own."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from control.migrations.metadata import target_metadata

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"

connection: Connection = context.config.attributes["connection"]
connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
connection.exec_driver_sql(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
connection.commit()
context.configure(
    connection=connection,
    target_metadata=target_metadata(),
    transaction_per_migration=True,
    compare_type=True,
    include_name=lambda name, kind, _parents: not (kind == "table" and str(name).startswith("procrastinate_")),
)
with context.begin_transaction():
    context.run_migrations()
