"""The one place where the environment is read: every setting, checked together, frozen.

Not for: rules of law (they are data in `policies/`) and not for anything that changes while the product runs.
Invariant: a `Settings` that exists is usable; in production mode it holds no unsafe value.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

PREFIX = "VONGLAU_"
MINIMUM_SECRET_CHARACTERS = 32
KEY_BYTES = 32
RECONCILE_AT = time(2, 30)
ANCHOR_EVERY_SECONDS = 3600
SIGN_IN_WAYS = ("directory", "local", "e-id", "central", "certificate", "key", "signing-sim", "remote-signing")
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Mode(StrEnum):
    """How strict the product is with itself."""

    PRODUCTION = "production"
    DEMONSTRATION = "demonstration"
    TEST = "test"


class SettingsError(ValueError):
    """Raised when the environment cannot be used; `faults` lists every problem, in both languages."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("cài đặt không dùng được / unusable settings:\n- " + "\n- ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the product needs to know from outside, complete and checked.

    Field metadata `about` is the sentence of the README's table; `required` names the modes that insist.
    """

    mode: Mode
    database_url: str = field(repr=False)
    base_url: str
    secret_key: str = field(repr=False)
    profile: str
    organisation: str
    state_dir: Path
    ldap_url: str
    ldap_ca_file: Path | None
    ldap_bind_dn: str
    ldap_bind_password: str = field(repr=False)
    ldap_people_base: str
    ldap_groups_base: str
    factor_key: bytes = field(repr=False)
    applicant_key: bytes = field(repr=False)
    subject_key: bytes = field(repr=False)
    subject_key_former: bytes = field(repr=False)
    elasticsearch_url: str
    elasticsearch_user: str
    elasticsearch_password: str = field(repr=False)
    elasticsearch_reader_user: str
    elasticsearch_reader_password: str = field(repr=False)
    elasticsearch_keeper_user: str
    elasticsearch_keeper_password: str = field(repr=False)
    reconcile_at: time
    alertmanager_token: str = field(repr=False)
    alertmanager_url: str
    prometheus_url: str
    population_url: str
    population_key: str = field(repr=False)
    portal_url: str
    portal_key: str = field(repr=False)
    signature_trust_dir: Path | None
    signer_socket: Path | None
    segment_dir: Path | None
    journal_dir: Path | None
    mail_url: str
    mail_sender: str
    mail_user: str
    mail_password: str = field(repr=False)
    mail_ca_file: Path | None
    sms_url: str
    sms_key: str = field(repr=False)
    insurance_url: str
    national_portal_page: str
    insurance_key: str = field(repr=False)
    signing_sim_url: str
    signing_sim_key: str = field(repr=False)
    remote_signing_url: str
    remote_signing_key: str = field(repr=False)
    witness_url: str
    witness_key: str
    anchor_every: int
    tsa_url: str
    tsa_ca_file: Path | None
    trusted_proxies: int
    eid_issuer: str
    eid_client_id: str
    eid_client_secret: str = field(repr=False)
    eid_ca_file: Path | None
    central_issuer: str
    central_client_id: str
    central_client_secret: str = field(repr=False)
    central_ca_file: Path | None
    client_ca_file: Path | None
    client_crl_file: Path | None
    proxy_addresses: tuple[str, ...]
    sign_in_off: str
    separation: bool

    @property
    def is_production(self) -> bool:
        """Whether the strictest rules apply."""
        return self.mode is Mode.PRODUCTION

    @property
    def is_demonstration(self) -> bool:
        """Whether the data on screen is invented and must say so."""
        return self.mode is not Mode.PRODUCTION

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read, check and freeze the settings.

        A secret `X` may be given as `X_FILE`, the path of a file that holds it.
        Raises SettingsError with all problems at once.
        """
        reader = _Reader(environment)
        mode = reader.mode()
        settings = cls(
            mode=mode,
            database_url=reader.database_url(),
            base_url=reader.url("BASE_URL", required=True),
            secret_key=reader.secret("SECRET_KEY", required=True, minimum=MINIMUM_SECRET_CHARACTERS),
            profile=reader.text("PROFILE", required=True),
            organisation=reader.text("ORGANISATION") or reader.text("PROFILE"),
            state_dir=Path(reader.text("STATE_DIR", required=True) or "."),
            ldap_url=reader.url("LDAP_URL", schemes=("ldap", "ldaps")),
            ldap_ca_file=reader.path("LDAP_CA_FILE"),
            ldap_bind_dn=reader.text("LDAP_BIND_DN"),
            ldap_bind_password=reader.secret("LDAP_BIND_PASSWORD"),
            ldap_people_base=reader.text("LDAP_PEOPLE_BASE"),
            ldap_groups_base=reader.text("LDAP_GROUPS_BASE"),
            factor_key=reader.key("FACTOR_KEY"),
            applicant_key=reader.key("APPLICANT_KEY"),
            subject_key=reader.key("SUBJECT_KEY"),
            subject_key_former=reader.key("SUBJECT_KEY_FORMER"),
            elasticsearch_url=reader.url("ELASTICSEARCH_URL"),
            elasticsearch_user=reader.text("ELASTICSEARCH_USER"),
            elasticsearch_password=reader.secret("ELASTICSEARCH_PASSWORD"),
            elasticsearch_reader_user=reader.text("ELASTICSEARCH_READER_USER"),
            elasticsearch_reader_password=reader.secret("ELASTICSEARCH_READER_PASSWORD"),
            elasticsearch_keeper_user=reader.text("ELASTICSEARCH_KEEPER_USER"),
            elasticsearch_keeper_password=reader.secret("ELASTICSEARCH_KEEPER_PASSWORD"),
            reconcile_at=reader.time_of_day("RECONCILE_AT", default=RECONCILE_AT),
            alertmanager_token=reader.secret("ALERTMANAGER_TOKEN", minimum=MINIMUM_SECRET_CHARACTERS),
            alertmanager_url=reader.url("ALERTMANAGER_URL"),
            prometheus_url=reader.url("PROMETHEUS_URL"),
            population_url=reader.url("POPULATION_URL"),
            population_key=reader.secret("POPULATION_KEY", minimum=MINIMUM_SECRET_CHARACTERS),
            portal_url=reader.url("PORTAL_URL"),
            portal_key=reader.secret("PORTAL_KEY", minimum=MINIMUM_SECRET_CHARACTERS),
            signature_trust_dir=reader.path("SIGNATURE_TRUST_DIR"),
            signer_socket=reader.path("SIGNER_SOCKET"),
            segment_dir=reader.path("SEGMENT_DIR"),
            journal_dir=reader.path("JOURNAL_DIR"),
            mail_url=reader.url("MAIL_URL", schemes=("smtp", "smtps")),
            mail_sender=reader.text("MAIL_SENDER"),
            mail_user=reader.text("MAIL_USER"),
            mail_password=reader.secret("MAIL_PASSWORD"),
            mail_ca_file=reader.path("MAIL_CA_FILE"),
            sms_url=reader.url("SMS_URL"),
            sms_key=reader.secret("SMS_KEY", minimum=MINIMUM_SECRET_CHARACTERS),
            insurance_url=reader.url("INSURANCE_URL"),
            national_portal_page=reader.url("NATIONAL_PORTAL_PAGE"),
            insurance_key=reader.secret("INSURANCE_KEY", minimum=MINIMUM_SECRET_CHARACTERS),
            signing_sim_url=reader.url("SIGNING_SIM_URL"),
            signing_sim_key=reader.secret("SIGNING_SIM_KEY", minimum=MINIMUM_SECRET_CHARACTERS),
            remote_signing_url=reader.url("REMOTE_SIGNING_URL"),
            remote_signing_key=reader.secret("REMOTE_SIGNING_KEY", minimum=MINIMUM_SECRET_CHARACTERS),
            witness_url=reader.url("WITNESS_URL"),
            witness_key=reader.text("WITNESS_KEY"),
            anchor_every=reader.count("ANCHOR_EVERY", default=ANCHOR_EVERY_SECONDS),
            tsa_url=reader.url("TSA_URL"),
            tsa_ca_file=reader.path("TSA_CA_FILE"),
            trusted_proxies=reader.count("TRUSTED_PROXIES"),
            eid_issuer=reader.url("EID_ISSUER"),
            eid_client_id=reader.text("EID_CLIENT_ID"),
            eid_client_secret=reader.secret("EID_CLIENT_SECRET"),
            eid_ca_file=reader.path("EID_CA_FILE"),
            central_issuer=reader.url("CENTRAL_ISSUER"),
            central_client_id=reader.text("CENTRAL_CLIENT_ID"),
            central_client_secret=reader.secret("CENTRAL_CLIENT_SECRET"),
            central_ca_file=reader.path("CENTRAL_CA_FILE"),
            client_ca_file=reader.path("CLIENT_CA_FILE"),
            client_crl_file=reader.path("CLIENT_CRL_FILE"),
            proxy_addresses=tuple(reader.text("PROXY_ADDRESSES").replace(",", " ").split()) or LOOPBACK_ADDRESSES,
            sign_in_off=reader.words("SIGN_IN_OFF", known=SIGN_IN_WAYS),
            separation=reader.text("SEPARATION") != "off",
        )
        reader.refuse_half(settings)
        reader.refuse_unsafe(settings)
        if reader.faults:
            raise SettingsError(tuple(reader.faults))
        return settings


