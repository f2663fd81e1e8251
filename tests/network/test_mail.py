"""Mails through a real SMTP server in its own process, over verified TLS."""

import email
import ssl
from datetime import UTC, datetime

import pytest

from holdfast.network.delivery import NotDelivered
from holdfast.network.mail import Mail, MailServer, MailTls, send_mail
from issuing import issue
from receivers import receiver

ROOT = issue(ca=True)
PASSWORD = "mail-password"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
MAIL = Mail("id-1", ["team@example.com", "ops@example.com"], "Requests fail: Café", "It fails.\n", NOW)


def trust(*pems):
    context = ssl.create_default_context(cadata="".join(pem.decode() for pem in pems) or ROOT.pem.decode())
    context.check_hostname = True
    return context


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """A server that requires STARTTLS and a password."""
    directory = tmp_path_factory.mktemp("smtp")
    backend = issue("localhost", by=ROOT)
    files = directory / "server.crt", directory / "server.key"
    files[0].write_bytes(backend.pem)
    files[1].write_bytes(backend.key_pem)
    with receiver(directory, "smtp", *files, "holdfast", PASSWORD) as server:
        yield server


def describe_server(running, tls=MailTls.STARTTLS, user="holdfast", password=PASSWORD, host="localhost"):
    return MailServer(host, running.port, tls, "holdfast@example.com", user, password)


def test_a_mail_is_sent_over_verified_tls_with_a_password(tls_server):
    send_mail(describe_server(tls_server), MAIL, trust())
    mail = tls_server.wait_for(1)[-1]
    assert (mail["from"], mail["to"]) == ("holdfast@example.com", MAIL.recipients)
    assert (mail["tls"], mail["user"]) == (True, "holdfast")
    message = email.message_from_string(mail["content"], policy=email.policy.default)
    assert message["subject"] == MAIL.subject
    assert message["message-id"] == "<id-1@example.com>"
    assert message["auto-submitted"] == "auto-generated"
    assert message.get_content().replace("\r\n", "\n") == MAIL.text


def test_a_server_that_cannot_be_verified_gets_neither_password_nor_mail(tls_server):
    before = len(tls_server.received)
    with pytest.raises(NotDelivered, match=r"can't be verified: [^\[_]*\. If a private CA issued it, set HOLDFAST_"):
        send_mail(describe_server(tls_server), MAIL, trust(issue(ca=True).pem))
    with pytest.raises(NotDelivered, match="can't be verified"):
        send_mail(describe_server(tls_server, host="127.0.0.1"), MAIL, trust())
    with pytest.raises(NotDelivered, match="user name or password"):
        send_mail(describe_server(tls_server, password="wrong"), MAIL, trust())
    assert len(tls_server.received) == before


def test_a_server_without_starttls_gets_no_mail(tmp_path):
    with receiver(tmp_path, "smtp") as plain:
        with pytest.raises(NotDelivered, match="STARTTLS"):
            send_mail(describe_server(plain, user="", password=""), MAIL, trust())
        assert not plain.received
        send_mail(describe_server(plain, MailTls.NONE, "", ""), MAIL, trust())
        assert plain.wait_for(1)[0]["tls"] is False


def test_nothing_listens():
    with pytest.raises(NotDelivered, match="can't be reached"):
        send_mail(MailServer("127.0.0.1", 1, MailTls.NONE, "holdfast@example.com"), MAIL, trust())


@pytest.mark.parametrize("field", ["subject", "recipients"])
def test_no_header_can_be_added(tls_server, field):
    evil = "a@example.com\r\nBcc: victim@example.com"
    fields = {"subject": evil} if field == "subject" else {"recipients": [evil]}
    values = {name: getattr(MAIL, name) for name in Mail.__dataclass_fields__} | fields
    before = len(tls_server.received)
    with pytest.raises(ValueError, match=r"linefeed|CR or LF"):
        send_mail(describe_server(tls_server), Mail(**values), trust())
    assert len(tls_server.received) == before
