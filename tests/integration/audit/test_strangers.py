"""Programs we did not write read our notes, keys and proofs; what they accepted is kept byte for byte.

The small program under tests/programs/checkaudit is Go: golang.org/x/mod/sumdb/note, transparency-dev/formats and
transparency-dev/merkle. With Go on the machine it is built and asked; where its modules cannot be fetched the test
fails and says so. Without Go the bytes it accepted (tests/data/checkaudit) still bind what we write.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.checkpoint import Checkpointer, prove
from audit.journal import Journal
from audit.keys import KeyHistory, Rotation, rotation_statement
from audit.merkle import Tree, consistency_proof, inclusion_proof, leaf_hash, root
from audit.notes import COSIGNATURE, SigningKey, VerifierKey, checkpoint_text, cosignature_of, split_note, tlog_proof
from audit.signer import Signer
from audit.tiles import TileNodes
from audit.verify import Keys, climb, continues
from tests.factories.audit import NOON, ORIGIN, SignerHere

PROGRAM = Path(__file__).parents[2] / "programs" / "checkaudit"
VECTORS = Path(__file__).parents[2] / "data" / "checkaudit"
FORMER, LOG = (SigningKey(name=ORIGIN, seed=bytes([seed]) * 32) for seed in (1, 2))
WITNESS = SigningKey(name="witness.test/w1", seed=b"\7" * 32, algorithm=COSIGNATURE)
GO = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
NEEDS_GO = pytest.mark.skipif(GO is None, reason="Go is not on this machine: only the kept bytes were compared")
OLD, ROTATED, SIZE, INDEX = 5, 7, 11, 4


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def lines(hashes):
    return b"".join(base64.b64encode(one) + b"\n" for one in hashes)


def vectors():
    """A log of eleven entries whose key changed after seven, cosigned; the same bytes every time."""
    entries = [f"entry {number}".encode() for number in range(SIZE)]
    tree = Tree(leaf_hash(entry) for entry in entries)

    def text(size):
        return checkpoint_text(origin=ORIGIN, size=size, root=root(tree, size))

    note = LOG.sign(text(SIZE))
    return {
        "log.vkey": f"{LOG.verifier()}\n".encode(),
        "former.vkey": f"{FORMER.verifier()}\n".encode(),
        "witness.vkey": f"{WITNESS.verifier()}\n".encode(),
        "rotation": rotation_statement(FORMER, LOG, size=ROTATED, root=root(tree, ROTATED)),
        "head": note + WITNESS.cosignature(text(SIZE), at=datetime(2026, 11, 23, 5, tzinfo=UTC)).line,
        "entry": entries[INDEX],
        "entry.tlog-proof": tlog_proof(index=INDEX, proof=inclusion_proof(tree, INDEX, SIZE), note=note),
        f"old-{OLD}.note": FORMER.sign(text(OLD)),
        f"old-{OLD}.consistency": lines(consistency_proof(tree, OLD, SIZE)),
        f"old-{ROTATED + 1}.note": LOG.sign(text(ROTATED + 1)),
        f"old-{ROTATED + 1}.consistency": lines(consistency_proof(tree, ROTATED + 1, SIZE)),
    }


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The Go program, built; a machine with Go but without its modules is told to have failed, never passed over."""
    out = tmp_path_factory.mktemp("go") / "checkaudit"
    done = subprocess.run(
        [GO, "build", "-trimpath", "-o", str(out), "."],
        cwd=PROGRAM,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
    )
    assert done.returncode == 0, (
        f"Go is here, but the program could not be built; are its modules reachable?\n{done.stderr}"
    )
    return out


def ask(program, folder):
    done = subprocess.run([str(program), str(folder)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_we_still_write_the_bytes_that_strangers_accepted():
    kept = {path.name: path.read_bytes() for path in VECTORS.iterdir()}

    assert vectors() == kept


def test_we_accept_the_bytes_that_strangers_accepted():
    kept = {path.name: path.read_bytes() for path in VECTORS.iterdir()}
    former, log, witness = (VerifierKey.parse(kept[f"{name}.vkey"].decode()) for name in ("former", "log", "witness"))
    history = KeyHistory.of([(str(former), None), (str(log), kept["rotation"])])

    _, size, head = history.open_checkpoint(kept["head"])
    _, old_size, old = history.open_checkpoint(kept[f"old-{OLD}.note"])
    assert (size, old_size, Rotation.read(kept["rotation"]).size) == (SIZE, OLD, ROTATED)
    assert cosignature_of(kept["head"], witness)[1] == datetime(2026, 11, 23, 5, tzinfo=UTC)

    # The script in a bundle reads them too.
    rows = [
        {"kind": "log", "vkey": str(former)},
        {"kind": "log", "vkey": str(log), "rotation": kept["rotation"].decode()},
        {"kind": "witness", "vkey": str(witness)},
    ]
    keys = Keys(rows)
    assert keys.open(kept["head"]) == (ORIGIN, SIZE, head)
    assert keys.witnesses[0].signed(kept["head"]) == int(datetime(2026, 11, 23, 5, tzinfo=UTC).timestamp())
    steps = [base64.b64decode(line) for line in kept[f"old-{OLD}.consistency"].split()]
    assert continues(old=OLD, old_root=old, size=SIZE, root=head, proof=steps)
    proof = [base64.b64decode(line) for line in kept["entry.tlog-proof"].partition(b"\n\n")[0].split(b"\n")[2:]]
    assert climb(INDEX, SIZE - 1, leaf_hash(kept["entry"]), proof)[1] == head


@NEEDS_GO
def test_strangers_accept_the_kept_bytes_and_nothing_else(program, tmp_path):
    assert ask(program, VECTORS) == (0, "everything holds\n")

    for name, data in vectors().items():
        folder = write(tmp_path / f"turned-{name}", vectors())
        place = len(data) // 2
        (folder / name).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        status, said = ask(program, folder)
        assert status == 1, (name, said)


@NEEDS_GO
def test_strangers_accept_what_a_real_journal_hands_out(program, trail, tmp_path):
    signer = Signer(engine=trail.engine("vl_signer"), key=LOG, state_file=tmp_path / "signed.json")
    checkpointer = Checkpointer(engine=trail.engine("vl_sequencer"), signer=SignerHere(signer))
    trail.fill(300)
    old = checkpointer.run_once(now=NOON, force=True)
    trail.fill(77)
    made = checkpointer.run_once(now=NOON, force=True)
    with trail.engine("vl_reader").connect() as connection:
        record = Journal(connection).read(256)
        proof, steps = prove(connection, record, made), consistency_proof(TileNodes(connection), old.size, made.size)
    text = split_note(made.note)[0]
    files = {
        "log.vkey": f"{LOG.verifier()}\n".encode(),
        "witness.vkey": f"{WITNESS.verifier()}\n".encode(),
        "head": made.note + WITNESS.cosignature(text, at=NOON).line,
        "entry": record.body,
        "entry.tlog-proof": proof,
        "old-300.note": old.note,
        "old-300.consistency": lines(steps),
    }

    assert ask(program, write(tmp_path / "real", files)) == (0, "everything holds\n")
