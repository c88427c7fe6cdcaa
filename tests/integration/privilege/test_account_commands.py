"""Locking from the shell of the machine, and what the demonstration puts in, each through the same services."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from control.acts import Actor
from control.cli import LazyGroup
from control.errors import InvalidInput, NotAllowed
from control.people.locks.standing import standing_locks
from control.privilege import LifecycleTerms, seed_account_requests
from control.privilege.accounts.models import PrivilegedAccount
from control.privilege.assets.models import Asset
from control.privilege.lifecycle.models import AccountRequest
from control.privilege.personnel.service import unrequested_accounts
from control.privilege.processes.models import AccountProcess
from tests.factories.lifecycle import PROVINCE, Unit, terms
from tests.factories.privilege import NOON, law, make_act, make_person
from tests.integration.conftest import environment


@pytest.fixture
def world(app, clean_database, tmp_path):
    held = app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        unit = Unit(session)
        code = unit.account().code
    variables = environment(clean_database.url("vl_web"), tmp_path) | {"VONGLAU_PROFILE": PROVINCE}

    def run(*arguments):
        return CliRunner().invoke(LazyGroup("vonglau"), ["accounts", "lock", *arguments], env=variables)

    return SimpleNamespace(run=run, held=held, code=code, unit=unit)


def test_an_account_is_locked_from_the_shell_without_the_directory(world):
    order = ("--incident", "SC-0042", "--reason", "Lộ mật khẩu", "--caller", "Trưởng phòng Mẫu")
    planned = world.run(world.code, *order, "--dry-run")
    assert planned.exit_code == 0, planned.output
    with world.held.database.unit_of_work() as session:
        assert session.scalar(select(PrivilegedAccount.state)) == "active"

    done = world.run(world.code, *order)
    assert done.exit_code == 0, done.output
    with world.held.database.unit_of_work() as session:
        assert session.scalar(select(PrivilegedAccount.state)) == "locked"
        request = session.scalars(select(AccountRequest)).one()
        assert (request.mode, request.caller, request.channel) == ("emergency", "Trưởng phòng Mẫu", "phone")
        assert standing_locks(session, person_id=world.unit.officer.id, now=request.received_at)
    assert isinstance(world.run(world.code, *order).exception, NotAllowed), "it is locked already"
    assert isinstance(world.run("khong.co", *order).exception, InvalidInput)
    assert world.run(world.code, "--reason", "x").exit_code == 2, "an incident number is needed"


def test_the_demonstration_is_whole_and_put_in_once(app):
    held = app.extensions["vonglau"]
    with held.database.unit_of_work() as session:
        for login, name in (("tap.dt", "Đặng Thị Tập"), ("minhhoa.pm", "Phạm Minh Hoạ")):
            make_person(session, login=login, name=name).unit = "Bộ phận Một cửa"
        session.add(
            Asset(code="case-files", title="Mô-đun xử lý hồ sơ", kind="software", unit="TT", level=3, created_at=NOON)
        )
        session.flush()
        act = make_act(Actor(id=0, login="demonstration-seed", name=""))
        known = LifecycleTerms.of(law(), profile="ministry-construction-2025")
        assert seed_account_requests(session, act, terms=known) == 2
        assert seed_account_requests(session, act, terms=known) == 0
    with held.database.unit_of_work() as session:
        assert session.scalar(select(PrivilegedAccount.state)) == "active"
        assert session.scalar(select(AccountProcess.state)) == "active"
        states = session.scalars(select(AccountRequest.state).order_by(AccountRequest.id)).all()
        assert states == ["done", "submitted"]
        assert unrequested_accounts(session) == ()
        assert terms().must_be_signed
