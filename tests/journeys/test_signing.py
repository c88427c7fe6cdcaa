"""An organisation registers and comes back by its signing SIM in a real Chromium; the phone is the simulator."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from control import create_app
from control.settings import Settings
from control.stand.ports import free_port
from control.stand.postgres import DATABASE, PostgresServer
from tests.journeys.conftest import TEMPLATE, Look
from tests.simulators.signing.authority import CertificateAuthority
from tests.simulators.signing.service import SigningService

KEY = "key-of-the-signing-service-in-journeys-0123456789"
PHONE, TAX, COMPANY = "+84900000102", "0100000002", "Công ty Minh hoạ Ký số"


@dataclass(frozen=True, kw_only=True)
class House:
    """The application at its address, and the phone."""

    url: str
    phone: SigningService


@pytest.fixture
def house(migrated: PostgresServer, tmp_path: Any) -> Iterator[House]:
    name = f"{DATABASE}_signing"
    migrated.create_database(name, template=TEMPLATE)
    port = free_port()
    authority = CertificateAuthority(now=datetime.now(UTC))
    authorities, lists = authority.write(tmp_path / "authority")
    with SigningService(key=KEY, authority=authority) as phone:
        phone.subscribe(PHONE, "Người đại diện Minh hoạ", number=f"MST:{TAX}", organisation=COMPANY)
        settings = Settings.from_env(
            {
                "VONGLAU_MODE": "test",
                "VONGLAU_DATABASE_URL": migrated.url("vl_web", database=name),
                "VONGLAU_BASE_URL": f"http://localhost:{port}",
                "VONGLAU_SECRET_KEY": "only-for-journeys-" * 3,
                "VONGLAU_PROFILE": "ministry-construction-2025",
                "VONGLAU_STATE_DIR": str(tmp_path),
                "VONGLAU_FACTOR_KEY": base64.b64encode(bytes(range(32))).decode(),
                "VONGLAU_APPLICANT_KEY": base64.b64encode(bytes(range(64, 96))).decode(),
                "VONGLAU_ALERTMANAGER_TOKEN": "token-of-the-alert-receiver-in-tests",
                "VONGLAU_SIGNING_SIM_URL": phone.url,
                "VONGLAU_SIGNING_SIM_KEY": KEY,
                "VONGLAU_REMOTE_SIGNING_URL": phone.url,
                "VONGLAU_REMOTE_SIGNING_KEY": KEY,
                "VONGLAU_CLIENT_CA_FILE": str(authorities),
                "VONGLAU_CLIENT_CRL_FILE": str(lists),
            }
        )
        app = create_app(settings)
        server = make_server("localhost", port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield House(url=settings.base_url, phone=phone)
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["vonglau"].database.engine.dispose()
    migrated.drop_database(name)


def press_on(seen: Look, house: House) -> None:
    """Compare the code, confirm on the phone, wait until the page has heard of it, and go on."""
    page = seen.page
    assert house.phone.phones()[-1]["control_code"] in page.locator("main").inner_text()
    assert house.phone.press(PHONE, "confirm")
    expect(page.locator("#standing")).to_contain_text("đã trả lời", timeout=20_000)
    page.get_by_role("button", name="Tôi đã xác nhận trên điện thoại").click()


@pytest.mark.parametrize("width", [320, 1440])
def test_an_organisation_registers_and_comes_back_by_its_signing_sim(
    look: Callable[..., Look], house: House, width: int
) -> None:
    seen = look(f"{house.url}/register", width=width, scheme="dark" if width == 320 else "light")
    faults = {"register": seen.faults()}
    page = seen.page
    page.get_by_role("link", name="tổ chức: SIM ký số").click()
    faults["form"] = seen.faults()
    page.get_by_label("Số thuê bao của SIM ký số").fill("0900 000 102")
    page.get_by_label("Mã số thuế").fill(TAX)
    page.get_by_role("button", name="Gửi yêu cầu tới điện thoại").click()
    faults["wait"] = seen.faults()
    press_on(seen, house)
    page.wait_for_url("**/account")
    expect(page.locator("main")).to_contain_text(COMPANY)
    faults["account"] = seen.faults()
    page.get_by_role("button", name="Đăng xuất").click()
    seen.open(f"{house.url}/sign-in")
    faults["sign-in"] = seen.faults()
    form = page.locator("form", has=page.get_by_role("heading", name="SIM ký số", exact=True))
    form.get_by_label("Số thuê bao của SIM ký số").fill("0900000102")
    form.get_by_role("button").click()
    press_on(seen, house)
    page.wait_for_url("**/account")

    assert {name: found for name, found in faults.items() if found} == {}
