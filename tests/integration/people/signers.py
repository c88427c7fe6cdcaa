"""A portal with a signing SIM service and a remote signing provider behind it, and people who confirm by phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from tests.integration.people.applicants import Portal
from tests.integration.people.conftest import Browser
from tests.simulators.signing.authority import CertificateAuthority
from tests.simulators.signing.service import SigningService

KEY = "key-of-the-signing-services-in-tests-0123456789"
NATIONAL, CONSTRUCTION = "national-portal-2020", "ministry-construction-2025"
PHONE, NUMBER, NAME = "+84912000123", "001088000123", "Nguyễn Thị Ví Dụ"
COMPANY_PHONE, TAX, COMPANY = "+84912000777", "0100109106", "Công ty Minh hoạ"
WAIT, ANSWER = "/sign-in/signing/wait", "/sign-in/signing/answer"
PROXY = "10.20.4.17"


@dataclass(slots=True)
class Signers:
    """The portal and both services; `sim` knows one citizen and one organisation from the start."""

    portal: Portal
    sim: SigningService
    remote: SigningService
    authority: CertificateAuthority
    folder: Path

    def ask(self, browser: Browser, path: str, *, form: str, **data: str) -> TestResponse:
        return browser.post(path, data, form=form)

    def register(
        self, browser: Browser, *, kind: str = "citizen", way: str = "signing-sim", subject: str = PHONE, **data: str
    ) -> TestResponse:
        path = f"/register/{kind}/{way}"
        number = NUMBER if kind == "citizen" else TAX
        return browser.post(path, {"subject": subject, "number": number} | data, form="/sign-in")

    def sign_in(self, browser: Browser, *, way: str = "signing-sim", subject: str = PHONE, **data: str) -> TestResponse:
        return browser.post("/sign-in/signing", {"way": way, "subject": subject} | data, form="/sign-in")

    def confirm(self, browser: Browser, *, peer: SigningService | None = None, subject: str = PHONE) -> TestResponse:
        """Compare the codes, confirm on the phone, and press on in the browser."""
        service = peer or self.sim
        assert service.phones()[-1]["control_code"] in browser.get(WAIT).text
        assert service.press(subject, "confirm")
        return browser.post(ANSWER, form=WAIT)

    def account(self, **more: Any) -> Browser:
        """Somebody who registered by their SIM and is signed in."""
        browser = self.portal.browser()
        assert self.register(browser, **more).headers.get("Location") == WAIT
        answer = self.confirm(browser, subject=more.get("subject", PHONE))
        assert answer.headers.get("Location") == "/account", answer.text
        return browser

    def publish(self) -> None:
        """Write the authority's lists anew."""
        self.authority.write(self.folder)


def signing_portals(make_portal: Callable[..., Portal], clock: Any, folder: Path) -> Iterator[Callable[..., Signers]]:
    """Build the portal with both services under a profile of your choice."""
    authority = CertificateAuthority(now=clock.now)
    authorities, lists = authority.write(folder)
    sim = SigningService(key=KEY, authority=authority, clock=lambda: clock.now)
    remote = SigningService(key=KEY, authority=authority, clock=lambda: clock.now)
    sim.subscribe(PHONE, NAME, number=f"CCCD:{NUMBER}")
    sim.subscribe(COMPANY_PHONE, "Người đại diện", number=f"MST:{TAX}", organisation=COMPANY)
    remote.subscribe("ketoan@minhhoa.example", "Người đại diện", number=f"MST:{TAX}", organisation=COMPANY)

    def build(profile: str = NATIONAL, **changes: str) -> Signers:
        settings = {
            "VONGLAU_SIGNING_SIM_URL": sim.url,
            "VONGLAU_SIGNING_SIM_KEY": KEY,
            "VONGLAU_REMOTE_SIGNING_URL": remote.url,
            "VONGLAU_REMOTE_SIGNING_KEY": KEY,
            "VONGLAU_CLIENT_CA_FILE": str(authorities),
            "VONGLAU_CLIENT_CRL_FILE": str(lists),
            "VONGLAU_TRUSTED_PROXIES": "1",
            "VONGLAU_PROXY_ADDRESSES": PROXY,
        }
        return Signers(make_portal(profile, **(settings | changes)), sim, remote, authority, folder)

    with sim, remote:
        yield build
