"""A search server that speaks `_bulk` and misbehaves on request, which the real one cannot be told to do."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from audit.document import TEMPLATE_DIGEST

BUSY = {"type": "es_rejected_execution_exception", "reason": "busy"}


class BulkServer:
    """Keeps what was created and answers as it is told to.

    `refuse_every` refuses each n-th item with 429; `whole` are the statuses of the next requests, as a whole, before
    it answers properly again; `cut_answers` answers break off in the middle after the work is done; a request of
    more than `most_bytes` gets 413; `item` gives an item its own status and error by its source.
    """

    def __init__(self) -> None:
        self.documents: dict[int, dict[str, Any]] = {}
        self.indices: dict[str, str] = {}  # by id
        self.conflicts = self.seen = self.requests = self.refuse_every = self.cut_answers = 0
        self.most_bytes = 10**9
        self.whole: list[int] = []
        self.sizes: list[int] = []
        self.item: Any = None
        self.told: Counter[int] = Counter()
        self.template: dict[str, Any] | None = {"digest": TEMPLATE_DIGEST}
        self.url = ""
        self.client: Elasticsearch

    def bulk(self, payload: bytes) -> dict[str, Any]:
        """Answer one request, item by item."""
        lines = [json.loads(line) for line in payload.decode().splitlines()]
        self.sizes.append(len(lines) // 2)
        items = [{"create": self.create(*pair)} for pair in zip(lines[::2], lines[1::2], strict=True)]
        self.told.update(item["create"]["status"] for item in items)
        return {"errors": True, "items": items}

    def create(self, action: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
        """Create one document, unless it is there or the server does not feel like it."""
        self.seen += 1
        if self.refuse_every and self.seen % self.refuse_every == 0:
            return {"status": 429, "error": BUSY}
        if self.item is not None and (answer := self.item(action["create"], source)) is not None:
            return answer
        where = action["create"]
        if where["_id"] in self.indices:
            self.conflicts += 1
            return {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "there"}}
        self.indices[where["_id"]] = where["_index"]
        self.documents[source["event"]["sequence"]] = source
        return {"status": 201}

    def answer(self, path: str, payload: bytes) -> tuple[int, bytes]:
        """Return status and body of one request."""
        if path.startswith("/_index_template/"):
            return self._template(payload)
        self.requests += 1
        if self.whole:
            status = self.whole.pop(0)
            self.told[status] += 1
            return status, json.dumps({"error": {"type": "told", "reason": f"told to say {status}"}}).encode()
        if len(payload) > self.most_bytes:
            self.told[413] += 1
            return 413, b'{"error": "too large"}'
        return 200, json.dumps(self.bulk(payload)).encode()

    def _template(self, payload: bytes) -> tuple[int, bytes]:
        if payload:
            self.template = json.loads(payload)["_meta"]
            return 200, b'{"acknowledged": true}'
        held = {"index_templates": [{"name": "audit", "index_template": {"_meta": self.template}}]}
        return (200, json.dumps(held).encode()) if self.template else (404, b'{"error": "none"}')


@pytest.fixture
def stub_server() -> Iterator[BulkServer]:
    """A server of its own for one test, with a client."""
    stub = BulkServer()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            status, answer = stub.answer(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=8")
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if stub.cut_answers and status == 200:
                stub.cut_answers -= 1
                answer = answer[: len(answer) // 2]
                self.close_connection = True
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT  # noqa: N815  # the names http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    stub.client = Elasticsearch(stub.url)
    yield stub
    stub.client.close()
    server.shutdown()
    server.server_close()
    thread.join()
