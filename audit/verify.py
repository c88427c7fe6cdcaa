#!/usr/bin/env python3
"""Kiểm tra gói chứng cứ mà không cần phần mềm của bên lập gói / check an evidence bundle without its maker's software.

    python3 verify.py [THƯ MỤC / FOLDER] [--key VKEY] [--lang vi|en]

Thoát / exit: 0 tốt / good, 1 hỏng / bad, 2 thiếu / incomplete. Standard library only.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

FORMAT = "vonglau-evidence/1"
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
MANIFEST = "manifest.json"
REQUIRED = ("HUONG-DAN.md", "checkpoint", "events.jsonl", "keys.json", "verify.py")
ALLOWED = re.compile(
    r"HUONG-DAN\.md|checkpoint|events\.jsonl|keys\.json|verify\.py|openings\.jsonl|leaves\.bin|proofs/(0|[1-9][0-9]*)\.tlog-proof"
)
Point = tuple[int, int, int, int]
NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


class Bad(Exception):
    """Something is not as it was sealed."""

    def __init__(self, vi: str, en: str, sequence: int | None = None) -> None:
        super().__init__(en)
        self.vi, self.en, self.sequence = vi, en, sequence


class Incomplete(Bad):
    """Something needed is not there."""


P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def add(a: Point, b: Point) -> Point:
    """Add two points in extended coordinates."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar: int, point: Point) -> Point:
    """Multiply a point."""
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def recover_x(y: int, sign: int) -> int | None:
    """Find x of a point on the curve, None when there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def decompress(data: bytes) -> Point | None:
    """Read a point, None when the bytes are not one."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x = recover_x(y, sign) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def ed25519_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Check one signature."""
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
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise Bad("base64 sai", "broken base64")
    return data


