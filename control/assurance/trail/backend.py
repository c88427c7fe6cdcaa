"""The search of one application: Elasticsearch first when it is configured, PostgreSQL behind it.

Built at the first search and kept with the application, because the client holds a pool of connections.
"""

from __future__ import annotations

from flask import Flask, current_app

import audit
from control.services import services

EXTENSION = "vonglau.search"


def search_of(app: Flask | None = None) -> audit.Search:
    """Return the application's search."""
    held = app or current_app
    if EXTENSION not in held.extensions:
        held.extensions[EXTENSION] = _build()
    found: audit.Search = held.extensions[EXTENSION]
    return found


def _build() -> audit.Search:
    from elasticsearch import Elasticsearch

    from audit.search import ElasticsearchSearch, FallbackSearch, PostgresSearch

    held = services()
    settings, engine = held.settings, held.database.engine
    primary = None
    if settings.elasticsearch_url:
        credentials = (settings.elasticsearch_user, settings.elasticsearch_password)
        client = Elasticsearch(
            settings.elasticsearch_url, basic_auth=credentials if settings.elasticsearch_user else None
        )
        primary = ElasticsearchSearch(client=client)
    return FallbackSearch(engine=engine, clock=held.clock, secondary=PostgresSearch(engine=engine), primary=primary)
