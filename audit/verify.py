#!/usr/bin/env python3
"""Kiểm tra gói chứng cứ mà không cần phần mềm của bên lập gói / check an evidence bundle without its maker's software.

    python3 verify.py [THƯ MỤC / FOLDER] [--key VKEY]... [--line "ORIGIN SIZE ROOT"]... [--tsa-ca FILE] [--lang vi|en]

Thoát / exit: 0 tốt / good, 1 hỏng / bad, 2 thiếu / incomplete. Standard library only; HUONG-DAN.md explains.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

FORMAT, MANIFEST, PROOF_HEADER = "vonglau-evidence/2", "manifest.json", "c2sp.org/tlog-proof@v1"
REQUIRED = ("HUONG-DAN.md", "checkpoint", "events.jsonl", "keys.json", "verify.py")
ROTATION_HEADER, N = "vonglau/key-rotation/v1", "(?:0|[1-9][0-9]{0,18})"
NUMBER, RANGES = re.compile(N), re.compile(rf"{N}(?:-{N})?(?:,{N}(?:-{N})?)*")
SIGNATURE, VIETNAM = re.compile("— ([^ +]+) ([^ ]+)"), timezone(timedelta(hours=7))
ALLOWED = re.compile(
    rf"HUONG-DAN\.md|checkpoint|events\.jsonl|keys\.json|verify\.py|openings\.jsonl|leaves\.bin|proofs/{N}\.tlog-proof"
    rf"|anchored/{N}\.note|cosignatures/{N}|consistency/{N}|anchors/{N}\.(tsr|pem)"
)
NOT_PROVED_VI = """Kết quả này không chứng minh: mọi việc đều được ghi, điều được ghi là đúng, việc chọn lọc không sót,
hay thời điểm ký nếu không có người làm chứng hoặc dấu thời gian. Hãy đối chiếu các khoá với khoá đã công bố (--key)."""
NOT_PROVED_EN = """This does not prove: that everything was recorded, that what was recorded is true, that the selection
is whole, nor the time of signing without a witness or stamp. Compare the keys with those published (--key)."""
Point = tuple[int, int, int, int]
P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_1 = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)


class Bad(ValueError):
    """Something is not as it was sealed (status 1), or is not there (status 2)."""

    def __init__(self, vi: str, en: str, *, sequence: int | None = None, status: int = 1) -> None:
        super().__init__(en)
        self.vi, self.en, self.sequence, self.status = vi, en, sequence, status


def demand(is_so: bool, vi: str, en: str) -> None:
    """Raise unless it is so."""
    if not is_so:
        raise Bad(vi, en)


def add(a: Point, b: Point) -> Point:
    """Add two points in extended coordinates (RFC 8032, 5.1.4)."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar: int, point: Point) -> Point:
    """Multiply a point."""
    result = (0, 1, 1, 0)
    while scalar:
        result = add(result, point) if scalar & 1 else result
        point, scalar = add(point, point), scalar >> 1
    return result


