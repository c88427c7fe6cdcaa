"""Move the schema and tell where it stands; used by `vonglau db`, `bin/up` and the tests."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from control.migrations.metadata import target_metadata

HERE = Path(__file__).parent


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "os")
    return config


def head() -> str:
    """Return the newest revision in the source tree."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    return revision or ""


def current(engine: Engine) -> str:
    """Return the revision the database stands at, empty when it has none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def upgrade(engine: Engine, *, to: str = "head") -> None:
    """Bring the schema up to `to`; each migration is a transaction of its own."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def downgrade(engine: Engine, *, to: str = "base") -> None:
    """Take the schema down to `to`."""
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, to)


def differences(engine: Engine) -> list[str]:
    """Return what the models say and the database does not, or the other way; empty when they agree."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _parents: (
                    not (kind == "table" and str(name).startswith(("procrastinate_", "alembic_")))
                ),
            },
        )
        found = [compare_metadata(context, metadata) for metadata in [target_metadata()]]  # type: ignore[arg-type]  # a list is allowed
    return [str(item) for items in found for item in items]
