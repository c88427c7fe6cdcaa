"""One step of the walk: an organisation registers by a signing SIM, comes back by it, and loses it.

Not for: production. Invariant: everything goes through the pages and the simulated phone; each walk brings an
organisation of its own, whose SIM opens nothing any more at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.request import Request, urlopen

from control.stand.demo.visitor import OK, NotOfferedError, Visitor

TITLE = "Tổ chức đăng ký bằng SIM ký số, so mã trên điện thoại, vào lại ở mức cao; báo mất SIM thì SIM không mở được gì"
WAY = "/register/organisation/signing-sim"
ANSWER = "/sign-in/signing/answer$"
CODE = r'class="fs-1 mono">([0-9]{4})<'
TIMEOUT_SECONDS = 5


@dataclass(slots=True, kw_only=True)
class SigningStep:
    """The step, with what it needs of the walk."""

    up: Mapping[str, Any]
    now: Callable[[], datetime]

    def __call__(self) -> tuple[dict[str, str], str]:
        """Walk it. Raises NotOfferedError when a page does not offer what it should."""
        if not self.up["simulators"].get("signing"):
            raise NotOfferedError("no simulated signing service runs: no phone could answer")
        stamp = int(self.now().timestamp()) % 10**7
        phone, number = f"+8490{stamp:07d}", f"077{stamp:07d}"
        self._control("subscribers", subject=phone, name="Người đại diện (minh hoạ)", number=f"MST:{number}",
                      organisation=f"Công ty Minh hoạ {stamp}")  # fmt: skip
        newcomer = Visitor(url=self.up["url"])
        if WAY not in newcomer.get("/register").text:
            raise NotOfferedError("signing SIMs register nobody under this profile")
        asked = newcomer.submit(newcomer.get(WAY).form(f"{WAY}$"), subject=phone, number=number)
        account = self._confirmed(newcomer, asked, phone)
        if account.path != "/account" or number not in account.text:
            raise NotOfferedError(f"the signature registered nobody: {account.status} at {account.path}")
        login = account.find(r"(ct-[0-9a-f]+)")
        again = Visitor(url=self.up["url"])
        back = self._come_back(again, phone)
        if not again.is_signed_in:
            raise NotOfferedError(f"the SIM did not let its holder in: {back}")
        level = again.get("/account").find(r">\s*(cao)\s*<")
        again.submit(again.get("/account").form("/account/signing/[0-9]+/loss$"))
        lost = Visitor(url=self.up["url"])
        self._come_back(lost, phone)
        if lost.is_signed_in or again.get("/account").path == "/account":
            raise NotOfferedError("a SIM reported lost still opened something")
        return (
            {"organisation": login},
            f"{login} đăng ký bằng SIM ký số mô phỏng, vào lại ở mức {level}; báo mất thì phiên hết, SIM bị từ chối",
        )

    def _come_back(self, visitor: Visitor, phone: str) -> str:
        form = visitor.get("/sign-in").form("/sign-in/signing$")
        answer = self._confirmed(visitor, visitor.submit(form, way="signing-sim", subject=phone), phone)
        return f"{answer.status} at {answer.path}"

    def _confirmed(self, visitor: Visitor, asked: Any, phone: str) -> Any:
        """Compare the code on the screen with the phone's, confirm there, and press on."""
        shown = asked.find(CODE)
        codes = [one["control_code"] for one in self._phones() if one["subject"] == phone]
        if asked.status != OK or codes[-1:] != [shown]:
            raise NotOfferedError(f"the phone shows {codes[-1:]}, the screen {shown}")
        self._control("press", subject=phone, answer="confirm")
        return visitor.submit(asked.form(ANSWER))

    def _phones(self) -> list[dict[str, str]]:
        with urlopen(f"{self._at}/control/phones", timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - our simulator
            found: list[dict[str, str]] = json.loads(answer.read())
        return found

    def _control(self, what: str, **said: str) -> None:
        request = Request(f"{self._at}/control/{what}", data=json.dumps(said).encode(), method="POST")  # noqa: S310 - our simulator
        with urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310 - our simulator
            return

    @property
    def _at(self) -> str:
        return str(self.up["simulators"]["signing"])
