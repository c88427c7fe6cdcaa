"""What each process is told: one file of settings per process, readable by that process's account only.

A process gets the address and role it needs and nothing of its neighbours' (design rule 8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from control.stand.accounts import account_for, folder, separation_is_on, write_private
from control.stand.directory import GROUPS_BASE, PEOPLE_BASE, SERVICE_DN
from control.stand.secrets import PROCESSES, StandSecrets

DATABASE_ROLES: Mapping[str, str] = {
    "owner": "vl_owner",
    "web": "vl_web",
    "worker": "vl_worker",
    "audit": "vl_sequencer",
    "pruner": "vl_pruner",
    "keeper": "vl_worker",
    "signer": "vl_signer",
    "monitor": "vl_reader",
    "reader": "vl_reader",
}
MAIL_SENDER = "vonglau@bo-minh-hoa.example"  # an address of nobody, as everything in the demonstration
AUDIT_FOLDERS = ("segments", "ballast")
STARTED = ("web", "worker", "audit", "signer", "pruner", "monitor")  # these run; the others are roles for commands


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where everything of one stand is."""

    base_url: str
    database_urls: Mapping[str, str]  # by role of the database
    portal: str
    prometheus: str
    alertmanager: str
    ldap: str = ""
    ldap_ca_file: Path | None = None
    ldap_password: str = ""
    elasticsearch: str = ""
    elasticsearch_passwords: Mapping[str, str] | None = None  # by user
    web_port: int = 0
    monitor_port: int = 0
    identity: str = ""
    population: str = ""
    signature_trust: str = ""
    sms: str = ""
    mail: str = ""
    mail_page: str = ""
    signing: str = ""
    signing_trust: Path | None = None
    witness: str = ""
    witness_key: str = ""


def write_environments(home: Path, *, addresses: Addresses, secrets: StandSecrets, profile: str) -> None:
    """Write DIR/env/<process>.env for every process and every role that commands run under."""
    for name in AUDIT_FOLDERS:
        folder(home / name, account=account_for("audit"), mode=0o700)
    for name in PROCESSES:
        account = account_for(name) if name in STARTED else None
        state = folder(home / "state" / name, account=account, mode=0o711 if name == "signer" else 0o700)
        lines = settings_of(name, addresses=addresses, secrets=secrets, profile=profile, state_dir=state)
        text = "".join(f"{key}={value}\n" for key, value in lines.items() if value)
        write_private(home / "env" / f"{name}.env", text=text, account=account)


def settings_of(
    name: str, *, addresses: Addresses, secrets: StandSecrets, profile: str, state_dir: Path
) -> dict[str, str]:
    """Return the settings of one process or role."""
    common = {
        "VONGLAU_MODE": "demonstration",
        "VONGLAU_BASE_URL": addresses.base_url,
        "VONGLAU_PROFILE": profile,
        "VONGLAU_STATE_DIR": str(state_dir),
        "VONGLAU_SECRET_KEY": secrets.form_keys[name],
        "VONGLAU_DATABASE_URL": addresses.database_urls[DATABASE_ROLES[name]],
        "VONGLAU_SEPARATION": "on" if separation_is_on() else "off",
        "VONGLAU_SIGNER_SOCKET": str(state_dir.parent / "signer" / "signer.sock"),
    }
    if name == "audit":
        common |= _audit_folders(state_dir.parent.parent)
    return {**common, **_witness(addresses), **_OWN.get(name, _nothing)(addresses, secrets)}


def _witness(addresses: Addresses) -> dict[str, str]:
    """Say who cosigns: `audit run` asks, `audit verify` compares. A demonstration asks at each checkpoint."""
    if not addresses.witness:
        return {}
    return {
        "VONGLAU_WITNESS_URL": addresses.witness,
        "VONGLAU_WITNESS_KEY": addresses.witness_key,
        "VONGLAU_ANCHOR_EVERY": "1",
    }


def _audit_folders(home: Path) -> dict[str, str]:
    """Return where the trail keeps its files: one volume for all here, two in production."""
    segments, room = (str(home / name) for name in AUDIT_FOLDERS)
    has_own_database = (home / "postgres" / "data").exists()
    return {"VONGLAU_SEGMENT_DIR": segments, "VONGLAU_JOURNAL_DIR": room if has_own_database else ""}


def _nothing(_addresses: Addresses, _secrets: StandSecrets) -> dict[str, str]:
    return {}


def _keeper(addresses: Addresses) -> dict[str, str]:
    """The search server's second pair of credentials: puts the template in place and drops whole months."""
    keeper = (addresses.elasticsearch_passwords or {}).get("keeper", "")
    return {
        "VONGLAU_ELASTICSEARCH_KEEPER_USER": "keeper" if keeper else "",
        "VONGLAU_ELASTICSEARCH_KEEPER_PASSWORD": keeper,
    }


def _pruner(addresses: Addresses, secrets: StandSecrets) -> dict[str, str]:
    return {
        "VONGLAU_ELASTICSEARCH_URL": addresses.elasticsearch,
        **_keeper(addresses),
        "VONGLAU_SUBJECT_KEY": secrets.subject_key,
    }


def _outside(addresses: Addresses, secrets: StandSecrets) -> dict[str, str]:
    """What messages to people outside leave through: all of it simulated, and only in a demonstration."""
    key = secrets.sms_key if addresses.sms else ""
    return {
        "VONGLAU_SMS_URL": addresses.sms,
        "VONGLAU_SMS_KEY": key,
        "VONGLAU_INSURANCE_URL": addresses.sms,
        "VONGLAU_INSURANCE_KEY": key,
        "VONGLAU_MAIL_URL": addresses.mail,
        "VONGLAU_MAIL_SENDER": MAIL_SENDER if addresses.mail else "",
    }


