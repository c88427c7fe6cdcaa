"""The wrapper over ldap3 against the real slapd and against servers that lie (pam.md B1 to B13)."""

import socket
import ssl
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ldap3
import pytest

from control.errors import Unavailable
from control.people.directory import client
from control.people.directory.client import IncompleteListing, Readers
from control.people.directory.domain import PasswordFault, Verdict, parse_login, parse_password
from control.stand.certificates import make_server_certificate
from control.stand.directory import PEOPLE_BASE, group_dn, person_dn
from tests.integration.people.hostile import DrippingServer, HostileServer, ImpostorServer, StrippingServer

PASSWORD = "mật-khẩu-để-thử-77"
MANAGE_DSA_IT = ("2.16.840.1.113730.3.4.2", True, None)
MOST_SECONDS = 5.0


@pytest.fixture
def root(directory):
    connection = directory.connect_as_root()
    yield connection
    connection.unbind()


@pytest.fixture
def newcomer(root):
    """A person whose password holds Vietnamese letters; gone after the test."""
    dn = person_dn("moi.nv")
    attributes = {"uid": "moi.nv", "cn": "Nguyễn Văn Mới", "sn": "Nguyễn", "userPassword": PASSWORD}
    assert root.add(dn, ["inetOrgPerson"], attributes), root.result
    yield dn
    root.delete(dn)


@pytest.fixture
def keeping(wrapper):
    """The same, with reading connections that outlive a question."""
    with closing(Readers()) as readers:
        yield replace(wrapper, readers=readers)


@pytest.fixture
def binds(monkeypatch):
    """The names this process bound as, in order."""
    names = []
    opened = client._Line._open

    def noted(line, dn, password):
        names.append(dn)
        return opened(line, dn, password)

    monkeypatch.setattr(client._Line, "_open", noted)
    return names


def test_a_right_password_brings_the_person_with_groups(wrapper, directory):
    answer = wrapper.authenticate("mau.nt", directory.password_of("mau.nt"))

    assert answer.verdict is Verdict.RIGHT
    assert answer.entry.display_name == "Nguyễn Thị Mẫu"
    assert answer.entry.unit == "Trung tâm Công nghệ thông tin"
    assert answer.entry.groups == {"security-officer"}


def test_a_wrong_password_and_an_unknown_name_are_told_apart_only_inside(wrapper):
    assert wrapper.authenticate("mau.nt", "wrong").verdict is Verdict.WRONG
    assert wrapper.authenticate("khong.ai", "wrong").verdict is Verdict.UNKNOWN


@pytest.mark.attack("B1")
@pytest.mark.parametrize(
    "name",
    [
        "*",
        "an.nv)(|(uid=*",
        "*)(memberOf=cn=approver,ou=groups,dc=minhhoa,dc=example",
        "\\2a",
        "mau\x00.nt",
        "a" * 10_240,
        "mau.nt\u202e",
        "Mau.NT ",
        "mаu.nt",  # the second letter is Cyrillic
        "",
        "m",
    ],
)
def test_b1_a_name_of_another_form_never_reaches_the_directory(name):
    assert parse_login(name) is None


@pytest.mark.attack("B1")
def test_b1_a_filter_in_a_name_finds_nobody_even_past_the_form(wrapper):
    assert wrapper.authenticate("*)(uid=vidu.l", "wrong").verdict is Verdict.UNKNOWN
    assert wrapper.authenticate("*", "wrong").verdict is Verdict.UNKNOWN


@pytest.mark.attack("B3")
@pytest.mark.parametrize("password", ["", " ", "   ", "\t", "\x00", "mật\x00khẩu", "x" * 257, "\ud800"])
def test_b3_a_password_that_could_bind_as_nobody_never_reaches_the_directory(password):
    assert parse_password(password) is None


@pytest.mark.attack("B11")
def test_b11_a_decomposed_password_is_the_same_password(wrapper, newcomer):
    decomposed = unicodedata.normalize("NFD", PASSWORD)
    assert decomposed != PASSWORD

    assert wrapper.authenticate("moi.nv", parse_password(decomposed)).verdict is Verdict.RIGHT


