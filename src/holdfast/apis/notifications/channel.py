"""
Channels: where an organization's notifications are sent.
"""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from holdfast.apis.errors import InvalidField
from holdfast.apis.notifications.event import KINDS, EventKind
from holdfast.apis.notifications.owners import check_addresses
from holdfast.apis.url import Url, parse_url

MAX_CHANNELS = 50  # of an organization
MAX_RECIPIENTS = 50
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets of Standard Webhooks begin with; the rest is base64
SECRET_LENGTHS = (24, 64)  # bytes
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ROUTING_KEY = re.compile(r"[A-Za-z0-9]{20,64}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ChannelKind(StrEnum):
    """A kind of channel."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    SLACK = "slack"
    PAGERDUTY = "pagerduty"


class Audience(StrEnum):
    """The events that a channel receives."""

    ALL = "all"
    OWNED = "owned"  # only about objects that the channel owns
    OWNERS = "owners"  # e-mail: everything, to the owners' addresses, and to the recipients if there are none


@dataclass(frozen=True, slots=True)
class Delivery:
    """The state of a channel: when a message was last delivered, and since then, the last error."""

    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """
    A channel, without its secrets, which *sealed* contains.

    *target* is what pages show of its address. *events* are the kinds that it receives; empty: all.
    """

    id: str
    organization: str
    name: str
    kind: ChannelKind
    target: str
    sealed: bytes = field(repr=False)
    recipients: tuple[str, ...]
    events: tuple[EventKind, ...]
    audience: Audience
    created_at: datetime
    updated_at: datetime
    delivery: Delivery = Delivery()

    def receives(self, kind: EventKind) -> bool:
        """Return whether it receives events of *kind*."""
        return not self.events or kind in self.events

    @property
    def has_incidents(self) -> bool:
        """Whether the receiver opens incidents, which must be ended."""
        return self.kind is ChannelKind.PAGERDUTY


@dataclass(frozen=True, slots=True)
class Secrets:
    """The URL of a channel, whose path can be a secret, and a signing secret or routing key."""

    url: str = field(default="", repr=False)
    key: str = field(default="", repr=False)

    def to_bytes(self) -> bytes:
        """Return the bytes to seal."""
        return json.dumps({"url": self.url, "key": self.key}).encode()

    @staticmethod
    def read(content: bytes) -> "Secrets":
        """Return what was sealed."""
        members = json.loads(content)
        return Secrets(members["url"], members["key"])


@dataclass(frozen=True, slots=True)
class ChannelDraft:
    """The values of a channel, as typed; None: unchanged, or the default of a new channel."""

    url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    recipients: Sequence[str] | None = None
    events: Sequence[str] | None = None
    audience: str | None = None


def check_name(name: str) -> str:
    """Return *name* if a channel can have it. Raises InvalidField."""
    if not _NAME.fullmatch(name):
        raise InvalidField("name", "Use 1-63 letters, digits, dots, hyphens or underscores, and begin with no sign.")
    return name


def check_kind(kind: str) -> ChannelKind:
    """Return the kind with this name. Raises InvalidField."""
    try:
        return ChannelKind(kind)
    except ValueError:
        message = f"There are no channels of the kind {kind[:80]!r}. Use one of {', '.join(ChannelKind)}."
        raise InvalidField("kind", message) from None


def check_audience(audience: str, kind: ChannelKind) -> Audience:
    """Return the audience with this name. Raises InvalidField."""
    audiences = [choice for choice in Audience if kind is ChannelKind.EMAIL or choice is not Audience.OWNERS]
    if audience not in audiences:
        raise InvalidField("audience", f"{audience[:80]!r} isn't possible here. Use {', '.join(audiences)}.")
    return Audience(audience)


def check_events(events: Sequence[str]) -> tuple[EventKind, ...]:
    """Return the kinds of events, in their order. Raises InvalidField."""
    if wrong := sorted(set(events) - set(KINDS)):
        raise InvalidField("events", f"There are no events of the kind {wrong[0][:80]!r}. Use {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if kind in events)


def check_recipients(recipients: Sequence[str], kind: ChannelKind, audience: Audience) -> tuple[str, ...]:
    """Return the distinct addresses of an e-mail channel. Raises InvalidField."""
    addresses = check_addresses(recipients, "recipients", MAX_RECIPIENTS)
    if addresses and kind is not ChannelKind.EMAIL:
        raise InvalidField("recipients", "Only e-mail channels have recipients.")
    if not addresses and kind is ChannelKind.EMAIL and audience is not Audience.OWNERS:
        raise InvalidField("recipients", "Add at least one recipient.")
    return addresses


def check_secrets(draft: ChannelDraft, kind: ChannelKind, before: Secrets | None) -> Secrets:
    """
    Return the secrets of a channel of *kind*; *before* are those that it has (None: it is new). Raises InvalidField.

    A changed URL needs the secret again: otherwise, users who can change channels could have it sent to themselves.
    """
    secrets_before = before or Secrets(PAGERDUTY_URL if kind is ChannelKind.PAGERDUTY else "", "")
    url = secrets_before.url if draft.url is None else draft.url.strip()
    key = secrets_before.key if draft.secret is None else draft.secret.strip()
    if kind is ChannelKind.EMAIL:
        if url or key:
            raise InvalidField("url" if url else "secret", "E-mail channels have recipients, not a URL or a secret.")
        return Secrets()
    read_target(url, kind)
    if kind is ChannelKind.SLACK and key:
        raise InvalidField("secret", "The URL of a Slack webhook is its secret. Leave this empty.")
    if kind is not ChannelKind.SLACK and before and url != before.url and not draft.secret:
        raise InvalidField("secret", "Enter the secret again, because the URL changes.")
    if kind is ChannelKind.PAGERDUTY and not _ROUTING_KEY.fullmatch(key):
        raise InvalidField("secret", "Enter the integration key of the PagerDuty service: 32 letters and digits.")
    if kind is ChannelKind.WEBHOOK:
        read_signing_key(key)
    return Secrets(url, key)


def read_target(text: str, kind: ChannelKind) -> Url:
    """Return the URL of a channel. Raises InvalidField."""
    try:
        url = parse_url(text)
    except ValueError as error:
        raise InvalidField("url", str(error)) from error
    if url.scheme != "https" and url.host not in _LOOPBACK:
        raise InvalidField("url", f"Use https, so that nobody can read or change messages to this {kind.value} URL.")
    return url


def describe_target(secrets: Secrets, kind: ChannelKind, recipients: Sequence[str]) -> str:
    """Return what pages show of a channel's address: the path of a webhook URL can be a secret."""
    if kind is ChannelKind.EMAIL:
        return ", ".join(recipients)
    url = read_target(secrets.url, kind)
    host = f"[{url.host}]" if ":" in url.host else url.host
    default = {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{host}{'' if url.port == default else f':{url.port}'}"


def read_signing_key(secret: str) -> bytes:
    """Return the key of a signing secret: `whsec_` and base64, as in Standard Webhooks. Raises InvalidField."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not SECRET_LENGTHS[0] <= len(key) <= SECRET_LENGTHS[1]:
        text = "Enter 24 to 64 random bytes in base64, such as the output of `openssl rand -base64 32`."
        raise InvalidField("secret", text)
    return key
