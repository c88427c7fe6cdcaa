"""Hear from another process that a grant changed its state, within a moment of the commit, and poll besides.

Not for: deciding anything. A gateway or any other process that keeps something open under a grant runs `hear` in a
thread, looks at `uses_to_cut` for each word it hears and at each poll, cuts, and answers with `confirm_closed`.
Invariant: a word that got lost with a connection costs no more than one poll.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
from sqlalchemy.engine import make_url

CHANNEL = "vonglau_grant"
POLL_SECONDS = 2.0


def hear(database_url: str, *, stopping: threading.Event, poll_seconds: float = POLL_SECONDS) -> Iterator[str]:
    """Yield `<code> <state>` for each grant that changes, and an empty word at each poll; the first comes at once."""
    address = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    while not stopping.is_set():
        try:
            with psycopg.connect(address, autocommit=True, application_name="vonglau-hearing") as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                yield ""
                while not stopping.is_set():
                    for word in connection.notifies(timeout=poll_seconds, stop_after=1):
                        yield word.payload
                    yield ""
        except psycopg.OperationalError:
            stopping.wait(poll_seconds)
            yield ""