@pytest.mark.attack("B4")
def test_b4_an_unrelated_authority_gets_no_password(wrapper, tmp_path):
    impostor = make_server_certificate(name="impostor", now=datetime.now(UTC))
    with ImpostorServer(impostor, tmp_path) as server, pytest.raises(Unavailable) as caught:
        replace(wrapper, url=server.url, bind_password=PASSWORD).authenticate("mau.nt", PASSWORD)

    assert caught.value.code == "directory.unavailable"
    assert PASSWORD.encode() not in server.heard


@pytest.mark.attack("B4")
def test_b4_an_expired_certificate_gets_no_password(wrapper, tmp_path):
    old = make_server_certificate(name="old", now=datetime.now(UTC) - timedelta(days=500))
    with ImpostorServer(old, tmp_path) as server, pytest.raises(Unavailable):
        replace(wrapper, url=server.url, ca_file=server.ca_file, bind_password=PASSWORD).check()

    assert PASSWORD.encode() not in server.heard


@pytest.mark.attack("B4")
def test_b4_a_certificate_of_another_host_gets_no_password(wrapper, tmp_path):
    other = make_server_certificate(name="other", now=datetime.now(UTC))  # for localhost and 127.0.0.1 only
    with ImpostorServer(other, tmp_path, host="127.0.0.2") as server, pytest.raises(Unavailable):
        replace(wrapper, url=server.url, ca_file=server.ca_file, bind_password=PASSWORD).check()

    assert PASSWORD.encode() not in server.heard


def test_the_same_impostor_is_believed_when_its_authority_is_ours(wrapper, tmp_path):
    """Proves that the three tests above fail for the reason they name."""
    good = make_server_certificate(name="good", now=datetime.now(UTC))
    with ImpostorServer(good, tmp_path) as server, pytest.raises(Unavailable):
        replace(wrapper, url=server.url, ca_file=server.ca_file, bind_password=PASSWORD, limit_seconds=2).check()

    assert PASSWORD.encode() in server.heard


@pytest.mark.attack("B4")
def test_b4_a_server_that_strips_starttls_gets_no_password(wrapper):
    with StrippingServer() as server, pytest.raises(Unavailable):
        replace(wrapper, url=server.url, bind_password=PASSWORD).authenticate("mau.nt", PASSWORD)

    assert server.heard
    assert PASSWORD.encode() not in server.heard


@pytest.mark.attack("B5")
@pytest.mark.parametrize("kind", [HostileServer, DrippingServer])
def test_b5_a_slow_directory_is_given_up_within_five_seconds(wrapper, kind):
    with kind() as server:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            replace(wrapper, url=server.url, limit_seconds=1.5).authenticate("mau.nt", PASSWORD)
        took = time.monotonic() - began

    assert took < MOST_SECONDS - 2


@pytest.mark.attack("B5")
def test_b5_a_directory_that_is_down_is_noticed_at_once(wrapper):
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        replace(wrapper, url="ldap://127.0.0.1:9").authenticate("mau.nt", PASSWORD)

    assert caught.value.code == "directory.unavailable"
    assert time.monotonic() - began < 1


def test_a_directory_nobody_configured_is_unavailable(wrapper):
    for broken in (
        replace(wrapper, url=""),
        replace(wrapper, ca_file=None),
        replace(wrapper, ca_file=Path("/nowhere")),
    ):
        with pytest.raises(Unavailable):
            broken.check()


def test_our_own_account_with_a_wrong_password_is_no_wrong_password_of_a_person(wrapper, directory):
    with pytest.raises(Unavailable):
        replace(wrapper, bind_password="wrong").authenticate("mau.nt", directory.password_of("mau.nt"))


def test_the_library_alone_would_have_accepted_any_certificate(directory):
    """The default that the wrapper exists for: without `tls=` nothing is checked."""
    assert ldap3.Server(directory.url).tls is None
    assert ldap3.Tls().validate == ssl.CERT_NONE


