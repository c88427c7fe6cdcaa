"""Servers that pretend to be the directory: silent, dripping, without TLS, or with a certificate of their own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from pathlib import Path

from control.stand.certificates import ServerCertificate

SUCCESS, UNAVAILABLE = 0, 52
START_TLS = b"1.3.6.1.4.1.1466.20037"


def extended_response(request: bytes, code: int) -> bytes:
    """An LDAP extended response without text to the message in `request`."""
    message_id = request[2 : 4 + request[3]]
    body = message_id + bytes([0x78, 0x07, 0x0A, 0x01, code, 0x04, 0x00, 0x04, 0x00])
    return bytes([0x30, len(body)]) + body


class HostileServer:
    """Listens on loopback, keeps every byte it was sent in clear, and behaves as its subclass says."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.heard = b""
        self.connections = 0
        self._open = True
        self._listener = socket.create_server((host, 0))
        self._listener.settimeout(0.1)
        self.url = f"ldap://{host}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> HostileServer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._open = False
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while self._open:
            try:
                line, _address = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            with line, contextlib.suppress(OSError):
                line.settimeout(0.2)
                self.answer(line)

    def hear(self, line: socket.socket) -> bytes:
        """Read what comes next, for as long as the test runs."""
        while self._open:
            try:
                data = line.recv(4096)
            except TimeoutError:
                continue
            self.heard += data
            return data
        return b""

    def answer(self, line: socket.socket) -> None:
        """Say nothing at all."""
        while self.hear(line):
            pass


class DrippingServer(HostileServer):
    """Sends one byte of a never ending answer each 0.3 s, so that no single read ever times out."""

    def answer(self, line: socket.socket) -> None:
        line.sendall(b"\x30\x82\xff\xff")
        while self._open:
            line.sendall(b"\x00")
            time.sleep(0.3)


class StrippingServer(HostileServer):
    """Answers StartTLS with "unavailable" and hopes for a password in clear."""

    def answer(self, line: socket.socket) -> None:
        data = self.hear(line)
        if START_TLS in data:
            line.sendall(extended_response(data, UNAVAILABLE))
        while self.hear(line):
            pass


class ImpostorServer(HostileServer):
    """Accepts StartTLS with a certificate of its own and listens for the password inside."""

    def __init__(self, certificate: ServerCertificate, folder: Path, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (folder / "impostor.pem").write_text(certificate.certificate + certificate.key)
        self.ca_file = folder / "impostor-ca.pem"
        self.ca_file.write_text(certificate.authority)
        self._context.load_cert_chain(folder / "impostor.pem")

    def answer(self, line: socket.socket) -> None:
        data = self.hear(line)
        line.sendall(extended_response(data, SUCCESS))
        line.settimeout(2)
        with self._context.wrap_socket(line, server_side=True) as inner:
            inner.settimeout(0.2)
            while self.hear(inner):
                pass
