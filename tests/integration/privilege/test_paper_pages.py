"""The page of forms, and a form begun with the facts of an account."""

from __future__ import annotations

import pytest

from tests.factories.privilege import House, actor_of, make_account
from tests.integration.privilege.test_pages import Browser


@pytest.fixture
def house(app):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        return House(session, asset="case-files")


def browser(app, person, *roles):
    return Browser(app, actor_of(person, roles=roles))


def test_everybody_signed_in_finds_the_eight_forms(app, house):
    holder = browser(app, house.holder, "case-officer")

    page = holder.get("/privilege/papers")
    file = holder.client.get("/privilege/papers/05.pdf")

    assert page.count(".pdf") == 8
    assert "Văn bản đề nghị cấp mới tài khoản" in page
    assert "Request for new accounts" in holder.get("/privilege/papers?lang=en")
    assert (file.status_code, file.data[:5]) == (200, b"%PDF-")
    assert "mau-05.pdf" in file.headers["Content-Disposition"]
    holder.get("/privilege/papers/09.pdf", status=404)
    holder.get("/privilege/papers/..%2f.pdf", status=404)


@pytest.mark.attack("E15")
def test_e15_a_form_begun_with_an_account_is_for_who_may_see_the_account(app, house):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        own = make_account(
            session, owner=house.holder, asset="case-files", name="tap.dt", category="officer", kind="personal",
            person_id=house.holder.id,
        ).code  # fmt: skip
    admin, holder = browser(app, house.admin, "administrator"), browser(app, house.holder, "case-officer")

    assert admin.client.get(f"/privilege/papers/02.pdf?account={house.account.code}").status_code == 200
    assert holder.client.get(f"/privilege/papers/02.pdf?account={own}").status_code == 200
    holder.get(f"/privilege/papers/02.pdf?account={house.account.code}", status=404)
    admin.get(f"/privilege/papers/06.pdf?account={house.account.code}", status=404)
    admin.get("/privilege/papers/02.pdf?account=%00", status=404)
