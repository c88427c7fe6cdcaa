"""The signer's side of the vault: opens a data key for a check-out or a rotation, after judging both itself.

The caller is believed in nothing but its uid: whether the check-out is open, unshown and under a grant that holds now,
or whether the rotation is under way, is read from the database under the signer's own role. Invariants: the release is
a committed row of `secret_release` before the key leaves; one check-out opens one key, once; one rotation opens each
version once; the signer never sees a ciphertext.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine, Row, text

from audit.door import RefusedError, refuse_strangers
from control.privilege.vault.keyring import Keyring, UnknownKeyError, Wrapped

_CHECKOUT = text("""
SELECT checkout.token_sha256, checkout.closed_at IS NULL AS is_open, checkout.shown_at IS NOT NULL AS is_shown,
       :now >= checkout.opened_at AND :now < checkout.until AS is_in_time,
       held.state = 'active' AND held.span @> CAST(:now AS timestamptz)
         AND held.person_id = checkout.person_id AND held.account_id = checkout.account_id AS is_granted,
       account.state = 'active' AND holder.state = 'active' AS is_usable,
       EXISTS (SELECT FROM secret_release released WHERE released.checkout_id = checkout.id) AS is_released,
       version.id AS version_id, version.role, version.number, version.wrapped_key, version.kek, account.code
FROM secret_checkout checkout
JOIN privilege_grant held ON held.id = checkout.grant_id
JOIN privilege_account account ON account.id = checkout.account_id
JOIN person holder ON holder.id = checkout.person_id
JOIN secret_version version ON version.id = checkout.version_id AND version.account_id = checkout.account_id
WHERE checkout.id = :id
""")
_ROTATION = text("""
SELECT rotation.ended_at IS NULL AND rotation.started_at IS NOT NULL AS is_open,
       EXISTS (SELECT FROM secret_release released
               WHERE released.rotation_id = rotation.id AND released.version_id = version.id) AS is_released,
       version.id AS version_id, version.role, version.number, version.wrapped_key, version.kek, account.code
