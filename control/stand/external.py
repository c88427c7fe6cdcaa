"""A PostgreSQL server of the operator's own, named by DATABASE_URL instead of the embedded one.

The role in the address must own the database and be allowed to make roles: the same separate roles are used as
with the embedded server. It is never started and never stopped here.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from control.stand.accounts import folder
from control.stand.errors import StandError
from control.stand.process import ProcessId
from control.stand.roles import GROUP, OWNER, ROLE_LIMITS, grant_connect, prepare_roles, read_or_make_passwords


class ExternalPostgres:
    """The server behind DATABASE_URL, with the interface of the embedded one."""

    def __init__(self, data_dir: Path, *, address: str) -> None:
        """Name the folder of the passwords and the owner's address. Raises ValueError for no address."""
        self._home = data_dir
        self._address: URL = make_url(address).set(drivername="postgresql+psycopg")
        self._passwords: dict[str, str] = {}
        self.identity: ProcessId | None = None

    def prepare(self) -> None:
        """Make the passwords, so that addresses are known before anything runs."""
        folder(self._home, account=None, mode=0o711)
        roles = [role for role in ROLE_LIMITS if role != OWNER]
        self._passwords = read_or_make_passwords(self._home / "external-passwords.json", roles=roles)

    def url(self, role: str) -> str:
        """Return the address for one role; the owner's is the one that was given."""
        address = self._address
        if role != OWNER:
            address = address.set(username=role, password=self._passwords[role])
        return address.render_as_string(hide_password=False)

    def start(self) -> None:
        """Give the roles their logins. Raises StandError when the server or the right to do so is missing."""
        database = self._address.database or ""
        plain = self._address.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            with psycopg.connect(plain, autocommit=True, connect_timeout=5) as connection:
                self._refuse_logins_of_others(connection)
                prepare_roles(connection, passwords=self._passwords)
                grant_connect(connection, database=database, roles=(*self._passwords, GROUP))
        except psycopg.errors.InsufficientPrivilege as error:
            raise StandError(
                "stand.database_rights",
                vi="Vai trò trong DATABASE_URL cần sở hữu cơ sở dữ liệu và có quyền CREATEROLE",
                en="The role in DATABASE_URL must own the database and have CREATEROLE",
            ) from error
        except psycopg.OperationalError as error:
            raise StandError(
                "stand.database_down",
                vi=f"Không vào được máy chủ trong DATABASE_URL: {error}",
                en=f"The server in DATABASE_URL cannot be entered: {error}",
            ) from error

    def _refuse_logins_of_others(self, connection: psycopg.Connection) -> None:
        """Raise StandError when a role has a login that is not ours: its password belongs to another installation."""
        query = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname = ANY(%s) ORDER BY rolname"
        taken = [row[0] for row in connection.execute(query, (list(self._passwords),))]
        foreign = [role for role in taken if not self._enters(role)]
        if foreign:
            raise StandError(
                "stand.roles_taken",
                vi=f"Máy chủ trong DATABASE_URL đang phục vụ một bản cài khác (vai trò {', '.join(foreign)} đã có "
                "mật khẩu riêng). Dùng một máy chủ riêng cho bản minh hoạ.",
                en=f"The server in DATABASE_URL serves another installation (roles {', '.join(foreign)} have "
                "passwords of their own). Use a server of its own for the demonstration.",
                exit_status=2,
            )

    def _enters(self, role: str) -> bool:
        address = self._address.set(drivername="postgresql", username=role, password=self._passwords[role])
        try:
            psycopg.connect(address.render_as_string(hide_password=False), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Leave the operator's server alone."""
