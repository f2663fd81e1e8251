"""
Manage channels, and send test messages.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.notifications import channel as rules
from holdfast.apis.notifications.channel import Audience, Channel, ChannelDraft, Secrets
from holdfast.apis.notifications.event import EventKind, EventSeverity, Notification, Phase, Wording
from holdfast.apis.notifications.message import PAGE, Message
from holdfast.apis.wso2_wording import ALREADY_EXISTS
from holdfast.network.delivery import NotDelivered
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import AlreadyExists, Conflict, NotFound
from holdfast.services.notifications.routing import address
from holdfast.services.notifications.sending import Sender
from holdfast.services.notifications.silences import is_silenced
from holdfast.services.versions import Expected, check_expected, make_channel_tag
from holdfast.store.audit import Action, ChannelOf
from holdfast.store.notifications import channels, history, outbox, owners, silences
from holdfast.store.notifications.channels import Backlog
from holdfast.store.sealing import CannotUnseal, Sealing

_CANNOT_UNSEAL = "The secrets of this channel can't be decrypted. Enter its URL and secret again."


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """A channel and what waits for it."""

    channel: Channel
    backlog: Backlog


@dataclass(frozen=True, slots=True)
class ChannelMeasure:
    """The numbers of a channel: waiting notifications, messages that were given up, and whether the last one failed."""

    name: str
    waiting: int
    given_up: int
    failing: bool


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """Whether a test message was delivered; *error* is a sentence that says why not."""

    delivered: bool
    error: str = ""


def list_channels(context: Context) -> list[ChannelStatus]:
    """Return the channels of the organization, by name. Raises NotPermitted."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    with context.read() as session:
        backlogs = channels.list_backlogs(session, context.user.organization)
        all_channels = channels.list_of_organization(session, context.user.organization)
    return [ChannelStatus(channel, backlogs.get(channel.id, Backlog())) for channel in all_channels]


def measure_channels(context: Context) -> list[ChannelMeasure]:
    """Return the numbers of all channels, for metrics; every role can read them. Raises NotPermitted."""
    context.user.require(Permission.VIEW_APIS)
    organization = context.user.organization
    with context.read() as session:
        backlogs = channels.list_backlogs(session, organization)
        given_up = channels.count_given_up(session, organization)
        all_channels = channels.list_of_organization(session, organization)
    return [
        ChannelMeasure(
            channel.name,
            backlogs.get(channel.id, Backlog()).waiting,
            given_up.get(channel.id, 0),
            failing=bool(channel.delivery.error),
        )
        for channel in all_channels
    ]


def get_channel(context: Context, name: str) -> ChannelStatus:
    """Return a channel. Raises NotPermitted, NotFound."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    with context.read() as session:
        channel = _find(session, context, name)
        return ChannelStatus(channel, channels.list_backlogs(session, channel.organization).get(channel.id, Backlog()))


def create_channel(context: Context, sealing: Sealing, name: str, kind: str, draft: ChannelDraft) -> Channel:
    """Create a channel. Raises NotPermitted, InvalidField, and Conflict if the name is taken or there are too many."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    checked_kind = rules.check_kind(kind)
    empty = Channel(
        id=str(uuid.uuid4()),
        organization=context.user.organization,
        name=rules.check_name(name.strip()),
        kind=checked_kind,
        target="",
        sealed=b"",
        recipients=(),
        events=(),
        audience=Audience.ALL,
        created_at=context.now,
        updated_at=context.now,
    )
    channel = _apply(empty, draft, None, sealing, context)
    with context.write() as session:
        if channels.get(session, channel.organization, channel.name):
            raise AlreadyExists("name", f"The channel {channel.name} {ALREADY_EXISTS}.")
        if channels.count(session, channel.organization) >= rules.MAX_CHANNELS:
            raise Conflict("name", f"There are {rules.MAX_CHANNELS} channels, which is the limit. Delete one first.")
        channels.insert(session, channel)
        _send_current(session, channel, context.now)
        _record(session, context, Action.CREATE_CHANNEL, channel)
    return channel


def _send_current(session: Session, channel: Channel, now: datetime) -> None:
    """Let a new channel receive what others were notified of and still is so, unless it is silenced now."""
    active = silences.list_active(session, channel.organization, now)
    notifications = [
        notification
        for notification in history.list_latest_of_present(session, channel.organization)
        if not is_silenced(active, notification.kind, notification.about)
    ]
    about = {name for notification in notifications for name in notification.about}
    responsible = owners.list_by_object(session, channel.organization, about)
    outbox.add_receivers(session, [address(notification, [channel], responsible) for notification in notifications])


