"""Steps of the walk: the thread is proved to a stranger, the copies are compared, a finding is explained and closed.

Not for: reading a bundle (proof.py).
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from pathlib import Path

from audit.reconciliations import Reconciliation
from control.stand.demo.proof import Proof, entries_in, prove, witnessed
from control.stand.demo.visitor import OK, NotOfferedError
from control.stand.demo.walker import APPROVER, AUDITOR, HOLDER, OFFICER, ZONE, Told, Walker, first

REQUIREMENT = "ch.1.3.2"
FORBIDDEN = 403
REFUSALS = 6
SEAL_SECONDS, FINDING_SECONDS = 60.0, 90.0


def prove_requirement(walker: Walker, *, folder: Path) -> Told:
    """Show what the requirement rests on; its bundle must check out, and not after one flipped byte."""
    auditor = walker.person(AUDITOR)
    form = auditor.get("/compliance").form(r"/compliance/checks$")
    auditor.submit(form)
    page = auditor.get(f"/compliance/{REQUIREMENT}")
    wanted = {name: walker.ids[name] for name in ("document", "grant", "entry", "alert", "run")}
    missing = [code for code in wanted.values() if code not in html.unescape(page.text)]
    evidence = page.find(r"/compliance/evidence/(BC-\d{4,})")
    if missing:
        raise NotOfferedError(f"{REQUIREMENT} does not rest on {', '.join(missing)}")
    proof = _bundle(walker, folder=folder)
    if (proof.good, proof.bad) != (0, 1) or not proof.names_the_entry:
        raise NotOfferedError(f"verify.py said {proof.good}, after one flipped byte {proof.bad}: {proof.complaint}")
    return (
        {"evidence": evidence, "requirement": REQUIREMENT, "bundle": proof.digest, "altered": str(proof.altered)},
        (
            f"{REQUIREMENT} dựa vào {', '.join(wanted.values())}; gói {proof.entries} mục: tốt; "
            f"sửa 1 byte của mục {proof.altered}: {proof.complaint}"
        ),
    )


def anchor(walker: Walker, *, folder: Path) -> Told:
    """Export until a witness has cosigned a tree that holds the entry; the stranger's script must say so."""
    auditor, wanted = walker.person(AUDITOR), int(walker.ids["entry"])
    deadline = time.monotonic() + SEAL_SECONDS
    while True:
        form = auditor.get("/trail/bundle").form(r"/trail/bundle$")
        answer = auditor.submit(form, thread=REQUIREMENT, recipient="Minh hoạ", reason="Có người làm chứng")
        if answer.status == OK and answer.headers.get("content-type") == "application/zip":
            found = witnessed(answer.content, folder=folder / "witnessed", entry=wanted)
            if found is not None:
                break
        if time.monotonic() > deadline:
            raise NotOfferedError(f"no witness cosigned a tree with entry {wanted}: {answer.status}")
        time.sleep(1.0)
    if found.status != 0:
        raise NotOfferedError(f"verify.py said {found.status}: {found.said}")
    return {"checkpoint": str(found.size), "witness": found.witness}, found.said


def _bundle(walker: Walker, *, folder: Path) -> Proof:
    """Export until the newest seal covers the entry that the thread turns on, then prove the bundle."""
    auditor, wanted = walker.person(AUDITOR), int(walker.ids["entry"])
    deadline = time.monotonic() + SEAL_SECONDS
    while True:
        form = auditor.get("/trail/bundle").form(r"/trail/bundle$")
        answer = auditor.submit(form, thread=REQUIREMENT, recipient="Minh hoạ", reason="Sợi chỉ vàng")
        is_zip = answer.status == OK and answer.headers.get("content-type") == "application/zip"
        if is_zip and wanted in entries_in(answer.content):
            return prove(answer.content, folder=folder, entry=wanted)
        if time.monotonic() > deadline:
            raise NotOfferedError(f"no bundle that holds entry {wanted}: {answer.status}")
        time.sleep(1.0)


def compare(walker: Walker, *, compare_copies: Callable[[], tuple[Reconciliation, ...]]) -> Told:
    """Compare both copies with the journal; they must hold the entry the thread turns on, and nothing else."""
    found = compare_copies()
    wanted = int(walker.ids["entry"])
    for one in found:
        if not one.is_equal or one.last <= wanted:
            faults = [f"{each.kind} #{each.sequence} {each.detail}" for each in one.sample[:5]]
            raise NotOfferedError(f"{one.target} up to {one.last} is not the journal: {faults}")
    told = [
        f"{one.target} {one.checked} mục, thiếu {one.missing}, thừa {one.extra}, sai {one.altered}" for one in found
    ]
    return {one.target: str(one.last) for one in found}, "; ".join(told)


def explain_a_finding(walker: Walker) -> Told:
    """Be refused until it is a finding; explain it on paper, let somebody else close it."""
    holder = walker.person(HOLDER)
    tries = [holder.get("/trail").status for _ in range(REFUSALS)]
    if set(tries) != {FORBIDDEN}:
        raise NotOfferedError(f"{HOLDER} entered the trail: {tries}")
    inbox = f"/trail/findings?kind=refusals&q={HOLDER}"
    page = walker.wait_for(OFFICER, inbox, r"/trail/findings/(PT-\d{4,})", seconds=FINDING_SECONDS)
    code = first(page, r"/trail/findings/(PT-\d{4,})")
    address = f"/trail/findings/{code}"
    local = walker.now().astimezone(ZONE)
    number = f"{local:%H%M%S}/BC-BMH"
    officer, approver = walker.person(OFFICER), walker.person(APPROVER)
    explained = officer.submit(
        officer.get(address).form(r"/explanation$"),
        number=number,
        signed_on=f"{local:%d/%m/%Y}",
        text="Diễn tập: mở trang dấu vết khi không có quyền",
    )
    closed = approver.submit(approver.get(address).form(r"/closure$"))
    if explained.status != OK or closed.status != OK or number not in closed.text:
        raise NotOfferedError(f"{code}: explained {explained.status}, closed {closed.status}")
    return (
        {"finding": code, "explanation": number},
        f"{HOLDER} bị từ chối {REFUSALS} lần → {code}; {OFFICER} giải trình bằng {number}, {APPROVER} đóng",
    )
