"""One step of the walk: an applicant registers, an officer checks it in time, the applicant signs in by both proofs.

Not for: production. Invariant: everything goes through the pages; each walk brings an applicant of its own, who gives
the account up at the end. The ways are those the law opens today: where it leaves citizens electronic identity alone,
the way is refused to them, and an organisation registers.
"""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.request import urlopen

from control.stand.demo.visitor import OK, Answer, NotOfferedError, Visitor

TITLE = "Người nộp hồ sơ đăng ký, cán bộ duyệt trong hạn, đăng nhập bằng mã tin nhắn; cách luật đã đóng thì bị từ chối"
CHECKER = "tap.dt"
PHRASE = "đồng lúa minh hoạ"  # an invented password of somebody who exists for a minute
MESSAGE_SECONDS, LOOK_SECONDS = 20.0, 0.2
WAYS = ("citizen/portal-account", "organisation/portal-account", "organisation/tax-code")


@dataclass(slots=True, kw_only=True)
class ApplicantStep:
    """The step, with what it needs of the walk."""

    up: Mapping[str, Any]
    person: Callable[[str], Visitor]
    now: Callable[[], datetime]

    def __call__(self) -> tuple[dict[str, str], str]:
        """Walk it. Raises NotOfferedError when a page does not offer what it should."""
        if not self.up["simulators"].get("sms"):
            raise NotOfferedError("no simulated gateway runs: no code could arrive")
        holder = Visitor(url=self.up["url"])
        offered = html.unescape(holder.get("/register").text)
        way = next((one for one in WAYS if f"/register/{one}" in offered), "")
        if not way:
            raise NotOfferedError("no way of registering is open today")
        closed = next(one for one in WAYS if one != way)
        refused = Visitor(url=self.up["url"]).get(f"/register/{closed}").status if closed not in offered else 0
        if refused not in {0, HTTPStatus.FORBIDDEN}:
            raise NotOfferedError(f"the closed way {closed} was answered with {refused}")
        number = f"99{int(self.now().timestamp()) % 10**8:08d}" + ("00" if way.startswith("citizen") else "")
        self._register(holder, way, number)
        login = self._approve()
        level = self._sign_in(holder, number)
        self._leave(holder)
        told = f"cách {closed} bị từ chối {refused}; " if refused else ""
        return (
            {"applicant": login, "way": way},
            f"{told}{login} đăng ký qua {way}, {CHECKER} duyệt trong hạn, vào bằng mã tin nhắn ở mức {level}, rồi huỷ",
        )

    def _register(self, holder: Visitor, way: str, number: str) -> None:
        before = len(self._delivered())
        page = holder.submit(
            holder.get(f"/register/{way}").form(rf"/register/{way}$"),
            name="Người Ví Dụ (minh hoạ)",
            number=number,
            phone=f"0000{number[2:8]}",
            channel="sms",
            password=PHRASE,
            again=PHRASE,
        )
        if page.path != "/register/code":
            raise NotOfferedError(f"the registration was not taken: {page.status} {_faults(page)}")
        done = holder.submit(page.form("/register/code$"), code=self._code(before))
        if done.path != "/sign-in":
            raise NotOfferedError(f"the code of the message was not taken: {done.status} {_faults(done)}")

    def _approve(self) -> str:
        """Check the newest registration; its clock still runs."""
        officer = self.person(CHECKER)
        page = officer.get("/people/applicants?state=registered&sort=-registered_at")
        login = page.find(r"/people/applicants/((?:cd|tc)-[0-9a-f]+)")
        shown = officer.get(f"/people/applicants/{login}")
        if "Phải duyệt trước" not in html.unescape(shown.text):
            raise NotOfferedError(f"{login} shows no clock that runs")
        opened = officer.submit(shown.form(rf"/people/applicants/{login}/identity$"))
        answer = officer.submit(opened.form(rf"/people/applicants/{login}/decision$"), verdict="approve")
        if login not in officer.get(f"/people/applicants?state=approved&q={login}").text:
            raise NotOfferedError(f"{login} was not approved: {answer.status} {_faults(answer)}")
        return login

    def _sign_in(self, holder: Visitor, number: str) -> str:
        first = holder.submit(holder.get("/sign-in").form("/sign-in$"), login=number, password=PHRASE)
        before = len(self._delivered())
        sent = holder.submit(first.form("/sign-in/sms/send$"))
        holder.submit(sent.form("/sign-in/sms$"), sms=self._code(before))
        if not holder.is_signed_in:
            raise NotOfferedError("the code of the message let nobody in")
        page = holder.get("/account")
        if page.status != OK or holder.get("/cases/mine").status != OK:
            raise NotOfferedError(f"the own pages were not shown: {page.status}")
        staff = holder.get("/people")
        if staff.status != HTTPStatus.FORBIDDEN:
            raise NotOfferedError(f"an applicant was answered with {staff.status} on a page of the agency")
        return page.find(r">\s*(thấp|trung bình|cao)\s*<")

    def _leave(self, holder: Visitor) -> None:
        left = holder.submit(holder.get("/account").form("/account/cancel$"), password=PHRASE)
        if left.path != "/sign-in":
            raise NotOfferedError(f"the account was not cancelled: {left.status} {_faults(left)}")

    def _code(self, before: int) -> str:
        """Return the digits of the first message that arrived after so many."""
        deadline = time.monotonic() + MESSAGE_SECONDS
        while time.monotonic() < deadline:
            for message in self._delivered()[before:]:
                found = re.search(r"\b([0-9]{6})\b", message["text"])
                if found:
                    return found[1]
            time.sleep(LOOK_SECONDS)
        raise NotOfferedError(f"no message with a code within {MESSAGE_SECONDS:.0f} s")

    def _delivered(self) -> list[dict[str, str]]:
        """Return what the simulated gateway delivered so far: the phone of everybody invented."""
        with urlopen(f"{self.up['simulators']['sms']}/control/state", timeout=5) as answer:  # noqa: S310 - our simulator
            known: list[dict[str, str]] = json.loads(answer.read())["delivered"]
        return known


def _faults(answer: Answer) -> str:
    return html.unescape(" ".join(re.findall(r'class="fault"[^>]*>(?:<svg.*?</svg>)?\s*([^<]+)', answer.text)))
