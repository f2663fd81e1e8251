"""
Responses of operations on notifications.
"""

from typing_extensions import TypedDict

from holdfast.apis.notifications.channel import Audience, ChannelKind
from holdfast.apis.notifications.event import EventKind, EventSeverity, Phase
from holdfast.rest.responses import Pagination, Timestamp


class ChannelState(TypedDict):
    """Whether messages arrive: when one last did, and why the last one didn't, if so (null and empty: it did)."""

    lastSuccess: Timestamp | None
    lastFailure: Timestamp | None
    error: str
    waiting: int
    failedAttempts: int
    nextAttempt: Timestamp | None


class NotificationChannel(TypedDict):
    """A channel. Its URL and secret are never returned; `target` is what can be shown of them."""

    name: str
    kind: ChannelKind
    target: str
    recipients: list[str]
    events: list[EventKind]
    audience: Audience
    createdTime: Timestamp
    updatedTime: Timestamp
    state: ChannelState


class NotificationChannels(TypedDict):
    """All channels, ordered by name."""

    count: int
    list: list[NotificationChannel]


class ChannelTest(TypedDict):
    """Whether the receiver took a test message; `error` says why not."""

    delivered: bool
    error: str


class NotificationReceipt(TypedDict):
    """The delivery of a notification to one channel; `messageId` is empty while it waits."""

    channel: str
    messageId: str
    deliveredTime: Timestamp | None
    givenUp: bool
    error: str


class Notification(TypedDict):
    """A notification."""

    id: str
    time: Timestamp
    type: str
    kind: EventKind
    phase: Phase
    severity: EventSeverity
    key: str
    title: str
    text: str
    action: str
    path: str
    about: list[str]
    channels: list[NotificationReceipt]


class Notifications(TypedDict):
    """A page of notifications, newest first."""

    count: int
    list: list[Notification]
    pagination: Pagination


class NotificationSilence(TypedDict):
    """A silence; an empty `kind` or `about` covers any."""

    id: str
    kind: str
    about: str
    reason: str
    createdBy: str
    createdTime: Timestamp
    until: Timestamp


class NotificationSilences(TypedDict):
    """The silences that haven't ended, the first to end first."""

    count: int
    list: list[NotificationSilence]


class Owners(TypedDict):
    """Owners: e-mail addresses, `user:NAME` and `channel:NAME`."""

    owners: list[str]