def _signing(addresses: Addresses, secrets: StandSecrets) -> dict[str, str]:
    """The simulated service for signing SIMs, and the files of its invented authority."""
    if not addresses.signing or addresses.signing_trust is None:
        return {}
    return {
        "VONGLAU_SIGNING_SIM_URL": addresses.signing,
        "VONGLAU_SIGNING_SIM_KEY": secrets.signing_key,
        "VONGLAU_CLIENT_CA_FILE": str(addresses.signing_trust / "authorities.pem"),
        "VONGLAU_CLIENT_CRL_FILE": str(addresses.signing_trust / "revoked.pem"),
    }


def _web(addresses: Addresses, secrets: StandSecrets) -> dict[str, str]:
    return {
        "VONGLAU_WEB_PORT": str(addresses.web_port),
        **_directory(addresses),
        **_search(addresses, user="reader"),
        **_monitoring(addresses),
        "VONGLAU_FACTOR_KEY": secrets.factor_key,
        "VONGLAU_APPLICANT_KEY": secrets.applicant_key,
        "VONGLAU_SUBJECT_KEY": secrets.subject_key,
        "VONGLAU_ALERTMANAGER_TOKEN": secrets.alertmanager_token,
        "VONGLAU_EID_ISSUER": addresses.identity,
        "VONGLAU_EID_CLIENT_ID": "vonglau" if addresses.identity else "",
        "VONGLAU_EID_CLIENT_SECRET": secrets.identity_key if addresses.identity else "",
        "VONGLAU_SIGNATURE_TRUST_DIR": addresses.signature_trust,
        "VONGLAU_POPULATION_URL": addresses.population,
        "VONGLAU_POPULATION_KEY": secrets.population_key if addresses.population else "",
        "VONGLAU_PORTAL_URL": addresses.portal,
        "VONGLAU_PORTAL_KEY": secrets.portal_key,
        **_outside(addresses, secrets),
        **_signing(addresses, secrets),
    }


def _worker(addresses: Addresses, secrets: StandSecrets) -> dict[str, str]:
    return {
        "VONGLAU_APPLICANT_KEY": secrets.applicant_key,
        "VONGLAU_SUBJECT_KEY": secrets.subject_key,
        **_directory(addresses),
        **_search(addresses, user="reader"),
        **_monitoring(addresses),
        "VONGLAU_POPULATION_URL": addresses.population,
        "VONGLAU_POPULATION_KEY": secrets.population_key if addresses.population else "",
        "VONGLAU_PORTAL_URL": addresses.portal,
        "VONGLAU_PORTAL_KEY": secrets.portal_key,
        **_outside(addresses, secrets),
    }


def _audit(addresses: Addresses, _secrets: StandSecrets) -> dict[str, str]:
    reader = (addresses.elasticsearch_passwords or {}).get("reader", "")
    return {
        **_search(addresses, user="shipper"),
        "VONGLAU_ELASTICSEARCH_READER_USER": "reader" if reader else "",
        "VONGLAU_ELASTICSEARCH_READER_PASSWORD": reader,
    }


def _template_keeper(addresses: Addresses, _secrets: StandSecrets) -> dict[str, str]:
    return {"VONGLAU_ELASTICSEARCH_URL": addresses.elasticsearch, **_keeper(addresses)}


def _monitor(addresses: Addresses, _secrets: StandSecrets) -> dict[str, str]:
    return {"VONGLAU_MONITOR_PORT": str(addresses.monitor_port)}


def _reader(addresses: Addresses, _secrets: StandSecrets) -> dict[str, str]:
    return {**_search(addresses, user="reader"), **_monitoring(addresses)}


def _owner(addresses: Addresses, secrets: StandSecrets) -> dict[str, str]:
    return {
        **_directory(addresses),
        **_reader(addresses, secrets),
        "VONGLAU_FACTOR_KEY": secrets.factor_key,
        "VONGLAU_APPLICANT_KEY": secrets.applicant_key,
        "VONGLAU_SUBJECT_KEY": secrets.subject_key,
        "VONGLAU_PORTAL_URL": addresses.portal,
    }


_OWN = {
    "web": _web,
    "worker": _worker,
    "audit": _audit,
    "monitor": _monitor,
    "reader": _reader,
    "owner": _owner,
    "pruner": _pruner,
    "keeper": _template_keeper,
}


def _directory(addresses: Addresses) -> dict[str, str]:
    return {
        "VONGLAU_LDAP_URL": addresses.ldap,
        "VONGLAU_LDAP_CA_FILE": "" if addresses.ldap_ca_file is None else str(addresses.ldap_ca_file),
        "VONGLAU_LDAP_BIND_DN": SERVICE_DN,
        "VONGLAU_LDAP_BIND_PASSWORD": addresses.ldap_password,
        "VONGLAU_LDAP_PEOPLE_BASE": PEOPLE_BASE,
        "VONGLAU_LDAP_GROUPS_BASE": GROUPS_BASE,
    }


def _search(addresses: Addresses, *, user: str) -> dict[str, str]:
    if not addresses.elasticsearch:
        return {}
    return {
        "VONGLAU_ELASTICSEARCH_URL": addresses.elasticsearch,
        "VONGLAU_ELASTICSEARCH_USER": user,
        "VONGLAU_ELASTICSEARCH_PASSWORD": (addresses.elasticsearch_passwords or {})[user],
    }


def _monitoring(addresses: Addresses) -> dict[str, str]:
    return {
        "VONGLAU_PROMETHEUS_URL": addresses.prometheus,
        "VONGLAU_ALERTMANAGER_URL": addresses.alertmanager,
    }
