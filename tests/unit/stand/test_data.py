"""A data directory is ours or it is left alone; what is secret in it is readable by one account."""

from __future__ import annotations

import dataclasses
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from control.privilege.documents.signatures import Trust, judge_signature
from control.settings import Settings
from control.stand import data as data_module
from control.stand import signing
from control.stand.certificates import make_server_certificate, needs_renewal
from control.stand.data import MARK, DataFolder
from control.stand.demo.people import load_people
from control.stand.demo.seed import read_environment
from control.stand.environment import DATABASE_ROLES, Addresses, settings_of, write_environments
from control.stand.errors import StandError
from control.stand.ports import PortBook, free_port
from control.stand.postgres import access_rules
from control.stand.roles import ROLE_LIMITS
from control.stand.secrets import PROCESSES, StandSecrets
from tests.factories.signing import plain_pdf

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


def folder_at(path: Path) -> DataFolder:
    return DataFolder(named=path, home=path)


def addresses() -> Addresses:
    return Addresses(
        base_url="http://localhost:1",
        database_urls={
            role: f"postgresql+psycopg://{role}:password-of-{role}@127.0.0.1:2/vonglau" for role in ROLE_LIMITS
        },
        portal="http://127.0.0.1:3",
        prometheus="http://127.0.0.1:4",
        alertmanager="http://127.0.0.1:5",
        ldap="ldap://127.0.0.1:6",
        ldap_ca_file=Path("/ca.pem"),
        ldap_password="password-of-the-service-account",
        elasticsearch="http://127.0.0.1:7",
        elasticsearch_passwords={name: f"password-of-{name}" for name in ("shipper", "reader", "keeper")},
        web_port=1,
        monitor_port=8,
    )


