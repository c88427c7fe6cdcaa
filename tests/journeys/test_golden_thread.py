"""The golden thread in a real Chromium on the real product, step after step, each page looked at.

The steps share one stand and build on each other, so they stand in one test each and run in order; the command
`vonglau demo` walks the same way over plain HTTP, afterwards and twice.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyotp
import pytest
from playwright.sync_api import BrowserContext, Page

from control.stand.demo.proof import prove
from tests.journeys.conftest import Look
from tests.journeys.running import RunningStand, confirm

pytestmark = pytest.mark.timeout(900)

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ACCOUNT = "case-files.tra-cuu"
REQUIREMENT = "ch.1.3.2"
ALERT_SECONDS, RUN_SECONDS, NODE_SECONDS, CATCH_UP_SECONDS = 150, 180, 360, 90


@dataclass(kw_only=True)
class Journey:
    """One walk through the browser: the people's windows, and the codes found on the way."""

    stand: RunningStand
    open_browser: Callable[..., BrowserContext]
    ids: dict[str, str] = field(default_factory=dict)
    windows: dict[str, BrowserContext] = field(default_factory=dict)

    def visit(self, login: str, path: str) -> Page:
        """Open a page as a person and hold it against everything a page must stand up to."""
        if login not in self.windows:
            self.windows[login] = self.open_browser(login)
        page = self.windows[login].new_page()
        look = Look(page=page, origin=self.stand.url)
        page.on("console", lambda message: look.messages.append(message.text))
        page.on("request", lambda request: look.requests.append(request.url))
        page.goto(self.stand.url + path)
        assert look.faults() == [], f"{login} at {path}"
        return page

    def sound(self, page: Page) -> Page:
        """Look at the page a button led to."""
        assert Look(page=page, origin=self.stand.url).faults() == [], page.url
        return page

    def until(self, login: str, path: str, pattern: str, *, seconds: float) -> Page:
        """Reload a page until it says what is waited for."""
        page = self.visit(login, path)
        deadline = time.monotonic() + seconds
        while not re.search(pattern, page.inner_text("body")):
            assert time.monotonic() < deadline, f"{path} did not show {pattern}:\n{page.inner_text('main')[:3000]}"
            time.sleep(0.5)
            page.reload()
        return self.sound(page)


@pytest.fixture(scope="module")
def windows(chromium) -> Iterator[list[BrowserContext]]:
    opened: list[BrowserContext] = []
    yield opened
    for context in opened:
        context.close()


@pytest.fixture(scope="module")
def journey(chromium, stand: RunningStand, windows) -> Journey:
    from tests.journeys.running import context_of

    def open_browser(login: str | None) -> BrowserContext:
        context = context_of(chromium, stand, login)
        windows.append(context)
        return context

    return Journey(stand=stand, open_browser=open_browser)


