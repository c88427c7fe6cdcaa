"""A real slapd with the demonstration ministry: TLS by StartTLS only, password policy, memberOf.

Nobody binds anonymously, no password travels without TLS, and only the portal's service account reads people.
"""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import ldap3
from argon2 import PasswordHasher
from ldap3.core.exceptions import LDAPException

from control.stand import process
from control.stand.accounts import account_for, folder, write_private
from control.stand.certificates import make_server_certificate, needs_renewal
from control.stand.demo.people import DemoPerson, load_people
from control.stand.ports import LOOPBACK, answers, free_port

SUFFIX = "dc=minhhoa,dc=example"
PEOPLE_BASE = f"ou=people,{SUFFIX}"
GROUPS_BASE = f"ou=groups,{SUFFIX}"
SERVICE_DN = f"cn=portal,ou=svc,{SUFFIX}"
ROOT_DN = f"cn=root,{SUFFIX}"
MODULE_PATHS = (Path("/usr/lib/ldap"), Path("/usr/lib/x86_64-linux-gnu/ldap"), Path("/usr/lib64/openldap"))
SCHEMA_PATH = Path("/etc/ldap/schema")
START_SECONDS = 20.0
ENTRY_EXISTS = 68

CONFIGURATION = """\
# Written by Vọng Lâu at every start; changes here are lost.
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/nis.schema
include {schema}/inetorgperson.schema
pidfile {home}/run/slapd.pid
modulepath {modules}
moduleload back_mdb
moduleload ppolicy
moduleload memberof
moduleload refint
moduleload argon2 m=19456 t=2 p=1
TLSCACertificateFile {home}/ca.pem
TLSCertificateFile {home}/tls/server.pem
TLSCertificateKeyFile {home}/tls/server.key
TLSCipherSuite SECURE128:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3
security simple_bind=128
password-hash {{ARGON2}}
disallow bind_anon
require bind
idletimeout 60
sizelimit size.soft=500 size.hard=500 size.pr=100 size.prtotal=unlimited
database mdb
maxsize 268435456
suffix "{suffix}"
rootdn "{root}"
rootpw {root_hash}
directory {home}/db
index objectClass,uid,cn,member eq
access to attrs=userPassword,shadowLastChange by self =xw by anonymous auth by * none
access to dn.subtree="{people}" by dn.exact="{service}" read by self read by * none
access to * by dn.exact="{service}" read by * none
overlay ppolicy
ppolicy_default "cn=default,ou=policies,{suffix}"
ppolicy_use_lockout
ppolicy_hash_cleartext
overlay memberof
memberof-group-oc groupOfNames
memberof-refint true
overlay refint
refint_attributes member memberOf
"""

Entry = tuple[str, list[str], dict[str, object]]


class DirectoryMissingError(RuntimeError):
    """Raised when slapd is not installed here; the message names the package in both languages."""


