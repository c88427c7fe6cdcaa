"""`bin/up` as contracts.md promises it, and each process in a house of its own."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import urllib.request
from pathlib import Path

import psycopg
import pytest

from control.stand.accounts import PROCESS_ACCOUNTS
from control.stand.demo.people import load_people
from control.stand.process import ProcessId
from tests.integration.stand.conftest import ENROLLED, LightStand, bin_up

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give processes accounts of their own")
RUNNING = ("postgres", "slapd", "web", "worker", "audit", "signer", "witness", "pruner", "monitor")
ACCOUNTS = {**PROCESS_ACCOUNTS, "slapd": PROCESS_ACCOUNTS["directory"]}


def may_read(account: str, path: Path) -> bool:
    command = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", "cat", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def owner_of(pid: int) -> str:
    return pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name


def test_the_file_for_other_programs_is_complete_and_closed(light_stand: LightStand):
    up = light_stand.up

    assert stat.S_IMODE((light_stand.data / "up.json").stat().st_mode) == 0o600
    assert set(up) >= {
        "url",
        "database_url",
        "elasticsearch_url",
        "prometheus_url",
        "alertmanager_url",
        "ldap_url",
        "profile",
        "people",
        "simulators",
        "processes",
    }
    assert all(set(person) == {"name", "display_name", "roles", "password", "totp_secret"} for person in up["people"])
    assert [person["name"] for person in up["people"] if person["totp_secret"] is None] == ["nhap.ht"]
    assert set(up["sealed"]) == {"account", "first_half", "second_half", "totp_secret"}
    assert set(up["processes"]) == {*RUNNING, "supervisor"}


def test_the_first_page_answers_at_localhost(light_stand: LightStand):
    assert light_stand.up["url"].startswith("http://localhost:")
    with urllib.request.urlopen(f"{light_stand.up['url']}/sign-in", timeout=10) as answer:  # noqa: S310 - our own
        assert answer.status == 200


def test_the_address_of_the_database_enters(light_stand: LightStand):
    address = light_stand.up["database_url"].replace("postgresql+psycopg", "postgresql")

    with psycopg.connect(address) as connection:
        enrolled = connection.execute(ENROLLED).fetchone()

    assert enrolled == (sum(person.enrolled for person in load_people()),)


def test_a_second_start_in_the_foreground_says_so_and_fails(light_stand: LightStand):
    done = bin_up(light_stand.data)

    assert done.returncode == 1
    assert light_stand.up["url"] in done.stdout


def test_a_second_detached_start_prints_the_address_and_succeeds(light_stand: LightStand):
    before = light_stand.up["processes"]

    done = bin_up(light_stand.data, "--detach", "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["url"] == light_stand.up["url"]
    assert light_stand.up["processes"] == before


def test_a_code_is_given_for_who_is_enrolled_and_for_nobody_else(light_stand: LightStand):
    known = bin_up(light_stand.data, "--code", "mau.nt")
    newcomer = bin_up(light_stand.data, "--code", "nhap.ht")
    stranger = bin_up(light_stand.data, "--code", "nobody")

    assert known.stdout.strip().isdigit()
    assert len(known.stdout.strip()) == 6
    assert (newcomer.returncode, stranger.returncode) == (2, 2)


def test_an_unknown_word_is_a_misuse(light_stand: LightStand):
    assert bin_up(light_stand.data, "--nonsense").returncode == 2


def test_one_part_is_held_and_released_while_the_others_run_on(light_stand: LightStand):
    before = light_stand.up["processes"]

    assert bin_up(light_stand.data, "--hold", "slapd").returncode == 0
    held = light_stand.up["processes"]
    assert bin_up(light_stand.data, "--release", "slapd").returncode == 0
    after = light_stand.up["processes"]

    assert held == {name: pid for name, pid in before.items() if name != "slapd"}
    assert ProcessId.of(before["slapd"]) is None
    assert {**after, "slapd": 0} == {**before, "slapd": 0}
    assert ProcessId.of(after["slapd"]) is not None


def test_a_part_nobody_knows_cannot_be_held(light_stand: LightStand):
    done = bin_up(light_stand.data, "--hold", "kettle")

    assert done.returncode == 2


@as_root
@pytest.mark.parametrize("name", RUNNING)
def test_every_process_runs_under_an_account_of_its_own(light_stand: LightStand, name: str):
    assert owner_of(light_stand.pid(name)) == ACCOUNTS[name]


def test_no_two_processes_of_the_product_share_an_account():
    names = ("web", "worker", "audit", "signer", "witness", "pruner", "monitor", "postgres")
    own = [PROCESS_ACCOUNTS[name] for name in names]

    assert len(set(own)) == len(own)
    assert PROCESS_ACCOUNTS["elasticsearch"] not in own
    assert PROCESS_ACCOUNTS["directory"] not in own


@as_root
@pytest.mark.parametrize("name", ["worker", "audit", "signer", "witness", "monitor", "owner", "pruner", "reader"])
def test_the_web_reads_its_own_settings_and_nobody_elses(light_stand: LightStand, name: str):
    folder = light_stand.data / "env"

    assert may_read("vl-web", folder / "web.env")
    assert not may_read("vl-web", folder / f"{name}.env")


@as_root
def test_the_web_reads_no_key_and_no_secret_of_the_stand(light_stand: LightStand):
    home = light_stand.data
    secret_files = [
        *(home / "state" / "signer").glob("*.key"),
        *(home / "state" / "witness").glob("*.key"),
        home / "secrets.json",
        home / "up.json",
        home / "postgres" / "passwords.json",
        home / "postgres" / "data" / "pg_hba.conf",
        home / "directory" / "passwords.json",
        home / "directory" / "tls" / "server.key",
        home / "directory" / "slapd.conf",
        home / "log" / "signer.log",
    ]

    assert len(secret_files) == 10, "a key is not where it was"
    assert [str(path) for path in secret_files if not path.exists()] == []
    assert [str(path) for path in secret_files if may_read("vl-web", path)] == []


@as_root
def test_no_secret_stands_in_a_command_line_or_an_environment(light_stand: LightStand):
    secrets = json.loads((light_stand.data / "secrets.json").read_text(encoding="utf-8"))
    passwords = json.loads((light_stand.data / "postgres" / "passwords.json").read_text(encoding="utf-8"))
    words = [secrets["factor_key"], secrets["portal_key"], *secrets["form_keys"].values(), *passwords.values()]
    # PostgreSQL writes its status over its environment; what it was given is its command line.
    seen = {
        name: Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        for name, pid in light_stand.up["processes"].items()
    }

    assert [name for name, text in seen.items() for word in words if word.encode() in text] == []


@as_root
def test_the_settings_of_the_web_open_the_database_as_the_web_only(light_stand: LightStand):
    lines = (light_stand.data / "env" / "web.env").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    address = settings["VONGLAU_DATABASE_URL"].replace("postgresql+psycopg", "postgresql")

    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("vl_web",)
    for role in ("vl_owner", "vl_sequencer", "vl_pruner", "vl_signer"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(address.replace("//vl_web:", f"//{role}:"))
