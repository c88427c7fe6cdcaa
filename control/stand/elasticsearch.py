"""A real single Elasticsearch node with security on: the distribution Elastic publishes for plugin authors.

Its modules are under the Elastic License 2.0: fetched for development and test, never committed or shipped.
Production names the operator's own cluster. The management of users by command or API is not in this
distribution, so the file realm is written by hand before the start.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import bcrypt

from control.stand import process
from control.stand.accounts import account_for, folder, give, write_private
from control.stand.cache import cache_folder, exclusive
from control.stand.ports import LOOPBACK, free_port

VERSION = "8.19.16"
ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
ARCHIVE_SHA256 = "c3d95992e27741b33a8057118379cda8b17cfda9e46ff4ec25e3f5b94fc22b52"
START_SECONDS = 300.0  # measured 25 s alone, over 120 s on a machine busy with other work; nothing waits for it
FETCH_SECONDS = 600.0
USERS = ("shipper", "reader", "keeper")
BCRYPT_ROUNDS = 10

# One role each, no more than its work needs: the shipper can add and cannot change, read or delete.
ROLES = """\
shipper:
  cluster: ["cluster:monitor/health", "indices:admin/index_template/get"]
  indices:
    - names: ["audit-*"]
      privileges: ["create_doc", "auto_configure", "view_index_metadata"]
reader:
  cluster: ["cluster:monitor/health"]
  indices:
    - names: ["audit-*"]
      privileges: ["read", "view_index_metadata"]
keeper:
  cluster: ["monitor", "manage_index_templates", "create_snapshot", "cluster:admin/repository/*"]
  indices:
    - names: ["audit-*"]
      privileges: ["manage", "read"]
"""


class ElasticsearchMissingError(RuntimeError):
    """Raised when the node cannot be had here; the message names the missing piece in both languages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user of the file realm."""

    user: str
    password: str = field(repr=False)


class ElasticsearchNode:
    """One node under one folder; `start` is idempotent and `stop` ends only this node."""

    def __init__(self, data_dir: Path, *, port: int | None = None, heap_megabytes: int = 512) -> None:
        """Name the folder, the HTTP port and the heap."""
        self._home = data_dir
        self._heap = heap_megabytes
        self._account = account_for("elasticsearch")
        self._log = data_dir / "start.log"
        self.port = port or free_port()
        self.users: Mapping[str, Credentials] = {}
        self.launcher: process.ProcessId | None = None
        self.identity: process.ProcessId | None = None

    def __enter__(self) -> ElasticsearchNode:
        """Start the node for a `with` block."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the node at the end of the block."""
        self.stop()

    @property
    def url(self) -> str:
        """Return the address of the node, without credentials."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> ElasticsearchNode:
        """Fetch the distribution when missing, write the file realm, start the node; about 15 s."""
        java_home = find_java()
        tree = distribution()
        self.prepare()
        self._write_configuration(tree)
        self.launcher = process.start(self._launch(tree, java_home=java_home))
        launcher = self.launcher
        if not launcher.wait_gone(timeout_seconds=START_SECONDS):
            self.stop()
            raise process.ProcessEndedError(f"Elasticsearch did not start: {process.tail(self._log)}")
        self.identity = self._identity_from_pid_file()
        if self.identity is None:
            raise process.ProcessEndedError(f"Elasticsearch ended while starting: {process.tail(self._log)}")
        return self

    def stop(self) -> None:
        """End the node, also while it is still starting."""
        if self.launcher is not None and self.launcher.is_alive():
            # Nothing has been acknowledged yet, and a node that starts takes its time to end politely.
            for identity in process.session_of(self.launcher):
                identity.stop(first=signal.SIGKILL)
        node = self.identity or self._identity_from_pid_file()
        if node is not None:
            node.stop(first=signal.SIGTERM, patience_seconds=20.0)
        self.launcher = self.identity = None

    def _identity_from_pid_file(self) -> process.ProcessId | None:
        """Return the node's process as it wrote it down itself; None when it is not this node's."""
        try:
            pid = int((self._home / "run" / "es.pid").read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return process.ProcessId.of(pid) if str(self._home).encode() in command else None

    def prepare(self) -> None:
        """Make the folder and the passwords, so that both are known before the node runs."""
        folder(self._home, account=None, mode=0o755)
        self.users = self._read_or_make_users()

    def _write_configuration(self, tree: Path) -> None:
        """Give the node folders of its own and write its users and roles."""
        for name in ("data", "logs", "tmp", "repo", "config", "run"):
            folder(self._home / name, account=self._account, mode=0o750)
        config = self._home / "config"
        for source in (tree / "config").iterdir():
            if source.is_file():
                shutil.copyfile(source, config / source.name)
                give(config / source.name, account=self._account, mode=0o640)
        hashes = [f"{name}:{_hash(one.password)}" for name, one in self.users.items()]
        roles = [f"{name}:{name}" for name in USERS]
        for name, text in {
            "users": "\n".join(hashes) + "\n",
            "users_roles": "\n".join(roles) + "\n",
            "roles.yml": ROLES,
        }.items():
            write_private(config / name, text=text, account=self._account)
        (self._home / "run" / "es.pid").unlink(missing_ok=True)

    def _read_or_make_users(self) -> dict[str, Credentials]:
        """Return the users of this folder, with passwords made once."""
        path = self._home / "passwords.json"
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        passwords = {name: known.get(name) or secrets.token_urlsafe(24) for name in USERS}
        if passwords != known:
            write_private(path, text=json.dumps(passwords), account=None)
        return {name: Credentials(user=name, password=password) for name, password in passwords.items()}

    def _launch(self, tree: Path, *, java_home: Path) -> process.Launch:
        """Return how the node is started: the command ends when the node is up and leaves its pid."""
        settings = {
            "cluster.name": "vonglau",
            "node.name": "n1",
            "discovery.type": "single-node",
            "network.host": LOOPBACK,
            "http.port": str(self.port),
            "transport.port": "0",
            "path.data": str(self._home / "data"),
            "path.logs": str(self._home / "logs"),
            "path.repo": str(self._home / "repo"),
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "indices.breaker.total.use_real_memory": "false",
            "xpack.security.enabled": "true",
            "xpack.security.http.ssl.enabled": "false",
        }
        command = [str(tree / "bin" / "elasticsearch"), "-d", "-p", str(self._home / "run" / "es.pid")]
        return process.Launch(
            command=[*command, *(f"-E{name}={value}" for name, value in settings.items())],
            account=self._account,
            log_file=self._log,
            environment=process.base_environment(
                HOME=str(self._home / "tmp"),
                ES_JAVA_HOME=str(java_home),
                ES_JAVA_OPTS=f"-Xms{self._heap}m -Xmx{self._heap}m",
                ES_TMPDIR=str(self._home / "tmp"),
                ES_PATH_CONF=str(self._home / "config"),
            ),
        )


def _hash(password: str) -> str:
    """Return the bcrypt hash the file realm expects."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=BCRYPT_ROUNDS)).decode()