def test_1_two_officers_are_in_and_a_newcomer_enrols_by_the_drawing(journey: Journey):
    journey.visit("mau.nt", "/trail")
    journey.visit("vidu.l", "/privilege")
    page = journey.open_browser(None).new_page()
    page.goto(f"{journey.stand.url}/sign-in")
    page.fill("input[name=login]", "nhap.ht")
    page.fill("input[name=password]", journey.stand.person("nhap.ht").password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/sign-in/enrol")
    journey.sound(page)
    key = re.search(r"(?:[A-Z2-7]{4}\s+){7}[A-Z2-7]{4}", page.inner_text("main"))
    assert key is not None

    page.fill("input[name=code]", pyotp.TOTP(re.sub(r"\s", "", key[0])).now())
    page.press("input[name=code]", "Enter")
    page.wait_for_url(lambda address: "/sign-in" not in address)

    assert "Hoàng Thị Nháp" in page.inner_text("body")


def test_2_without_a_grant_the_case_stays_shut_and_a_document_opens_it(journey: Journey, tmp_path: Path):
    cases = journey.visit("tap.dt", "/cases")
    case = re.search(r"G\d{2}-\d{6}-\d{4}", cases.inner_text("main"))
    assert case is not None
    journey.ids["case"] = case[0]
    refused = open_case(journey)
    assert "cấp quyền" in refused.inner_text(".refuse")

    journey.ids["request"], journey.ids["document"] = file_request(journey, tmp_path)
    decision = journey.visit("vidu.l", f"/privilege/requests/{journey.ids['request']}/approval")
    decision.click("button[value=approve]")
    confirm(decision, journey.stand, "vidu.l")
    decision.wait_for_url(re.compile(r"/privilege/requests/YC-\d+$"))
    grant = re.search(r"CQ-\d{4,}", journey.sound(decision).inner_text("main"))

    assert grant is not None
    journey.ids["grant"] = grant[0]


def test_3_under_the_grant_it_opens_and_both_tries_are_found_in_elasticsearch(journey: Journey):
    journey.until("mau.nt", "/trail", "nguồn Elasticsearch", seconds=NODE_SECONDS)
    opened = open_case(journey)
    assert opened.locator(".refuse").count() == 0
    began = time.monotonic()

    case, grant = journey.ids["case"], journey.ids["grant"]
    for address in (f"/trail?case={case}", "/trail?q=mở+hồ+sơ", "/trail?q=mo+ho+so", f"/trail?account={ACCOUNT}"):
        page = journey.until("mau.nt", address, grant, seconds=20)
        assert "Elasticsearch" in page.inner_text("#h-timeline ~ .meta")
    journey.ids["took"] = f"{time.monotonic() - began:.1f}"
    both = journey.visit("mau.nt", f"/trail?case={case}&action=cases:file:open")
    rows = both.locator("table.table >> nth=-1").inner_text()
    assert "từ chối" in rows
    assert grant in rows
    links = both.locator(f"tr:has-text('{grant}') a[href^='/trail/']").evaluate_all("all => all.map(a => a.pathname)")
    entry = next(link for link in links if link.rpartition("/")[2].isdigit())
    journey.ids["entry"] = entry.rpartition("/")[2]
    shown = journey.visit("mau.nt", entry)
    assert shown.locator("nav.thread li.gone").count() == 0
    assert journey.ids["document"] in shown.inner_text("nav.thread")


def test_4_the_portal_stops_and_the_alert_stands_on_the_page_with_its_runbook(journey: Journey):
    before = set(re.findall(r"CB-\d{4,}", journey.visit("thu.tv", "/operations/alerts").inner_text("main")))
    journey.stand.hold("portal")
    deadline = time.monotonic() + ALERT_SECONDS
    fresh: set[str] = set()
    while not fresh:
        assert time.monotonic() < deadline
        page = journey.visit("thu.tv", "/operations/alerts")
        fresh = set(re.findall(r"CB-\d{4,}", page.inner_text("main"))) - before
        page.close()
        time.sleep(1)

    journey.ids["alert"] = max(fresh)
    shown = journey.visit("thu.tv", f"/operations/alerts/{journey.ids['alert']}")
    assert shown.locator("a[href*='/operations/runbooks/']").count() > 0


def test_5_from_the_alert_the_prepared_playbook_runs_and_its_hash_stands_there(journey: Journey):
    alert = journey.ids["alert"]
    page = journey.visit("thu.tv", f"/operations/alerts/{alert}")
    page.locator("form[action$='/runs'] button, form[action*='/run'] button").first.click()
    page.wait_for_load_state()
    shown = journey.until("thu.tv", f"/operations/alerts/{alert}", "SHA-256 của gói kết quả", seconds=RUN_SECONDS)
    journey.stand.release("portal")

    run = re.search(r"LC-\d{4,}", shown.inner_text("main"))
    assert run is not None
    journey.ids["run"] = run[0]


def test_6_the_requirement_rests_on_the_thread_and_the_bundle_proves_it(journey: Journey, tmp_path: Path):
    page = journey.visit("giadinh.v", "/compliance")
    page.click("form[action='/compliance/checks'] button")
    page.wait_for_load_state()
    journey.sound(page)
    shown = journey.visit("giadinh.v", f"/compliance/{REQUIREMENT}").inner_text("main")
    for name in ("document", "grant", "entry", "run"):
        assert journey.ids[name] in shown, name
    time.sleep(12)  # the next seal takes in the entries of the last moment

    form = journey.visit("giadinh.v", f"/trail/bundle?requirement={REQUIREMENT}")
    form.select_option("select[name=thread]", REQUIREMENT)
    with form.expect_download() as download:
        form.click("form[action='/trail/bundle'] button")
    content = Path(download.value.path()).read_bytes()
    proof = prove(content, folder=tmp_path, entry=int(journey.ids["entry"]))

    assert (proof.good, proof.bad, proof.names_the_entry) == (0, 1, True)
    assert proof.altered == int(journey.ids["entry"])


def test_7_every_search_and_export_of_the_walk_is_an_entry_itself(journey: Journey):
    page = journey.until("mau.nt", "/trail?who=giadinh.v", "Xuất gói bằng chứng", seconds=30)

    assert "Xem bằng chứng" in page.inner_text("body") or "Chạy phép kiểm" in page.inner_text("body")


@pytest.mark.parametrize("path", ["/trail", "/trail/0", "/trail/bundle", "/compliance", f"/compliance/{REQUIREMENT}",
                                  "/compliance/evidence", "/compliance/evidence/BC-0001"])  # fmt: skip
@pytest.mark.parametrize("more", [{"viewport": {"width": 320, "height": 900}}, {"color_scheme": "dark"},
                                  {"java_script_enabled": True, "locale": "en-GB"}])  # fmt: skip
def test_the_pages_of_assurance_stand_narrow_dark_and_in_either_language(
    stand: RunningStand, browser_of: Callable[..., BrowserContext], path: str, more: dict[str, object]
):
    page = browser_of("giadinh.v", **more).new_page()
    look = Look(page=page, origin=stand.url)
    page.on("console", lambda message: look.messages.append(message.text))
    page.goto(stand.url + path + ("?lang=en" if "locale" in more else ""))

    assert look.faults() == []


def test_while_elasticsearch_is_stopped_nothing_is_refused_and_search_says_since_when(journey: Journey):
    journey.until("mau.nt", "/trail", "nguồn Elasticsearch", seconds=NODE_SECONDS)
    journey.stand.hold("elasticsearch")
    try:
        opened = open_case(journey)
        assert opened.locator(".refuse").count() == 0
        page = journey.until("mau.nt", f"/trail?case={journey.ids['case']}", r"từ \d\d/\d\d \d\d:\d\d", seconds=60)
        shown = page.inner_text(".degraded")
        assert "Elasticsearch không trả lời" in shown
        assert "Không từ chối gì, không mất gì" in shown
        assert "nguồn PostgreSQL" in page.inner_text("main")
        total = page.locator("table.table >> nth=-1").locator("tbody tr").count()
        assert total >= 3
    finally:
        journey.stand.release("elasticsearch")

    caught_up = rf"\b{total} mục khớp · nguồn Elasticsearch"
    after = journey.until(
        "mau.nt", f"/trail?case={journey.ids['case']}", caught_up, seconds=NODE_SECONDS + CATCH_UP_SECONDS
    )
    assert after.locator(".degraded").count() == 0


@pytest.mark.parametrize("time_around", ["once", "again"])
def test_the_command_walks_the_thread_and_can_do_it_again(stand: RunningStand, time_around: str):
    done = stand.vonglau("demo", "--json", check=False)
    steps = [json.loads(line) for line in done.stdout.splitlines()]

    assert len(steps) >= 10
    assert all(step["ok"] for step in steps), "\n".join(step["seen"] for step in steps)
    assert done.returncode == 0


def test_the_command_says_that_nothing_runs(tmp_path: Path, stand: RunningStand):
    done = type(stand)(data=tmp_path / "nothing", up={}).vonglau("demo", "--json", check=False)

    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "stand.not_running"


def open_case(journey: Journey) -> Page:
    page = journey.visit("tap.dt", f"/cases/{journey.ids['case']}")
    page.select_option("select[name=purpose]", "case.appraisal")
    page.click(f"form[action='/cases/{journey.ids['case']}'] button")
    page.wait_for_load_state()
    if page.locator("input[name=step_up_code]").count():  # without a grant nobody is asked, only refused
        confirm(page, journey.stand, "tap.dt")
    return page


def file_request(journey: Journey, folder: Path) -> tuple[str, str]:
    local = datetime.now(UTC).astimezone(ZONE)
    number = f"{local:%H%M%S}/QĐ-BMH"
    paper = folder / "quyet-dinh.pdf"
    paper.write_bytes(b"%PDF-1.4\n" + number.encode() + b"\n%%EOF\n")
    page = journey.visit("minhhoa.pm", "/privilege/requests/new")
    page.select_option("select[name=account]", ACCOUNT)
    page.select_option("select[name=holder]", "tap.dt")
    page.select_option("select[name=document]", "new")
    if page.locator("details:not([open]) input[name=number]").count():
        page.locator("details:has(input[name=number]) summary").click()
    page.fill("input[name=starts_at]", f"{local:%d/%m/%Y %H:%M}")
    page.fill("input[name=ends_at]", f"{local + timedelta(hours=2):%d/%m/%Y %H:%M}")
    page.fill("textarea[name=purpose]", "Thẩm định hồ sơ")
    page.fill("input[name=number]", number)
    page.fill("input[name=issuing_unit]", "Bộ Minh hoạ")
    page.fill("input[name=signer]", "Lê Ví Dụ")
    page.fill("input[name=subject]", "Giao quyền mở dữ liệu cá nhân trong hồ sơ")
    for name, day in (("signed_on", local), ("valid_from", local), ("valid_to", local + timedelta(days=30))):
        page.fill(f"input[name={name}]", f"{day:%d/%m/%Y}")
    page.set_input_files("input[name=file]", str(paper))
    page.click("form[enctype='multipart/form-data'] .acts button.btn-primary")
    confirm(page, journey.stand, "minhhoa.pm")
    page.wait_for_url(re.compile(r"/privilege/requests/YC-\d+$"))
    return journey.sound(page).url.rpartition("/")[2], number
