"""What every step of the walk shares: who takes part, the browsers they are signed in with, and what was made so far.

Not for: the steps themselves.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from control.stand.demo.visitor import OK, NotOfferedError, Visitor

Told = tuple[dict[str, str], str]  # the codes of what a step made, and what was seen
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
OFFICER, APPROVER, ADMINISTRATOR = "mau.nt", "vidu.l", "minhhoa.pm"
OPERATOR, HOLDER, AUDITOR, NEWCOMER = "thu.tv", "tap.dt", "giadinh.v", "nhap.ht"
LOOK_SECONDS = 0.3


@dataclass(slots=True, kw_only=True)
class Walker:
    """The people of one walk."""

    up: Mapping[str, Any]
    now: Callable[[], datetime]
    people: dict[str, Visitor] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    newcomer_key: str = field(default="", repr=False)

    def enrol_newcomer(self) -> None:
        """Let the person without a factor read the key from the page and sign in."""
        newcomer = Visitor(url=self.up["url"], name=NEWCOMER)
        self.newcomer_key = newcomer.enrol(password=self.facts(NEWCOMER)["password"])

    def person(self, login: str) -> Visitor:
        """Return the browser of a person, signed in now when it is not."""
        if login not in self.people:
            facts = self.facts(login)
            visitor = Visitor(url=self.up["url"], name=login)
            visitor.sign_in(password=facts["password"], totp_secret=facts["totp_secret"])
            self.people[login] = visitor
        return self.people[login]

    def signed_in_anew(self, login: str) -> Visitor:
        """Return a browser that has just signed in: an administrator's session ends after a few idle minutes."""
        facts = self.facts(login)
        former = self.people.get(login)
        visitor = Visitor(url=self.up["url"], name=login, used_step=former.used_step if former else 0)
        secret = self.newcomer_key if login == NEWCOMER else facts["totp_secret"]
        visitor.sign_in(password=facts["password"], totp_secret=secret)
        self.people[login] = visitor
        return visitor

    def facts(self, login: str) -> Mapping[str, Any]:
        """Return what up.json tells of an invented person."""
        facts: Mapping[str, Any] = next(one for one in self.up["people"] if one["name"] == login)
        return facts

    def wait_for(self, login: str, path: str, pattern: str, *, seconds: float) -> str:
        """Look at a page until it holds the pattern, and return it. Raises NotOfferedError after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            page = self.person(login).get(path)
            if page.status == OK and re.search(pattern, html.unescape(page.text)):
                return page.text
            if time.monotonic() > deadline:
                raise NotOfferedError(f"{path} ({page.status}) did not show {pattern} within {seconds:.0f} s")
            time.sleep(LOOK_SECONDS)


def first(page: str, pattern: str) -> str:
    """Return what the pattern catches first on a page, "" when nothing."""
    found = re.search(pattern, html.unescape(page))
    return found[1] if found else ""
