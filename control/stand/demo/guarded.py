"""Two things the demonstration shows beside the thread: a review that takes a right away, and a sealed account opened.

Not for: anything but the walk (walk.py calls it). Invariant: it presses only what a page offers, and can be walked
again.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from hashlib import sha256

from control.stand.demo.visitor import OK, NotOfferedError, Visitor

Person = Callable[[str], Visitor]
REVIEWS, GLASS = "/privilege/reviews", "/privilege/break-glass"
SEALED = "portal.khan-cap"
HERE = "127.0.0.1"
FORBIDDEN = 403


def walk_review(person: Person, *, officer: str, reviewer: str, auditor: str) -> tuple[dict[str, str], str]:
    """Open a campaign about one owner's accounts, let the owner decide all, and check the evidence an auditor takes."""
    opener, owner = person(officer), person(reviewer)
    opener.submit(
        opener.get(f"{REVIEWS}/new").form(rf"{REVIEWS}$"), scope="owner", owner=reviewer, kinds="account", days="30"
    )
    left = re.findall(rf"{REVIEWS}/(RS-\d+)/items/(\d+)", owner.get(f"{REVIEWS}/mine").text)
    code, decided = "", 0
    while left:
        code, item = left[0]
        address = f"{REVIEWS}/{code}/items/{item}"
        answer = owner.submit(
            owner.get(address).form(rf"{address}$"), verdict="keep", reason="Vẫn dùng trong đợt minh hoạ"
        )
        if answer.status != OK:
            raise NotOfferedError(f"{reviewer} could not decide {item} of {code}: {answer.status}")
        decided += 1
        left = re.findall(rf"{REVIEWS}/(RS-\d+)/items/(\d+)", owner.get(f"{REVIEWS}/mine").text)
    if not code:
        raise NotOfferedError(f"nothing waited for {reviewer}")
    looks = person(auditor)
    answer = looks.submit(looks.get(f"{REVIEWS}/{code}").form(rf"{code}/evidence$"))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as made:
        manifest = made.read("MANIFEST.sha256").decode().splitlines()
        wrong = [line for line in manifest if sha256(made.read(line[66:])).hexdigest() != line[:64]]
    if wrong:
        raise NotOfferedError(f"the evidence of {code} does not have the digests it names: {wrong}")
    return {
        "review": code
    }, f"{reviewer} quyết định {decided} quyền của {code}; bằng chứng {len(manifest)} tệp đúng mã băm"


def walk_break_glass(
    person: Person, *, officer: str, approver: str, user: str, auditor: str, url: str
) -> tuple[dict[str, str], str]:
    """Seal with two people, open a drill, sign in by the two halves, close it; the account is out at once."""
    first, second = person(officer), person(approver)
    number = _number(first)
    page = first.submit(first.get(GLASS).form(rf"/accounts/{number}/first-half$"))
    half = page.find(r'id="half">([^<]+)<')
    page = second.submit(second.get(GLASS).form(rf"/accounts/{number}/second-half$"))
    other, login = page.find(r'id="half">([^<]+)<'), page.find(r"(khan-cap\.\d+)")
    totp = re.sub(r"\s", "", page.find(r'id="totp">([^<]+)<'))
    form = first.get(f"{GLASS}/accounts/{number}/opening").form(rf"/accounts/{number}/openings$")
    asked = first.submit(
        form, reason="Diễn tập trong đợt minh hoạ", reference="SC-0012", source=HERE, user=user, is_drill="yes"
    )
    code = asked.find(r"(PN-\d{4,})")
    opening = f"{GLASS}/openings/{code}"
    second.submit(second.get(opening).form(r"/confirmation$"))
    glass = Visitor(url=url, name=login)
    glass.sign_in(password=f"{half}-{other}", totp_secret=totp)
    seen = glass.get("/operations/alerts")
    if seen.status != OK or code not in seen.text:
        raise NotOfferedError(f"{login} did not see the alarm of {code}: {seen.status}")
    files = glass.get("/cases").status
    second.submit(second.get(opening).form(r"/closure$"))
    after = glass.get("/operations/alerts")
    if files != FORBIDDEN or "/sign-in" not in after.path:
        raise NotOfferedError(f"{login}: case files {files}, after closing {after.path} {after.status}")
    if person(auditor).get(opening).status != OK:
        raise NotOfferedError(f"{auditor} does not see {code}")
    return (
        {"break_glass": code},
        f"{officer} và {approver} niêm phong, mở {code}; {login} vào bằng hai nửa, hồ sơ 403, đóng thì bị đưa ra ngay",
    )


def _number(officer: Visitor) -> str:
    """Return the number of the sealed account, kept under seal now when it is not yet."""
    page = officer.get(GLASS)
    if f"{SEALED}</a></th>" not in page.text:
        page = officer.submit(page.form(rf"{GLASS}/accounts$"), account=SEALED)
    return page.find(rf"{GLASS}/accounts/(\d+)/first-half")