def test_a_listing_is_complete_and_in_order_with_nested_groups(wrapper, directory):
    people = wrapper.list_people()

    assert [person.login for person in people] == sorted(person.login for person in directory.people)
    by_login = {person.login: person for person in people}
    assert by_login["longnhau.bt"].groups == {"inner", "auditor"}
    assert by_login["hethan.nv"].groups == frozenset()


@pytest.mark.attack("B7")
def test_b7_a_person_inside_a_group_of_a_group_has_both_at_sign_in(wrapper, directory):
    answer = wrapper.authenticate("longnhau.bt", directory.password_of("longnhau.bt"))

    assert answer.entry.groups == {"inner", "auditor"}


@pytest.mark.attack("B7")
def test_b7_groups_that_hold_each_other_end(wrapper, directory, root):
    root.modify(group_dn("inner"), {"member": [(ldap3.MODIFY_ADD, [group_dn("auditor")])]})
    try:
        answer = wrapper.authenticate("longnhau.bt", directory.password_of("longnhau.bt"))
        listed = {person.login: person.groups for person in wrapper.list_people()}
    finally:
        root.modify(group_dn("inner"), {"member": [(ldap3.MODIFY_DELETE, [group_dn("auditor")])]})

    assert answer.entry.groups == listed["longnhau.bt"] == {"inner", "auditor"}


@pytest.mark.attack("B6")
def test_b6_a_truncated_listing_is_refused(wrapper, monkeypatch):
    # slapd allows pages of 100; ldap3's own paged search would give nobody and no error.
    monkeypatch.setattr(client, "PAGE_ROWS", 101)

    with pytest.raises(IncompleteListing) as caught:
        wrapper.list_people()

    assert caught.value.reason == "adminLimitExceeded"


def test_a_base_that_is_hidden_is_no_empty_directory(wrapper):
    with pytest.raises(Unavailable):
        replace(wrapper, people_base="ou=nowhere,dc=minhhoa,dc=example").list_people()


@pytest.mark.attack("B8")
def test_b8_two_entries_of_one_name_let_nobody_in(wrapper, directory, root, newcomer):
    root.add(f"ou=more,{PEOPLE_BASE}", ["organizationalUnit"], {"ou": "more"})
    twin = f"uid=moi.nv,ou=more,{PEOPLE_BASE}"
    attributes = {"uid": "moi.nv", "cn": "Người Thứ Hai", "sn": "Người", "userPassword": PASSWORD}
    assert root.add(twin, ["inetOrgPerson"], attributes), root.result
    try:
        answer = wrapper.authenticate("moi.nv", PASSWORD)
    finally:
        root.delete(twin)
        root.delete(f"ou=more,{PEOPLE_BASE}")

    assert answer.verdict is Verdict.AMBIGUOUS
    assert answer.entry is None


@pytest.mark.attack("B12")
def test_b12_a_referral_is_not_followed_and_makes_a_listing_incomplete(wrapper, directory, root):
    dn = f"cn=elsewhere,{PEOPLE_BASE}"
    with HostileServer() as elsewhere:
        added = root.add(
            dn, ["referral", "extensibleObject"], {"cn": "elsewhere", "ref": f"{elsewhere.url}/{PEOPLE_BASE}"}
        )
        assert added, root.result
        try:
            answer = wrapper.authenticate("mau.nt", directory.password_of("mau.nt"))
            with pytest.raises(IncompleteListing):
                wrapper.list_people()
        finally:
            root.delete(dn, controls=[MANAGE_DSA_IT])

    assert answer.verdict is Verdict.RIGHT
    assert elsewhere.connections == 0


@pytest.mark.attack("B13")
def test_b13_a_password_set_by_an_administrator_must_be_changed(wrapper, root, newcomer):
    root.modify(newcomer, {"pwdReset": [(ldap3.MODIFY_REPLACE, ["TRUE"])]})

    answer = wrapper.authenticate("moi.nv", PASSWORD)

    assert answer.verdict is Verdict.RIGHT
    assert answer.password.fault is PasswordFault.CHANGE_AFTER_RESET
    assert answer.password.must_change


