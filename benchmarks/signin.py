"""What signing in costs beside the bare bind and code, a permission check, the account list, and ending a grant.

Run: python benchmarks/signin.py [--rounds N] [--only PART]. Floor and sign-in are measured in the same run, in turn.
The floor is what no sign-in can do without: one connection with StartTLS, one bind of the person (slapd hashes by
Argon2id) and the check of one code; beside it stands the same with the search that finds the person first. The sign-in
is both forms of the product, posted to the whole application on a real PostgreSQL and a real slapd, entries included.
The list is asked for over HTTP from gunicorn with two processes, by twenty people on the same machine, who ask for the
next page at once, or after a second. A grant ends with twenty sessions open elsewhere; counted is until the last of
them is confirmed closed.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import ldap3
import pyotp
from flask import g

from benchmarks._signin_house import SECRET, House, Moving, environment, fill_accounts
from control.access import Access, Door, enforce
from control.people import Scope
from control.people.circumstances import directory_of
from control.permissions import Permission
from control.privilege.grants.domain import Step
from control.privilege.grants.hearing import hear
from control.privilege.grants.service import step_grant
from control.privilege.grants.uses import confirm_closed, open_use, uses_to_cut
from control.requests import SESSION_COOKIE
from control.stand.directory import PEOPLE_BASE, SERVICE_DN, DirectoryServer, person_dn
from control.stand.ports import answers, free_port
from control.stand.postgres import PostgresServer

PARTS = ("cost", "check", "list", "ending")
FIELD = re.compile(r'name="csrf_token" value="([^"]+)"')
HTTPS = {"wsgi.url_scheme": "https", "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"}
ACCOUNTS, USERS, SESSIONS = 100_000, 20, 20
LOGINS = ("mau.nt", "vidu.l", "minhhoa.pm", "thu.tv", "tap.dt", "giadinh.v", "khoa.kt")
PATHS = ("/privilege/accounts", "/privilege/accounts?sort=-code", "/privilege/accounts?state=active")
Figures = Iterator[dict[str, Any]]


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds a piece of work took."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def bare_bind(directory: DirectoryServer, login: str, *, searches: bool) -> None:
    """Do by ldap3 alone what a sign-in needs of a directory."""
    tls = ldap3.Tls(validate=2, ca_certs_file=str(directory.ca_file))

    def line(dn: str, password: str) -> ldap3.Connection:
        server = ldap3.Server(directory.url, get_info=ldap3.NONE, tls=tls)
        connection = ldap3.Connection(server, user=dn, password=password, auto_referrals=False)
        connection.open()
        connection.socket.setsockopt(6, 1, 1)
        connection.start_tls()
        connection.socket.setsockopt(6, 1, 1)
        if not connection.bind():
            raise RuntimeError(f"bind: {connection.result['description']}")
        return connection

    if searches:
        reader = line(SERVICE_DN, directory.service_password)
        reader.search(PEOPLE_BASE, f"(uid={login})", attributes=["cn"])
        reader.search(f"ou=groups,{PEOPLE_BASE.partition(',')[2]}", f"(member={person_dn(login)})", attributes=["cn"])
        reader.unbind()
    line(person_dn(login), directory.password_of(login)).unbind()
    pyotp.TOTP(SECRET).verify(pyotp.TOTP(SECRET).now(), valid_window=1)


def sign_in(house: House, directory: DirectoryServer, login: str) -> float:
    """Walk both steps as a browser would, and return the milliseconds of the two posts."""
    house.clock.ahead += timedelta(seconds=30)
    browser = house.app.test_client()
    browser.environ_base.update(HTTPS)
    form = {"csrf_token": FIELD.search(browser.get("/sign-in").text)[1], "login": login}  # type: ignore[index]  # a page of ours has it
    form["password"] = directory.password_of(login)
    began = time.perf_counter()
    first = browser.post("/sign-in", data=form)
    took = time.perf_counter() - began
    if first.status_code != 303:
        raise RuntimeError(f"password step: {first.status_code}")
    code = pyotp.TOTP(SECRET).at(house.clock())
    sent = {"csrf_token": FIELD.search(browser.get("/sign-in/code").text)[1], "code": code}  # type: ignore[index]  # the same
    began = time.perf_counter()
    second = browser.post("/sign-in/code", data=sent)
    took += time.perf_counter() - began
    if second.status_code != 303:
        raise RuntimeError(f"code step: {second.status_code}")
    return took * 1000


def cost(house: House, directory: DirectoryServer, *, rounds: int) -> Figures:
    """Yield what a sign-in costs beside its floors, and how far known and unknown names are apart."""
    floor, searching, whole = [], [], []
    for number in range(rounds):
        login = LOGINS[number % len(LOGINS)]
        floor.append(timed(lambda login=login: bare_bind(directory, login, searches=False)))  # type: ignore[misc]  # the name of this round
        searching.append(timed(lambda login=login: bare_bind(directory, login, searches=True)))  # type: ignore[misc]  # the same
        whole.append(sign_in(house, directory, login))
    yield {"figure": "floor: bare bind over StartTLS and one code, p50", "value": round(median(floor), 1), "unit": "ms"}
    yield {"figure": "the same with the search before it, p50", "value": round(median(searching), 1), "unit": "ms"}
    yield {"figure": "sign-in, both steps, p50", "value": round(median(whole), 1), "unit": "ms"}
    yield {"figure": "sign-in, both steps, p95", "value": round(quantiles(whole, n=20)[-1], 1), "unit": "ms"}
    ratio = median(whole) / median(floor)
    yield {"figure": "sign-in / bare bind and code", "value": round(ratio, 2), "unit": "times", "ceiling": 1.3}
    ratio = median(whole) / median(searching)
    yield {"figure": "sign-in / search, bind and code", "value": round(ratio, 2), "unit": "times"}
    known, unknown = wrong(house, known=True), wrong(house, known=False)
    apart = abs(median(known) - median(unknown))
    yield {"figure": "known and unknown names apart, directory alone, p50", "value": round(apart, 1), "unit": "ms"}


def wrong(house: House, *, known: bool) -> list[float]:
    """Ask the directory about wrong passwords, without the wait that hides what is left; return the milliseconds.

    Each known name is tried three times: the directory locks at five.
    """
    wrapper = directory_of(house.settings, policies=house.law)
    logins = [login for login in LOGINS for _turn in range(3)] if known else [f"khong.ai{n}" for n in range(21)]
    return [timed(lambda login=login: wrapper.authenticate(login, "sai-mật-khẩu-đo")) for login in logins]  # type: ignore[misc]  # the name of this round


def check(house: House) -> Figures:
    """Yield what the gate and the scope cost, beside the request they guard."""
    with house.held.database.unit_of_work() as session:
        officer = house.actor(session, "mau.nt", role="security-officer")
    turns = 20_000
    with house.app.test_request_context("/privilege/accounts", base_url="https://localhost"):
        g.actor, g.act, g.now = officer, house.act(officer), house.clock()
        enforce()
        gate = timed(lambda: [enforce() for _turn in range(turns)]) / turns * 1000
        scope = timed(
            lambda: [Scope.of(officer, Permission.PRIVILEGE_ACCOUNT_READ).covers(7) for _turn in range(turns)]
        )
    mark = Access(door=Door.PERMISSION, detail=Permission.PRIVILEGE_ACCOUNT_READ)
    yield {
        "figure": f"permission check at the gate ({mark.detail})",
        "value": round(gate, 2),
        "unit": "µs",
        "ceiling": 50,
    }
    yield {"figure": "scope of one loaded thing", "value": round(scope / turns * 1000, 2), "unit": "µs", "ceiling": 50}


@contextlib.contextmanager
def gunicorn(settings: dict[str, str], *, folder: Path) -> Iterator[int]:
    """Serve the product as production does: two processes of eight threads each."""
    port = free_port()
    command = [sys.executable, "-m", "control", "serve", "--port", str(port), "--workers", "2", "--threads", "8"]
    with (folder / "serve.log").open("w") as log:
        served = subprocess.Popen(
            command, env={**os.environ, **settings}, stdout=log, stderr=log, cwd=Path(__file__).parents[1]
        )
        try:
            until = time.monotonic() + 60
            while not answers(port):
                if served.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((folder / "serve.log").read_text(encoding="utf-8")[-2000:])
                time.sleep(0.2)
            yield port
        finally:
            served.send_signal(signal.SIGTERM)
            served.wait(30)


def listing(settings: dict[str, str], tokens: list[str], *, folder: Path, rounds: int) -> Figures:
    """Yield how long a page of the account list takes while twenty people ask all the time, and at leisure."""
    with gunicorn(settings, folder=folder) as port:

        def visitor(number: int, *, rest: float, found: list[float], paths: tuple[str, ...]) -> None:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            headers = {"Cookie": f"{SESSION_COOKIE}={tokens[number % len(tokens)]}", "Host": "localhost"}
            for turn in range(rounds):
                if rest:  # the server closes a line nobody uses for two seconds
                    line.close()
                began = time.perf_counter()
                line.request("GET", paths[turn % len(paths)], headers=headers)
                answer = line.getresponse()
                body = answer.read()
                if answer.status != 200 or b"may-" not in body:
                    raise RuntimeError(f"list: {answer.status}")
                found.append((time.perf_counter() - began) * 1000)
                time.sleep(rest)
            line.close()

        def together(users: int, rest: float, *, paths: tuple[str, ...] = PATHS) -> list[float]:
            found: list[float] = []
            threads = [
                threading.Thread(target=visitor, args=(number,), kwargs={"rest": rest, "found": found, "paths": paths})
                for number in range(users)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if len(found) != users * rounds:
                raise RuntimeError("a page of the list failed")
            return found

        together(2, 0)  # templates compiled, connections open
        alone = together(1, 0)
        by_owner = together(1, 0, paths=("/privilege/accounts?sort=owner",))
        busy = together(USERS, 0)
        calm = together(USERS, 1.0)
    yield {"figure": "account list of 100,000, one person alone, p50", "value": round(median(alone), 1), "unit": "ms"}
    yield {"figure": "the same sorted by owner, p50", "value": round(median(by_owner), 1), "unit": "ms"}
    yield {
        "figure": "account list of 100,000, 20 people without a pause, p95",
        "value": round(quantiles(busy, n=20)[-1], 1),
        "unit": "ms",
        "ceiling": 150,
    }
    yield {
        "figure": "account list of 100,000, 20 people, a page a second each, p95",
        "value": round(quantiles(calm, n=20)[-1], 1),
        "unit": "ms",
    }


def ending(house: House, server: PostgresServer, *, rounds: int) -> Figures:
    """Yield how long it takes from ending a grant to the last of its sessions confirmed closed by another process."""
    stopping, took = threading.Event(), []
    database = house.held.database

    def gateway() -> None:
        for _word in hear(server.url("vl_web"), stopping=stopping, poll_seconds=2.0):
            with database.unit_of_work() as session:
                act = house.act(house.actor(session, "minhhoa.pm", role="administrator"))
                for use in uses_to_cut(session, kind="ssh-session"):
                    confirm_closed(session, use_id=use.id, act=act)
            done.set()

    done = threading.Event()
    thread = threading.Thread(target=gateway, daemon=True)
    thread.start()
    with database.unit_of_work() as session:
        document = house.document(session)
        grants = [house.grant(session, number=number, document=document).code for number in range(rounds)]
    for code in grants:
        with database.unit_of_work() as session:
            act = house.act(house.actor(session, "tap.dt", role="case-officer"))
            for _number in range(SESSIONS):
                open_use(
                    session, grant_code=code, kind="ssh-session", ref=secrets.token_hex(8), act=act, is_remote=True
                )
        began = time.perf_counter()
        with database.unit_of_work() as session:
            officer = house.act(house.actor(session, "mau.nt", role="security-officer"))
            step_grant(session, code=code, step=Step.REVOKE, reason="đo", act=officer)
        while True:
            done.wait(5)
            done.clear()
            with database.unit_of_work() as session:
                if not uses_to_cut(session, kind="ssh-session"):
                    break
        took.append((time.perf_counter() - began) * 1000)
    stopping.set()
    yield {"figure": "grant ended to last of 20 sessions closed, p50", "value": round(median(took), 1), "unit": "ms"}
    p99 = quantiles(took, n=100)[-1]
    yield {
        "figure": "grant ended to last of 20 sessions closed, p99",
        "value": round(p99, 1),
        "unit": "ms",
        "ceiling": 1000,
    }


def figures(folder: Path, *, parts: tuple[str, ...], rounds: int) -> Figures:
    """Yield every figure as it is known."""
    from benchmarks.audit import durable_server

    with durable_server(folder) as server, DirectoryServer(folder / "directory") as directory:
        settings = environment(server, directory, state=folder)
        house = House(settings, clock=Moving())
        if "cost" in parts:
            yield from cost(house, directory, rounds=rounds)
        if "check" in parts:
            yield from check(house)
        if "ending" in parts:
            yield from ending(house, server, rounds=max(rounds, 50))
        if "list" in parts:
            house.clock.ahead = timedelta()
            with house.held.database.unit_of_work() as session:
                document = house.document(session)
            fill_accounts(server, count=ACCOUNTS, document_id=document.id)
            tokens = [
                token
                for login in ("mau.nt", "vidu.l", "minhhoa.pm", "giadinh.v")
                for token in house.tokens(login, count=3)
            ]
            yield from listing(settings, tokens, folder=folder, rounds=max(rounds // 2, 10))
        house.held.database.engine.dispose()


def main(words: list[str] | None = None) -> int:
    """Measure on servers of its own and print one JSON object a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60, help="how many sign-ins")
    parser.add_argument("--only", choices=PARTS, action="append", help="leave the other parts out")
    chosen = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="vonglau-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for figure in figures(folder, parts=tuple(chosen.only or PARTS), rounds=chosen.rounds):
            print(json.dumps(figure), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
