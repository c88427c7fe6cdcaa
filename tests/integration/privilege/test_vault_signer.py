"""The signer opens a data key for exactly one check-out or rotation, and the wrong doors stay shut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from control.privilege.vault import rotations, service
from control.privilege.vault.custody import KEY_FILE, CustodyRefused
from control.privilege.vault.domain import Method
from control.privilege.vault.models import SecretCheckout, SecretRelease, SecretRotation, SecretVersion
from control.privilege.vault.sealing import unseal
from control.privilege.vault.service import Opened, Target
from control.stand.accounts import account_for, drop, separation_is_on
from tests.factories.privilege import House, actor_of, make_act
from tests.factories.vault import EVERYBODY, INVENTED, NOBODY, deposited, open_vault, vault_terms
from tests.integration.conftest import environment

CHECKOUT = Path(__file__).parents[3]
MACHINE = Target(method=Method.POSTGRESQL, host="127.0.0.1", port=1, database="nowhere")
needs_root = pytest.mark.skipif(not separation_is_on(), reason="only root can be somebody else")


@pytest.fixture
def world(app, clock, role_engine, server_folder, tmp_path_factory):
    folder = server_folder / tmp_path_factory.mktemp("vault").name
    folder.mkdir(mode=0o711)
    database = app.extensions["vonglau"].database
    with open_vault(folder, engine=role_engine("vl_signer"), clock=clock) as custody:
        with database.unit_of_work() as session:
            house = House(session)
            as_owner = make_act(actor_of(house.owner))
            deposited(session, house.account, custody=custody, act=as_owner, document_id=house.document.id)
            grant = house.grant()
        yield SimpleNamespace(
            database=database, house=house, custody=custody, grant=grant, clock=clock, folder=folder,
            engine=role_engine("vl_signer"), web=role_engine("vl_web"), owner=as_owner,
        )  # fmt: skip


def take(world, **changes):
    with world.database.unit_of_work() as session:
        return service.check_out(
            session,
            code=world.house.account.code,
            reason="Vá lỗi",
            act=make_act(actor_of(changes.get("person", world.house.holder)), now=world.clock.now),
            terms=vault_terms(),
        )


def refusal_of(act):
    with pytest.raises(CustodyRefused) as refused:
        act()
    return refused.value.code


def test_a_check_out_opens_its_key_once_and_the_release_is_on_record_first(world):
    opened = take(world)
    assert isinstance(opened, Opened)
    key = world.custody.open_for_checkout(opened.checkout.id, token=opened.token)

    assert unseal(opened.ciphertext, data_key=key, account=world.house.account.code, number=1) == INVENTED
    assert refusal_of(lambda: world.custody.open_for_checkout(opened.checkout.id, token=opened.token)) == "twice"
    with world.web.connect() as connection:
        (row,) = connection.execute(select(SecretRelease.checkout_id, SecretRelease.uid, SecretRelease.released_at))
    assert row == (opened.checkout.id, os.geteuid(), world.clock.now)


def test_nothing_is_opened_without_a_check_out_or_with_anothers_token(world):
    opened = take(world)

    assert refusal_of(lambda: world.custody.open_for_checkout(opened.checkout.id + 1, token=opened.token)) == "unknown"
    assert refusal_of(lambda: world.custody.open_for_checkout(opened.checkout.id, token="guessed")) == "unknown"
    assert refusal_of(lambda: world.custody.open_for_rotation(1, version_id=opened.checkout.version_id)) == "unknown"
    with world.web.connect() as connection:
        assert connection.execute(select(SecretRelease.id)).all() == []


@pytest.mark.parametrize(
    ("happened", "code"),
    [
        ("UPDATE privilege_grant SET state = 'suspended'", "no-grant"),
        ("UPDATE person SET state = 'suspended' WHERE id = :holder", "no-grant"),
        ("UPDATE secret_checkout SET closed_at = opened_at, closed_why = 'time'", "closed"),
        ("UPDATE secret_checkout SET shown_at = opened_at", "twice"),
    ],
)
def test_what_ended_between_the_check_out_and_the_signer_is_not_opened(world, owner_engine, happened, code):
    opened = take(world)
    with owner_engine.begin() as connection:
        connection.execute(text(happened), {"holder": world.house.holder.id} if ":holder" in happened else {})

    assert refusal_of(lambda: world.custody.open_for_checkout(opened.checkout.id, token=opened.token)) == code


def test_a_check_out_past_its_time_or_of_another_version_is_not_opened(world, owner_engine):
    opened = take(world)
    world.clock.now += timedelta(hours=5)
    assert refusal_of(lambda: world.custody.open_for_checkout(opened.checkout.id, token=opened.token)) == "closed"
    world.clock.now -= timedelta(hours=5)
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE secret_version SET role = 'previous'"))

    assert refusal_of(lambda: world.custody.open_for_checkout(opened.checkout.id, token=opened.token)) == "replaced"


def test_a_rotation_opens_each_version_once_while_it_is_under_way(world, owner_engine):
    with world.database.unit_of_work() as session:
        account = service.load_account(session, world.house.account.code, lock=True)
        rotation = rotations.order(session, account=account, cause="asked", act=world.owner)
        version = session.scalars(select(SecretVersion)).one()
        assert isinstance(rotation, SecretRotation)

    def open_it():
        return world.custody.open_for_rotation(rotation.id, version_id=version.id)

    assert refusal_of(open_it) == "closed", "it has not begun"
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE secret_rotation SET started_at = asked_at"))
    assert len(open_it()) == 32
    assert refusal_of(open_it) == "twice"
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE secret_rotation SET ended_at = asked_at, result = 'kept'"))
    assert refusal_of(open_it) == "closed"


def test_the_web_cannot_ask_as_the_worker_and_a_stranger_not_at_all(world, tmp_path):
    opened = take(world)
    with open_vault(tmp_path, engine=world.engine, clock=world.clock, worker=NOBODY, admin=NOBODY) as as_web:
        assert refusal_of(lambda: as_web.open_for_rotation(1, version_id=1)) == "stranger"
        assert refusal_of(as_web.add_key) == "stranger"
        assert refusal_of(as_web.forget_keys) == "stranger"
    with open_vault(tmp_path, engine=world.engine, clock=world.clock, web=NOBODY) as as_worker:
        code = refusal_of(lambda: as_worker.open_for_checkout(opened.checkout.id, token=opened.token))
        assert code == "stranger"


@needs_root
def test_the_web_account_cannot_read_the_keys_and_the_kernel_tells_who_asks(world):
    ask = (
        "import sys; from pathlib import Path; from control.privilege.vault.custody import Custody\n"
        "Custody(Path(sys.argv[1])).keys()"
    )

    def as_web(*command):
        return subprocess.run(
            [*drop(account_for("web")), *command],
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "Permission denied" in as_web("cat", str(world.folder / KEY_FILE)).stderr
    assert "stranger" in as_web(sys.executable, "-c", ask, str(world.custody.path)).stderr
    assert {0} == EVERYBODY


def test_the_key_changes_and_every_data_key_is_wrapped_anew(world):
    from control.privilege.vault.rewrapping import rewrap_all

    (old,) = world.custody.keys()
    new = world.custody.add_key()
    with world.database.unit_of_work() as session:
        assert rewrap_all(session, custody=world.custody, act=world.owner) == 1
        assert rewrap_all(session, custody=world.custody, act=world.owner) == 0

    assert world.custody.forget_keys() == (old,)
    assert world.custody.keys() == (new,)
    opened = take(world)
    key = world.custody.open_for_checkout(opened.checkout.id, token=opened.token)
    assert unseal(opened.ciphertext, data_key=key, account=world.house.account.code, number=1) == INVENTED


def test_the_command_changes_the_key_and_says_how_many_it_wrapped(world, clean_database, tmp_path):
    def call(*words):
        settings = environment(clean_database.url("vl_worker"), tmp_path)
        settings["VONGLAU_SIGNER_SOCKET"] = str(world.folder / "signer.sock")
        done = subprocess.run(
            [sys.executable, "-m", "control", "vault", "key", *words, "--json"],
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1", **settings},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    (old,) = call("list")["keys"]
    assert call("rotate", "--dry-run") == {"versions": 1, "keys": [old]}
    changed = call("rotate")

    assert (changed["versions"], changed["gone"]) == (1, [old])
    assert call("list") == {"keys": [changed["new"]], "current": changed["new"]}
    assert isinstance(take(world), Opened)


WEB_MAY_NOT = {
    "write a release": "INSERT INTO secret_release (version_id, checkout_id, uid, kek, released_at) "
    "VALUES (1, 1, 0, 'k', now())",
    "forget a release": "DELETE FROM secret_release",
    "change a release": "UPDATE secret_release SET uid = 1",
    "change a ciphertext": "UPDATE secret_version SET ciphertext = 'x'",
    "have two current ones": "INSERT INTO secret_version (account_id, number, role, origin, ciphertext, wrapped_key, "
    "kek, created_at) SELECT account_id, 9, 'current', 'rotation', 'x', 'x', 'k', now() FROM secret_custody",
    "check out without a grant": "INSERT INTO secret_checkout (account_id, version_id, grant_id, person_id, reason, "
    "token_sha256, opened_at, until) SELECT account_id, 1, 1, {owner}, 'x', repeat('a', 64), '{now}', "
    "CAST('{now}' AS timestamptz) + interval '1 hour' FROM secret_custody",
    "check out past the grant": "INSERT INTO secret_checkout (account_id, version_id, grant_id, person_id, reason, "
    "token_sha256, opened_at, until) SELECT account_id, 1, 1, {holder}, 'x', repeat('a', 64), '{now}', "
    "CAST('{now}' AS timestamptz) + interval '9 hours' FROM secret_custody",
    "forget a version": "DELETE FROM secret_version",
}


@pytest.mark.parametrize("what", WEB_MAY_NOT)
def test_the_webs_role_may_not(world, what):
    statement = WEB_MAY_NOT[what].format(
        owner=world.house.owner.id, holder=world.house.holder.id, now=world.clock.now.isoformat()
    )
    with world.web.connect() as connection, pytest.raises((DBAPIError, IntegrityError)):
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ciphertext FROM secret_version",
        "SELECT reason FROM secret_checkout",
        "UPDATE secret_release SET uid = 1",
        "DELETE FROM secret_release",
        "UPDATE secret_checkout SET shown_at = NULL",
        "SELECT display_name FROM person",
    ],
)
def test_the_signers_role_reads_what_it_judges_by_and_no_more(world, statement):
    with world.engine.connect() as connection, pytest.raises(DBAPIError, match="permission denied"):
        connection.execute(text(statement))


def test_one_person_at_a_time_has_a_secret_also_when_two_ask_at_once(world):
    first = take(world)
    again = take(world)

    assert isinstance(first, Opened)
    assert again.reason == "vault.already_yours"
    with world.database.unit_of_work() as session:
        other = House(session)
        other.account = world.house.account
        other.grant(holder_login=other.holder.login)
    assert take(world, person=other.holder).reason == "vault.taken"
    with world.web.connect() as connection:
        assert len(connection.execute(select(SecretCheckout.id)).all()) == 1
