"""`vonglau signer` and `vonglau audit …` as processes of their own, the way a stand runs them."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

import audit
from audit.journal import Journal
from audit.notes import COSIGNATURE, SigningKey, VerifierKey, cosignature_of, open_note, read_checkpoint
from audit.search import ElasticsearchSearch, PostgresSearch
from audit.signer import RefusedError, SignerClient, SignerGoneError
from control.stand.accounts import account_for, drop, give, separation_is_on, write_private
from control.stand.ports import free_port
from tests.factories.audit import make_entry, make_writer
from tests.integration.trails import empty_index_of

CHECKOUT = Path(__file__).parents[3]
WITNESS = "witness.test/w1"


class House:
    """A signer, a witness and an `audit run` over one database, and commands beside them."""

    def __init__(self, trail, folder, node=None):
        self.trail, self.folder, self.node = trail, folder, node
        self.socket = folder / "signer" / "signer.sock"
        self.running = []
        self.witness_port = free_port()
        for name in ("signer", "witness", "audit", "worker"):
            (folder / name).mkdir()
            give(folder / name, account=account_for(name) if name != "worker" else None, mode=0o711)
        self.log_key = SigningKey(name="vonglau/audit", seed=secrets.token_bytes(32))
        self.witness_key = SigningKey(name=WITNESS, seed=secrets.token_bytes(32), algorithm=COSIGNATURE)
        for name, file, key in (("signer", "log.key", self.log_key), ("witness", "witness.key", self.witness_key)):
            write_private(folder / name / file, text=key.private_text(), account=account_for(name))

    def environment(self, process):
        if process == "witness":
            return {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(CHECKOUT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "VONGLAU_STATE_DIR": str(self.folder / process),
                "VONGLAU_WITNESS_NAME": WITNESS,
                "VONGLAU_WITNESS_LISTEN": f"127.0.0.1:{self.witness_port}",
                "VONGLAU_WITNESS_LOGS": str(self.log_key.verifier()),
            }
        roles = {"signer": "vl_signer", "audit": "vl_sequencer", "worker": "vl_worker"}
        found = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "VONGLAU_MODE": "test",
            "VONGLAU_DATABASE_URL": self.trail.url(roles[process]),
            "VONGLAU_BASE_URL": "http://localhost:8000",
            "VONGLAU_SECRET_KEY": "only-for-tests-" * 3,
            "VONGLAU_PROFILE": "ministry-construction-2025",
            "VONGLAU_STATE_DIR": str(self.folder / process),
            "VONGLAU_SIGNER_SOCKET": str(self.socket),
            "VONGLAU_WITNESS_URL": f"http://127.0.0.1:{self.witness_port}",
            "VONGLAU_WITNESS_KEY": str(self.witness_key.verifier()),
            "VONGLAU_ANCHOR_EVERY": "0",
        }
        users = {"audit": ("shipper", "ELASTICSEARCH"), "worker": ("reader", "ELASTICSEARCH")}
        if self.node is not None and process in users:
            user, prefix = users[process]
            found["VONGLAU_ELASTICSEARCH_URL"] = self.node.url
            found[f"VONGLAU_{prefix}_USER"] = user
            found[f"VONGLAU_{prefix}_PASSWORD"] = self.node.users[user].password
        if self.node is not None and process == "audit":
            found["VONGLAU_ELASTICSEARCH_READER_USER"] = "reader"
            found["VONGLAU_ELASTICSEARCH_READER_PASSWORD"] = self.node.users["reader"].password
        return found

    def start(self, process, *words):
        log = (self.folder / f"{process}.log").open("wb")
        command = [*drop(account_for(process)), sys.executable, "-m", "control", *words]
        child = subprocess.Popen(
            command, cwd="/", env=self.environment(process), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        self.running.append(child)
        return child

    def up(self):
        self.start("signer", "signer")
        self.start("witness", "witness")
        self.start("audit", "audit", "run")
        until(lambda: self.socket.exists() and has_begun(self.trail), said=self.logs, seconds=60)

    def logs(self):
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def call(self, *words, status=0):
        done = subprocess.run(
            [sys.executable, "-m", "control", "audit", *words],
            cwd="/",
            env=self.environment("worker"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert done.returncode == status, done.stderr.decode()
        return done.stdout

    def down(self):
        for child in reversed(self.running):
            child.send_signal(signal.SIGTERM)
        assert [child.wait(timeout=30) for child in self.running] == [0, 0, 0]


def until(is_so, *, said=lambda: "", seconds=30):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)


def size_of(trail):
    with trail.engine("vl_reader").connect() as connection:
        head = Journal(connection).head()
        return head.size if head else 0


def has_begun(trail):
    with trail.engine("vl_reader").connect() as connection:
        return Journal(connection).head() is not None


@pytest.fixture(scope="module")
def trail(new_trail):
    """One journal for all tests of this file: each process takes seconds to start."""
    with new_trail() as found:
        yield found


@pytest.fixture(scope="module")
def empty_index(node):
    with empty_index_of(node) as found:
        yield found


@pytest.fixture(scope="module")
def house(trail, server_folder, node, empty_index):
    """Signer and `audit run`, started once, over an index that nobody empties under the shipper's hands."""
    folder = server_folder / "house"
    folder.mkdir(mode=0o755)
    found = House(trail, folder, node)
    found.up()
    yield found
    found.down()


