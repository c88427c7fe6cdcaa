"""Entries for tests: valid by default, each test states only what matters to it."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch
from sqlalchemy import Engine, func, select

import audit
from audit import tables
from audit.keys import KeyHistory
from audit.notes import VerifierKey
from audit.projection import Projector
from audit.sequencer import Sequencer
from audit.shipper import Shipped, Shipper
from audit.signer import Signer

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # 12:00 in Hà Nội, a Monday
ORIGIN = "vonglau.test/audit"


def make_writer(boot: str | None = None) -> audit.Writer:
    """A writer of its own, as one start of one process has."""
    return audit.Writer(boot=boot or secrets.token_hex(6))


def make_entry(*, writer: audit.Writer | None = None, at: datetime = NOON, **changes: Any) -> audit.Entry:
    """An officer opened a case file under a grant."""
    boot, number, mono_ns = (writer or make_writer()).next()
    values: dict[str, Any] = {
        "id": audit.new_id(at, secrets.token_bytes(10)),
        "at": at,
        "action": "case:file:open",
        "actor_id": "person:5",
        "actor_roles": ("case-officer",),
        "session_id": "s-01",
        "purpose": "thụ lý hồ sơ",
        "policy_digest": "sha256:" + "0" * 64,
        "request_id": "7f3a91c2",
        "method": "POST",
        "about": audit.About(case_code="G99-261122-0001", account_id="TK-0001", grant_id="CQ-0001"),
        "writer_boot": boot,
        "writer_n": number,
        "writer_mono_ns": mono_ns,
    }
    return audit.Entry(**(values | changes))


LEADERSHIP_TRIES = 50


def _waiting(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.outbox)) or 0


def settle(engine: Engine, *, origin: str = "vonglau/audit", now: datetime = NOON) -> int:
    """Number everything in the outbox and make it searchable, as `vonglau audit run` does; return how many."""
    sequencer, projector, count = Sequencer(engine=engine, origin=origin), Projector(engine=engine), 0
    try:
        for _ in range(LEADERSHIP_TRIES):  # the connection of a sequencer that has just closed may still hold the lead
            while numbered := sequencer.run_once(now=now):
                count += numbered
            if not _waiting(engine):
                break
            time.sleep(0.1)
        while projector.run_once(now=now):
            pass
    finally:
        sequencer.close()
    return count


def ship_all(trail: Any, client: Elasticsearch, **options: Any) -> list[Shipped]:
    """Ship until nothing is left or a hundred rounds have passed; return the rounds."""
    shipper = Shipper(engine=trail.engine("vl_sequencer"), client=client, jitter=lambda: 0.0, **options)
    rounds: list[Shipped] = []
    for _ in range(100):
        rounds.append(shipper.run_once(now=NOON))
        if not rounds[-1].count and not rounds[-1].error:
            break
    return rounds


class SignerHere:
    """The signer without its socket."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer

    def vkey(self) -> VerifierKey:
        """Its public key."""
        return self.signer.key.verifier()

    def history(self) -> KeyHistory:
        """All its keys."""
        return self.signer.history

    def sign(self, *, size: int, root: bytes) -> bytes:
        """Its signed note."""
        return self.signer.sign(size=size, root=root)
