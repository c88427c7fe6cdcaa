"""Reads the forms of the vault. Invariant: a secret is taken as it was typed, and stands in no fault."""

from __future__ import annotations

import re
from dataclasses import dataclass

from control.errors import InvalidInput
from control.privilege.fields import Fields
from control.privilege.vault.domain import SECRET_CHARACTERS, Method
from control.privilege.vault.sealing import Sealed
from control.privilege.vault.service import Target

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
NAMES = ("document", "method", "host", "port", "database")
DATABASE_CHARACTERS = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A form without faults: either a secret just typed, or what it was sealed to while the person confirmed."""

    document_id: int
    target: Target
    secret: str
    sealed: Sealed | None


def read_deposit(fields: Fields) -> Deposit | None:
    """Return what is deposited, None when a field is faulty; every fault is in `fields`."""
    document_id = fields.number("document")
    target = _read_target(fields)
    typed = fields.form.get("secret", "")
    sealed = Sealed.read(typed)
    if not typed:
        fields.faults.append(InvalidInput("input.required", field="secret"))
    elif sealed is None and (len(typed) > SECRET_CHARACTERS or "\0" in typed):
        fields.faults.append(InvalidInput("vault.secret_too_long", field="secret", maximum=SECRET_CHARACTERS))
    if fields.faults or document_id is None or target is None:
        return None
    return Deposit(document_id=document_id, target=target, secret="" if sealed else typed, sealed=sealed)


def _read_target(fields: Fields) -> Target | None:
    method = fields.choice("method", among=tuple(Method))
    if method != Method.POSTGRESQL:
        return Target(method=Method.MANUAL) if method else None
    host, database = fields.text("host"), fields.text("database", maximum=DATABASE_CHARACTERS)
    port = fields.form.get("port", "")
    if host and not HOST.fullmatch(host):
        fields.faults.append(InvalidInput("vault.host_invalid", field="host"))
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        fields.faults.append(InvalidInput("vault.port_invalid", field="port"))
        return None
    return Target(method=Method.POSTGRESQL, host=host, port=int(port), database=database)
