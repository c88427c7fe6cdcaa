"""The evidence bundle, and the stranger who checks it with one script."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256

import orjson
import pytest

import audit
from audit import Query, SubjectKeys
from audit.bundle import NothingToExportError, export_bundle
from audit.checkpoint import Checkpointer
from audit.notes import SigningKey
from audit.signer import Signer
from tests.factories.audit import NOON, ORIGIN, SignerHere

KEY = SigningKey(name=ORIGIN, seed=bytes(range(32)))


@pytest.fixture
def sealed(trail, tmp_path):
    """Twenty entries, one with personal values, under a checkpoint."""
    trail.fill(12)
    trail.fill(1, actor_id="person:9", personal={"citizen.name": "Trần Văn Thử"}, subject="citizen:7")
    trail.fill(7)
    signer = Signer(engine=trail.engine("vl_signer"), key=KEY, state_file=tmp_path / "signed.json")
    Checkpointer(engine=trail.engine("vl_sequencer"), signer=SignerHere(signer)).run_once(now=NOON, force=True)
    return trail


def export(trail, query=None, **options):
    out = io.BytesIO()
    with trail.engine("vl_web").connect() as connection:
        export_bundle(connection, query=query or Query(), out=out, **options)
    return out.getvalue()


def unpack(data, folder):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


def check(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), "--lang", "en", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def mend_manifest(folder):
    """Do what a forger can: make the manifest agree with the files as they are."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name in manifest["files"]:
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"sha256": sha256(data).hexdigest(), "size": len(data)}
    write_manifest(folder, manifest)


def write_manifest(folder, manifest):
    manifest.pop("digest", None)
    digest = sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()
    whole = orjson.dumps(manifest | {"digest": digest}, option=orjson.OPT_SORT_KEYS) + b"\n"
    (folder / "manifest.json").write_bytes(whole)


def test_the_whole_journal_leaves_as_a_good_bundle(sealed, tmp_path):
    folder = unpack(export(sealed), tmp_path / "b")

    status, said = check(folder)

    assert status == 0
    assert said.startswith("GOOD: 20 entries")
    assert str(KEY.verifier()) in said
    assert "does not prove" in said
    assert (folder / "leaves.bin").stat().st_size == 20 * 32
    assert check(folder, "--key", str(KEY.verifier()))[0] == 0


def test_a_selection_leaves_with_a_proof_for_each_entry(sealed, tmp_path):
    folder = unpack(export(sealed, Query(actor_id="person:9")), tmp_path / "b")

    assert check(folder)[0] == 0
    assert [path.name for path in (folder / "proofs").iterdir()] == ["12.tlog-proof"]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["query"] == {"actor_id": "person:9"}
    assert manifest["sequences"] == "12"


def test_the_same_selection_gives_the_same_bytes(sealed):
    assert export(sealed) == export(sealed)
    assert export(sealed, Query(actor_id="person:9")) == export(sealed, Query(actor_id="person:9"))


def test_clear_values_leave_only_for_the_entitled_and_match_what_was_committed(sealed, tmp_path):
    plain = unpack(export(sealed), tmp_path / "plain")
    shown = unpack(export(sealed, reveal=SubjectKeys()), tmp_path / "shown")

    assert not (plain / "openings.jsonl").exists()
    assert "Trần Văn Thử" in (shown / "openings.jsonl").read_text(encoding="utf-8")
    assert check(shown)[0] == 0
    changed = (shown / "openings.jsonl").read_text(encoding="utf-8").replace("Thử", "Thật")
    (shown / "openings.jsonl").write_text(changed, encoding="utf-8")
    mend_manifest(shown)
    status, said = check(shown)
    assert status == 1
    assert "entry 12: a clear value does not match" in said


@pytest.mark.parametrize("query", [Query(), Query(action="case:file:open", until=None, text="CQ-0001")])
def test_one_turned_byte_anywhere_is_bad(sealed, tmp_path, query):
    folder = unpack(export(sealed, query), tmp_path / "b")

    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "verify.py"):
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            turned = bytearray(whole)
            turned[place] ^= 1
            path.write_bytes(turned)
            assert check(folder)[0] == 1, (path.name, place)
        path.write_bytes(whole)
    assert check(folder)[0] == 0


def test_the_first_bad_entry_is_named_even_when_the_manifest_was_mended(sealed, tmp_path):
    for query, name in ((Query(), "whole"), (Query(text="CQ-0001"), "selected")):
        folder = unpack(export(sealed, query), tmp_path / name)
        lines = (folder / "events.jsonl").read_bytes().split(b"\n")
        lines[7] = lines[7].replace(b"CQ-0001", b"CQ-0002")
        (folder / "events.jsonl").write_bytes(b"\n".join(lines))
        mend_manifest(folder)

        status, said = check(folder)

        assert status == 1
        assert "entry 7: the bytes are not the ones that were sealed" in said


