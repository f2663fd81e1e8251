"""
Mails through an SMTP server, over verified TLS.
"""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum

from holdfast.network.delivery import NotDelivered, explain_unverified
from holdfast.network.tls_verification import find_verification_problem

WITHIN = 15.0  # seconds for each step


class MailTls(StrEnum):
    """The encryption of the connection to the SMTP server."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"  # only on this machine


@dataclass(frozen=True, slots=True)
class MailServer:
    """The SMTP server, how Holdfast signs in there (an empty user: not at all), and the address that it sends from."""

    host: str
    port: int
    tls: MailTls
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail with text; *id* is the part of Message-ID before the sign @."""

    id: str
    recipients: Sequence[str]
    subject: str
    text: str
    at: datetime


def send_mail(server: MailServer, mail: Mail, tls: ssl.SSLContext) -> None:
    """Send *mail*; blocks. Raises NotDelivered unless the server takes it for at least one recipient."""
    where = f"The SMTP server {server.host}:{server.port}"
    try:
        with _connect(server, tls) as connection:
            if server.tls is MailTls.STARTTLS:
                connection.starttls(context=tls)  # raises if the server doesn't offer it
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(_write(server, mail), server.sender, list(mail.recipients))
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({f"{code} {_decode(text)}" for code, text in error.recipients.values()})
        raise NotDelivered(f"{where} refuses all recipients: {'; '.join(codes)[:200]}") from error
    except smtplib.SMTPAuthenticationError as error:
        raise NotDelivered(f"{where} refuses the user name or password: {_decode(error.smtp_error)}") from error
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(f"{where} answered {error.smtp_code} {_decode(error.smtp_error)}") from error
    except smtplib.SMTPException as error:
        raise NotDelivered(f"{where} can't be used: {_decode(str(error))}") from error
    except ssl.SSLError as error:
        problem = find_verification_problem(str(error))
        text = explain_unverified(where, problem) if problem else f"{where} can't use TLS: {_decode(str(error))}"
        raise NotDelivered(text) from error
    except OSError as error:
        raise NotDelivered(f"{where} can't be reached: {_decode(error.strerror or str(error))}.") from error


def _connect(server: MailServer, tls: ssl.SSLContext) -> smtplib.SMTP:
    if server.tls is MailTls.IMPLICIT:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=WITHIN, context=tls)
    return smtplib.SMTP(server.host, server.port, timeout=WITHIN)


def _write(server: MailServer, mail: Mail) -> EmailMessage:
    message = EmailMessage(policy=SMTP)  # which refuses line breaks in headers
    message["From"] = server.sender
    message["To"] = ", ".join(mail.recipients)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.at)
    message["Message-ID"] = f"<{mail.id}@{server.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation replies
    message.set_content(mail.text)
    return message


def _decode(text: bytes | str) -> str:
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(character for character in " ".join(plain.split()) if character.isprintable())[:200]