def test_a_folder_with_somebody_elses_files_is_refused_and_kept(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")

    with pytest.raises(StandError, match="not Vọng Lâu's") as refusal:
        folder_at(tmp_path).claim()
    folder_at(tmp_path).wipe()

    assert refusal.value.exit_status == 2
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"
    assert not (tmp_path / MARK).exists()


def test_a_folder_of_ours_is_taken_up_again_and_wiped_on_demand(tmp_path: Path):
    folder = folder_at(tmp_path / "data")
    folder.claim()
    (folder.home / "up.json").write_text("{}", encoding="utf-8")
    folder.claim()
    assert (folder.home / "up.json").exists()

    folder.wipe()

    assert list(folder.home.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path):
    (tmp_path / "data").write_text("", encoding="utf-8")

    with pytest.raises(StandError):
        folder_at(tmp_path / "data").claim()


def test_data_that_service_accounts_cannot_reach_goes_elsewhere_and_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(data_module, "separation_is_on", lambda: True)
    monkeypatch.setattr(data_module, "state_folder", lambda: tmp_path / "state")

    folder = DataFolder.at(closed / "data")
    folder.claim()
    (folder.home / "up.json").write_text('{"url": "x"}', encoding="utf-8")

    assert folder.is_elsewhere
    assert folder.home.is_relative_to(tmp_path / "state")
    assert json.loads((closed / "data" / "up.json").read_text(encoding="utf-8")) == {"url": "x"}


def test_secrets_are_made_once_and_for_the_starter_only(tmp_path: Path):
    first = StandSecrets.of(tmp_path, enrolled=("mau.nt",))
    again = StandSecrets.of(tmp_path, enrolled=("mau.nt", "vidu.l"))

    assert again.totp["mau.nt"] == first.totp["mau.nt"]
    assert dataclasses.replace(again, totp={}) == dataclasses.replace(first, totp={})
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert len(set(first.form_keys.values())) == len(PROCESSES)


def test_a_secret_never_shows_in_a_representation(tmp_path: Path):
    made = StandSecrets.of(tmp_path, enrolled=("mau.nt",))

    assert made.factor_key not in repr(made)
    assert made.subject_key not in repr(made)
    assert made.totp["mau.nt"] not in repr(made)


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_gets_settings_the_product_accepts(tmp_path: Path, process: str):
    made = StandSecrets.of(tmp_path, enrolled=())
    lines = settings_of(process, addresses=addresses(), secrets=made, profile="p", state_dir=tmp_path)

    settings = Settings.from_env(lines)

    assert settings.is_demonstration
    assert f"//{DATABASE_ROLES[process]}:" in settings.database_url


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_is_told_the_database_password_of_another(tmp_path: Path, process: str):
    made = StandSecrets.of(tmp_path, enrolled=())
    told = " ".join(settings_of(process, addresses=addresses(), secrets=made, profile="p", state_dir=tmp_path).values())

    known = {role for role in ROLE_LIMITS if f"password-of-{role}" in told}

    assert known == {DATABASE_ROLES[process]}


def test_only_who_needs_a_secret_is_told_it(tmp_path: Path):
    made = StandSecrets.of(tmp_path, enrolled=())
    told = {
        process: settings_of(process, addresses=addresses(), secrets=made, profile="p", state_dir=tmp_path)
        for process in PROCESSES
    }

    def who_knows(secret: str) -> set[str]:
        return {process for process, lines in told.items() if secret in lines.values()}

    assert who_knows(made.factor_key) == {"web", "owner"}
    assert who_knows(made.applicant_key) == {"web", "worker", "owner"}
    assert who_knows(made.alertmanager_token) == {"web"}
    assert who_knows("password-of-shipper") == {"audit"}
    assert "audit" in who_knows("password-of-reader")
    assert who_knows("password-of-keeper") == {"keeper", "pruner"}
    assert who_knows(made.subject_key) == {"web", "worker", "owner", "pruner"}
    assert all(who_knows(key) == {process} for process, key in made.form_keys.items())


def test_the_files_of_settings_are_closed_and_read_back_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("control.stand.environment.account_for", lambda _name: None)
    folder_at(tmp_path / "d").claim()
    made = StandSecrets.of(tmp_path / "d", enrolled=())

    write_environments(tmp_path / "d", addresses=addresses(), secrets=made, profile="p")

    file = tmp_path / "d" / "env" / "web.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_environment(file)["VONGLAU_SECRET_KEY"] == made.form_keys["web"]


def test_a_port_stays_the_same_unless_somebody_took_it(tmp_path: Path):
    book = PortBook(tmp_path / "ports.json")
    first = book.port_for("web")

    assert PortBook(tmp_path / "ports.json").port_for("web") == first
    assert book.port_for("other") != first


@pytest.mark.parametrize("text", ["", "[]", "{", '{"web": "x"}', "null"])
def test_a_damaged_book_of_ports_counts_as_empty(tmp_path: Path, text: str):
    (tmp_path / "ports.json").write_text(text, encoding="utf-8")

    assert PortBook(tmp_path / "ports.json").port_for("web") > 0


def test_a_free_port_can_be_listened_on():
    assert free_port() != free_port()


def test_access_rules_end_with_a_rejection_of_everybody_else():
    lines = [line.split() for line in access_rules().splitlines() if line and not line.startswith("#")]

    assert {line[-1] for line in lines} == {"scram-sha-256", "reject"}
    assert [line[-1] for line in lines[-3:]] == ["reject"] * 3
    assert not [
        line
        for line in lines
        if "trust" in line or ("all" in line[1:3] and line[-1] != "reject" and line[2] != "vl_owner")
    ]


def test_a_certificate_names_loopback_and_is_renewed_in_time():
    made = make_server_certificate(name="test", now=NOW)
    server = x509.load_pem_x509_certificate(made.certificate.encode())
    authority = x509.load_pem_x509_certificate(made.authority.encode())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    server.verify_directly_issued_by(authority)
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert not needs_renewal(made.certificate, now=NOW)
    assert needs_renewal(made.certificate, now=NOW + timedelta(days=370))


def test_a_demonstrations_signature_is_good_where_its_folder_is_trusted_and_nowhere_else(tmp_path):
    now = datetime.now(UTC)  # pyHanko signs with the machine's own clock
    trust = signing.prepare(tmp_path, now=now)
    before = (tmp_path / "signing" / "signatory.pem").read_bytes()

    signed = signing.sign(tmp_path, plain_pdf(), field="ChuKy")
    verdicts = [judge_signature(signed, trust=Trust.read(one), now=now).state for one in (trust, None)]

    assert verdicts == ["valid", "untrusted"]
    assert signing.prepare(tmp_path, now=now) == trust
    assert (tmp_path / "signing" / "signatory.pem").read_bytes() == before
    assert (tmp_path / "signing" / "signatory.key").stat().st_mode & 0o077 == 0


def test_the_demonstration_has_one_person_for_each_role_and_one_newcomer():
    people = load_people()

    assert {group for person in people for group in person.groups} == {
        "security-officer",
        "approver",
        "administrator",
        "on-call-operator",
        "case-officer",
        "auditor",
        "key-manager",
        "unit-leader",
        "police-inspector",
        "population-manager",
    }
    assert [person.login for person in people if not person.enrolled] == ["nhap.ht"]


def test_a_login_that_is_there_twice_is_refused(tmp_path: Path):
    file = tmp_path / "people.yaml"
    one = "- {login: a, name: A B, number: '1'}\n"
    file.write_text(f"people:\n{one}{one}", encoding="utf-8")

    with pytest.raises(ValueError, match="twice"):
        load_people(file)


def test_a_person_without_a_name_is_refused(tmp_path: Path):
    file = tmp_path / "people.yaml"
    file.write_text("people:\n- {login: a, name: '', number: '1'}\n", encoding="utf-8")

    with pytest.raises(ValueError, match="must not be empty"):
        load_people(file)