@dataclass(slots=True)
class _Reader:
    """Collects values and every fault on the way, so that the operator mends them in one go."""

    environment: Mapping[str, str]
    faults: list[str] = field(default_factory=list)

    def text(self, name: str, *, required: bool = False) -> str:
        value = self.environment.get(PREFIX + name, "").strip()
        if required and not value:
            self.faults.append(f"thiếu {PREFIX}{name} / set {PREFIX}{name}")
        return value

    def mode(self) -> Mode:
        value = self.text("MODE") or Mode.PRODUCTION
        try:
            return Mode(value)
        except ValueError:
            known = ", ".join(Mode)
            self.faults.append(f"{PREFIX}MODE phải là một trong / must be one of: {known}")
            return Mode.PRODUCTION

    def database_url(self) -> str:
        value = self.secret("DATABASE_URL") or self.environment.get("DATABASE_URL", "").strip()
        if not value:
            self.faults.append(f"thiếu {PREFIX}DATABASE_URL / set {PREFIX}DATABASE_URL (or DATABASE_URL)")
            return value
        scheme, _, rest = value.partition("://")
        if scheme not in {"postgresql", "postgresql+psycopg", "postgres"}:
            self.faults.append(
                f"{PREFIX}DATABASE_URL: chỉ dùng PostgreSQL / only PostgreSQL is supported, not «{scheme}»"
            )
        return f"postgresql+psycopg://{rest}"

    def secret(self, name: str, *, required: bool = False, minimum: int = 0) -> str:
        value, file = self.text(name), self.text(f"{name}_FILE")
        if file and not value:
            try:
                value = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self.faults.append(f"{PREFIX}{name}_FILE: không đọc được / cannot be read: {error.__class__.__name__}")
                return ""
        if required and not value and not file:
            self.faults.append(
                f"thiếu {PREFIX}{name} hoặc {PREFIX}{name}_FILE / set {PREFIX}{name} or {PREFIX}{name}_FILE"
            )
        if value and len(value) < minimum:
            self.faults.append(f"{PREFIX}{name}: cần ít nhất {minimum} ký tự / needs at least {minimum} characters")
        return value

    def key(self, name: str) -> bytes:
        value = self.secret(name)
        if not value:
            return b""
        try:
            key = base64.b64decode(value, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_BYTES:
            self.faults.append(f"{PREFIX}{name}: cần {KEY_BYTES} byte dạng base64 / needs {KEY_BYTES} bytes in base64")
        return key

    def words(self, name: str, *, known: tuple[str, ...]) -> str:
        value = " ".join(sorted({word for word in self.text(name).replace(",", " ").split() if word}))
        if unknown := sorted(set(value.split()) - set(known)):
            said = ", ".join(known)
            self.faults.append(f"{PREFIX}{name}: không có / there is no «{unknown[0]}»; có / known: {said}")
        return value

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        return Path(value) if value else None

    def url(self, name: str, *, required: bool = False, schemes: tuple[str, ...] = ("http", "https")) -> str:
        value = self.text(name, required=required)
        if value:
            parts = urlsplit(value)
            if parts.scheme not in schemes or not parts.hostname:
                self.faults.append(
                    f"{PREFIX}{name}: không phải địa chỉ {'/'.join(schemes)} / not a {'/'.join(schemes)} address"
                )
        return value.rstrip("/")

    def time_of_day(self, name: str, *, default: time) -> time:
        value = self.text(name)
        try:
            return time.fromisoformat(value) if value else default
        except ValueError:
            self.faults.append(f"{PREFIX}{name}: phải là giờ:phút / must be hours:minutes, e.g. 02:30")
            return default

    def count(self, name: str, *, default: int = 0) -> int:
        value = self.text(name) or str(default)
        if not (value.isascii() and value.isdigit()):
            self.faults.append(f"{PREFIX}{name}: phải là số nguyên không âm / must be a whole number")
            return 0
        return int(value)

    def refuse_half(self, settings: Settings) -> None:
        """Add a fault for every pair of which only one is set: what cannot be checked is not asked."""
        halves = {
            "WITNESS_URL, WITNESS_KEY": bool(settings.witness_url) != bool(settings.witness_key),
            "SMS_URL, SMS_KEY": bool(settings.sms_url) != bool(settings.sms_key),
            "INSURANCE_URL, INSURANCE_KEY": bool(settings.insurance_url) != bool(settings.insurance_key),
            "SIGNING_SIM_URL, SIGNING_SIM_KEY": bool(settings.signing_sim_url) != bool(settings.signing_sim_key),
            "REMOTE_SIGNING_URL, REMOTE_SIGNING_KEY": bool(settings.remote_signing_url)
            != bool(settings.remote_signing_key),
            "MAIL_URL, MAIL_SENDER": bool(settings.mail_url) != bool(settings.mail_sender),
            "POPULATION_URL, POPULATION_KEY": bool(settings.population_url) != bool(settings.population_key),
            "TSA_URL, TSA_CA_FILE": bool(settings.tsa_url) != (settings.tsa_ca_file is not None),
            "EID_ISSUER, EID_CLIENT_ID": bool(settings.eid_issuer) != bool(settings.eid_client_id),
            "EID_ISSUER, EID_CLIENT_SECRET": bool(settings.eid_issuer) != bool(settings.eid_client_secret),
            "CENTRAL_ISSUER, CENTRAL_CLIENT_ID": bool(settings.central_issuer) != bool(settings.central_client_id),
            "CENTRAL_ISSUER, CENTRAL_CLIENT_SECRET": bool(settings.central_issuer)
            != bool(settings.central_client_secret),
            "CLIENT_CA_FILE, CLIENT_CRL_FILE": (settings.client_ca_file is None) != (settings.client_crl_file is None),
        }
        self.faults.extend(
            f"{PREFIX}{text}: cần cả hai / both are needed" for text, is_half in halves.items() if is_half
        )

    def refuse_unsafe(self, settings: Settings) -> None:
        """Add a fault for every value that production may not have (design.md, rules 5 and 8)."""
        if not settings.is_production:
            return
        unsafe = {
            "BASE_URL: cần https / must be https": not settings.base_url.startswith("https://"),
            "LDAP_URL: bắt buộc / required": not settings.ldap_url,
            "LDAP_CA_FILE: bắt buộc / required": settings.ldap_ca_file is None,
            "FACTOR_KEY: bắt buộc / required": not settings.factor_key,
            "SEPARATION: không được tắt / must not be off": not settings.separation,
            "ELASTICSEARCH_URL: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.elasticsearch_url
            ),
            "POPULATION_URL: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.population_url
            ),
            "SMS_URL: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.sms_url
            ),
            "NATIONAL_PORTAL_PAGE: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.national_portal_page
            ),
            "INSURANCE_URL: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.insurance_url
            ),
            "SIGNING_SIM_URL: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.signing_sim_url
            ),
            "REMOTE_SIGNING_URL: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.remote_signing_url
            ),
            "PORTAL_URL: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.portal_url
            ),
            "EID_ISSUER: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.eid_issuer
            ),
            "CENTRAL_ISSUER: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.central_issuer
            ),
            "CLIENT_CA_FILE: cần proxy hoặc ký số / needs TRUSTED_PROXIES or a signing URL": settings.client_ca_file
            is not None
            and not (settings.trusted_proxies or settings.signing_sim_url or settings.remote_signing_url),
            "WITNESS_URL: cần https ngoài máy này / must be https outside this machine": _is_plain_and_remote(
                settings.witness_url
            ),
        }
        self.faults.extend(f"{PREFIX}{text}" for text, is_unsafe in unsafe.items() if is_unsafe)


