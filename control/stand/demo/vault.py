"""One step of the walk: a secret is checked out under a grant, shown once, given back, and the old one opens nothing.

Not for: the walk itself (walk.py), which lends its people. Invariant: the proof is the real database server's own
answer to both passwords, not a page.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from control.stand.demo.shared import lets_in
from control.stand.demo.visitor import NotOfferedError, Visitor

ACCOUNT, LOGIN = "csdl-01.bao-cao", "bao-cao"
PAGE = f"/privilege/secrets/{ACCOUNT}"
MINE = "/privilege/secrets/mine"
CREATED = 201
ROTATION_SECONDS, LOOK_SECONDS = 180.0, 1.0
SHOWN = r'<pre class="mono user-select-all[^>]*>([^<]+)</pre>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowing:
    """What the walk lends: who takes and who looks on, signed in; how a grant is made; where the server is."""

    holder: Visitor
    reader: Visitor
    grant_on: Callable[[str], str]
    database_url: str


def borrow_and_return(lent: Borrowing) -> tuple[dict[str, str], str]:
    """Walk the step; return what it made and what was seen. Raises NotOfferedError."""
    _wait_until_quiet(lent.reader)
    grant, holder, database_url = lent.grant_on(ACCOUNT), lent.holder, lent.database_url
    answer = holder.submit(holder.get(PAGE).form(r"/checkout$"), reason="Lập báo cáo tháng")
    if answer.status != CREATED:
        raise NotOfferedError(f"{holder.name} could not take the secret under {grant}: {answer.status}")
    secret = html.unescape(answer.find(SHOWN))
    if not lets_in(database_url, login=LOGIN, secret=secret):
        raise NotOfferedError("the secret that was shown does not open the account")
    _refuse_again(holder, secret=secret)
    mine = holder.get(MINE)
    code = mine.find(r"/privilege/secrets/checkouts/(MB-\d{4,})/return")
    holder.submit(mine.form(rf"{code}/return$"))
    began = time.monotonic()
    while lets_in(database_url, login=LOGIN, secret=secret):
        if time.monotonic() - began > ROTATION_SECONDS:
            raise NotOfferedError(f"{code} was given back and its secret still opens the account")
        time.sleep(LOOK_SECONDS)
    took = f"{time.monotonic() - began:.0f}"
    seen = f"{grant} → {code}: hiện một lần, mở được máy thật; trả rồi {took} giây sau máy từ chối bí mật cũ"
    return {"checkout": code, "grant_on_secret": grant}, seen


def _wait_until_quiet(reader: Visitor) -> None:
    """Wait until the vault has the secret and has changed what was deposited."""
    deadline = time.monotonic() + ROTATION_SECONDS
    while "Hiện <b>không ai</b> giữ" not in (page := reader.get(PAGE).text):
        if time.monotonic() > deadline:
            state = re.search(r'<p class="answer">(.*?)</p>', page, re.DOTALL)
            raise NotOfferedError(f"{PAGE} does not come to rest: {state[1].strip() if state else 'no answer'}")
        time.sleep(LOOK_SECONDS)


def _refuse_again(holder: Visitor, *, secret: str) -> None:
    """Look everywhere a second time: no page shows it, and it is not handed out again."""
    for path in (PAGE, MINE):
        if secret in html.unescape(holder.get(path).text):
            raise NotOfferedError(f"{path} shows the secret a second time")
    if f"{PAGE}/checkout" in holder.get(PAGE).text:
        raise NotOfferedError(f"{PAGE} offers the secret a second time")
