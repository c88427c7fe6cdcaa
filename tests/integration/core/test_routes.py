"""The list of all doors: adding one changes tests/data/routes.txt, in the diff, for a reviewer."""

from pathlib import Path

from control.access import access_of, least_level_of
from control.frame.navigation import WINGS, wing_of

LIST = Path(__file__).parents[2] / "data" / "routes.txt"


def lines(app):
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        methods = ",".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        view = app.view_functions[rule.endpoint]
        level = least_level_of(app, rule.endpoint)
        door = f"{access_of(app, rule.endpoint)}{f' at level {level}' if level else ''}"
        proof = " | takes a fresh proof" if getattr(view, "steps_up", False) else ""
        yield f"{methods} {rule.rule} | {door} | {view.trace.action or 'none: ' + view.trace.because}{proof}"


def test_every_route_stands_in_the_list_with_its_marks(app):
    found = list(lines(app))

    assert found == LIST.read_text(encoding="utf-8").splitlines(), "\n".join(found)


def test_no_route_that_changes_state_answers_to_get(app):
    changing = ("create", "approve", "reject", "revoke", "delete", "end", "file", "run", "take", "cancel")
    wrong = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set())
        and (action := app.view_functions[rule.endpoint].trace.action) is not None
        and action.rsplit(":", 1)[1] in changing
        and "POST" not in (rule.methods or set())
    ]
    assert wrong == []


def test_every_list_of_a_wing_is_two_clicks_away(app):
    shown = {address for wing in WINGS for place in wing.places for address in place.paths}
    reached_from_their_page = {
        "/people/me/level",  # shown when an act asks for more
        "/people/me/password",  # for local passwords only, from the sign-in page
        "/people/seniors/rights",  # for the senior accounts themselves, which hold no role
        "/privilege/account-requests/urgent",
        "/trail/integrity/line",
        "/trail/retention/holds",
        "/trail/retention/proposals",
        "/trail/searches",
    }
    lists = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set()) and not rule.arguments and wing_of(rule.rule) is not None
    }

    assert {path for path in lists if not path.endswith("/new")} - shown == reached_from_their_page
