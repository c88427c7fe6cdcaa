"""The product as `bin/up` starts it, looked at through the browser."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from control.commands.demo import forget_factor
from control.commands.speech import Speech
from tests.journeys.running import RunningStand, sign_in


def test_a_person_of_the_demonstration_signs_in_with_two_factors(
    stand: RunningStand, browser_of: Callable[..., BrowserContext]
):
    page = browser_of(None).new_page()  # a session of an earlier journey may be one too many by now
    sign_in(page, stand, "mau.nt")
    page.goto(stand.url)

    assert "/sign-in" not in page.url
    assert "Nguyễn Thị Mẫu" in page.inner_text("body")


def test_somebody_new_meets_the_drawing_of_the_enrolment(
    stand: RunningStand, browser_of: Callable[..., BrowserContext]
):
    forget_factor(Speech(data=str(stand.data)), login="nhap.ht")  # another journey may have enrolled already
    page = browser_of(None).new_page()
    page.goto(f"{stand.url}/sign-in")
    page.fill("input[name=login]", "nhap.ht")
    page.fill("input[name=password]", stand.person("nhap.ht").password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/sign-in/enrol")

    assert page.locator("main img").count() == 1
