"""A file of accounts on its way in: checked, confirmed exactly as checked, taken once (page and command)."""

from __future__ import annotations

import io
import json
import re

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from control.decisions import Allow
from control.errors import NotFound
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.imports import service
from control.privilege.imports.domain import COLUMNS, MAXIMUM_ROWS
from tests.factories.privilege import House, actor_of, entries, last_event, make_account, make_act
from tests.integration.privilege.test_pages import Browser


def sheet(*rows):
    return "\r\n".join([",".join(COLUMNS), *[",".join(row) for row in rows], ""]).encode()


def line(house, name, **changes):
    values = {
        "asset": house.account.asset.code, "name": name, "use": "Quản trị thử", "category": "infrastructure",
        "kind": "shared", "class": "normal", "owner": house.owner.login, "person": "",
        "document": house.document.number,
    }  # fmt: skip
    return [(values | changes)[column] for column in COLUMNS]


def take(session, house, content, *, act=None):
    act = act or house.as_admin()
    row = service.bring_file(session, content, act=act)
    report = service.check_file(session, content, act=act)
    return row, service.take_file(
        session, code=row.code, sha256_read=row.file_sha256, outcome_read=report.outcome, act=act
    )


def accounts(session, house):
    query = select(PrivilegedAccount).where(PrivilegedAccount.asset_id == house.account.asset_id)
    return {row.name: row for row in session.scalars(query.execution_options(populate_existing=True))}


def test_a_file_is_taken_whole_and_a_second_time_finds_nothing_to_do(session, house):
    content = sheet(
        line(house, "moi"),
        line(house, "la", document=""),
        line(house, "xau", owner="khong.co"),
        line(house, "tap.dt", category="officer", kind="personal", person=house.holder.login),
    )

    row, decision = take(session, house, content)
    here = accounts(session, house)
    again = service.check_file(session, content, act=house.as_admin())

    assert isinstance(decision, Allow)
    assert (row.added, row.changed, row.left_out) == (3, 0, 1)
    assert (here["moi"].state, here["moi"].document_id) == ("active", house.document.id)
    assert (here["la"].state, here["la"].owner_id) == ("orphan", house.owner.id)
    assert here["tap.dt"].person_id == house.holder.id
    assert "xau" not in here
    assert again.counts == {"add": 0, "change": 0, "same": 3, "refuse": 1}
    told = [entry["event"]["action"] for entry in entries(session)]
    assert told.count("privilege:account:record") == 3
    assert told[-1] == "privilege:account:import"


def test_a_change_of_use_and_owner_is_taken_with_a_document(session, house):
    changed = line(house, "root", use="Việc mới", owner=house.holder.login)

    row, decision = take(session, house, sheet(changed))

    session.refresh(house.account)
    assert isinstance(decision, Allow)
    assert row.changed == 1
    assert (house.account.use, house.account.owner_id) == ("Việc mới", house.holder.id)


def test_what_changed_since_the_check_is_not_taken(session, house):
    content, act = sheet(line(house, "moi")), house.as_admin()
    row = service.bring_file(session, content, act=act)
    report = service.check_file(session, content, act=act)
    make_account(session, owner=house.owner, asset=house.account.asset.code, name="moi")

    decision = service.take_file(
        session, code=row.code, sha256_read=row.file_sha256, outcome_read=report.outcome, act=act
    )

    assert decision.reason == "import.changed_meanwhile"
    assert last_event(session) == ("privilege:account:import", "failure", "import.changed_meanwhile")
    assert row.applied_at is None


def test_another_file_than_the_one_that_was_read_is_not_taken(session, house):
    row = service.bring_file(session, sheet(line(house, "moi")), act=house.as_admin())

    decision = service.take_file(
        session, code=row.code, sha256_read="0" * 64, outcome_read="0" * 64, act=house.as_admin()
    )

    assert decision.reason == "import.other_file"
    assert "moi" not in accounts(session, house)


def test_a_file_is_taken_once(session, house):
    row, _ = take(session, house, sheet(line(house, "moi")))

    decision = service.take_file(
        session, code=row.code, sha256_read=row.file_sha256, outcome_read="0" * 64, act=house.as_admin()
    )

    assert decision.reason == "import.taken_already"