def test_a_removed_line_is_bad_and_a_forged_manifest_does_not_help_a_whole_journal(sealed, tmp_path):
    folder = unpack(export(sealed), tmp_path / "b")
    lines = (folder / "events.jsonl").read_bytes().split(b"\n")
    (folder / "events.jsonl").write_bytes(b"\n".join(lines[:5] + lines[6:]))
    assert check(folder)[0] == 1
    mend_manifest(folder)
    assert check(folder)[0] == 1

    manifest = json.loads((folder / "manifest.json").read_bytes())
    write_manifest(folder, manifest | {"sequences": "0-18", "entries": 19})

    assert "entry 5" in check(folder)[1]


def test_an_extra_file_and_trailing_bytes_are_bad(sealed, tmp_path):
    folder = unpack(export(sealed), tmp_path / "b")
    (folder / "extra.txt").write_text("x")
    assert "a file that does not belong: extra.txt" in check(folder)[1]
    (folder / "extra.txt").unlink()

    for name in ("events.jsonl", "checkpoint", "manifest.json", "leaves.bin"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole + b"\n")
        assert check(folder)[0] == 1, name
        (folder / name).write_bytes(whole)
    (folder / "link").symlink_to("/etc/hostname")
    assert check(folder)[0] == 1


@pytest.mark.parametrize("name", ["checkpoint", "events.jsonl", "keys.json", "leaves.bin", "manifest.json"])
def test_a_missing_file_is_incomplete(sealed, tmp_path, name):
    folder = unpack(export(sealed), tmp_path / "b")
    (folder / name).unlink()

    status, said = check(folder)

    assert status == 2
    assert f"{name} is missing" in said


def test_a_missing_proof_is_incomplete(sealed, tmp_path):
    folder = unpack(export(sealed, Query(actor_id="person:9")), tmp_path / "b")
    (folder / "proofs" / "12.tlog-proof").unlink()

    assert check(folder)[0] == 2


def test_another_key_is_bad_however_consistent_the_rest_is(sealed, tmp_path):
    folder = unpack(export(sealed), tmp_path / "b")
    forger = SigningKey(name=ORIGIN, seed=b"\3" * 32)
    (folder / "keys.json").write_bytes(
        orjson.dumps({"keys": [{"kind": "log", "since_size": 1, "vkey": str(forger.verifier())}]})
    )
    mend_manifest(folder)
    assert "no known key in force signed" in check(folder)[1]

    text = (folder / "checkpoint").read_text(encoding="utf-8").partition("\n\n")[0] + "\n"
    (folder / "checkpoint").write_bytes(forger.sign(text))
    mend_manifest(folder)

    # Everything agrees with the forger's key: only the published key tells, and the script says to compare it.
    assert check(folder)[0] == 0
    assert check(folder, "--key", str(KEY.verifier()))[0] == 1


def test_an_older_checkpoint_does_not_cover_newer_entries(sealed, tmp_path):
    folder = unpack(export(sealed, Query(actor_id="person:9")), tmp_path / "b")
    (folder / "checkpoint").write_bytes(KEY.sign(f"{ORIGIN}\n5\n{'A' * 43}=\n"))
    mend_manifest(folder)

    status, said = check(folder)

    assert status == 1
    assert "entry 12: the proof does not belong to this checkpoint" in said


def test_pruned_entries_keep_their_place_by_their_hash(sealed, tmp_path):
    with sealed.engine("vl_pruner").begin() as connection:
        connection.exec_driver_sql(
            "UPDATE audit_journal SET body = NULL, search_text = NULL, tokens = NULL WHERE seq = 3"
        )

    folder = unpack(export(sealed), tmp_path / "b")

    assert check(folder)[0] == 0
    assert json.loads((folder / "manifest.json").read_bytes())["pruned"] == "3"


def test_the_script_speaks_vietnamese_by_itself(sealed, tmp_path):
    folder = unpack(export(sealed), tmp_path / "b")

    done = subprocess.run([sys.executable, "verify.py"], cwd=folder, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.startswith("GÓI TỐT: 20 bút toán")) == (0, True)


def test_any_nonsense_gives_a_verdict_and_no_trace(sealed, tmp_path):
    folder = unpack(export(sealed), tmp_path / "b")
    for name, data in {
        "manifest.json": b"[]",
        "keys.json": b'{"keys": 1}',
        "checkpoint": b"\xff",
        "events.jsonl": b"",
    }.items():
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(data)
        assert check(folder)[0] == 1, name
        if name != "manifest.json":
            mend_manifest(folder)
            assert check(folder)[0] == 1, name
        shutil.rmtree(folder)
        unpack(export(sealed), folder)
        assert (folder / name).read_bytes() == whole


def test_nothing_leaves_without_a_checkpoint_or_without_a_match(trail, sealed):
    with sealed.engine("vl_web").connect() as connection, pytest.raises(NothingToExportError):
        export_bundle(connection, query=Query(actor_id="person:404"), out=io.BytesIO())
    assert audit.NothingToExportError is NothingToExportError
