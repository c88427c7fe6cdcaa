"""Serve a witness over HTTP: small requests, short patience, nothing but the witness behind it.

POST /add-checkpoint and /add-rotation, GET /key, /latest?origin=…, /refused and /healthz. Everything it gives out is
public; encryption, where the network asks for it, is the business of the proxy in front.
"""

import json
import threading
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from audit.witness import Answer, Witness

MOST_BYTES = 64 * 1024
PATIENCE_SECONDS = 10
JSON_TYPE = "application/json"


def make_server(witness: Witness, *, address: tuple[str, int], clock: Callable[[], datetime]) -> ThreadingHTTPServer:
    """Return a server that listens on the address; call `serve` with it."""

    class Handler(BaseHTTPRequestHandler):
        """One request; every answer is said in full, none keeps the connection."""

        server_version, sys_version = "vonglau-witness", ""
        timeout = PATIENCE_SECONDS

        def do_POST(self) -> None:  # the name the library calls
            """Take a checkpoint or a rotation."""
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdigit()) or int(length) > MOST_BYTES:
                self._say(Answer(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
                return
            body = self.rfile.read(int(length))
            take = {"/add-checkpoint": witness.add_checkpoint, "/add-rotation": witness.add_rotation}.get(self.path)
            self._say(Answer(status=HTTPStatus.NOT_FOUND) if take is None else take(body, now=clock()))

        def do_GET(self) -> None:  # the name the library calls
            """Give out what is public."""
            parts = urlsplit(self.path)
            origin = parse_qs(parts.query).get("origin", [""])[0]
            found: dict[str, Callable[[], bytes | None]] = {
                "/healthz": lambda: b"ok\n",
                "/key": lambda: f"{witness.key.verifier()}\n".encode(),
                "/latest": lambda: witness.latest(origin),
                "/refused": lambda: json.dumps(witness.proofs_of_misbehaviour).encode(),
            }
            body = found.get(parts.path, lambda: None)()
            kind = {"content_type": JSON_TYPE} if parts.path == "/refused" else {}
            status = HTTPStatus.NOT_FOUND if body is None else HTTPStatus.OK
            self._say(Answer(status=status, body=body or b"", **kind))

        def log_message(self, *_: object) -> None:
            """Say nothing: what was cosigned and what was refused is in the witness's own files."""

        def _say(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

    server = ThreadingHTTPServer(address, Handler)
    server.daemon_threads = True
    return server


def serve(server: ThreadingHTTPServer, *, stop: threading.Event) -> None:
    """Answer until `stop` is set."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    stop.wait()
    server.shutdown()
    thread.join()
    server.server_close()