class DirectoryServer:
    """One slapd under one folder; `start` is idempotent and `stop` ends only this server."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        people: Iterable[DemoPerson] | None = None,
        lockout_seconds: int = 300,
        nested_groups: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Name the folder, the port and who is in it; `nested_groups` puts groups into groups."""
        self._home = data_dir
        self._log = data_dir / "log"
        self._people = tuple(load_people() if people is None else people)
        self._lockout_seconds = lockout_seconds
        self._nested_groups = dict(nested_groups or {})
        self._account = account_for("directory")
        self._passwords: dict[str, str] = {}
        self.port = port or free_port()
        self.identity: process.ProcessId | None = None

    def __enter__(self) -> DirectoryServer:
        """Start the server for a `with` block."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server at the end of the block."""
        self.stop()

    @property
    def url(self) -> str:
        """Return the address; a client must upgrade it with StartTLS."""
        return f"ldap://{LOOPBACK}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """Return the certificate authority a client must trust, and no other."""
        return self._home / "ca.pem"

    @property
    def people(self) -> tuple[DemoPerson, ...]:
        """Return who is in the directory."""
        return self._people

    @property
    def service_password(self) -> str:
        """Return the password of the account that reads people and groups."""
        return self._passwords["service"]

    def password_of(self, login: str) -> str:
        """Return the password of one person."""
        return self._passwords[f"person:{login}"]

    def start(self) -> DirectoryServer:
        """Write configuration and certificates, start slapd, add the entries that are missing."""
        slapd = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/libexec:/usr/lib/openldap")
        modules = next((path for path in MODULE_PATHS if (path / "back_mdb.so").exists()), None)
        if slapd is None or modules is None or not SCHEMA_PATH.exists():
            raise DirectoryMissingError("thiếu gói slapd / the package slapd is missing")
        self.prepare()
        self._write_configuration(modules)
        command = [slapd, "-f", str(self._home / "slapd.conf"), "-h", f"{self.url}/", "-d", "stats"]
        self.identity = process.start(
            process.Launch(
                command=command,
                account=self._account,
                log_file=self._log,
                environment=process.base_environment(),
            )
        )
        identity = self.identity
        if not process.wait_for(lambda: answers(self.port), identity=identity, timeout_seconds=START_SECONDS):
            raise process.ProcessEndedError(f"slapd did not start: {process.tail(self._log)}")
        self._add_missing_entries()
        return self

    def stop(self) -> None:
        """End the server."""
        if self.identity is not None:
            self.identity.stop(first=signal.SIGTERM)
            self.identity = None

    def connect_as_root(self) -> ldap3.Connection:
        """Return a bound connection with all rights, for arranging what no service may do."""
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca_file))
        server = ldap3.Server(self.url, get_info=ldap3.NONE, tls=tls, connect_timeout=5)
        connection = ldap3.Connection(server, user=ROOT_DN, password=self._passwords["root"], receive_timeout=10)
        connection.open()
        connection.start_tls()
        if not connection.bind():
            raise process.ProcessEndedError(f"slapd refuses its own root: {connection.result['description']}")
        return connection

    def prepare(self) -> None:
        """Make the folders and the passwords, so that both are known before the server runs."""
        folder(self._home, account=None, mode=0o755)
        for name in ("db", "run", "tls"):
            folder(self._home / name, account=self._account, mode=0o700)
        self._passwords = self._read_or_make_passwords()

    def _write_configuration(self, modules: Path) -> None:
        """Write the certificates and slapd.conf."""
        self._write_certificates(now=datetime.now(UTC))
        text = CONFIGURATION.format(
            schema=SCHEMA_PATH,
            home=self._home.resolve(),
            modules=modules,
            suffix=SUFFIX,
            root=ROOT_DN,
            people=PEOPLE_BASE,
            service=SERVICE_DN,
            root_hash="{ARGON2}"
            + PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1).hash(self._passwords["root"]),
        )
        write_private(self._home / "slapd.conf", text=text, account=self._account)

    def _read_or_make_passwords(self) -> dict[str, str]:
        """Return the passwords of this folder, made once; a person may bring one along."""
        path = self._home / "passwords.json"
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        wanted: dict[str, str | None] = {"root": None, "service": None}
        wanted.update({f"person:{person.login}": person.password for person in self._people})
        passwords = {name: given or known.get(name) or _pronounceable_password() for name, given in wanted.items()}
        if passwords != known:
            write_private(path, text=json.dumps(passwords), account=None)
        return passwords

    def _write_certificates(self, *, now: datetime) -> None:
        """Write authority, certificate and key when missing or about to end."""
        certificate = self._home / "tls" / "server.pem"
        complete = self.ca_file.exists() and certificate.exists()
        if complete and not needs_renewal(certificate.read_text(encoding="ascii"), now=now):
            return
        made = make_server_certificate(name="directory", now=now)
        write_private(self._home / "tls" / "server.key", text=made.key, account=self._account)
        write_private(certificate, text=made.certificate, account=self._account)
        write_private(self.ca_file, text=made.authority, account=None, mode=0o644)

    def _add_missing_entries(self) -> None:
        """Add every entry of the tree that is not there yet."""
        connection = self._connect_patiently()
        try:
            for dn, classes, attributes in self._tree():
                added = connection.add(dn, classes, attributes)  # type: ignore[no-untyped-call] # ldap3's stubs
                if not added and connection.result["result"] != ENTRY_EXISTS:
                    raise process.ProcessEndedError(f"slapd refuses {dn}: {connection.result['description']}")
        finally:
            connection.unbind()

    def _connect_patiently(self) -> ldap3.Connection:
        """Connect as root; the port opens a moment before slapd serves TLS."""
        for _attempt in range(20):
            try:
                return self.connect_as_root()
            except LDAPException:
                time.sleep(0.1)
        return self.connect_as_root()

    def _tree(self) -> Iterator[Entry]:
        """Yield every entry, parents first."""
        yield SUFFIX, ["dcObject", "organization"], {"o": "Bộ Minh hoạ", "dc": "minhhoa"}
        for unit in ("people", "groups", "svc", "policies"):
            yield f"ou={unit},{SUFFIX}", ["organizationalUnit"], {"ou": unit}
        yield from self._policies()
        yield (
            SERVICE_DN,
            ["organizationalRole", "simpleSecurityObject"],
            {
                "cn": "portal",
                "userPassword": self._passwords["service"],
                "pwdPolicySubentry": f"cn=noexpire,ou=policies,{SUFFIX}",
            },
        )
        for person in self._people:
            yield self._person(person)
        yield from self._groups()

    def _policies(self) -> Iterator[Entry]:
        """Yield the password policies; the service account's never ends, or the portal locks itself out."""
        lockout = {
            "pwdLockout": "TRUE",
            "pwdMaxFailure": "5",
            "pwdLockoutDuration": str(self._lockout_seconds),
            "pwdFailureCountInterval": str(self._lockout_seconds),
        }
        quality = {"pwdInHistory": "5", "pwdMinLength": "12", "pwdCheckQuality": "1", "pwdMustChange": "TRUE"}
        policies: dict[str, dict[str, str]] = {
            "default": {**lockout, **quality, "pwdMaxAge": "0", "pwdAllowUserChange": "TRUE"},
            "noexpire": {"pwdMaxAge": "0"},
            "expired": {**lockout, "pwdMaxAge": "1", "pwdGraceAuthNLimit": "0"},
        }
        for name, rules in policies.items():
            attributes: dict[str, object] = {"cn": name, "pwdAttribute": "userPassword", **rules}
            yield f"cn={name},ou=policies,{SUFFIX}", ["organizationalRole", "pwdPolicy"], attributes

    def _person(self, person: DemoPerson) -> Entry:
        """Return the entry of one person."""
        family, *_rest = person.name.split()
        attributes: dict[str, object] = {
            "uid": person.login,
            "cn": person.name,
            "sn": family,
            "displayName": person.name,
            "employeeNumber": person.number,
            "mail": f"{person.login}@minhhoa.example",
            "userPassword": self.password_of(person.login),
            "pwdPolicySubentry": f"cn={person.password_policy},ou=policies,{SUFFIX}",
        }
        if person.title:
            attributes["title"] = person.title
        if person.unit:
            attributes["ou"] = person.unit
        if person.unit_key:
            attributes["departmentNumber"] = person.unit_key
        return person_dn(person.login), ["inetOrgPerson"], attributes

    def _groups(self) -> Iterator[Entry]:
        """Yield the groups with their members, those inside others first."""
        members: dict[str, list[str]] = {}
        for person in self._people:
            for group in person.groups:
                members.setdefault(group, []).append(person_dn(person.login))
        for outer, inner in self._nested_groups.items():
            members.setdefault(outer, []).extend(group_dn(name) for name in inner)
        for group in sorted(members, key=lambda name: name in self._nested_groups):
            attributes: dict[str, object] = {"cn": group, "member": members[group]}
            yield group_dn(group), ["groupOfNames"], attributes


def person_dn(login: str) -> str:
    """Return where one person stands in the directory."""
    return f"uid={login},{PEOPLE_BASE}"


def group_dn(name: str) -> str:
    """Return where one group stands in the directory."""
    return f"cn={name},{GROUPS_BASE}"


def _pronounceable_password() -> str:
    """Return a random password that a person can type from paper: about 60 bits in syllables."""
    consonants, vowels = "bcdghklmnrstvx", "aeiou"
    syllables = [secrets.choice(consonants) + secrets.choice(vowels) for _ in range(9)]
    groups = ["".join(syllables[start : start + 3]) for start in range(0, 9, 3)]
    return "-".join([*groups, f"{secrets.randbelow(100):02d}"])
