"""The embedded servers as a stranger and as a neighbour meet them: every wrong door stays shut."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import ldap3
import psycopg
import pytest
from elasticsearch import ApiError, Elasticsearch
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from control.stand.directory import PEOPLE_BASE, SERVICE_DN, SUFFIX, DirectoryServer, person_dn
from control.stand.elasticsearch import ElasticsearchNode
from control.stand.postgres import DATABASE, PostgresServer
from control.stand.roles import REPLICATOR, ROLE_LIMITS

ROLES = sorted(ROLE_LIMITS)


def connect(server: PostgresServer, *, user: str, password: str | None, database: str = DATABASE, **more: object):
    return psycopg.connect(
        host=more.pop("host", "127.0.0.1"),
        port=server.port,
        user=user,
        password=password,
        dbname=database,
        connect_timeout=5,
        **more,
    )


def test_the_session_of_the_tests_is_the_role_of_the_web(session: Session):
    assert session.execute(text("SELECT current_user")).scalar_one() == "vl_web"


@pytest.mark.parametrize("role", ROLES)
def test_every_role_enters_with_its_own_password(migrated: PostgresServer, role: str):
    with connect(migrated, user=role, password=migrated.password(role)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (role,)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "vl_web"])
def test_the_password_of_the_web_opens_no_other_role(migrated: PostgresServer, role: str):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(migrated, user=role, password=migrated.password("vl_web"))


@pytest.mark.parametrize(
    ("user", "database"),
    [("postgres", DATABASE), ("vl_app", DATABASE), ("nobody", DATABASE), ("", DATABASE), ("vl_web", "postgres")],
)
def test_an_unknown_name_and_a_foreign_database_are_rejected(migrated: PostgresServer, user: str, database: str):
    with pytest.raises(psycopg.OperationalError):
        connect(migrated, user=user or "root", password=migrated.password("vl_web"), database=database)


def test_no_password_at_all_is_rejected(migrated: PostgresServer):
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        connect(migrated, user="vl_owner", password=None, passfile="/nonexistent")


def test_the_socket_asks_for_the_password_too(migrated: PostgresServer):
    if migrated.socket_folder is None:
        pytest.fail("the folder of the tests is too long for a socket")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(migrated, user="vl_owner", password="wrong", host=str(migrated.socket_folder))


def test_the_replicator_reads_no_table(migrated: PostgresServer):
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        connect(migrated, user=REPLICATOR, password=migrated.password(REPLICATOR))


def test_the_web_cannot_become_another_role(session: Session):
    for role in ("vl_owner", "vl_sequencer", "vl_pruner", "vl_signer"):
        with pytest.raises(Exception, match="permission denied"), session.begin_nested():
            session.execute(text(f"SET ROLE {role}"))


def test_statements_of_the_web_are_cut_and_its_commits_are_durable(role_engine: Callable[[str], Engine]):
    with role_engine("vl_web").connect() as connection:
        shown = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("statement_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")
        }

    assert shown == {
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "15s",
        "synchronous_commit": "on",
    }


def test_the_server_keeps_verifiers_and_its_log_no_password(migrated: PostgresServer, server_folder: Path):
    with migrated.connect() as connection:
        kept = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL").fetchall()
    log = (server_folder / "postgres" / "log").read_text(encoding="utf-8")

    assert all(str(value).startswith("SCRAM-SHA-256$") for (value,) in kept)
    assert not [role for role in ROLES if migrated.password(role) in log]


def test_a_second_start_keeps_data_passwords_and_roles(server_folder: Path):
    with PostgresServer(server_folder / "again", durable=False) as first:
        with first.connect() as connection:
            connection.execute("CREATE TABLE kept (n int)")
        password = first.password("vl_web")

    with PostgresServer(server_folder / "again", durable=False) as second, second.connect() as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert second.password("vl_web") == password


@contextmanager
def bound(directory: DirectoryServer, *, dn: str, password: str, with_tls: bool = True):
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(directory.ca_file))
    server = ldap3.Server(directory.url, get_info=ldap3.NONE, tls=tls)
    connection = ldap3.Connection(server, user=dn, password=password)
    connection.open()
    if with_tls:
        connection.start_tls()
    connection.bind()
    said = connection.result["description"]
    try:
        yield connection, said
    finally:
        if isinstance(connection.socket, socket.socket):
            connection.socket.close()


def test_the_directory_takes_no_password_without_tls(directory: DirectoryServer):
    with bound(directory, dn=SERVICE_DN, password=directory.service_password, with_tls=False) as (_, said):
        assert said == "confidentialityRequired"


def test_the_directory_shows_people_to_the_service_account_only(directory: DirectoryServer):
    with bound(directory, dn=SERVICE_DN, password=directory.service_password) as (service, _):
        service.search(PEOPLE_BASE, "(uid=mau.nt)", attributes=["displayName", "memberOf", "userPassword"])
        (entry,) = service.entries
    with bound(directory, dn=person_dn("mau.nt"), password=directory.password_of("mau.nt")) as (person, _):
        person.search(PEOPLE_BASE, "(uid=vidu.l)", attributes=["displayName"])
        seen_by_a_colleague = person.entries

    assert entry.displayName.value == "Nguyễn Thị Mẫu"
    assert entry.memberOf.value == f"cn=security-officer,ou=groups,{SUFFIX}"
    assert entry.userPassword.value is None
    assert seen_by_a_colleague == []


def test_an_expired_password_does_not_bind(directory: DirectoryServer):
    password = directory.password_of("hethan.nv")
    with bound(directory, dn=person_dn("hethan.nv"), password=password) as (_, said):
        assert said == "invalidCredentials"


def search_client(node: ElasticsearchNode, user: str | None, password: str = "") -> Elasticsearch:
    given = (user, password or node.users[user].password) if user else None
    return Elasticsearch(node.url, basic_auth=given)


def status_of(call: Callable[[], object]) -> int:
    try:
        call()
    except ApiError as error:
        return error.status_code
    return 200


def test_the_shipper_adds_once_and_can_do_nothing_else(elasticsearch: ElasticsearchNode):
    index = "audit-stand-2026.11"
    with search_client(elasticsearch, "shipper") as shipper:
        answers = [
            status_of(lambda: shipper.create(index=index, id="1", document={"n": 1})),
            status_of(lambda: shipper.create(index=index, id="1", document={"n": 2})),
            status_of(lambda: shipper.index(index=index, id="1", document={"n": 3})),
            status_of(lambda: shipper.search(index=index)),
            status_of(lambda: shipper.delete(index=index, id="1")),
            status_of(lambda: shipper.indices.delete(index=index)),
        ]

    assert answers == [200, 409, 403, 403, 403, 403]


def test_the_reader_reads_and_writes_nothing(elasticsearch: ElasticsearchNode):
    with search_client(elasticsearch, "reader") as reader:
        assert status_of(lambda: reader.search(index="audit-*")) == 200
        assert status_of(lambda: reader.create(index="audit-stand-x", id="1", document={})) == 403
        assert status_of(lambda: reader.indices.delete(index="audit-stand-x")) in {403, 404}


@pytest.mark.parametrize(("user", "password"), [(None, ""), ("reader", "wrong"), ("elastic", "changeme")])
def test_search_turns_strangers_away(elasticsearch: ElasticsearchNode, user: str | None, password: str):
    with search_client(elasticsearch, user, password) as stranger:
        assert status_of(lambda: stranger.search(index="audit-*")) == 401