def parse_vkey(text: str) -> tuple[str, bytes, bytes]:
    """Return (name, id, public key) of a verifier key."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    material = b64(encoded)
    if hashlib.sha256(name.encode() + b"\n" + material).digest()[:4].hex() != key_id or material[:1] != b"\x01":
        raise Bad(f"khoá công khai sai: {text}", f"not a public key: {text}")
    return name, bytes.fromhex(key_id), material[1:]


def open_checkpoint(note: bytes, vkeys: list[str]) -> tuple[str, int, bytes]:
    """Return (origin, size, root) of a checkpoint signed by a log key; raise when a signature does not hold."""
    try:
        text, blank, tail = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise Bad("mốc ký không phải UTF-8", "the checkpoint is not UTF-8") from None
    lines = text.split("\n")
    if not blank or len(lines) < 3 or not NUMBER.fullmatch(lines[1]) or not tail.endswith("\n"):
        raise Bad("tệp checkpoint sai dạng", "the checkpoint is malformed")
    known, good = {parse_vkey(vkey)[:2]: parse_vkey(vkey)[2] for vkey in vkeys}, 0
    for line in tail[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—":
            raise Bad("dòng chữ ký sai dạng", "a signature line is malformed")
        material = b64(parts[2])
        public = known.get((parts[1], material[:4]))
        if public is not None:
            if parts[1] != lines[0] or not ed25519_holds(public, (text + "\n").encode(), material[4:]):
                raise Bad(f"chữ ký của {parts[1]} không đúng", f"the signature of {parts[1]} does not hold")
            good += 1
    if not good:
        raise Bad("không có chữ ký của khoá đã biết", "no known key signed the checkpoint")
    return lines[0], int(lines[1]), b64(lines[2])


def node(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


def includes(*, leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """Check an inclusion proof (RFC 9162, 2.1.3.2)."""
    place, last, found = index, size - 1, leaf
    if not 0 <= index < size:
        return False
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node(step, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, step)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def root_of(leaves: bytes) -> bytes:
    """Compute the root of all leaves."""
    stack: list[tuple[int, bytes]] = []  # complete subtrees: (height, hash)
    for at in range(0, len(leaves), 32):
        height, found = 0, leaves[at : at + 32]
        while stack and stack[-1][0] == height:
            found, height = node(stack.pop()[1], found), height + 1
        stack.append((height, found))
    found = stack.pop()[1] if stack else hashlib.sha256().digest()
    while stack:
        found = node(stack.pop()[1], found)
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a JSON object that names a key twice."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("repeated key")
    return dict(pairs)


def read_json(data: bytes, name: str) -> Any:
    """Read JSON strictly."""
    try:
        return json.loads(data.decode(), object_pairs_hook=unique)
    except ValueError:
        raise Bad(f"{name} không đọc được", f"{name} cannot be read") from None


def canonical(value: Any) -> bytes:
    """Write JSON the one way the maker writes it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def read_ranges(text: str) -> list[int]:
    """Read 0-3,7 into numbers, ascending."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        first, dash, last = part.partition("-")
        if not NUMBER.fullmatch(first) or (dash and not NUMBER.fullmatch(last)):
            raise Bad("dãy số thứ tự sai", "the list of numbers is malformed")
        numbers.extend(range(int(first), int(last or first) + 1))
    if sorted(set(numbers)) != numbers:
        raise Bad("dãy số thứ tự không tăng", "the numbers do not ascend")
    return numbers


class Bundle:
    """One folder, read once; problems are collected so that the first bad entry can be named."""

    def __init__(self, folder: Path, trusted: str | None) -> None:
        self.folder, self.trusted = folder, trusted
        self.problems: list[Bad] = []
        self.facts: dict[str, Any] = {}
        self.manifest: dict[str, Any] = {}
        self.numbers: list[int] = []
        self.pruned: set[int] = set()
        self.bodies: dict[str, tuple[int, Any]] = {}

    def check(self) -> int:
        """Run every check; return the exit status."""
        try:
            self.read_manifest()
            self.check_files()
            self.check_entries()
            self.check_openings()
        except Bad as problem:
            self.problems.append(problem)
        if any(not isinstance(one, Incomplete) for one in self.problems):
            return 1
        return 2 if self.problems else 0

    def bytes_of(self, name: str) -> bytes:
        """Return a file of the bundle."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            raise Incomplete(f"thiếu tệp {name}", f"{name} is missing") from None

    def read_manifest(self) -> None:
        """Read the list of contents, which carries its own digest."""
        data = self.bytes_of(MANIFEST)
        self.manifest = manifest = read_json(data, MANIFEST)
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise Bad("không phải gói chứng cứ dạng này", "not a bundle of this format")
        digest = hashlib.sha256(canonical({k: v for k, v in manifest.items() if k != "digest"})).hexdigest()
        if digest != manifest.get("digest") or canonical(manifest) + b"\n" != data:
            raise Bad("manifest.json đã bị sửa", "manifest.json was altered")
        self.numbers, self.pruned = read_ranges(manifest["sequences"]), set(read_ranges(manifest["pruned"]))

    def check_files(self) -> None:
        """Every file listed is there and unchanged, and there is no other."""
        listed = self.manifest["files"]
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_symlink() or (not path.is_dir() and name != MANIFEST and name not in listed):
                self.problems.append(Bad(f"tệp lạ: {name}", f"a file that does not belong: {name}"))
        for name in sorted(set(listed) | set(REQUIRED)):
            if name not in listed or not ALLOWED.fullmatch(name):
                raise Bad(f"manifest.json không đúng ở {name}", f"manifest.json is wrong about {name}")
            try:
                data = self.bytes_of(name)
            except Incomplete as problem:
                self.problems.append(problem)
                continue
            if hashlib.sha256(data).hexdigest() != listed[name]["sha256"] or len(data) != listed[name]["size"]:
                self.problems.append(Bad(f"tệp {name} đã bị sửa", f"{name} was altered"))

    def check_entries(self) -> None:
        """Every entry is in the tree that was signed."""
        vkeys = [one["vkey"] for one in read_json(self.bytes_of("keys.json"), "keys.json")["keys"]]
        if self.trusted and self.trusted not in vkeys:
            raise Bad("khoá trong gói không phải khoá đã công bố", "the bundle's key is not the published one")
        note = self.bytes_of("checkpoint")
        origin, size, root = open_checkpoint(note, [self.trusted] if self.trusted else vkeys)
        self.facts = {"origin": origin, "size": size, "root": base64.b64encode(root).decode(), "vkeys": vkeys}
        lines = self.bytes_of("events.jsonl").split(b"\n")
        if lines.pop() != b"" or len(lines) != len(self.numbers):
            raise Bad("số dòng của events.jsonl không đúng", "events.jsonl has the wrong number of lines")
        leaves = self.bytes_of("leaves.bin") if "leaves.bin" in self.manifest["files"] else None
        if leaves is not None and (len(leaves) != 32 * size or root_of(leaves) != root):
            self.problems.append(Bad("cây băm không khớp mốc ký", "the tree is not the one that was signed"))
        for place, number in enumerate(self.numbers):
            try:
                self.check_entry(number, lines[place], leaves=leaves, note=note, size=size, root=root)
            except Incomplete as problem:
                self.problems.append(problem)
            except Bad as problem:
                problem.sequence = number
                self.problems.append(problem)
                break

    def check_entry(
        self, number: int, line: bytes, *, leaves: bytes | None, note: bytes, size: int, root: bytes
    ) -> None:
        """One entry: its bytes give the leaf that the proof leads from."""
        leaf = hashlib.sha256(b"\0" + line).digest()
        if number in self.pruned and line == b"":
            return
        if leaves is not None:
            good = leaves[32 * number : 32 * number + 32] == leaf
        else:
            text = self.bytes_of(f"proofs/{number}.tlog-proof")
            head, _, tail = text.partition(b"\n\n")
            words = head.decode(errors="replace").split("\n")
            if words[:2] != [PROOF_HEADER, f"index {number}"] or tail != note:
                raise Bad("bằng chứng không thuộc mốc ký này", "the proof does not belong to this checkpoint")
            good = includes(leaf=leaf, index=number, size=size, proof=[b64(word) for word in words[2:]], root=root)
        if not good:
            raise Bad("nội dung không phải là nội dung đã ký", "the bytes are not the ones that were sealed")
        body = read_json(line, f"#{number}")
        self.bodies[body["event"]["id"]] = (number, body)

    def check_openings(self) -> None:
        """Every clear value shown is the one that was committed to."""
        if "openings.jsonl" not in self.manifest["files"]:
            return
        for line in self.bytes_of("openings.jsonl").splitlines():
            one = read_json(line, "openings.jsonl")
            number, body = self.bodies.get(one["id"], (None, {}))
            message = b"v1\0" + one["path"].encode() + b"\0" + json.dumps(one["value"], ensure_ascii=False).encode()
            found = hmac.new(bytes.fromhex(one["salt"]), message, "sha256").hexdigest()
            if found != commitment_at(body, one["path"]):
                self.problems.append(Bad("giá trị mở ra không khớp", "a clear value does not match", number))


