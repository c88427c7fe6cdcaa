"""A bundle takes along what others remember, and the stranger's script checks that too, without any network."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from audit import Query
from audit.anchorer import Anchorer
from audit.bundle import export_bundle
from audit.checkpoint import Checkpointer
from audit.keyfile import load_or_make_key
from audit.notes import COSIGNATURE, SigningKey, checkpoint_text, cosignature_of
from audit.signer import Signer
from audit.stamp import Stamper
from audit.witness import Witness
from tests.factories.audit import ORIGIN, SignerHere
from tests.simulators.time_stamp.service import TimeStampAuthority

WITNESS = SigningKey(name="witness.test/w1", seed=b"\7" * 32, algorithm=COSIGNATURE)


class WitnessHere:
    """A witness without its HTTP server."""

    def __init__(self, witness, now):
        self.witness, self.now = witness, now
        self.key, self.url = WITNESS.verifier(), "http://witness.test"

    def add_checkpoint(self, note, *, old, proof):
        import base64

        lines = [f"old {old}", *(base64.b64encode(step).decode() for step in proof), "", ""]
        answer = self.witness.add_checkpoint("\n".join(lines).encode() + note, now=self.now)
        assert answer.status == 200, answer
        return cosignature_of(note + answer.body, self.key)


@pytest.fixture(scope="module")
def sealed(new_trail, tmp_path_factory):
    """Entries under three checkpoints of two keys, cosigned on two days and time-stamped; the bundle's files."""
    folder = tmp_path_factory.mktemp("sealed")
    with new_trail() as trail, TimeStampAuthority(folder / "tsa") as authority:
        key_file = folder / "log.key"
        signer = Signer(
            engine=trail.engine("vl_signer"),
            key=load_or_make_key(key_file, name=ORIGIN),
            state_file=folder / "signed.json",
            key_file=key_file,
        )
        old_key = signer.key
        engine = trail.engine("vl_sequencer")
        (folder / "witness").mkdir()
        witness = Witness(key=WITNESS, folder=folder / "witness", logs=[old_key.verifier()])
        stamper = Stamper(url=authority.url, ca_file=authority.ca_file)
        now = datetime.now(UTC)

        def anchor(moment, *, stamps=None):
            Checkpointer(engine=engine, signer=SignerHere(signer)).run_once(now=moment, force=True)
            here = WitnessHere(witness, moment)
            Anchorer(engine=engine, witnesses=(here,), stamper=stamps, every=timedelta()).run_once(now=moment)

        trail.fill(5)
        anchor(now - timedelta(days=2))
        trail.fill(4)
        anchor(now, stamps=stamper)
        statement = signer.rotate()
        trail.fill(1, action="audit:key:rotate", details={"statement": statement.decode()})
        Checkpointer(engine=engine, signer=SignerHere(signer)).run_once(now=now, force=True)
        trail.fill(2)
        Checkpointer(engine=engine, signer=SignerHere(signer)).run_once(now=now, force=True)

        def export(query=None):
            out = io.BytesIO()
            with trail.engine("vl_web").connect() as connection:
                export_bundle(connection, query=query or Query(), out=out)
            return out.getvalue()

        export.old_key, export.new_key, export.authority = old_key, signer.key, authority
        yield export


@pytest.fixture
def folder(sealed, tmp_path):
    return unpack(sealed(), tmp_path / "bundle")


def unpack(data, folder):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