def change_channel(
    context: Context, sealing: Sealing, name: str, draft: ChannelDraft, expected: Expected = None
) -> Channel:
    """
    Change a channel; what waits for it is sent at once.

    Raises NotPermitted, NotFound, InvalidField, and ContentChanged if the channel isn't as *expected*.
    """
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    with context.write() as session:
        before = _find(session, context, name)
        check_expected(expected, make_channel_tag(before))
        secrets = _open_if_possible(sealing, before)
        after = _apply(before, draft, secrets, sealing, context)
        channels.change(session, after)
        fields = tuple(
            field
            for field in ("target", "recipients", "events", "audience")
            if getattr(before, field) != getattr(after, field)
        )
        if draft.url or draft.secret:
            fields += ("secrets",)
        _record(session, context, Action.CHANGE_CHANNEL, after, fields)
    return after


def delete_channel(context: Context, name: str) -> None:
    """Delete a channel, and what waits for it. Raises NotPermitted, NotFound."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    with context.write() as session:
        channel = _find(session, context, name)
        channels.remove(session, channel)
        _record(session, context, Action.DELETE_CHANNEL, channel)


async def send_test(context: Context, sealing: Sealing, sender: Sender, name: str) -> TestOutcome:
    """Send a test message through a channel now, before anything that waits. Raises NotPermitted, NotFound."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    channel = await asyncio.to_thread(_read_channel, context, name)
    try:
        secrets = open_secrets(sealing, channel)
        await sender.send(channel, secrets, _write_test(channel, sender, context), channel.recipients, context.now)
    except NotDelivered as error:
        outcome = TestOutcome(delivered=False, error=str(error))
    else:
        outcome = TestOutcome(delivered=True)
    await asyncio.to_thread(_record_test, context, channel, outcome)
    return outcome


def _read_channel(context: Context, name: str) -> Channel:
    with context.read() as session:
        channel = _find(session, context, name)
    context.release()  # the receiver may be slow
    return channel


def _record_test(context: Context, channel: Channel, outcome: TestOutcome) -> None:
    with context.write() as session:
        _record(session, context, Action.TEST_CHANNEL, channel, error=outcome.error)
        if outcome.delivered:
            channels.write_success(session, channel.id, context.now)
        else:
            channels.write_failure(session, channel.id, context.now, outcome.error)


def open_secrets(sealing: Sealing, channel: Channel) -> Secrets:
    """Return the secrets of a channel. Raises NotDelivered."""
    try:
        return Secrets.read(sealing.open(channel.sealed, channel.organization, channel.id))
    except CannotUnseal as error:
        raise NotDelivered(_CANNOT_UNSEAL) from error


def _open_if_possible(sealing: Sealing, channel: Channel) -> Secrets:
    try:
        return open_secrets(sealing, channel)
    except NotDelivered:
        return Secrets()


def _apply(
    before: Channel, draft: ChannelDraft, secrets: Secrets | None, sealing: Sealing, context: Context
) -> Channel:
    kind = before.kind
    audience = before.audience if draft.audience is None else rules.check_audience(draft.audience, kind)
    recipients = before.recipients if draft.recipients is None else draft.recipients
    recipients = rules.check_recipients(recipients, kind, audience)
    after_secrets = rules.check_secrets(draft, kind, secrets)
    return replace(
        before,
        target=rules.describe_target(after_secrets, kind, recipients),
        sealed=sealing.seal(after_secrets.to_bytes(), before.organization, before.id),
        recipients=recipients,
        events=before.events if draft.events is None else rules.check_events(draft.events),
        audience=audience,
        updated_at=context.now,
    )


def _find(session: Session, context: Context, name: str) -> Channel:
    channel = channels.get(session, context.user.organization, name)
    if channel is None:
        raise NotFound("notification channel", name)
    return channel


def _write_test(channel: Channel, sender: Sender, context: Context) -> Message:
    wording = Wording(
        f"Test of the channel {channel.name}",
        f"{context.user.name} sent this test message. Notifications of the organization {channel.organization} "
        "will arrive here.",
        "Nothing to do.",
        PAGE,
    )
    test = Notification(
        channel.organization,
        context.now,
        f"test:{channel.id}",
        EventKind.TEST,
        Phase.BEGAN,
        EventSeverity.INFO,
        wording,
    )
    notifications = [test]
    if channel.has_incidents:  # which must not stay open
        notifications.append(replace(test, phase=Phase.ENDED))
    return Message(str(uuid.uuid4()), channel.organization, context.now, notifications, {test.type: 1}, sender.url)


def _record(
    session: Session,
    context: Context,
    action: Action,
    channel: Channel,
    fields: Sequence[str] = (),
    error: str = "",
) -> None:
    details = ChannelOf(channel.kind.value, channel.target, tuple(fields), error)
    write_down(session, context.user, context.now, action, channel.name, details)