def commitment_at(body: Any, path: str) -> str | None:
    """Return the commitment that stands at a path of the body."""
    top, _, rest = path.partition(".")
    if top == "vn":
        part = body.get("vn", {}).get("personal", {}).get(rest.partition(".")[2])
    else:
        part = body.get(top, {}).get(rest)
    return part.get("c") if isinstance(part, dict) else None


def say(bundle: Bundle, *, status: int, language: str) -> None:
    """Tell what was found."""
    english = language == "en"
    for one in bundle.problems:
        where = "" if one.sequence is None else (f"entry {one.sequence}: " if english else f"bút toán {one.sequence}: ")
        print("- " + where + (one.en if english else one.vi))
    verdict = [("GÓI TỐT", "GOOD"), ("GÓI HỎNG", "BAD"), ("GÓI THIẾU", "INCOMPLETE")][status][english]
    print(f"{verdict}: {len(bundle.numbers)} " + ("entries" if english else "bút toán"))
    for name in ("origin", "size", "root"):
        if name in bundle.facts:
            print(f"  {name}: {bundle.facts[name]}")
    if bundle.pruned:
        print(("  pruned by retention: " if english else "  đã xoá theo thời hạn lưu: ") + str(len(bundle.pruned)))
    for vkey in bundle.facts.get("vkeys", []):
        print(f"  key: {vkey}")
    print(
        "This does not prove: that everything that happened was recorded, that what was recorded is true, that the "
        "selection left nothing out, nor the time of signing. Compare the key with the one published (--key)."
        if english
        else "Kết quả này không chứng minh: mọi việc xảy ra đều được ghi, điều được ghi là đúng sự thật, việc chọn lọc "
        "không bỏ sót, hay thời điểm ký. Hãy đối chiếu khoá với khoá đã công bố (--key)."
    )


def main() -> int:
    """Check the folder named, or the one this file lies in."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", default=str(Path(__file__).resolve().parent))
    parser.add_argument("--key", help="khoá công bố / the published verifier key")
    parser.add_argument("--lang", choices=("vi", "en"), default="vi")
    chosen = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    bundle = Bundle(Path(chosen.folder), chosen.key)
    try:
        status = bundle.check()
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        bundle.problems.append(Bad(f"gói sai dạng: {error!r}", f"the bundle is malformed: {error!r}"))
        status = 1
    say(bundle, status=status, language=chosen.lang)
    return status


if __name__ == "__main__":
    sys.exit(main())