FROM secret_rotation rotation
JOIN privilege_account account ON account.id = rotation.account_id
JOIN secret_version version ON version.account_id = rotation.account_id
WHERE rotation.id = :id AND version.id = :version
""")
_RELEASE = text("""
INSERT INTO secret_release (version_id, checkout_id, rotation_id, uid, kek, released_at)
VALUES (:version_id, :checkout_id, :rotation_id, :uid, :kek, :now)
ON CONFLICT DO NOTHING RETURNING id
""")
_IN_USE = text("SELECT DISTINCT kek FROM secret_version WHERE kek IS NOT NULL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitors:
    """Which accounts of the machine may ask for what."""

    web: frozenset[int]
    worker: frozenset[int]
    admin: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        """Whoever may ask for anything."""
        return self.web | self.worker | self.admin


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodian:
    """Answers at the vault's door of the signer."""

    engine: Engine
    keyring: Keyring
    visitors: Visitors
    clock: Callable[[], datetime]

    def answer(self, request: dict[str, Any], uid: int) -> dict[str, Any]:
        """Answer one request. Raises RefusedError; then no key left and nothing was changed."""
        who = self.visitors
        match request["do"]:
            case "keys":
                return {"keys": list(self.keyring.names)}
            case "wrap":
                refuse_strangers(uid, welcome=who.web | who.worker)
                return self._wrap(request)
            case "checkout":
                refuse_strangers(uid, welcome=who.web)
                return self._open_for_checkout(request, uid)
            case "rotation":
                refuse_strangers(uid, welcome=who.worker)
                return self._open_for_rotation(request, uid)
            case "rewrap":
                refuse_strangers(uid, welcome=who.worker | who.admin)
                return self._rewrap(request)
            case "add":
                refuse_strangers(uid, welcome=who.admin)
                return {"kek": self.keyring.add()}
            case "forget":
                refuse_strangers(uid, welcome=who.admin)
                return {"gone": list(self.keyring.forget(in_use=self._in_use()))}
            case other:
                raise RefusedError("unknown", f"nothing is called {other!r}")

    def _wrap(self, request: dict[str, Any]) -> dict[str, Any]:
        wrapped = self.keyring.wrap(
            base64.b64decode(request["key"], validate=True), account=str(request["account"]), number=_number(request)
        )
        return {"kek": wrapped.kek, "wrapped": base64.b64encode(wrapped.content).decode()}

    def _rewrap(self, request: dict[str, Any]) -> dict[str, Any]:
        """Wrap the same data key by the newest key; the data key itself stays here."""
        given = Wrapped(kek=str(request["kek"]), content=base64.b64decode(request["wrapped"], validate=True))
        account, number = str(request["account"]), _number(request)
        try:
            data_key = self.keyring.unwrap(given, account=account, number=number)
        except UnknownKeyError as error:
            raise RefusedError("altered", str(error)) from error
        wrapped = self.keyring.wrap(data_key, account=account, number=number)
        return {"kek": wrapped.kek, "wrapped": base64.b64encode(wrapped.content).decode()}

    def _open_for_checkout(self, request: dict[str, Any], uid: int) -> dict[str, Any]:
        now = self.clock()
        checkout, token = int(request["checkout"]), str(request["token"])
        with self.engine.begin() as connection:
            row = connection.execute(_CHECKOUT, {"id": checkout, "now": now}).one_or_none()
            digest = sha256(token.encode()).hexdigest()
            if row is None or not hmac.compare_digest(row.token_sha256, digest):
                raise RefusedError("unknown", f"no check-out {checkout} is this caller's")
            for is_right, code, why in (
                (row.is_open and row.is_in_time, "closed", "the check-out is over"),
                (not row.is_shown and not row.is_released, "twice", "its secret was handed out before"),
                (row.is_granted and row.is_usable, "no-grant", "no grant of this person on this account holds now"),
                (row.role == "current", "replaced", "the version is not the current one"),
            ):
                if not is_right:
                    raise RefusedError(code, why)
            released = connection.execute(_RELEASE, _release(row, now=now, uid=uid, checkout_id=checkout)).scalar()
            if released is None:
                raise RefusedError("twice", "its secret was handed out before")
        return self._key_of(row)

    def _open_for_rotation(self, request: dict[str, Any], uid: int) -> dict[str, Any]:
        now, rotation = self.clock(), int(request["rotation"])
        with self.engine.begin() as connection:
            row = connection.execute(_ROTATION, {"id": rotation, "version": int(request["version"])}).one_or_none()
            if row is None or row.role == "spent":
                raise RefusedError("unknown", f"rotation {rotation} has no such version")
            if not row.is_open:
                raise RefusedError("closed", "the rotation is not under way")
            released = connection.execute(_RELEASE, _release(row, now=now, uid=uid, rotation_id=rotation)).scalar()
            if row.is_released or released is None:
                raise RefusedError("twice", "this rotation had this version before")
        return self._key_of(row)

    def _key_of(self, row: Row[Any]) -> dict[str, Any]:
        try:
            data_key = self.keyring.unwrap(
                Wrapped(kek=row.kek, content=bytes(row.wrapped_key)), account=row.code, number=row.number
            )
        except UnknownKeyError as error:
            raise RefusedError("altered", str(error)) from error
        return {"key": base64.b64encode(data_key).decode(), "version": row.version_id}

    def _in_use(self) -> frozenset[str]:
        with self.engine.connect() as connection:
            return frozenset(connection.scalars(_IN_USE))


def _number(request: dict[str, Any]) -> int:
    number = request["number"]
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError("a version has a number")
    return number


def _release(
    row: Row[Any], *, now: datetime, uid: int, checkout_id: int | None = None, rotation_id: int | None = None
) -> dict[str, Any]:
    return {
        "version_id": row.version_id,
        "checkout_id": checkout_id,
        "rotation_id": rotation_id,
        "uid": uid,
        "kek": row.kek,
        "now": now,
    }