def obtainable() -> None:
    """Raise ElasticsearchMissingError when it is clear beforehand that the node cannot be had here."""
    find_java()
    if not _tree().exists():
        _find_maven()


def find_java() -> Path:
    """Return the home of the Java on this machine. Raises ElasticsearchMissingError when there is none."""
    program = shutil.which("java")
    if program is None:
        raise ElasticsearchMissingError(
            "thiếu Java (gói openjdk-17-jre-headless) / Java is missing (package openjdk-17-jre-headless)"
        )
    return Path(program).resolve().parent.parent


def distribution() -> Path:
    """Return the unpacked distribution, fetched and checked once per machine.

    Raises ElasticsearchMissingError when it cannot be fetched or is not the expected one.
    """
    tree = _tree()
    if tree.exists():
        return tree
    with exclusive(cache_folder() / "elasticsearch.lock"):
        if not tree.exists():
            _unpack(_fetch(), tree=tree)
    return tree


def _tree() -> Path:
    return cache_folder() / f"elasticsearch-{VERSION}"


def _find_maven() -> str:
    maven = shutil.which("mvn")
    if maven is None:
        raise ElasticsearchMissingError("thiếu Maven (gói maven) / Maven is missing (package maven)")
    return maven


def _fetch() -> Path:
    """Fetch the archive with Maven, unless it lies in the cache, and check its digest."""
    downloads = cache_folder() / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    archive = downloads / f"elasticsearch-{VERSION}.zip"
    if not archive.exists() or _sha256(archive) != ARCHIVE_SHA256:
        archive.unlink(missing_ok=True)
        _run_maven(downloads)
    found = _sha256(archive)
    if found != ARCHIVE_SHA256:
        archive.unlink()
        raise ElasticsearchMissingError(
            f"tệp Elasticsearch sai mã SHA-256 / the archive fetched is not the expected one: {found}"
        )
    return archive


def _run_maven(target: Path) -> None:
    """Let Maven copy the archive into the folder."""
    command = [_find_maven(), "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={target}"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=FETCH_SECONDS,
            stdin=subprocess.DEVNULL,
            cwd=target,
            env=dict(os.environ),
        )
    except subprocess.TimeoutExpired as error:
        raise ElasticsearchMissingError(
            "tải Elasticsearch quá thời gian / fetching Elasticsearch took too long"
        ) from error
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()[:1]
        raise ElasticsearchMissingError(
            f"không tải được Elasticsearch / Elasticsearch could not be fetched: {' '.join(last)}"
        )


def _unpack(archive: Path, *, tree: Path) -> None:
    """Unpack beside the target and move it there whole; the archive goes, its tree is what is kept."""
    staging = tree.with_name(f".{tree.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            path = Path(content.extract(member, staging))
            mode = member.external_attr >> 16
            path.chmod(0o755 if path.is_dir() or mode & 0o100 else 0o644)
    staging.chmod(0o755)
    (staging / tree.name).replace(tree)
    shutil.rmtree(staging)
    archive.unlink()


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