def decompress(data: bytes) -> Point | None:
    """Read a point, None when the bytes are not one."""
    sign, y = data[31] >> 7, int.from_bytes(data, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * ROOT_OF_MINUS_1 % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def ed25519_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Check one signature (RFC 8032, 5.1.7)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = decompress(public), decompress(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = multiply(s, BASE), add(r, multiply(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P


def b64(text: str) -> bytes:
    """Read strict base64."""
    data = base64.b64decode(text + "==")
    demand(base64.b64encode(data).decode() == text, "base64 sai", "broken base64")
    return data


def split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a note's text and its signatures (name, key id and signature), none of them checked."""
    text, blank, tail = note.decode(errors="replace").rpartition("\n\n")
    lines = [SIGNATURE.fullmatch(line) for line in tail[:-1].split("\n")]
    demand(bool(blank) and tail.endswith("\n") and all(lines), "văn bản ký sai dạng", "a note is malformed")
    return text + "\n", [(line[1], b64(line[2])) for line in lines if line]


def read_tree(text: str) -> tuple[str, int, bytes]:
    """Return (origin, size, root) of a checkpoint's text."""
    lines = text.split("\n")
    demand(len(lines) > 3 and bool(NUMBER.fullmatch(lines[1])), "mốc ký sai dạng", "the checkpoint is malformed")
    return lines[0], int(lines[1]), b64(lines[2])


class Key:
    """A verifier key: of a log (type 1), or of a witness (type 4), whose signatures carry the time."""

    def __init__(self, vkey: str) -> None:
        self.vkey, (self.name, key_id, encoded) = vkey, vkey.split("+", 2)
        material = b64(encoded)
        self.id, self.kind = hashlib.sha256(self.name.encode() + b"\n" + material).digest()[:4], material[0]
        self.public = material[1:]
        demand(self.id.hex() == key_id and self.kind in (1, 4), f"khoá sai: {vkey}", f"not a public key: {vkey}")

    def signed(self, note: bytes) -> int | None:
        """Return the time stated (0 by a log's key), None when this key did not sign; raise when it is false."""
        text, signatures = split_note(note)
        value = next((value[4:] for name, value in signatures if (name, value[:4]) == (self.name, self.id)), None)
        if value is None:
            return None
        at = int.from_bytes(value[:8], "big") if self.kind == 4 else 0
        message = f"cosignature/v1\ntime {at}\n{text}" if self.kind == 4 else text
        holds = ed25519_holds(self.public, message.encode(), value[8:] if self.kind == 4 else value)
        demand(holds, f"chữ ký của {self.name} không đúng", f"the signature of {self.name} does not hold")
        return at


class Keys:
    """The keys of a bundle; those of the log follow each other by statements of both, each from a size on."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.witnesses = [key for row in rows if row["kind"] == "witness" and (key := Key(row["vkey"])).kind == 4]
        self.logs: list[tuple[Key, int]] = []
        for row in (row for row in rows if row["kind"] == "log"):
            key = Key(row["vkey"])
            self.logs.append((key, self.taken_over(key, row["rotation"].encode()) if self.logs else 0))

    def taken_over(self, key: Key, statement: bytes) -> int:
        """Return the size after which `key` signs, by the statement that the key before it and it have signed."""
        (old, after), (header, _, rest) = self.logs[-1], split_note(statement)[0].partition("\n")
        origin, size, _ = read_tree(rest)
        is_named = [header, *rest.split("\n")[3:]] == [ROTATION_HEADER, old.vkey, key.vkey, ""]
        is_signed = None not in (old.signed(statement), key.signed(statement))
        is_good = is_named and is_signed and old.name == key.name == origin and size >= after
        demand(is_good, "việc thay khoá thiếu chữ ký của một trong hai khoá", "a change of keys lacks a signature")
        return size

    def open(self, note: bytes) -> tuple[str, int, bytes]:
        """Return (origin, size, root) of a checkpoint signed by the key in force at its size."""
        origin, size, root = read_tree(split_note(note)[0])
        key = next((key for key, after in reversed(self.logs) if after < size), None)
        is_signed = key is not None and key.kind == 1 and key.name == origin and key.signed(note) is not None
        demand(is_signed, "không có chữ ký của khoá có hiệu lực", "no known key in force signed the checkpoint")
        return origin, size, root


def node(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


def climb(place: int, last: int, start: bytes, proof: list[bytes]) -> tuple[bytes, bytes] | None:
    """Follow a proof upwards; return the roots of the old and the whole tree (RFC 9162, 2.1.3.2 and 2.1.4.2)."""
    old = new = start
    for step in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            old, new = node(step, old), node(step, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = node(new, step)
        place, last = place >> 1, last >> 1
    return (old, new) if last == 0 else None


def continues(*, old: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]) -> bool:
    """Check that a tree begins with an older one."""
    if not 0 < old < size:
        return old == size and old_root == root and not proof
    path = proof if old & (old - 1) else [old_root, *proof]
    up = (old & -old).bit_length() - 1  # as far as the old tree is a complete one
    return bool(path) and climb((old - 1) >> up, (size - 1) >> up, path[0], path[1:]) == (old_root, root)


def root_of(leaves: bytes) -> bytes:
    """Compute the root of all leaves: pairs are hashed level by level, an odd one goes up as it is."""
    level = [leaves[at : at + 32] for at in range(0, len(leaves), 32)] or [hashlib.sha256().digest()]
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [node(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0]


def read_ranges(text: str) -> list[int]:
    """Read 0-3,7 into numbers, ascending."""
    demand(not text or bool(RANGES.fullmatch(text)), "dãy số thứ tự sai", "the list of numbers is malformed")
    pairs = [part.split("-") for part in filter(None, text.split(","))]
    numbers = [number for pair in pairs for number in range(int(pair[0]), int(pair[-1]) + 1)]
    demand(sorted(set(numbers)) == numbers, "dãy số thứ tự không tăng", "the numbers do not ascend")
    return numbers


class Bundle:
    """One folder, read once; problems are collected so that the first bad entry can be named."""

    def __init__(self, folder: Path, chosen: argparse.Namespace) -> None:
        self.folder, self.chosen, self.root, self.size, self.note = folder, chosen, b"", 0, b""
        self.problems, self.facts = list[Bad](), list[tuple[str, str]]()  # what was found: vi, en
        self.manifest, self.numbers, self.bodies = dict[str, Any](), list[int](), dict[str, tuple[int, Any]]()

    def bytes_of(self, name: str) -> bytes:
        """Return a file of the bundle."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            raise Bad(f"thiếu tệp {name}", f"{name} is missing", status=2) from None

    def check_manifest(self) -> None:
        """Read the list of contents, which carries its own digest."""
        data = self.bytes_of(MANIFEST)
        manifest = json.loads(data)
        demand(manifest["format"] == FORMAT, "không phải gói chứng cứ dạng này", "not a bundle of this format")
        bare = re.sub(rb'"digest":"[0-9a-f]{64}",', b"", data, count=1)
        is_whole = hashlib.sha256(bare[:-1]).hexdigest() == manifest["digest"] and data.endswith(b"}\n")
        demand(is_whole, "manifest.json đã bị sửa", "manifest.json was altered")
        self.manifest, self.numbers = manifest, read_ranges(manifest["sequences"])

    def check_files(self) -> None:
        """Every file listed is there and unchanged, and there is no other."""
        listed = self.manifest["files"]
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_symlink() or (not path.is_dir() and name != MANIFEST and name not in listed):
                self.problems.append(Bad(f"tệp lạ: {name}", f"a file that does not belong: {name}"))
        for name in sorted({*listed, *REQUIRED}):
            is_known = name in listed and bool(ALLOWED.fullmatch(name))
            demand(is_known, f"manifest.json không đúng ở {name}", f"manifest.json is wrong about {name}")
            try:
                data = self.bytes_of(name)
                is_same = [hashlib.sha256(data).hexdigest(), len(data)] == [listed[name][k] for k in ("sha256", "size")]
                demand(is_same, f"tệp {name} đã bị sửa", f"{name} was altered")
            except Bad as problem:
                self.problems.append(problem)

    def check_tree(self) -> None:
        """The newest tree is signed, and it continues every tree that somebody else remembers."""
        rows = json.loads(self.bytes_of("keys.json"))["keys"]
        is_published = set(self.chosen.key) <= {row["vkey"] for row in rows}
        demand(is_published, "khoá trong gói không phải khoá đã công bố", "the bundle's key is not the published one")
        keys, self.note = Keys(rows), self.bytes_of("checkpoint")
        origin, self.size, self.root = keys.open(self.note)
        root = base64.b64encode(self.root).decode()
        self.facts += [(line,) * 2 for line in (f"origin: {origin}", f"size: {self.size}", f"root: {root}")]
        self.facts += [(f"{row['kind']} key: {row['vkey']}",) * 2 for row in rows]
        known = {self.size: self.root}
        for old in sorted(int(Path(name).stem) for name in self.manifest["files"] if name.startswith("anchored/")):
            note, steps = self.bytes_of(f"anchored/{old}.note"), self.bytes_of(f"consistency/{old}").decode().split()
            _, size, known[old] = keys.open(note)
            proof = [b64(step) for step in steps]
            is_same = continues(old=old, old_root=known[old], size=self.size, root=self.root, proof=proof)
            demand(is_same and size == old, f"không tiếp nối cây {old}", f"the tree does not continue the one of {old}")
            self.check_witnessed(keys, note, old=old)
        for line in self.chosen.line:
            _, old, wanted = read_tree("\n".join([*line.split(), ""]))
            demand(known.get(old) == wanted, f"không khớp dòng in: {line}", f"not what the printed line says: {line}")

    def check_witnessed(self, keys: Keys, note: bytes, *, old: int) -> None:
        """Check what witnesses signed about an older tree, and its time stamp where there is OpenSSL."""
        if f"cosignatures/{old}" in self.manifest["files"]:
            whole = note + self.bytes_of(f"cosignatures/{old}")
            times = [(key.name, at) for key in keys.witnesses if (at := key.signed(whole))]
            is_known = len(split_note(whole)[1]) == len(split_note(note)[1]) + len(times)
            demand(is_known, f"chữ ký làm chứng lạ ở cây {old}", f"an unknown witness signed the tree of {old}")
            for name, at in times:
                said = datetime.fromtimestamp(at, VIETNAM).isoformat()
                self.facts.append((f"cây {old}: {name} làm chứng lúc {said}", f"tree {old}: {name} cosigned at {said}"))
        if f"anchors/{old}.tsr" in self.manifest["files"]:
            self.check_stamp(note, old=old)

    def check_stamp(self, note: bytes, *, old: int) -> None:
        """Let OpenSSL check a time stamp over a note."""
        if shutil.which("openssl") is None:
            self.facts.append((f"cây {old}: chưa kiểm dấu thời gian", f"tree {old}: time stamp not checked"))
            return
        reply, ca = self.folder / f"anchors/{old}.tsr", self.chosen.tsa_ca or self.folder / f"anchors/{old}.pem"
        check = ["-verify", "-digest", hashlib.sha256(note).hexdigest(), "-CAfile", ca]
        words = [["openssl", "ts", *one, "-in", reply] for one in (check, ["-reply", "-text"])]
        done, told = [subprocess.run(one, capture_output=True, check=False) for one in words]
        is_good, said = done.returncode == 0, re.search("Time stamp: (.*)", told.stdout.decode(errors="replace"))
        demand(is_good, f"dấu thời gian của cây {old} không đúng", f"the time stamp of the tree of {old} does not hold")
        at = said[1] if said else "?"
        self.facts.append((f"cây {old}: dấu thời gian {at}", f"tree {old}: time stamp {at}"))

    def check_entries(self) -> None:
        """Every entry is in the tree that was signed."""
        lines, pruned = self.bytes_of("events.jsonl").split(b"\n"), set(read_ranges(self.manifest["pruned"]))
        is_whole = lines.pop() == b"" and len(lines) == len(self.numbers) == self.manifest["entries"]
        demand(is_whole, "số dòng của events.jsonl không đúng", "events.jsonl has the wrong number of lines")
        leaves = self.bytes_of("leaves.bin") if "leaves.bin" in self.manifest["files"] else None
        if leaves is not None and (len(leaves) != 32 * self.size or root_of(leaves) != self.root):
            self.problems.append(Bad("cây băm không khớp mốc ký", "the tree is not the one that was signed"))
        for place, number in enumerate(self.numbers):
            try:
                if lines[place] or number not in pruned:
                    self.check_entry(number, lines[place], leaves=leaves)
            except ValueError as error:
                one = error if isinstance(error, Bad) else Bad("sai dạng", "malformed")
                self.problems.append(Bad(one.vi, one.en, sequence=number, status=one.status))
                if one.status == 1:
                    break

    def check_entry(self, number: int, line: bytes, *, leaves: bytes | None) -> None:
        """One entry: its bytes give the leaf that the proof leads from."""
        leaf = hashlib.sha256(b"\0" + line).digest()
        if leaves is not None:
            is_sealed = leaves[32 * number : 32 * number + 32] == leaf
        else:
            head, _, tail = self.bytes_of(f"proofs/{number}.tlog-proof").partition(b"\n\n")
            words = head.decode(errors="replace").split("\n")
            is_ours = words[:2] == [PROOF_HEADER, f"index {number}"] and tail == self.note
            demand(is_ours, "bằng chứng không thuộc mốc ký này", "the proof does not belong to this checkpoint")
            proof = [b64(word) for word in words[2:]]
            found = climb(number, self.size - 1, leaf, proof) if number < self.size else None
            is_sealed = found is not None and found[1] == self.root
        demand(is_sealed, "nội dung không phải là nội dung đã ký", "the bytes are not the ones that were sealed")
        body = json.loads(line)
        self.bodies[body["event"]["id"]] = (number, body)

    def check_openings(self) -> None:
        """Every clear value shown is the one that was committed to."""
        data = self.bytes_of("openings.jsonl") if "openings.jsonl" in self.manifest["files"] else b""
        for one in map(json.loads, data.splitlines()):
            number, body = self.bodies[one["id"]]
            message = b"v1\0" + one["path"].encode() + b"\0" + json.dumps(one["value"], ensure_ascii=False).encode()
            found = hmac.new(bytes.fromhex(one["salt"]), message, "sha256").hexdigest()
            top, _, rest = one["path"].partition(".")  # user.name, or vn.personal. and a name that has dots itself
            values = body.get("vn", {}).get("personal", {}) if top == "vn" else body.get(top, {})
            part = values.get(rest.removeprefix("personal."))
            if not isinstance(part, dict) or found != part.get("c"):
                self.problems.append(Bad("giá trị mở ra không khớp", "a clear value does not match", sequence=number))

    def say(self, *, is_english: bool) -> int:
        """Tell what was found; return the exit status."""
        status = min((one.status for one in self.problems), default=0)
        for one in self.problems:
            where = "" if one.sequence is None else f"{('bút toán', 'entry')[is_english]} {one.sequence}: "
            print(f"- {where}{one.en if is_english else one.vi}")
        verdict = [("GÓI TỐT", "GOOD"), ("GÓI HỎNG", "BAD"), ("GÓI THIẾU", "INCOMPLETE")][status][is_english]
        print(f"{verdict}: {len(self.numbers)} {('bút toán', 'entries')[is_english]}")
        if pruned := self.manifest.get("pruned"):
            self.facts.append((f"đã xoá theo thời hạn lưu: {pruned}", f"pruned by retention: {pruned}"))
        print(*(f"  {fact[is_english]}\n" for fact in self.facts), sep="", end="")
        print(NOT_PROVED_EN if is_english else NOT_PROVED_VI)
        return status


def main() -> int:
    """Check the folder named, or the one this file lies in."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", action="append", default=[], help="khoá công bố / a published verifier key")
    parser.add_argument("--line", action="append", default=[], help="dòng đã in / a printed line: ORIGIN SIZE ROOT")
    parser.add_argument("--tsa-ca", help="chứng thư gốc của dịch vụ dấu thời gian / certificates of the time stamp")
    parser.add_argument("--lang", choices=("vi", "en"), default="vi")
    chosen = parser.parse_args()
    getattr(sys.stdout, "reconfigure", lambda **_: None)(encoding="utf-8")
    it = Bundle(chosen.folder, chosen)
    try:
        for check in (it.check_manifest, it.check_files, it.check_tree, it.check_entries, it.check_openings):
            check()
    except Bad as problem:
        it.problems.append(problem)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError, OverflowError) as error:
        it.problems.append(Bad(f"gói sai dạng: {error!r}", f"the bundle is malformed: {error!r}"))
    return it.say(is_english=chosen.lang == "en")


if __name__ == "__main__":
    sys.exit(main())
