"""The pages of the vault: deposited by the owner, taken under a grant, shown once, given back."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

import audit
from control.privilege.grants.domain import Step
from control.privilege.grants.service import step_grant
from control.privilege.vault import service
from control.privilege.vault.models import SecretCheckout, SecretRotation, SecretVersion
from control.privilege.vault.suspicion import taken_secrets
from tests.factories.privilege import House, actor_of, make_act, make_person
from tests.factories.stepup import confirm, question
from tests.factories.vault import INVENTED, open_vault
from tests.integration.privilege.test_pages import Browser

SHOWN = re.compile(r'<pre class="mono user-select-all[^>]*>([^<]*)</pre>')


@pytest.fixture
def world(make_app, clock, role_engine, server_folder, tmp_path_factory, owner_engine):
    folder = server_folder / tmp_path_factory.mktemp("vault").name
    folder.mkdir(mode=0o711)
    app = make_app(VONGLAU_SIGNER_SOCKET=str(folder / "signer.sock"))
    with open_vault(folder, engine=role_engine("vl_signer"), clock=clock):
        with app.extensions["vonglau"].database.unit_of_work() as session:
            house = House(session)
            grant = house.grant()
            auditor = make_person(session, name="Kiểm Toán", roles=("auditor",))
        yield SimpleNamespace(
            app=app, house=house, grant=grant, clock=clock, database=app.extensions["vonglau"].database,
            engine=owner_engine, page=f"/privilege/secrets/{house.account.code}",
            owner=Browser(app, actor_of(house.owner)), holder=Browser(app, actor_of(house.holder)),
            stranger=Browser(app, actor_of(house.leader)),
            admin=Browser(app, actor_of(house.admin, roles=("administrator",))),
            auditor=Browser(app, actor_of(auditor, roles=("auditor",))),
        )  # fmt: skip


def deposit(world, browser=None, *, status=303, **changes):
    fields = {"document": str(world.house.document.id), "method": "manual", "secret": INVENTED, **changes}
    return (browser or world.owner).post(f"{world.page}/deposit", on="/privilege/secrets/mine", status=status, **fields)


def take(world, browser=None, *, status=201, reason="Vá lỗi bảo mật"):
    return (browser or world.holder).post(
        f"{world.page}/checkout", on="/privilege/secrets/mine", status=status, reason=reason
    )


def trail(world):
    with world.engine.connect() as connection:
        rows = connection.scalars(select(audit.tables.outbox.c.body).order_by(audit.tables.outbox.c.oid))
        return [audit.projection.read_body(bytes(body)) for body in rows]


def actions(world):
    return [f"{one['event']['action']} {one['event']['outcome']}" for one in trail(world)
            if one["event"]["action"].startswith("privilege:vault:")]  # fmt: skip


def test_a_secret_is_deposited_taken_once_and_given_back(world):
    deposit(world)
    answer = take(world)

    assert html.unescape(SHOWN.search(answer.text)[1]) == INVENTED
    assert answer.headers["Cache-Control"] == "no-store"
    mine = world.holder.get("/privilege/secrets/mine")
    code = re.search(r"MB-\d{4}", mine)[0]
    assert INVENTED not in mine
    assert INVENTED not in world.holder.get(world.page)
    take(world, status=403)
    world.holder.post(f"/privilege/secrets/checkouts/{code}/return", on="/privilege/secrets/mine")
    world.holder.post(f"/privilege/secrets/checkouts/{code}/return", on="/privilege/secrets/mine", status=403)
    assert "bằng tay" in world.owner.get(world.page), "whoever answers is told to change it on the target"
    assert actions(world) == [
        "privilege:vault:deposit success",
        "privilege:vault:take success",
        "privilege:vault:show success",
        "privilege:vault:take failure",
        "privilege:vault:return success",
        "privilege:vault:return failure",
    ]


def test_a_secret_is_in_no_entry_no_row_and_no_page_but_one(world):
    deposit(world)
    answer = world.owner.client.get(f"{world.page}/deposit")
    assert INVENTED not in answer.text
    take(world)

    assert INVENTED not in str(trail(world))
    assert "Vá lỗi bảo mật" not in str(trail(world)), "what a person typed is sealed"
    with world.engine.connect() as connection:
        names = connection.scalars(text("SELECT table_name FROM information_schema.tables WHERE table_schema='public'"))
        for name in list(names):
            rows = connection.execute(text(f'SELECT CAST(t AS text) FROM "{name}" t'))
            assert not any(INVENTED in row[0] or INVENTED.encode().hex() in row[0] for row in rows), name
    for browser in (world.admin, world.auditor):
        for page in ("/privilege/secrets", world.page, "/privilege/secrets?format=csv"):
            assert INVENTED not in browser.get(page)


def test_the_page_that_asks_for_the_second_factor_carries_the_sealed_secret_only(world):
    token = re.search(r'name="csrf_token" value="([^"]+)"', world.owner.get("/privilege/secrets/mine"))[1]
    asked = world.owner.client.post(
        f"{world.page}/deposit",
        data={"csrf_token": token, "document": str(world.house.document.id), "method": "manual", "secret": INVENTED},
    )

    assert INVENTED not in asked.text
    assert question(asked)[1]["secret"][0].startswith("vls1.")
    assert confirm(world.owner.client, asked, app=world.app, person_id=world.house.owner.id).status_code == 303
    take(world)


def test_only_the_owner_deposits_and_only_a_holder_of_a_grant_takes(world):
    deposit(world, world.stranger, status=404)
    deposit(world, world.holder, status=404)
    deposit(world)
    take(world, world.stranger, status=404)
    take(world, world.owner, status=403)
    world.stranger.get(world.page, status=404)
    world.stranger.get("/privilege/secrets", status=403)
    world.admin.post(f"{world.page}/rotation", on=world.page, status=403)

    assert [one for one in actions(world) if "failure" in one] == [
        "privilege:vault:deposit failure",
        "privilege:vault:deposit failure",
        "privilege:vault:take failure",
        "privilege:vault:take failure",
    ]
    with world.engine.connect() as connection:
        assert connection.execute(select(SecretCheckout.id)).all() == []


def test_nothing_is_shown_without_the_second_factor_or_by_get(world):
    deposit(world)
    answer = take(world, status=401)

    assert INVENTED not in answer.text
    assert world.holder.client.get(f"{world.page}/checkout").status_code == 405
    with world.engine.connect() as connection:
        assert connection.execute(select(SecretCheckout.id)).all() == []


def test_without_the_signer_nothing_is_shown_and_the_check_out_is_closed(world):
    deposit(world)
    settings = world.app.extensions["vonglau"].settings
    held = settings.signer_socket
    object.__setattr__(settings, "signer_socket", None)
    answer = take(world, status=503)
    object.__setattr__(settings, "signer_socket", held)

    assert INVENTED not in answer.text
    assert actions(world)[-1] == "privilege:vault:show failure"
    with world.engine.connect() as connection:
        assert connection.scalars(select(SecretCheckout.closed_why)).all() == ["not-delivered"]
    take(world)


@pytest.mark.parametrize("how", ["revoked", "over", "due"])
def test_the_end_of_a_grant_takes_the_secret_back(world, how):
    deposit(world)
    take(world)
    act = make_act(actor_of(world.house.leader, roles=("approver",)), now=world.clock.now)
    with world.database.unit_of_work() as session:
        if how == "revoked":
            step_grant(session, code=world.grant.code, step=Step.REVOKE, reason="Xong việc", act=act)
            assert service.close_for_grant(session, grant_id=world.grant.id, act=act) in {0, 1}
            assert service.close_for_grant(session, grant_id=world.grant.id, act=act) == 0
        else:
            later = world.clock.now + timedelta(hours=5 if how == "over" else 4)
            assert service.close_due(session, act=make_act(actor_of(world.house.owner), now=later)) == 1

    with world.engine.connect() as connection:
        row = connection.execute(select(SecretCheckout.closed_why, SecretRotation.id).outerjoin_from(
            SecretCheckout, SecretRotation, SecretRotation.account_id == SecretCheckout.account_id)).one()  # fmt: skip
    assert row == ("grant-ended" if how == "revoked" else "time", None), "by hand: no playbook is ordered"
    assert actions(world)[-1] == "privilege:vault:return success"


@pytest.mark.attack("H4")
@pytest.mark.parametrize("secret", ["'; DROP ROLE x; --", "$(id) `id`", '{{ 7*7 }}"\\', "<script>alert(1)</script>"])
def test_h4_a_hostile_secret_is_shown_as_it_was_typed(world, secret):
    deposit(world, secret=secret)
    answer = take(world)

    assert html.unescape(SHOWN.search(answer.text)[1]) == secret
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"secret": ""}, "secret"),
        ({"secret": "x" * 1025}, "secret"),
        ({"document": ""}, "document"),
        ({"method": "ssh"}, "method"),
        ({"method": "postgresql", "host": "a b", "port": "1", "database": "d"}, "host"),
        ({"method": "postgresql", "host": "db", "port": "99999", "database": "d"}, "port"),
        ({"method": "postgresql", "host": "db", "port": "1", "database": ""}, "database"),
    ],
)
def test_every_fault_of_a_deposit_is_told_beside_its_field(world, changes, field):
    page = deposit(world, status=422, **changes).text

    assert f'id="f-{field}-error"' in page or f'href="#f-{field}"' in page
    with world.engine.connect() as connection:
        assert connection.execute(select(SecretVersion.id)).all() == []


def test_the_list_and_its_file_tell_age_holder_and_failures(world):
    deposit(world)
    take(world)

    page = world.auditor.get("/privilege/secrets")
    assert world.house.account.code in page
    assert world.house.holder.display_name in page
    assert world.house.account.code in world.auditor.get("/privilege/secrets?state=out")
    assert world.house.account.code not in world.auditor.get("/privilege/secrets?state=overdue")
    world.clock.now += timedelta(days=62)
    assert "quá hạn" in world.auditor.get("/privilege/secrets?state=overdue")
    header, row = world.auditor.get("/privilege/secrets?format=csv").strip().splitlines()
    assert header.lstrip("\ufeff").startswith("account,asset,owner")
    assert row.startswith(world.house.account.code)
    assert ",True," in row


def test_the_accounts_page_tells_of_its_secret_and_links_to_it(world):
    page = f"/privilege/accounts/{world.house.account.code}"
    assert "chưa ở trong kho" in world.admin.get(page)
    deposit(world)
    take(world)

    shown = world.auditor.get(page)
    assert f'href="{world.page}"' in shown
    assert world.house.holder.display_name in shown
    assert INVENTED not in shown


def test_a_secret_perhaps_taken_stands_in_the_queue_until_it_is_changed(world):
    deposit(world)
    queue = "/privilege/secrets?state=taken"
    assert world.house.account.code not in world.auditor.get(queue)

    faulty = world.admin.post(f"{world.page}/suspicion", on=world.page, status=422, why="")
    assert 'id="f-why-error"' in faulty.text
    world.admin.post(f"{world.page}/suspicion", on=world.page, why="Thấy trên màn hình chung")

    shown = world.auditor.get(queue)
    assert world.house.account.code in shown
    assert "được báo có thể đã bị lấy" in shown
    assert "1 bí mật chờ thay" in world.auditor.get("/privilege/secrets")
    assert "có thể đã bị lấy" in world.owner.get(world.page)
    again = world.admin.post(f"{world.page}/suspicion", on="/privilege/secrets/mine", status=403, why="Lần nữa")
    assert "đã được đánh dấu" in again.text
    entry = next(one for one in trail(world) if one["event"]["action"] == "privilege:vault:suspect")
    assert entry["vn"]["details"] == {"changed_by": "manual"}
    assert "màn hình" not in str(entry)
    with world.database.unit_of_work() as session:
        assert taken_secrets(session) == {world.house.account.code}

    world.clock.now += timedelta(minutes=1)
    deposit(world)  # another version is the present one now

    assert world.house.account.code not in world.auditor.get(queue)
    with world.database.unit_of_work() as session:
        assert taken_secrets(session) == frozenset()


def test_a_secret_that_was_seen_and_given_back_waits_too_and_a_stranger_reports_nothing(world):
    deposit(world)
    take(world)
    queue = "/privilege/secrets?state=taken"
    assert world.house.account.code not in world.auditor.get(queue)  # who has it now may have it
    checkout = re.search(r"MB-\d+", world.holder.get("/privilege/secrets/mine"))[0]
    world.holder.post(f"/privilege/secrets/checkouts/{checkout}/return", on="/privilege/secrets/mine")

    assert "đã trả lại" in world.auditor.get(queue)
    world.stranger.post(f"{world.page}/suspicion", on="/privilege/secrets/mine", status=404, why="Tò mò")
    world.holder.post(f"{world.page}/suspicion", on="/privilege/secrets/mine", status=403, why="Tò mò")
    refused = [one for one in trail(world) if one["event"]["action"] == "privilege:vault:suspect"]
    assert [one["event"]["reason_code"] for one in refused] == ["vault.not_to_report"] * 2


def test_the_database_takes_no_mark_without_who_made_it(world):
    deposit(world)

    with world.engine.begin() as connection, pytest.raises(IntegrityError, match="suspected_by"):
        connection.execute(text("UPDATE secret_custody SET suspected_at = now()"))
