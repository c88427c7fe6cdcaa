"""`vonglau witness`: vouch for the trail from outside. It needs no database and none of the product's secrets.

In production it runs on a host of the security officers, under an account of its own, behind their TLS proxy.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from control.commands.auditquery import AuditError
from control.commands.speech import Speech, pass_speech

NAME, LISTEN = "vonglau/witness", "127.0.0.1:8311"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSettings:
    """What a witness is told: where its key and memory are, which logs it vouches for, where it listens."""

    name: str
    folder: Path
    logs: tuple[str, ...]
    address: tuple[str, int]

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> WitnessSettings:
        """Read and check the settings. Raises AuditError(`witness.settings`) with every fault at once."""
        name = environment.get("VONGLAU_WITNESS_NAME", "").strip() or NAME
        folder = Path(environment.get("VONGLAU_STATE_DIR", "").strip() or ".")
        host, _, port = (environment.get("VONGLAU_WITNESS_LISTEN", "").strip() or LISTEN).rpartition(":")
        faults = []
        if not folder.is_dir():
            faults.append("VONGLAU_STATE_DIR")
        if not host or not (port.isascii() and port.isdigit()):
            faults.append("VONGLAU_WITNESS_LISTEN")
        if faults:
            raise AuditError(
                "witness.settings",
                vi=f"Cài đặt sai hoặc thiếu: {', '.join(faults)}.",
                en=f"Settings wrong or missing: {', '.join(faults)}.",
                exit_status=2,
            )
        logs = tuple(environment.get("VONGLAU_WITNESS_LOGS", "").split())
        return cls(name=name, folder=folder, logs=logs, address=(host, int(port)))


@click.command()
@click.option("--show-key", is_flag=True, help="in khoá công khai rồi thôi / print the public key and end")
@pass_speech
def witness(speech: Speech, *, show_key: bool) -> None:
    """Làm chứng cho nhật ký từ bên ngoài / vouch for the trail from outside."""
    from audit.keyfile import load_or_make_key
    from audit.notes import COSIGNATURE, BadNoteError, VerifierKey
    from audit.witness import Witness
    from audit.witnessserver import make_server, serve

    is_told = "VONGLAU_WITNESS_LOGS" in os.environ or "VONGLAU_STATE_DIR" in os.environ
    settings = WitnessSettings.from_env(os.environ if is_told else speech.environment("witness", os.environ))
    key = load_or_make_key(settings.folder / "witness.key", name=settings.name, algorithm=COSIGNATURE)
    if show_key:
        speech.say({"key": str(key.verifier())}, text=str(key.verifier()))
        return
    try:
        logs = [VerifierKey.parse(one) for one in settings.logs]
        one = Witness(key=key, folder=settings.folder, logs=logs)
    except BadNoteError as error:
        raise AuditError(
            "witness.keys", vi=f"Không dùng được khoá hoặc trí nhớ: {error}", en=f"Unusable: {error}", exit_status=2
        ) from error
    if not logs:
        raise AuditError(
            "witness.no_logs",
            vi="Hãy đặt VONGLAU_WITNESS_LOGS: các khoá công khai của nhật ký, cách nhau bằng dấu trắng.",
            en="Set VONGLAU_WITNESS_LOGS: public keys of the logs, parted by blanks.",
            exit_status=2,
        )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serve(make_server(one, address=settings.address, clock=lambda: datetime.now(UTC)), stop=stop)