def check(folder, *words, prefix=(), path=None):
    done = subprocess.run(
        [*prefix, sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), "--lang", "en", *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **({} if path is None else {"PATH": path})},
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def mend(folder):
    """Do what a forger can: make the manifest agree with the files as they are."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    manifest["files"] = {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256(path.read_bytes()).hexdigest(),
            "size": path.stat().st_size,
        }
        for path in found
    }
    manifest.pop("digest")
    digest = sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()
    whole = orjson.dumps(manifest | {"digest": digest}, option=orjson.OPT_SORT_KEYS) + b"\n"
    (folder / "manifest.json").write_bytes(whole)


def test_the_script_is_short_enough_to_be_read():
    script = Path(__file__).parents[3] / "audit" / "verify.py"

    assert len(script.read_text(encoding="utf-8").splitlines()) < 400


def test_witness_stamp_rotation_and_line_are_checked_without_a_network(sealed, folder):
    keys = [str(key.verifier()) for key in (sealed.old_key, sealed.new_key, WITNESS)]
    alone = ("unshare", "-n", "--") if os.geteuid() == 0 else ("unshare", "-r", "-n", "--")

    status, said = check(folder, *(word for key in keys for word in ("--key", key)), prefix=alone)

    assert status == 0, said
    assert said.startswith("GOOD: 12 entries")
    assert "tree 5: witness.test/w1 cosigned at" in said
    assert "tree 9: witness.test/w1 cosigned at" in said
    assert "tree 9: time stamp" in said
    for key in keys:
        assert key in said
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"anchored/5.note", "anchored/9.note", "consistency/5", "cosignatures/9", "anchors/9.tsr"} <= names
    assert json.loads((folder / "manifest.json").read_bytes())["counts"] == {
        "anchored": 2,
        "cosignatures": 2,
        "revealed": 0,
        "stamps": 1,
    }


def test_the_same_selection_gives_the_same_bytes(sealed):
    assert sealed() == sealed()


def test_without_openssl_the_script_says_that_the_stamp_was_not_checked(folder, tmp_path):
    (tmp_path / "empty").mkdir()

    status, said = check(folder, path=str(tmp_path / "empty"))

    assert status == 0
    assert "time stamp not checked" in said


def test_a_printed_line_is_compared(sealed, folder):
    lines = [(folder / f"anchored/{size}.note").read_text().split("\n")[:3] for size in (5, 9)]

    assert check(folder, *(word for line in lines for word in ("--line", " ".join(line))))[0] == 0
    origin, size, _ = lines[0]
    status, said = check(folder, "--line", f"{origin} {size} {lines[1][2]}")
    assert status == 1
    assert "not what the printed line says" in said


def test_certificates_of_the_readers_own_are_preferred(sealed, folder):
    other = sealed.authority.folder / "other-ca.pem"

    assert check(folder, "--tsa-ca", str(sealed.authority.ca_file))[0] == 0
    assert check(folder, "--tsa-ca", str(other))[0] == 1


def rewrite(name, change):
    def mutate(folder, _sealed):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return mutate


def turn(place):
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def sign_checkpoint_with_the_old_key(folder, sealed):
    text = (folder / "checkpoint").read_text().partition("\n\n")[0] + "\n"
    (folder / "checkpoint").write_bytes(sealed.old_key.sign(text))


def forget_the_rotation(folder, _sealed):
    keys = json.loads((folder / "keys.json").read_bytes())["keys"]
    for one in keys:
        one.pop("rotation", None)
    (folder / "keys.json").write_bytes(orjson.dumps({"keys": keys}))


def drop_the_new_key(folder, sealed):
    keys = [one for one in json.loads((folder / "keys.json").read_bytes())["keys"] if "rotation" not in one]
    (folder / "keys.json").write_bytes(orjson.dumps({"keys": keys}))


def forge_the_rotation(folder, sealed):
    """The thief of the old key makes a statement that leads to a key of his own, and signs everything with it."""
    thief = SigningKey(name=ORIGIN, seed=b"\4" * 32)
    keys = json.loads((folder / "keys.json").read_bytes())["keys"]
    mine = next(one for one in keys if "rotation" in one)
    mine["vkey"] = str(thief.verifier())
    mine["rotation"] = mine["rotation"].replace(str(sealed.new_key.verifier()), str(thief.verifier()))
    (folder / "keys.json").write_bytes(orjson.dumps({"keys": keys}))
    text = (folder / "checkpoint").read_text().partition("\n\n")[0] + "\n"
    (folder / "checkpoint").write_bytes(thief.sign(text))


def another_tree_of_five(folder, sealed):
    text = checkpoint_text(origin=ORIGIN, size=5, root=b"\5" * 32)
    (folder / "anchored/5.note").write_bytes(sealed.old_key.sign(text))
    line = WITNESS.cosignature(text, at=datetime(2026, 11, 23, tzinfo=UTC)).line
    (folder / "cosignatures/5").write_bytes(line)


def another_witness(folder, _sealed):
    text = (folder / "anchored/5.note").read_text().partition("\n\n")[0] + "\n"
    stranger = SigningKey(name="other.test/w", seed=b"\5" * 32, algorithm=COSIGNATURE)
    (folder / "cosignatures/5").write_bytes(stranger.cosignature(text, at=datetime(2026, 11, 23, tzinfo=UTC)).line)


def swap_the_cosignatures(folder, _sealed):
    first, second = (folder / f"cosignatures/{size}" for size in (5, 9))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def stamp_of_another_note(folder, _sealed):
    for kind in ("tsr", "pem"):
        shutil.copy(folder / f"anchors/9.{kind}", folder / f"anchors/5.{kind}")


def remove_a_line(folder, _sealed):
    lines = (folder / "events.jsonl").read_bytes().split(b"\n")
    (folder / "events.jsonl").write_bytes(b"\n".join(lines[:3] + lines[4:]))


def add_a_file(folder, _sealed):
    (folder / "anchors/readme.txt").write_text("x")


def swap_the_key(folder, _sealed):
    other = SigningKey(name=ORIGIN, seed=b"\6" * 32).verifier()
    keys = json.loads((folder / "keys.json").read_bytes())["keys"]
    keys[0]["vkey"] = str(other)
    (folder / "keys.json").write_bytes(orjson.dumps({"keys": keys}))


def take_an_older_checkpoint(folder, _sealed):
    shutil.copy(folder / "anchored/9.note", folder / "checkpoint")


MUTATIONS = {
    "removed line": remove_a_line,
    "extra file": add_a_file,
    "trailing bytes": rewrite("events.jsonl", lambda data: data + b"\n"),
    "trailing bytes of the checkpoint": rewrite("checkpoint", lambda data: data + b"\n"),
    "swapped key": swap_the_key,
    "old checkpoint": take_an_older_checkpoint,
    "old key signs the new tree": sign_checkpoint_with_the_old_key,
    "rotation forgotten": forget_the_rotation,
    "new key dropped": drop_the_new_key,
    "rotation forged": forge_the_rotation,
    "cosignature turned": rewrite("cosignatures/9", turn(90)),
    "cosigned time turned": rewrite("cosignatures/9", turn(30)),
    "cosignatures swapped": swap_the_cosignatures,
    "unknown witness": another_witness,
    "another tree anchored": another_tree_of_five,
    "consistency turned": rewrite("consistency/5", turn(3)),
    "consistency emptied": rewrite("consistency/5", lambda _data: b""),
    "stamp turned": rewrite("anchors/9.tsr", turn(400)),
    "stamp cut": rewrite("anchors/9.tsr", lambda data: data[:-5]),
    "stamp of another note": stamp_of_another_note,
    "leaf turned": rewrite("leaves.bin", turn(70)),
}


@pytest.mark.fault(22)
@pytest.mark.parametrize("is_mended", [False, True], ids=["as it is", "manifest mended"])
@pytest.mark.parametrize("name", MUTATIONS)
def test_every_change_to_a_bundle_is_bad(sealed, folder, name, is_mended):
    MUTATIONS[name](folder, sealed)
    if is_mended:
        mend(folder)

    status, said = check(folder)

    assert status == 1, said
    assert said.splitlines()[0].startswith("- ")


@pytest.mark.parametrize(
    "name", ["anchored/5.note", "consistency/5", "cosignatures/9", "anchors/9.tsr", "anchors/9.pem"]
)
def test_an_anchor_that_is_missing_makes_the_bundle_incomplete_and_never_good(folder, name):
    (folder / name).unlink()

    status, said = check(folder)

    assert status != 0
    assert f"{name} is missing" in said
