"""`vonglau law coverage` and `vonglau law map`: which duty is carried by which function, proved by which test.

Not for: the scan itself (policies.legalmap).
"""

from __future__ import annotations

from pathlib import Path

import click

import policies
from control.commands.speech import Speech, pass_speech
from policies import legalmap
from policies.documents import read_document
from policies.messages import refusal

ROOT = Path(__file__).parents[2]


@click.command("coverage")
@pass_speech
def coverage(speech: Speech) -> None:
    """Số nghĩa vụ theo loại và nhóm chức năng / duties by class and capability."""
    register = policies.load_register()
    classes = [register.class_of(duty) for duty in register.duties]
    counts = {name: classes.count(name) for name in ("implemented", "operated", "outside", "open")}
    capabilities = read_document(policies.DATA / "coverage.yaml", schema="coverage").data["capabilities"]
    words = {
        "implemented": ("có kiểm thử", "implemented"),
        "operated": ("do con người vận hành", "operated"),
        "outside": ("ngoài hệ thống", "outside"),
        "open": ("còn mở", "open"),
    }
    text = speech.pick("Nghĩa vụ", "Duties") + f": {len(classes)}\n"
    text += "\n".join(f"  {speech.pick(*words[name]):<22} {number:>4}" for name, number in counts.items())
    for one in capabilities:
        tail = f"{one['implemented']:>3}/{one['duties']:<3} f {one['functions']:<3} t {one['tests']}"
        text += f"\n  {one['name']:<22} {tail}"
    speech.say({"duties": len(classes), **counts, "capabilities": capabilities}, text=text)


@click.command("map")
@click.option("--write", "do_write", is_flag=True, help="ghi lại bản đồ / write the map")
@click.option("--check", "do_check", is_flag=True, help="bản đồ có còn đúng không / is the map current")
@click.option("--root", type=click.Path(path_type=Path), default=ROOT, help="thư mục mã nguồn / the source tree")
@pass_speech
def law_map(speech: Speech, *, do_write: bool, do_check: bool, root: Path) -> None:
    """Bản đồ pháp lý: yêu cầu, hàm, kiểm thử / the legal map: requirement, functions, tests."""
    if do_write == do_check:
        raise click.UsageError("--write | --check")
    expected = legalmap.files(root, policies.load_register(with_coverage=False))
    stale = [path for path, text in expected.items() if not path.exists() or path.read_text("utf-8") != text]
    names = [path.relative_to(root).as_posix() for path in stale]
    if do_check and stale:
        raise refusal("law.map_outdated", files=", ".join(names))
    for path in stale:
        path.write_text(expected[path], encoding="utf-8")
    text = speech.pick("Bản đồ pháp lý khớp với mã nguồn.", "The legal map matches the source.")
    if names:
        text = speech.pick("Đã ghi: ", "Written: ") + ", ".join(names)
    speech.say({"ok": True, "written": names}, text=text)