def test_the_file_of_somebody_else_is_not_found(session, house):
    row = service.bring_file(session, sheet(line(house, "moi")), act=house.as_admin())

    with pytest.raises(NotFound):
        service.load_import(session, row.code, act=house.as_leader())


def test_the_bytes_that_were_checked_never_change(session, house):
    service.bring_file(session, sheet(line(house, "moi")), act=house.as_admin())

    for change in ("file = ''", "file_sha256 = repeat('0', 64)", "brought_by_id = NULL"):
        with pytest.raises(DBAPIError) as caught, session.begin_nested():
            session.execute(text(f"UPDATE account_import SET {change}"))
        assert type(caught.value.orig).__name__ == "InsufficientPrivilege"


def test_fifty_thousand_rows_are_checked_and_taken(session, house):
    content = sheet(*[line(house, f"tk-{number}") for number in range(MAXIMUM_ROWS)])

    row, decision = take(session, house, content)

    assert isinstance(decision, Allow)
    assert row.added == MAXIMUM_ROWS == 50_000
    assert last_event(session)[:2] == ("privilege:account:import", "success")


@pytest.fixture
def kept(app):
    with app.extensions["vonglau"].database.unit_of_work() as session:
        return House(session, asset="case-files")


def test_the_page_shows_row_by_row_and_takes_with_a_second_factor(app, kept):
    admin = Browser(app, actor_of(kept.admin, roles=("administrator",)))
    content = sheet(line(kept, "moi"), line(kept, "xau", owner="khong.co"))

    empty = admin.post("/privilege/imports", on="/privilege/imports/new", status=422)
    answer = admin.post("/privilege/imports", on="/privilege/imports/new", file=(io.BytesIO(content), "x.csv"))
    address = answer.headers["Location"]
    page = admin.get(address)
    hidden = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in ("sha256", "outcome")}
    every = admin.client.get(f"{address}?format=csv").data.decode("utf-8-sig")
    admin.post(f"{address}/confirmation", on=address, **hidden)

    assert "Chọn tệp CSV" in empty.text
    assert "chủ không có trong danh bạ" in page
    assert "case-files.xau,refuse" in every
    assert "case-files · moi" in admin.get("/privilege/accounts?q=moi")
    assert "<b>1</b> thêm" in admin.get(address)
    again = admin.post(f"{address}/confirmation", on="/privilege/imports/new", status=403, **hidden)
    assert "đã được nhập rồi" in again.text


def test_only_who_manages_accounts_brings_files(app, kept):
    leader = Browser(app, actor_of(kept.leader, roles=("approver",)))

    leader.get("/privilege/imports/new", status=403)


def test_the_command_checks_and_takes_and_answers_a_machine(app, kept, tmp_path, monkeypatch, capsys):
    from control.cli import main

    settings = app.extensions["vonglau"].settings
    monkeypatch.setenv("VONGLAU_MODE", "test")
    for name, value in {
        "DATABASE_URL": settings.database_url.replace("postgresql+psycopg", "postgresql"),
        "BASE_URL": settings.base_url,
        "SECRET_KEY": settings.secret_key, "PROFILE": settings.profile, "STATE_DIR": str(settings.state_dir),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"VONGLAU_{name}", value)
    file = tmp_path / "tk.csv"
    file.write_bytes(sheet(line(kept, "moi"), line(kept, "xau", owner="khong.co")))
    told = []
    for arguments in (["--dry-run"], [], []):
        with pytest.raises(SystemExit) as ended:
            main(["accounts", "import", str(file), *arguments, "--json"])
        told.append((ended.value.code, json.loads(capsys.readouterr().out)))

    assert [(code, out["add"], out["same"], out["refuse"]) for code, out in told] == [
        (1, 1, 0, 1),
        (1, 1, 0, 1),
        (1, 0, 1, 1),
    ]
    assert told[0][1]["left_out"][0]["reasons"] == ["import.row.owner_unknown"]


def test_an_act_without_a_person_brings_a_file_of_the_system(session, house):
    act = make_act(actor_of(house.admin))
    system = act.as_actor(type(act.actor)(id=0, login="accounts-import", name=""))

    row, decision = take(session, house, sheet(line(house, "moi")), act=system)

    assert (row.brought_by_id, isinstance(decision, Allow)) == (None, True)