def test_the_commands_answer_in_the_shapes_others_rely_on(house, trail):
    writer = make_writer()
    entry = make_entry(writer=writer, titles=("Cấp phép xây dựng",))
    trail.write(entry, writer=writer)

    proof = house.call("proof", str(entry.id)).decode()
    head = house.call("head")
    key = house.call("key").decode()
    body = house.call("body", str(entry.id))
    verified = json.loads(house.call("verify", "--json"))

    assert re.match(r"c2sp.org/tlog-proof@v1\nindex \d+\n(\S+\n)*\nvonglau/audit\n\d+\n", proof)
    vkey, witness = (VerifierKey.parse(line) for line in key.splitlines())
    origin, size, _root = read_checkpoint(open_note(head, [vkey]))
    assert witness == house.witness_key.verifier()
    assert cosignature_of(head, witness)[1] <= datetime.now(UTC)
    assert origin == vkey.name == "vonglau/audit"
    assert size >= 1
    assert body == audit.body(entry, {})
    assert verified["ok"] is True
    assert set(verified) == {"ok", "size", "root", "checked", "problems"}
    assert len(base64.b64decode(verified["root"])) == 32


def test_an_entry_is_found_in_the_search_server_soon_after_it_was_written(house, empty_index, trail):
    search = ElasticsearchSearch(client=empty_index.reader, request_seconds=20)

    def wait_until_found(case_code):
        trail.write(make_entry(titles=("Điều chỉnh giấy phép",), about=audit.About(case_code=case_code)))

        def is_found():
            try:
                return search.search(audit.Query(text="dieu chinh", case_code=case_code)).hits
            except audit.SearchUnavailableError:  # for a moment, while the month's index is being made
                return False

        until(is_found, said=house.logs, seconds=60)

    wait_until_found("HS-4")  # the first of its month makes the index
    wait_until_found("HS-5")

    first, hit = house.call("search", "--text", "ĐIỀU chinh", "--filter", "case=HS-5").splitlines()
    assert json.loads(first)["source"] == "elasticsearch"
    assert {"source", "lag", "total"} <= set(json.loads(first))
    original = json.loads(hit)["event"]["original"]
    with trail.engine("vl_reader").connect() as connection:
        assert original.encode() == Journal(connection).read(json.loads(hit)["event"]["sequence"]).body


