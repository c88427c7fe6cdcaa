"""Every page that stands at an address of its own, looked at narrow and dark, wide and light, in both languages."""

from __future__ import annotations

import pytest

from control.access import Door

NOT_PAGES = {"/healthz", "/metrics", "/", "/api/v1/openapi.json"}


def pages(app) -> list[str]:
    """Return the addresses without a variable that people may open."""
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set())
        and not rule.arguments
        and rule.rule not in NOT_PAGES
        and app.view_functions[rule.endpoint].access.door not in {Door.MACHINE, Door.API}
    )


@pytest.mark.timeout(900)  # all pages, one after the other, in a real browser
@pytest.mark.parametrize(("width", "scheme", "language"), [(1440, "light", "vi"), (320, "dark", "en")])
def test_every_page_of_every_wing_has_no_fault(look, window, site, width, scheme, language):
    seen = look(f"{site.url}/keyboard", context=window(width=width, scheme=scheme), cookies=site.cookies)
    faults = {}
    for path in pages(site.app):
        seen.open(f"{site.url}{path}?lang={language}", status=None)
        found = seen.faults()
        if seen.status >= 500:
            found.append(f"status {seen.status}")
        if found:
            faults[path] = found

    assert faults == {}