def _is_plain_and_remote(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK


SETTING_DESCRIPTIONS: Mapping[str, str] = {
    "MODE": "production (default), demonstration or test",
    "DATABASE_URL": "PostgreSQL, with the role of this process; DATABASE_URL is read when it is absent",
    "BASE_URL": "the address people type; https in production",
    "SECRET_KEY": "signs forms; at least 32 characters (or SECRET_KEY_FILE)",
    "PROFILE": "the regulation profile in policies/profiles/",
    "ORGANISATION": "the ministry or province named on every page; the profile's name when empty",
    "STATE_DIR": "folder this process may write to",
    "LDAP_URL": "directory; ldap:// always upgrades with StartTLS",
    "LDAP_CA_FILE": "certificate authority of the directory",
    "LDAP_BIND_DN": "service account that reads people and groups",
    "LDAP_BIND_PASSWORD": "its password (or LDAP_BIND_PASSWORD_FILE)",
    "LDAP_PEOPLE_BASE": "where people live in the directory",
    "LDAP_GROUPS_BASE": "where groups live in the directory",
    "FACTOR_KEY": "32 bytes in base64 that encrypt one-time-password secrets (or FACTOR_KEY_FILE)",
    "APPLICANT_KEY": (
        "32 bytes in base64 that seal what applicants say of themselves and messages to them (or APPLICANT_KEY_FILE); "
        "web, worker"
    ),
    "SUBJECT_KEY": (
        "32 bytes in base64 that wrap the keys of persons in the trail (or SUBJECT_KEY_FILE); "
        "production: web, worker, pruner"
    ),
    "SUBJECT_KEY_FORMER": "the key before it, only while it is being changed (or SUBJECT_KEY_FORMER_FILE)",
    "ELASTICSEARCH_URL": "search copy of the trail; empty: PostgreSQL answers and the screen says so",
    "ELASTICSEARCH_USER": "reader (web) or shipper (audit run)",
    "ELASTICSEARCH_PASSWORD": "its password (or ELASTICSEARCH_PASSWORD_FILE)",
    "ELASTICSEARCH_READER_USER": "reader, where the process that ships also compares (audit run)",
    "ELASTICSEARCH_READER_PASSWORD": "its password (or ELASTICSEARCH_READER_PASSWORD_FILE)",
    "ELASTICSEARCH_KEEPER_USER": "keeper, for the commands that put the template or drop whole months, no others",
    "ELASTICSEARCH_KEEPER_PASSWORD": "its password (or ELASTICSEARCH_KEEPER_PASSWORD_FILE)",
    "RECONCILE_AT": "when the copies of the trail are compared with it each day, local time; 02:30 when empty",
    "ALERTMANAGER_TOKEN": "bearer token of the alert receiver (or ALERTMANAGER_TOKEN_FILE)",
    "ALERTMANAGER_URL": "Alertmanager, for links and silences",
    "PROMETHEUS_URL": "Prometheus, for links and health",
    "POPULATION_URL": "the national population database's interface; empty: nobody is looked up",
    "POPULATION_KEY": "signs questions to the population database (or POPULATION_KEY_FILE)",
    "PORTAL_URL": "the national portal's interface",
    "PORTAL_KEY": "signs messages to the national portal (or PORTAL_KEY_FILE)",
    "SIGNATURE_TRUST_DIR": "folder of certificates (PEM) and revocation lists (.crl) trusted for signed documents",
    "SIGNER_SOCKET": "Unix socket of `vonglau signer`",
    "SEGMENT_DIR": "folder of the segment files, on another volume than the database; empty: none are written",
    "JOURNAL_DIR": "folder on the volume of the database, for its ballast; empty: its room is not watched",
    "MAIL_URL": "mail relay, smtp:// (STARTTLS) or smtps://; empty: notices are told by phone or on paper",
    "MAIL_SENDER": "the address notices are sent from",
    "MAIL_USER": "account at the relay, empty when it asks for none",
    "MAIL_PASSWORD": "its password (or MAIL_PASSWORD_FILE)",
    "MAIL_CA_FILE": "certificate authority of the relay; empty: those of the machine",
    "SMS_URL": "gateway for short messages, which also vouches for subscribers; empty: messages wait and run out",
    "SMS_KEY": "signs what is asked of it and what it answers (or SMS_KEY_FILE)",
    "INSURANCE_URL": "desk of social insurance that vouches for numbers; empty: that way of registering refuses",
    "INSURANCE_KEY": "signs what is asked of it and what it answers (or INSURANCE_KEY_FILE)",
    "NATIONAL_PORTAL_PAGE": "the national portal's page of registration; people are led there once ours is closed",
    "SIGNING_SIM_URL": "operator's service for signing SIMs; empty: that way is not offered",
    "SIGNING_SIM_KEY": "signs what is asked of it and what it answers (or SIGNING_SIM_KEY_FILE)",
    "REMOTE_SIGNING_URL": "provider's service for remote signing; empty: that way is not offered",
    "REMOTE_SIGNING_KEY": "signs what is asked of it and what it answers (or REMOTE_SIGNING_KEY_FILE)",
    "WITNESS_URL": "witness of the trail, run by the security officers on another host; empty: nobody cosigns",
    "WITNESS_KEY": "its public key, as `vonglau witness --show-key` prints it there",
    "ANCHOR_EVERY": "seconds between two checkpoints that are cosigned and time-stamped; 3600 when empty",
    "TSA_URL": "time stamping authority (RFC 3161) for checkpoints; empty: no time stamps",
    "TSA_CA_FILE": "certificates from which its signature must descend",
    "TRUSTED_PROXIES": "how many reverse proxies in front may be believed; 0 when none",
    "EID_ISSUER": "issuer of electronic identities (OpenID Connect); empty: that way is not offered",
    "EID_CLIENT_ID": "the name this system has there",
    "EID_CLIENT_SECRET": "its secret (or EID_CLIENT_SECRET_FILE)",
    "EID_CA_FILE": "certificates its https must descend from; the system's own when empty",
    "CENTRAL_ISSUER": "issuer of the ministry's central authentication (OpenID Connect); empty: not offered",
    "CENTRAL_CLIENT_ID": "the name this system has there",
    "CENTRAL_CLIENT_SECRET": "its secret (or CENTRAL_CLIENT_SECRET_FILE)",
    "CENTRAL_CA_FILE": "certificates its https must descend from; the system's own when empty",
    "CLIENT_CA_FILE": "roots that people's certificates (signing USB or SIM) must descend from; empty: none is taken",
    "CLIENT_CRL_FILE": "revocation lists (PEM) of every authority among them; read anew when the file changes",
    "PROXY_ADDRESSES": "addresses the reverse proxy calls from, for client certificates; this machine when empty",
    "SIGN_IN_OFF": (
        "ways to sign in that are switched off: directory, local, e-id, central, certificate, key, signing-sim, "
        "remote-signing; who registers by one does not then either"
    ),
    "SEPARATION": "off when the processes share one account; refused in production",
}