@pytest.mark.attack("B13")
def test_b13_an_expired_password_without_grace_is_wrong_and_says_so_inside(wrapper, directory):
    time.sleep(1.1)

    answer = wrapper.authenticate("hethan.nv", directory.password_of("hethan.nv"))

    assert answer.verdict is Verdict.WRONG
    assert answer.password.fault is PasswordFault.EXPIRED


@pytest.mark.attack("B13")
def test_b13_a_right_password_while_locked_is_wrong_and_says_so_inside(wrapper, newcomer):
    for _try in range(5):
        wrapper.authenticate("moi.nv", "wrong")

    answer = wrapper.authenticate("moi.nv", PASSWORD)

    assert answer.verdict is Verdict.WRONG
    assert answer.password.fault is PasswordFault.LOCKED


@pytest.mark.attack("B10")
def test_b10_threads_never_get_each_others_answers(wrapper, directory):
    logins = ["mau.nt", "vidu.l", "minhhoa.pm", "thu.tv"] * 6

    def ask(numbered):
        number, login = numbered
        right = number % 3 != 0
        answer = wrapper.authenticate(login, directory.password_of(login) if right else "wrong")
        return answer.entry.login == login and (answer.verdict is Verdict.RIGHT) is right

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, enumerate(logins)))


@pytest.mark.attack("B10")
def test_b10_kept_readers_are_lent_to_one_thread_at_a_time(keeping, directory):
    logins = ["mau.nt", "vidu.l", "minhhoa.pm", "thu.tv"] * 3

    def asked(login):
        return login, keeping.authenticate(login, directory.password_of(login)).entry

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(asked, logins))

    assert all(entry is not None and entry.login == login for login, entry in found)


def test_a_kept_reader_saves_the_next_question_its_own_bind(keeping, directory, binds):
    for _question in range(3):
        assert keeping.authenticate("mau.nt", directory.password_of("mau.nt")).verdict is Verdict.RIGHT

    assert binds == [keeping.bind_dn, *[person_dn("mau.nt")] * 3]


def test_a_reader_that_was_hung_up_on_is_replaced(keeping, directory, binds):
    keeping.authenticate("mau.nt", directory.password_of("mau.nt"))
    (kept,) = keeping.readers._idle
    kept.connection.socket.shutdown(socket.SHUT_RDWR)

    assert keeping.authenticate("mau.nt", directory.password_of("mau.nt")).verdict is Verdict.RIGHT
    assert binds.count(keeping.bind_dn) == 2


@pytest.mark.parametrize("change", [{"bind_password": "khác"}, {"url": "ldap://127.0.0.1:1"}])
def test_a_reader_is_never_lent_to_another_directory_or_account(keeping, directory, change):
    keeping.authenticate("mau.nt", directory.password_of("mau.nt"))

    with pytest.raises(Unavailable):
        replace(keeping, **change).authenticate("mau.nt", directory.password_of("mau.nt"))


def test_a_reader_is_not_lent_when_its_minute_is_over(keeping, directory, binds, monkeypatch):
    monkeypatch.setattr(client, "READER_SECONDS", 0.0)
    for _question in range(2):
        keeping.authenticate("mau.nt", directory.password_of("mau.nt"))

    assert binds.count(keeping.bind_dn) == 2


def test_a_reader_whose_question_was_cut_at_its_very_end_is_closed_and_not_kept(keeping, directory, monkeypatch):
    found, seen = client.Directory._groups_holding, []

    def cut_behind(wrapper, reader, dn):
        groups = found(wrapper, reader, dn)
        seen.append(reader)
        lines[-1]._is_over.set()
        return groups

    lines, entered = [], client._Line.__enter__
    monkeypatch.setattr(client._Line, "__enter__", lambda line: lines.append(line) or entered(line))
    monkeypatch.setattr(client.Directory, "_groups_holding", cut_behind)

    assert keeping.authenticate("mau.nt", directory.password_of("mau.nt")).verdict is Verdict.RIGHT
    assert list(keeping.readers._idle) == []
    assert seen[0].socket.fileno() == -1  # closed
