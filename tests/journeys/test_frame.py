"""The frame in a real browser: every component, the error pages, both languages, narrow, dark and without script."""

from __future__ import annotations

import pytest

VIEWS = [(1440, "light"), (1440, "dark"), (320, "light"), (320, "dark")]
PAGES = [
    ("/internal/components", 200),
    ("/internal/components?lang=en&sort=-sessions", 200),
    ("/keyboard", 200),
    ("/no-such-page", 404),
    ("/no-such-page?lang=en", 404),
    ("/internal/components?after=%00", 422),
]


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
@pytest.mark.parametrize(("path", "status"), PAGES)
def test_a_page_has_no_fault_in_any_view(look, window, site, path, status, width, scheme):
    context = window(width=width, scheme=scheme)
    seen = look(site.url + path, context=context, status=status, cookies=site.cookies)

    assert seen.faults() == []


def test_every_landmark_table_and_drawing_opens_without_a_fault(look, site):
    seen = look(site.url + "/internal/components", cookies=site.cookies)

    for summary in seen.page.locator("summary").all():
        summary.click()

    assert seen.faults() == []


def test_the_page_prints_with_its_thread_and_whole_digests(look, site):
    seen = look(site.url + "/internal/components", cookies=site.cookies)

    seen.page.emulate_media(media="print")

    assert seen.page.locator(".thread").first.is_visible()
    assert seen.page.locator("code.dg .d-print-inline").first.is_visible()
    assert not seen.page.locator(".top").is_visible()
    assert not seen.page.locator("form.filters").is_visible()


def test_keys_move_through_the_rows_and_open_help(look, site):
    page = look(site.url + "/internal/components", cookies=site.cookies).page
    page.evaluate("document.activeElement.blur()")

    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("k")
    second = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("/")
    searched = page.evaluate("document.activeElement.name")

    assert first != second
    assert searched == "q"


def test_keys_never_work_inside_a_field_and_can_be_turned_off(look, site):
    page = look(site.url + "/internal/components", cookies=site.cookies).page
    page.locator("#f-document").click()
    page.keyboard.press("?")
    assert page.url.endswith("/internal/components")

    page.goto(site.url + "/keyboard")
    page.get_by_role("button", name="Tắt phím tắt").click()
    page.keyboard.press("?")
    page.goto(site.url + "/internal/components")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")

    assert page.url.endswith("/internal/components")


def test_the_error_summary_takes_the_focus_and_leads_to_the_field(look, site):
    page = look(site.url + "/internal/components", cookies=site.cookies, javascript=False).page

    assert page.locator(".summary:focus").count() == 1
    page.locator(".summary a").first.click()

    assert page.url.endswith("#f-document")


def test_without_script_the_language_the_table_and_the_list_of_parts_work(look, site):
    page = look(site.url + "/internal/components", cookies=site.cookies, javascript=False).page

    page.get_by_role("link", name="English").click()
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("link", name="Sessions").click()
    assert "sort=-sessions" in page.url
    page.get_by_role("link", name="Older").click()
    assert "after=" in page.url
    page.locator("details.parts summary").click()

    assert page.locator("details.parts ul").is_visible()


def test_the_skip_link_is_the_first_stop_of_the_tab_key(look, site):
    page = look(site.url + "/keyboard", cookies=site.cookies).page

    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.getAttribute('href')") == "#content"
    assert page.locator(".skip").is_visible()