def test_a_bundle_made_by_command_is_good_and_the_making_is_an_entry(house, trail):
    trail.write(*(make_entry(about=audit.About(case_code="HS-3")) for _ in range(3)))
    until(lambda: PostgresSearch(engine=trail.engine("vl_web")).search(audit.Query(case_code="HS-3")).total == 3)
    out = house.folder / "worker" / "evidence.zip"

    answer = json.loads(house.call("export", "--out", str(out), "--filter", "case=HS-3", "--json"))

    assert answer["entries"] == 3
    with zipfile.ZipFile(out) as archive:
        archive.extractall(out.with_suffix(""))
    done = subprocess.run([sys.executable, "verify.py"], cwd=out.with_suffix(""), check=False, capture_output=True)
    assert done.returncode == 0
    search = PostgresSearch(engine=trail.engine("vl_web"))
    (hit,) = search.search(audit.Query(action="audit:bundle:export")).hits
    assert hit.body["vn"]["details"]["entries"] == 3
    assert hit.body["user"]["id"] == "system:audit-export"


def test_mistakes_are_told_with_a_code_and_a_status(house):
    wrong = json.loads(house.call("search", "--filter", "colour=red", "--json", status=2))
    unknown = json.loads(house.call("body", "00000000-0000-7000-8000-000000000000", "--json", status=1))
    shapeless = json.loads(house.call("proof", "x", "--json", status=2))

    assert wrong["error"]["code"] == "audit.filter"
    assert unknown["error"]["code"] == "not_found"
    assert shapeless["error"]["code"] == "audit.id"


def test_a_tampered_journal_makes_verify_say_no(house, trail):
    before = size_of(trail)
    trail.write(make_entry())
    until(lambda: size_of(trail) > before)
    trail.tamper("UPDATE audit_journal SET body = body || ' '::bytea WHERE seq = %(seq)s", seq=before)

    answer = json.loads(house.call("verify", "--json", status=1))

    trail.tamper("UPDATE audit_journal SET body = rtrim(convert_from(body, 'UTF8'))::bytea WHERE seq = %(s)s", s=before)
    assert [(one["kind"], one["sequence"]) for one in answer["problems"]][:1] == [("altered", before)]


def test_the_sequencer_killed_again_and_again_loses_and_doubles_nothing(house, trail):
    before, writer = size_of(trail), make_writer()
    for _ in range(4):
        trail.write(*(make_entry(writer=writer) for _ in range(25)), writer=writer)
        victim = house.running.pop()
        victim.kill()
        victim.wait()
        house.start("audit", "audit", "run")
    until(lambda: size_of(trail) >= before + 100, seconds=60)

    assert json.loads(house.call("verify", "--json"))["ok"] is True


