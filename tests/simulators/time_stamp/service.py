"""A time stamping authority with a certificate authority of its own, made by `openssl`, and nine ways to behave."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODES = (
    "normal",
    "slow",  # answers after a second
    "silent",  # takes the request and says nothing
    "broken",  # HTTP 500
    "garbage",  # bytes that are no reply
    "replay",  # the reply it gave the first time
    "wrong-hash",  # stamps another hash than it was asked for
    "other-authority",  # signs with a certificate nobody trusts
    "endless",  # never stops sending
)
SECTIONS = """
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[tsa]
extendedKeyUsage = critical, timeStamping
keyUsage = critical, digitalSignature
[stamp]
serial = {folder}/serial
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
signer_digest = sha256
accuracy = secs:1
"""


class TimeStampAuthority:
    """Stamps while the `with` block lasts; set `mode` at any time."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.folder = folder
        self.mode = "normal"
        self.first_reply = b""
        self.released = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "openssl.cnf").write_text(SECTIONS.format(folder=folder))
        (folder / "serial").write_text("01\n")
        for name in ("tsa", "other"):
            if not (folder / f"{name}.pem").exists():
                self._make_authority(name)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"authority": self}))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    @property
    def ca_file(self) -> Path:
        return self.folder / "tsa-ca.pem"

    def __enter__(self) -> TimeStampAuthority:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def reply_to(self, query: bytes) -> bytes:
        """Make a reply as the mode wants it."""
        (self.folder / "query.tsq").write_bytes(query)
        if self.mode == "replay" and self.first_reply:
            return self.first_reply
        if self.mode == "wrong-hash":
            self._openssl("ts", "-query", "-digest", "0" * 64, "-sha256", "-cert", "-out", "query.tsq")
        name = "other" if self.mode == "other-authority" else "tsa"
        words = ("-queryfile", "query.tsq", "-inkey", f"{name}.key", "-signer", f"{name}.pem", "-out", "reply.tsr")
        section = ("-config", "openssl.cnf", "-section", "stamp")
        self._openssl("ts", "-reply", *section, *words)
        reply = (self.folder / "reply.tsr").read_bytes()
        self.first_reply = self.first_reply or reply
        return reply

    def _make_authority(self, name: str) -> None:
        for who, section, issuer in ((f"{name}-ca", "ca", None), (name, "tsa", f"{name}-ca")):
            subject = ("-subj", f"/CN=Simulated {who}", "-keyout", f"{who}.key", "-out", f"{who}.pem")
            by = ("-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key") if issuer else ()
            curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
            self._openssl(
                "req", "-x509", "-config", "openssl.cnf", "-extensions", section, "-days", "9000", *curve, *subject, *by
            )

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)


class _Handler(BaseHTTPRequestHandler):
    """One request; `authority` is set on the class made for each server."""

    authority: TimeStampAuthority
    lock = threading.Lock()

    def do_POST(self) -> None:
        query, mode = self.rfile.read(int(self.headers.get("Content-Length") or 0)), self.authority.mode
        if mode in {"slow", "silent"}:
            self.authority.released.wait(1.0 if mode == "slow" else None)
        if mode == "endless":
            self._send_without_end()
        elif mode == "broken":
            self._say(500, b"")
        elif mode == "garbage":
            self._say(200, b"\x30\x03\x02\x01\x00")
        elif mode != "silent":
            with self.lock:
                self._say(200, self.authority.reply_to(query))

    def do_GET(self) -> None:
        is_known = self.path == "/ca.pem"
        self._say(200 if is_known else 404, self.authority.ca_file.read_bytes() if is_known else b"")

    def do_PUT(self) -> None:
        mode = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path != "/mode" or mode not in MODES:
            self._say(400, b"")
            return
        self.authority.mode = mode
        self._say(204, b"")

    def log_message(self, *_: object) -> None:
        pass

    def _send_without_end(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.authority.released.is_set():
                self.wfile.write(b"\0" * 65536)
        except OSError:
            return

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
