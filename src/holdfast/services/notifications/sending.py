"""
Send messages through channels.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.apis.notifications.channel import Channel, ChannelKind, Secrets, read_signing_key, read_target
from holdfast.apis.notifications.message import Message, write_mail, write_pagerduty, write_slack, write_webhook
from holdfast.network.addresses import EVERYWHERE, Network
from holdfast.network.delivery import NotDelivered
from holdfast.network.mail import Mail, MailServer, send_mail
from holdfast.network.outgoing import Target, post
from holdfast.network.public_trust import get_public_context

NO_MAIL_SERVER = "No SMTP server is configured. Set HOLDFAST_SMTP_SERVER and HOLDFAST_SMTP_FROM, then restart Holdfast."
_JSON = {"Content-Type": "application/json", "User-Agent": "Holdfast"}


@dataclass(frozen=True, slots=True)
class Sender:
    """
    Sends messages: to addresses within *networks*, over TLS that *tls* verifies, mails through *mail* (None: none).

    *url* is where users reach the pages.
    """

    url: str = "http://127.0.0.1:9080"
    networks: Sequence[Network] = EVERYWHERE
    mail: MailServer | None = None
    tls: Callable[[], ssl.SSLContext] = get_public_context

    async def send(
        self, channel: Channel, secrets: Secrets, message: Message, recipients: Sequence[str], now: datetime
    ) -> None:
        """Send *message*, in a mail to *recipients*. Raises NotDelivered."""
        match channel.kind:
            case ChannelKind.EMAIL:
                await self._mail(message, recipients, now)
            case ChannelKind.WEBHOOK:
                body = _encode(write_webhook(message))
                headers = sign(read_signing_key(secrets.key), message.id, now, body)
                await self._post(channel, secrets, body, headers)
            case ChannelKind.SLACK:
                await self._post(channel, secrets, _encode(write_slack(message)), {})
            case ChannelKind.PAGERDUTY:
                for event in write_pagerduty(message, secrets.key):
                    await self._post(channel, secrets, _encode(event), {})

    async def _mail(self, message: Message, recipients: Sequence[str], now: datetime) -> None:
        if self.mail is None:
            raise NotDelivered(NO_MAIL_SERVER)
        if not recipients:
            raise NotDelivered("The channel has no recipients.")
        subject, text = write_mail(message)
        await asyncio.to_thread(send_mail, self.mail, Mail(message.id, recipients, subject, text, now), self.tls())

    async def _post(self, channel: Channel, secrets: Secrets, body: bytes, headers: dict[str, str]) -> None:
        url = read_target(secrets.url, channel.kind)
        path = f"{url.path or '/'}{'' if url.query is None else f'?{url.query}'}"
        target = Target(url.scheme, url.host, url.port, path)
        await post(target, body, _JSON | headers, self.networks, self.tls())


def sign(key: bytes, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the headers with which a receiver verifies *body*, as in Standard Webhooks 1.0."""
    moment = str(int(now.timestamp()))
    digest = hmac.new(key, f"{message_id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