@pytest.mark.skipif(not separation_is_on(), reason="only root can be somebody else")
def test_the_key_of_the_log_is_closed_to_the_web_and_the_signer_sends_it_away(house, trail):
    trail.write(make_entry())
    key_file = house.folder / "signer" / "log.key"
    ask = (
        "import sys; from pathlib import Path; from audit.signer import SignerClient\n"
        "SignerClient(path=Path(sys.argv[1])).vkey()"
    )

    def as_web(*command):
        return subprocess.run(
            [*drop(account_for("web")), *command],
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert key_file.stat().st_mode & 0o777 == 0o600
    assert "Permission denied" in as_web("cat", str(key_file)).stderr
    assert "stranger" in as_web(sys.executable, "-c", ask, str(house.socket)).stderr


@pytest.mark.skipif(not separation_is_on(), reason="only root can be somebody else")
def test_the_key_of_the_witness_is_closed_to_whoever_runs_the_log(house):
    key_file = house.folder / "witness" / "witness.key"

    for name in ("audit", "signer", "web", "worker"):
        done = subprocess.run(
            [*drop(account_for(name)), "cat", str(key_file)], capture_output=True, text=True, check=False
        )
        assert "Permission denied" in done.stderr, name
    assert account_for("witness").name not in {account_for(name).name for name in ("audit", "signer", "web")}


def test_the_key_changes_by_command_and_witness_and_verifier_follow(house, trail):
    before = house.call("key").decode().splitlines()[0]

    answer = json.loads(house.call("key", "rotate", "--json"))
    until(lambda: house.call("key").decode().splitlines()[0] != before, said=house.logs)
    until(lambda: b" " + answer["new"].encode() not in house.call("head") and is_cosigned(house), said=house.logs)

    assert answer["old"] == before
    assert house.call("key").decode().splitlines()[0] == answer["new"]
    assert house.call("key", "--history").decode().splitlines()[:2] == [before, answer["new"]]
    assert json.loads(house.call("verify", "--json"))["ok"] is True
    (hit,) = PostgresSearch(engine=trail.engine("vl_web")).search(audit.Query(action="audit:key:rotate")).hits
    assert hit.body["vn"]["details"]["statement"].count(before.partition("+")[0]) >= 2


@pytest.mark.skipif(not separation_is_on(), reason="only root can be somebody else")
def test_only_whoever_administers_the_signer_may_change_its_key(house):
    ask = (
        "import sys; from pathlib import Path; from audit.signer import SignerClient\n"
        "SignerClient(path=Path(sys.argv[1])).rotate()"
    )

    for name in ("audit", "worker", "web"):
        done = subprocess.run(
            [*drop(account_for(name)), sys.executable, "-c", ask, str(house.socket)],
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "stranger" in done.stderr, name


def test_a_printed_line_is_compared_by_command(house):
    told = json.loads(house.call("line", "--json"))
    origin, size, root = told["line"].split()
    wrong = base64.b64encode(bytes(32)).decode()

    assert json.loads(house.call("verify", "--json", "--line", told["line"]))["ok"] is True
    found = json.loads(house.call("verify", "--json", "--line", f"{origin} {size} {wrong}", status=1))
    longer = json.loads(house.call("verify", "--json", "--line", f"{origin} {10**9} {root}", status=1))
    assert [one["kind"] for one in found["problems"]] == ["outside"]
    assert [one["kind"] for one in longer["problems"]] == ["shorter"]
    assert json.loads(house.call("verify", "--json", "--line", "x", status=2))["error"]["code"] == "audit.line"
    assert house.call("line", "--on", told["day"]).decode().startswith("vonglau/audit ")
    assert json.loads(house.call("line", "--on", "2020-01-01", "--json", status=1))["error"]["code"] == "audit.no_line"


def is_cosigned(house):
    """Whether the newest checkpoint carries the witness's cosignature and one of the key that signs now."""
    log, witness = (VerifierKey.parse(line) for line in house.call("key").decode().splitlines())
    head = house.call("head")
    try:
        cosignature_of(head, witness)
        return open_note(head, [log])
    except ValueError:
        return False


def test_the_signer_answers_its_own_and_refuses_what_is_no_request(house, trail):
    client = SignerClient(path=house.socket)

    assert client.vkey().name == "vonglau/audit"
    with pytest.raises(RefusedError, match="unknown"):
        client._ask({"do": "dance"})
    with pytest.raises(RefusedError, match="unknown"):
        client._ask({"do": "sign", "size": "many", "root": ""})
    with pytest.raises(RefusedError, match="smaller"):
        client.sign(size=10**6, root=b"\0" * 32)
    with pytest.raises(SignerGoneError):
        SignerClient(path=house.folder / "nowhere.sock").vkey()


def test_a_key_file_that_others_can_read_is_not_used(tmp_path):
    from audit.signer import load_or_make_key

    path = tmp_path / "log.key"
    made = load_or_make_key(path, name="vonglau.test/audit")
    assert load_or_make_key(path, name="vonglau.test/audit") == made

    path.chmod(0o640)

    with pytest.raises(PermissionError, match="mode 600"):
        load_or_make_key(path, name="vonglau.test/audit")
