"""Mail is handed over a checked channel, within seconds, and what cannot be handed over is told in one word."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest

from control.mail import MailNotSent, MailRelay, Message, is_address
from control.stand.certificates import make_server_certificate
from tests.simulators.mail_relay.service import MailRelay as Relay

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
LETTER = Message(to="vanthu@so.example.vn", subject="Đã khoá\r\nBcc: x@y.vn", text="Tài khoản đã khoá.\n", key="tb-1")


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    made = make_server_certificate(name="mail", now=datetime.now(UTC))
    folder = tmp_path_factory.mktemp("mail")
    for name in ("authority", "certificate", "key"):
        (folder / name).write_text(getattr(made, name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    return context, folder / "authority"


def client(relay, *, host="127.0.0.1", **more):
    return MailRelay(url=f"smtp://{host}:{relay.port}", sender="vonglau@bo.example.vn", limit_seconds=1, **more)


def test_a_letter_arrives_whole_over_starttls_with_a_sign_in(papers):
    context, authority = papers
    with Relay(tls=context, account=("vonglau", "only-for-tests")) as relay:
        sender = client(relay, ca_file=authority, user="vonglau", password="only-for-tests")
        sender.send(LETTER, now=NOON)

    (letter,) = relay.letters
    assert letter["To"] == "vanthu@so.example.vn"
    assert letter["Subject"] == "Đã khoá Bcc: x@y.vn"
    assert letter["Bcc"] is None
    assert letter["Message-ID"] == "<tb-1@bo.example.vn>"
    assert letter.get_content().strip() == "Tài khoản đã khoá."
    assert relay.spoken.index("STARTTLS") < relay.spoken.index("AUTH")


@pytest.mark.parametrize(
    ("mode", "reason", "is_final"),
    [
        ("refuse-recipient", "recipient", True),
        ("busy", "refused", False),
        ("silent", "unreachable", False),
        ("drop", "unreachable", False),
    ],
)
def test_a_bad_day_of_the_relay_is_told_in_one_word(mode, reason, is_final):
    with Relay(mode=mode) as relay, pytest.raises(MailNotSent) as raised:
        client(relay).send(LETTER, now=NOON)
    assert (raised.value.reason, raised.value.is_final) == (reason, is_final)
    assert relay.letters == []


def test_a_relay_that_is_not_there_and_one_that_refuses_our_name(papers):
    with Relay(account=("vonglau", "other")) as relay, pytest.raises(MailNotSent, match=r"mail\.not_sent") as raised:
        client(relay, user="vonglau", password="".join(("wrong", "one"))).send(LETTER, now=NOON)
    assert raised.value.reason == "sign-in"
    with pytest.raises(MailNotSent) as gone:
        client(relay).send(LETTER, now=NOON)
    assert gone.value.reason == "unreachable"


def test_no_letter_goes_over_a_channel_that_cannot_be_checked(papers):
    context, _authority = papers
    with Relay(tls=context) as relay:
        with pytest.raises(MailNotSent) as raised:
            client(relay).send(LETTER, now=NOON)  # signed by an authority this machine does not know
        assert raised.value.reason == "certificate"
        assert "MAIL" not in relay.spoken


def test_a_relay_elsewhere_without_starttls_is_told_nothing(papers, monkeypatch):
    with Relay(mode="no-starttls") as relay:
        monkeypatch.setattr("control.mail.LOOPBACK", frozenset())
        with pytest.raises(MailNotSent) as raised:
            client(relay).send(LETTER, now=NOON)
    assert raised.value.reason == "unreachable"
    assert "MAIL" not in relay.spoken


@pytest.mark.parametrize(
    "text", ["", "a", "a@b", "a b@c.vn", "a@c.vn, d@e.vn", "a@c.vn\nBcc: x@y.vn", "Ấ@c.vn", "<a@c.vn>", "a@[127.0.0.1]"]
)
def test_only_one_plain_address_is_an_address(text):
    assert not is_address(text)
    with Relay() as relay, pytest.raises(MailNotSent) as raised:
        client(relay).send(Message(to=text, subject="x", text="x", key="k"), now=NOON)
    assert raised.value.is_final
    assert is_address("van.thu@so.example.vn")
