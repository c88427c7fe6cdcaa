"""What surrounds every `vonglau audit …`: the settings and database of its role, and the act it is in the trail."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from control.commands.speech import Speech

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

    from control.actions import Action
    from control.acts import Act
    from control.db import Database
    from control.settings import Settings

APPLICATION = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a command works with: the database under the role it was given, and the act it is."""

    settings: Settings
    database: Database
    act: Act

    def record(self, action: Action, details: Mapping[str, str | int | bool]) -> None:
        """Write the entry of what the command does, before its answer is given."""
        with self.database.unit_of_work() as session:
            self.act.record(session, action, details=details)


@contextmanager
def around(speech: Speech, name: str, *, role: str = APPLICATION) -> Iterator[Around]:
    """Give a command its surroundings; it stands in the trail as `system:<name>`."""
    import policies
    from control.acts import Act
    from control.db import Database
    from control.settings import Settings
    from control.writers import impersonal_writer, make_writer

    settings = Settings.from_env(speech.environment(role, os.environ))
    database = Database(settings.database_url, pool_size=4)
    law = policies.load()
    writer = make_writer(settings, law) if role == APPLICATION else impersonal_writer(law)
    act = Act.for_system(name, now=datetime.now(UTC), writer=writer, policy_digest=law.digest)
    try:
        yield Around(settings=settings, database=database, act=act)
    finally:
        database.engine.dispose()


def search_client(settings: Settings) -> Elasticsearch | None:
    """Return a client with this process's credentials; None without a search server."""
    return _client(settings.elasticsearch_url, settings.elasticsearch_user, settings.elasticsearch_password)


def reader_client(settings: Settings) -> Elasticsearch | None:
    """Return a client with the reader's credentials of this process; None without a search server."""
    return _client(
        settings.elasticsearch_url,
        settings.elasticsearch_reader_user or settings.elasticsearch_user,
        settings.elasticsearch_reader_password or settings.elasticsearch_password,
    )


def keeper_client(settings: Settings) -> Elasticsearch | None:
    """Return a client with the keeper's credentials of this process; None when it was not given them."""
    if not settings.elasticsearch_keeper_user:
        return None
    keeper = (settings.elasticsearch_keeper_user, settings.elasticsearch_keeper_password)
    return _client(settings.elasticsearch_url, *keeper)


def _client(url: str, user: str, password: str) -> Elasticsearch | None:
    from elasticsearch import Elasticsearch

    return Elasticsearch(url, basic_auth=(user, password) if user else None) if url else None
