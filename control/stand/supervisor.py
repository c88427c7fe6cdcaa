"""Starts every process of the product in one data directory, watches them, and ends exactly those.

PostgreSQL and the web are needed; everything else may be missing, and then what is lost is said (design rule 5).
Nothing that ended is started again by itself: a demonstration must be able to show a fault. `--hold` and
`--release` stop and start one part on purpose.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import create_engine

from control.people import INVENTED_APPLICANTS
from control.privilege import SEEDED_SEAL
from control.stand import process, programs, signing, witness
from control.stand.accounts import separation_is_on, write_private
from control.stand.data import DataFolder
from control.stand.demo import seed
from control.stand.demo.people import load_people
from control.stand.directory import DirectoryMissingError, DirectoryServer
from control.stand.elasticsearch import ElasticsearchMissingError, ElasticsearchNode, obtainable
from control.stand.environment import Addresses, write_environments
from control.stand.external import ExternalPostgres
from control.stand.ports import LOOPBACK, PortBook
from control.stand.postgres import PostgresServer
from control.stand.prometheus import MonitoringMissingError
from control.stand.records import SUPERVISOR, Records
from control.stand.roles import ROLE_LIMITS
from control.stand.secrets import StandSecrets

WATCH_SECONDS = 0.4
TEMPLATE_TRIES, TEMPLATE_WAIT_SECONDS = 5, 3.0
NEEDED = ("postgres", "web")
STOP_LAST = ("postgres",)
MISSING = (ElasticsearchMissingError, DirectoryMissingError, MonitoringMissingError)
LOSSES = {
    "slapd": ("không ai đăng nhập được", "nobody can sign in"),
    "elasticsearch": ("trang dấu vết tìm trong PostgreSQL", "the trail page searches PostgreSQL"),
    "prometheus": ("không có số đo và cảnh báo", "no measurements and no alerts"),
    "alertmanager": ("cảnh báo không được chuyển", "alerts are not delivered"),
    "blackbox": ("không thăm dò từ ngoài", "nothing is probed from outside"),
    "identity": ("không có nhà cung cấp định danh mô phỏng", "no simulated identity provider"),
    "witness": ("không ai làm chứng cho nhật ký", "nobody vouches for the trail"),
    "pruner": ("điều đã duyệt về lưu giữ phải chờ", "what was approved about keeping waits"),
    "population": ("không có CSDL dân cư mô phỏng", "no simulated population database"),
    "portal": ("không có Cổng DVCQG mô phỏng", "no simulated national portal"),
    "sms": ("không có tin nhắn mô phỏng", "no simulated short messages"),
    "mail": ("không có thư mô phỏng", "no simulated mail"),
    "signing": ("không có SIM ký số mô phỏng", "no simulated signing SIM"),
}
Say = Callable[[str, str], None]


class Part(Protocol):
    """Anything the stand starts and stops."""

    identity: process.ProcessId | None

    def start(self) -> object:
        """Start and return when it serves."""

    def stop(self) -> None:
        """End it."""


class Stand:
    """The whole product on this machine, under one data directory."""

    def __init__(
        self,
        data: DataFolder,
        *,
        profile: str,
        code: Path,
        say: Say,
        without: Iterable[str] = (),
        database_url: str = "",
    ) -> None:
        """Name the folder, the regulation profile, where the code is, and how to tell the person (vi, en).

        `without` are parts left out on purpose; `database_url` is a server of the operator's own.
        """
        self._data = data
        self._without = frozenset(without)
        self._database_url = database_url
        self._home = data.home
        self._profile = profile
        self._code = code
        self._say = say
        self._records = Records(data.home)
        self._parts: dict[str, Part] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()
        self._is_stopping = False
        self._is_up = False
        self._people = load_people()

    def up(self) -> None:
        """Start everything; return when the first page answers and the demonstration is seeded."""
        self._secrets = StandSecrets.of(
            self._home, enrolled=tuple(person.login for person in self._people if person.enrolled)
        )
        # Every process started from here on carries the mark of this data directory.
        os.environ[process.STAND_MARK] = self._secrets.stand
        own = process.ProcessId.of(os.getpid())
        if own is not None:
            self._records.write(SUPERVISOR, own)
        (self._home / "up.json").unlink(missing_ok=True)
        self._plan()
        aside = [threading.Thread(target=self._start_optional, args=(names,), daemon=True) for names in _ASIDE]
        for thread in aside:
            thread.start()
        self._start("postgres")
        self._migrate()
        for name in (*programs.BEHIND_THE_WEB, "web"):
            self._start(name) if name in NEEDED else self._start_optional((name,))
        aside[0].join()  # the directory
        self._seed()
        self._is_up = True
        self._write_up_file()

    def watch(self) -> None:
        """Watch until somebody stops the stand; carry out requests to hold or release a part."""
        while not self._is_stopping:
            for request in sorted((self._home / "run").glob("*.request")):
                self._carry_out(request)
            for name, part in list(self._parts.items()):
                if part.identity is not None and name not in self._ended and not part.identity.is_alive():
                    self._note_end(name)
            time.sleep(WATCH_SECONDS)

    def down(self) -> None:
        """End every part, those that others need last, then whatever else carries this stand's mark."""
        self._is_stopping = True
        threads = [threading.Thread(target=part.stop) for name, part in self._parts.items() if name not in STOP_LAST]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in STOP_LAST:
            if name in self._parts:
                self._parts[name].stop()
        end_leftovers(self._home)

    def _plan(self) -> None:
        """Choose ports, prepare folders and passwords, write every process's settings."""
        book = PortBook(self._home / "ports.json")
        postgres: ExternalPostgres | PostgresServer = (
            ExternalPostgres(self._home / "postgres", address=self._database_url)
            if self._database_url
            else PostgresServer(self._home / "postgres", port=book.port_for("postgres"))
        )
        directory = DirectoryServer(self._home / "directory", port=book.port_for("slapd"), people=self._people)
        search = ElasticsearchNode(self._home / "elasticsearch", port=book.port_for("elasticsearch"))
        for server in (postgres, directory, search):
            server.prepare()
        self._addresses = Addresses(
            base_url=f"http://localhost:{book.port_for('web')}",
            database_urls={role: postgres.url(role) for role in ROLE_LIMITS},
            identity="" if "identity" in self._without else f"http://{LOOPBACK}:{book.port_for('identity')}",
            population=f"http://{LOOPBACK}:{book.port_for('population')}",
            portal=f"http://{LOOPBACK}:{book.port_for('portal')}",
            sms="" if "sms" in self._without else f"http://{LOOPBACK}:{book.port_for('sms')}",
            mail="" if "mail" in self._without else f"smtp://{LOOPBACK}:{book.port_for('mail')}",
            mail_page="" if "mail" in self._without else f"http://{LOOPBACK}:{book.port_for('mail-page')}",
            signing="" if "signing" in self._without else f"http://{LOOPBACK}:{book.port_for('signing')}",
            signing_trust=programs.signing_trust(self._home),
            prometheus=f"http://{LOOPBACK}:{book.port_for('prometheus')}",
            alertmanager=f"http://{LOOPBACK}:{book.port_for('alertmanager')}",
            ldap=directory.url,
            ldap_ca_file=directory.ca_file,
            ldap_password=directory.service_password,
            elasticsearch="" if self._lacks_search() else search.url,
            elasticsearch_passwords={name: user.password for name, user in search.users.items()},
            web_port=book.port_for("web"),
            monitor_port=book.port_for("monitor"),
            signature_trust=str(signing.prepare(self._home, now=datetime.now(UTC))),
            witness="" if "witness" in self._without else f"http://{LOOPBACK}:{book.port_for('witness')}",
            witness_key=witness.prepare(self._home, port=book.port_for("witness")),
        )
        write_environments(self._home, addresses=self._addresses, secrets=self._secrets, profile=self._profile)
        self._directory = directory
        self._parts = {"postgres": postgres, "slapd": directory}
        if self._addresses.elasticsearch:
            self._parts["elasticsearch"] = search
        own = programs.own_programs(self._home, code=self._code, addresses=self._addresses)
        self._parts.update({daemon.name: daemon for daemon in own})
        for name in _ASIDE[1]:
            with self._telling_loss(name):
                self._parts[name] = programs.companion(
                    name,
                    home=self._home,
                    code=self._code,
                    book=book,
                    addresses=self._addresses,
                    secrets=self._secrets,
                )
        for name in self._without:
            self._parts.pop(name, None)
        (self._home / "run" / "parts").write_text(" ".join(self._parts), encoding="utf-8")

    def _lacks_search(self) -> bool:
        """Tell whether there will be no search server, and say what is missing: then nobody waits for one."""
        if "elasticsearch" in self._without:
            return True
        try:
            obtainable()
        except ElasticsearchMissingError as error:
            self._tell_loss("elasticsearch", error)
            return True
        return False

    def _start(self, name: str) -> None:
        """Start one part and note its process."""
        part = self._parts[name]
        part.start()
        if part.identity is not None:
            self._ended.discard(name)
            self._records.write(name, part.identity)

    def _start_optional(self, names: tuple[str, ...]) -> None:
        """Start parts the product can do without, one after the other; say what is lost when one fails."""
        for name in names:
            if name in self._parts:
                with self._telling_loss(name):
                    self._start(name)
                    if self._is_stopping:
                        self._parts[name].stop()
        if "elasticsearch" in names and not self._is_stopping:
            self._put_template()
            self._write_up_file()

    def _put_template(self) -> None:
        """Put the index template in place; without it nothing is shipped, and the trail page says why.

        The database may still be on its way: this is tried a few times.
        """
        node = self._parts.get("elasticsearch")
        if node is None or node.identity is None:
            return
        trouble = ""
        for _ in range(TEMPLATE_TRIES):
            if self._is_stopping:
                return
            try:
                process.run(programs.template_command(self._home, code=self._code))
            except (process.ProcessEndedError, subprocess.TimeoutExpired) as error:
                trouble = str(error)
                time.sleep(TEMPLATE_WAIT_SECONDS)
            else:
                return
        self._say(
            f"! Chưa đặt được khuôn chỉ mục, nên nhật ký chưa được gửi sang Elasticsearch: {trouble}",
            f"! The index template is not in place, so the trail is not shipped to Elasticsearch: {trouble}",
        )

    @contextlib.contextmanager
    def _telling_loss(self, name: str) -> Iterator[None]:
        """Turn a failure to start into a sentence that names the loss."""
        try:
            yield
        except (*MISSING, process.ProcessEndedError, OSError) as error:
            self._tell_loss(name, error)

    def _tell_loss(self, name: str, error: Exception) -> None:
        """Say which part does not run, why, and what is lost without it."""
        self._ended.add(name)
        if not self._is_stopping:
            loss_vi, loss_en = LOSSES.get(name, ("một phần không chạy", "a part does not run"))
            self._say(
                f"! {name}: {error}\n  Mất: {loss_vi}. Phần còn lại vẫn chạy.",
                f"! {name}: {error}\n  Lost: {loss_en}. Everything else works.",
            )

    def _migrate(self) -> None:
        """Bring the schema to this release."""
        from control.migrations import run

        engine = create_engine(self._addresses.database_urls["vl_owner"])
        try:
            run.upgrade(engine)
        finally:
            engine.dispose()

    def _seed(self) -> None:
        """Enrol the demonstration people; without the directory nobody can sign in anyway."""
        from control.errors import Unavailable

        try:
            seed.seed(
                environment_file=self._home / "env" / "web.env",
                totp_secrets=self._secrets.totp,
                applicant_password=self._secrets.applicant_password,
                seal=self._secrets.seal,
                owner_url="" if self._database_url else self._addresses.database_urls["vl_owner"],
            )
        except Unavailable as error:
            self._say(f"! Chưa đưa người minh hoạ vào: {error}", f"! The people are not seeded: {error}")

    def _write_up_file(self) -> None:
        """Write DIR/up.json, the one file other programs read; only once the first page answers."""
        if not self._is_up:
            return
        with self._lock:
            pids = {name: identity.pid for name, identity in self._records.all().items()}
            people = [
                {
                    "name": person.login,
                    "display_name": person.name,
                    "roles": list(person.groups),
                    "password": self._directory.password_of(person.login),
                    "totp_secret": self._secrets.totp.get(person.login),
                }
                for person in self._people
            ]
            content = {
                "url": self._addresses.base_url,
                "database_url": self._addresses.database_urls["vl_owner"],
                "elasticsearch_url": self._addresses.elasticsearch,
                "prometheus_url": self._addresses.prometheus,
                "alertmanager_url": self._addresses.alertmanager,
                "ldap_url": self._addresses.ldap,
                "profile": self._profile,
                "people": people,
                "applicants": [
                    {
                        "number": one.identity.number,
                        "display_name": one.identity.name,
                        "kind": one.kind,
                        "password": self._secrets.applicant_password,
                    }
                    for one in INVENTED_APPLICANTS
                ],
                "sealed": {"account": SEEDED_SEAL, **self._secrets.seal},
                "simulators": {
                    "identity": self._addresses.identity,
                    "population": self._addresses.population,
                    "portal": self._addresses.portal,
                    "sms": self._addresses.sms,
                    "mail": self._addresses.mail_page,
                    "signing": self._addresses.signing,
                },
                "processes": pids,
                "data": str(self._home),
                "separation": separation_is_on(),
            }
            text = json.dumps(content, ensure_ascii=False, indent=1)
            write_private(self._home / "up.json", text=text, account=None)

    def _carry_out(self, request: Path) -> None:
        """Hold or release one part, as a request file says, and take the file away."""
        name, wish = request.stem, request.read_text(encoding="ascii").strip()
        part = self._parts.get(name)
        if part is not None and wish == "hold":
            self._ended.add(name)
            part.stop()
            self._records.remove(name)
        elif part is not None and wish == "release" and self._records.read(name) is None:
            part.stop()
            self._start_optional((name,))
        self._write_up_file()
        request.unlink(missing_ok=True)

    def _note_end(self, name: str) -> None:
        """Say that a part ended which nobody stopped."""
        self._ended.add(name)
        self._records.remove(name)
        self._say(
            f"! {name} đã dừng ngoài ý muốn. Chạy lại bằng: bin/up --data {self._data.named} --release {name}",
            f"! {name} ended by itself. Start it again: bin/up --data {self._data.named} --release {name}",
        )
        self._write_up_file()


# Started beside PostgreSQL and the web; the first tuple is waited for, the others may come late.
_ASIDE = (
    ("slapd",),
    ("sms", "mail", "signing", "identity", "population", "portal", "blackbox", "alertmanager", "prometheus"),
    ("elasticsearch",),
)


def end_leftovers(home: Path) -> None:
    """End every process this data directory has started and that still runs; nothing else."""
    records = Records(home)
    found = {name: one for name, one in records.all().items() if one.pid != os.getpid()}
    _stop_at_once([one for name, one in found.items() if name not in STOP_LAST])
    # PostgreSQL understands SIGINT as "now, but orderly"; at SIGTERM it waits for its clients.
    _stop_at_once([one for name, one in found.items() if name in STOP_LAST], first=signal.SIGINT)
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        mark = json.loads((home / "secrets.json").read_text(encoding="utf-8"))["stand"]
        _stop_at_once(process.marked(mark))
    for name in (*found, SUPERVISOR):
        records.remove(name)


def _stop_at_once(identities: Iterable[process.ProcessId], *, first: signal.Signals = signal.SIGTERM) -> None:
    threads = [threading.Thread(target=one.stop, kwargs={"first": first}) for one in identities]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
