"""The trail's own pages with something in them, looked at wide and light, narrow and dark, with and without script."""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import audit
from audit.checkpoint import Checkpointer
from audit.notes import SigningKey
from audit.signer import Signer
from control.stand.postgres import DATABASE
from tests.factories.audit import SignerHere, settle
from tests.factories.privilege import House
from tests.journeys.conftest import NOON

CASE = "G99-261122-0001"
SHOTS = os.environ.get("VONGLAU_SHOTS")  # a folder, for whoever wants to look with their own eyes


@pytest.fixture(scope="session")
def told(site, migrated, tmp_path_factory):
    """A grant, acts under it, a refusal, the system's own acts over a day and a half; numbered, sealed, one report."""
    held = site.app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        house = House(session)
        grant = house.grant().code
        holder, document, account = f"person:{house.holder.id}", house.document.number, house.account.code
        case = audit.About(case_code=CASE, grant_id=grant, account_id=account, document_number=document)

        def write(hours: float, action: str, **values: object) -> None:
            at = NOON - timedelta(hours=hours)
            writer = audit.Writer(boot=secrets.token_hex(4))
            boot, number, mono = writer.next()
            entry = audit.Entry(
                id=audit.new_id(at, secrets.token_bytes(10)), at=at, action=action, writer_boot=boot, writer_n=number,
                writer_mono_ns=mono, **values,
            )  # fmt: skip
            audit.append(session.connection(), entry, writer=writer)

        for place in range(40):
            write(place * 0.6, "operations:alert:receive", actor_id="system:alerts")
        for hours in (0.2, 1.5, 3, 3.2, 20):
            write(
                hours, "cases:file:open", actor_id=holder, actor_name="Đặng Thị Tập", source_ip="10.20.4.17",
                actor_roles=("case-officer",), session_id="PH-0001", purpose="case.appraisal", about=case,
            )  # fmt: skip
        write(0.1, "cases:file:open", actor_id=holder, actor_roles=("case-officer",), outcome=audit.Outcome.FAILURE,
              denied=True, reason="case.no_grant", about=audit.About(case_code=CASE))  # fmt: skip
    database = f"{DATABASE}_journeys"
    sequencer = create_engine(migrated.url("vl_sequencer", database=database))
    signer = create_engine(migrated.url("vl_signer", database=database))
    settle(sequencer, now=NOON)
    key = SigningKey(name="vonglau/audit", seed=bytes(range(32)))
    state = tmp_path_factory.mktemp("signer") / "signed.json"
    Checkpointer(engine=sequencer, signer=SignerHere(Signer(engine=signer, key=key, state_file=state))).run_once(
        now=NOON, force=True
    )
    with sequencer.connect() as connection:
        last = audit.Journal(connection).head().size - 1
    sequencer.dispose()
    signer.dispose()
    return {"grant": grant, "holder": holder, "document": document, "account": account, "last": last}


@pytest.fixture
def report(look, site, told):
    """The address of a report made by pressing the button."""
    seen = look(f"{site.url}/trail/reports", cookies=site.cookies)
    seen.page.get_by_role("button", name="Lập báo cáo").click()
    seen.page.wait_for_url("**/trail/reports/*")
    return seen.page.url.removeprefix(site.url)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (320, "dark")])
def test_every_page_of_the_trail_stands_with_something_in_it(look, window, site, told, report, width, scheme):
    addresses = {
        "timeline": "/trail",
        "narrowed": f"/trail?case={CASE}&outcome=denied&last=24h",
        "entry": f"/trail/{told['last']}",
        "verification": f"/trail/{told['last']}/verification",
        "personal": f"/trail/{told['last']}/personal",
        "person": f"/trail/follow/person/{told['holder']}",
        "grant": f"/trail/follow/grant/{told['grant']}",
        "document": f"/trail/follow/document/{told['document']}",
        "account": f"/trail/follow/account/{told['account']}",
        "case": f"/trail/follow/case/{CASE}",
        "session": "/trail/follow/session/PH-0001",
        "report": report,
    }
    seen = look(f"{site.url}/keyboard", context=window(width=width, scheme=scheme), cookies=site.cookies)
    faults = {}
    for name, address in addresses.items():
        seen.open(site.url + address)
        if found := seen.faults():
            faults[name] = found
        if SHOTS:
            seen.page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)

    assert faults == {}


def test_two_presses_on_the_drawing_choose_a_span_without_any_script(look, site, told):
    seen = look(f"{site.url}/trail", cookies=site.cookies, javascript=False)
    columns = seen.page.locator("svg.draw a")
    assert columns.count() == 24

    columns.nth(20).click(position={"x": 5, "y": 60})
    assert seen.page.locator("svg.draw rect.is-info").count() == 1
    seen.page.locator("svg.draw a").nth(23).click(position={"x": 5, "y": 60})

    assert seen.page.locator("svg.draw rect.is-info").count() == 4
    assert {"từ", "đến"} == {text.split(":")[0] for text in seen.page.locator(".chips li span").all_inner_texts()}


def test_with_script_a_facet_exchanges_only_the_timeline_and_keeps_the_address(look, site, told):
    seen = look(f"{site.url}/trail?last=24h", cookies=site.cookies)
    seen.page.evaluate("document.querySelector('h1').dataset.kept = 'yes'")

    seen.page.locator("#facet-actor-1").click()
    seen.page.locator("#chip-who").wait_for()

    assert "who=" in seen.page.url
    assert seen.page.locator("h1[data-kept=yes]").count() == 1
    assert seen.faults(axe=False) == []
