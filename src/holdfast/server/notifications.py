"""
The sender of notifications that the settings describe.
"""

import ssl
from collections.abc import Callable
from pathlib import Path

from holdfast.apis.notifications.owners import is_address
from holdfast.network.addresses import is_loopback
from holdfast.network.mail import MailServer, MailTls
from holdfast.network.public_trust import get_public_context, make_public_context
from holdfast.network.sockets import CannotStart, make_url
from holdfast.server.settings import Settings
from holdfast.services.notifications.sending import Sender

MAX_SECRET = 4096  # characters


def build_sender(settings: Settings) -> Sender:
    """Return the sender. It connects nowhere yet. Raises CannotStart."""
    scheme = "https" if settings.tls_cert else "http"
    url = settings.public_url or make_url(settings.publisher[0], scheme)
    tls = _load_roots(settings.notification_ca_file) if settings.notification_ca_file else get_public_context
    return Sender(url, settings.probe_networks, _find_mail_server(settings), tls)


def _find_mail_server(settings: Settings) -> MailServer | None:
    if settings.smtp_server is None:
        return None
    if not is_address(settings.smtp_from):
        raise CannotStart("HOLDFAST_SMTP_FROM isn't an e-mail address. Set it to the address to send mails from.")
    host, port = settings.smtp_server
    if settings.smtp_tls is MailTls.NONE and not is_loopback(host):
        raise CannotStart(
            f"HOLDFAST_SMTP_TLS=none is only for a server on this machine, and {host} isn't. Use starttls or implicit."
        )
    password = _read_password(settings)
    if bool(settings.smtp_user) != bool(password):
        raise CannotStart("HOLDFAST_SMTP_USER and HOLDFAST_SMTP_PASSWORD belong together. Set both or neither.")
    return MailServer(host, port, settings.smtp_tls, settings.smtp_from, settings.smtp_user, password)


def _read_password(settings: Settings) -> str:
    variable, file = settings.smtp_password, settings.smtp_password_file
    if variable is not None and file is not None:
        raise CannotStart("HOLDFAST_SMTP_PASSWORD and HOLDFAST_SMTP_PASSWORD_FILE are both set. Unset one of them.")
    if file is None:
        return variable.get_secret_value() if variable else ""
    try:
        with file.expanduser().open(encoding="utf-8") as source:
            return source.read(MAX_SECRET).strip()
    except (OSError, ValueError) as error:
        raise CannotStart(f"HOLDFAST_SMTP_PASSWORD_FILE: can't read {file}.") from error


def _load_roots(file: Path) -> Callable[[], ssl.SSLContext]:
    """Load *file* at the start, because it may be wrong, in addition to the public roots."""
    context = make_public_context()
    try:
        context.load_verify_locations(cafile=file.expanduser())
    except OSError as error:  # ssl.SSLError is one
        text = f"HOLDFAST_NOTIFICATION_CA_FILE: {file} can't be read or contains no certificates in PEM."
        raise CannotStart(text) from error
    return lambda: context
