"""
`/notification-channels`: where notifications are sent.
"""

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.apis.notifications.channel import Channel, ChannelDraft
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.notifications.responses import ChannelTest, NotificationChannel, NotificationChannels
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.access.context import Context
from holdfast.services.notifications import channels
from holdfast.services.notifications.channels import ChannelStatus

router = Router(prefix=f"{PREFIX}/notification-channels", tags=["Notifications"])


class ChannelChange(BaseModel):
    """A change of a channel. Members that are left out keep their values; a new URL needs the secret again."""

    model_config = ConfigDict(extra="forbid")
    url: str | None = Field(None, description="Of a webhook, Slack webhook or PagerDuty. Never returned.")
    secret: str | None = Field(
        None,
        description="Of a webhook: the key of the signature, 24 to 64 bytes in base64. Of PagerDuty: the integration "
        "key. Never returned.",
    )
    recipients: list[str] | None = Field(None, description="E-mail addresses.")
    events: list[str] | None = Field(None, description="Kinds of events to send; none: all.")
    audience: str | None = Field(
        None,
        description="`all`, `owned` (only about what the channel owns) or, for e-mail, `owners` (to the addresses of "
        "owners, or to the recipients if there are none).",
    )

    def to_draft(self) -> ChannelDraft:
        """Return the draft that the service takes."""
        return ChannelDraft(self.url, self.secret, self.recipients, self.events, self.audience)


class ChannelBody(ChannelChange):
    """A new channel."""

    name: str
    kind: str = Field(description="`email`, `webhook`, `slack` or `pagerduty`.")


@router.get("")
def list_notification_channels(context: RequestContext) -> NotificationChannels:
    """
    List notification channels.

    Each has its state: when a message last arrived, why the last one didn't, and how many wait.
    """
    statuses = channels.list_channels(context)
    return {"count": len(statuses), "list": [_describe(status) for status in statuses]}


@router.post("", status_code=201)
def create_notification_channel(
    runtime: CurrentRuntime, context: RequestContext, body: ChannelBody
) -> NotificationChannel:
    """
    Create a notification channel.

    Its first message is about everything that is so now.
    """
    channel = channels.create_channel(context, runtime.sealing, body.name, body.kind, body.to_draft())
    return _find(context, channel)


@router.get("/{channel}")
def get_notification_channel(context: RequestContext, channel: str) -> NotificationChannel:
    """Get a notification channel."""
    return _describe(channels.get_channel(context, channel))


@router.put("/{channel}")
def update_notification_channel(
    runtime: CurrentRuntime, context: RequestContext, channel: str, body: ChannelChange
) -> NotificationChannel:
    """
    Update a notification channel.

    Name and kind can't be changed. What waits for the channel is sent again at once.
    """
    return _find(context, channels.change_channel(context, runtime.sealing, channel, body.to_draft()))


@router.delete("/{channel}", status_code=204)
def delete_notification_channel(context: RequestContext, channel: str) -> Response:
    """Delete a notification channel, and what waits for it."""
    channels.delete_channel(context, channel)
    return Response(status_code=204)


@router.post("/{channel}/test")
async def test_notification_channel(runtime: CurrentRuntime, context: RequestContext, channel: str) -> ChannelTest:
    """
    Send a test message.

    It is sent now, before anything that waits, and the response says whether the receiver took it.
    """
    outcome = await channels.send_test(context, runtime.sealing, runtime.sender, channel)
    return {"delivered": outcome.delivered, "error": outcome.error}


def _find(context: Context, channel: Channel) -> NotificationChannel:
    return _describe(channels.get_channel(context, channel.name))


def _describe(status: ChannelStatus) -> NotificationChannel:
    channel, delivery, backlog = status.channel, status.channel.delivery, status.backlog
    return {
        "name": channel.name,
        "kind": channel.kind,
        "target": channel.target,
        "recipients": list(channel.recipients),
        "events": list(channel.events),
        "audience": channel.audience,
        "createdTime": channel.created_at.isoformat(),
        "updatedTime": channel.updated_at.isoformat(),
        "state": {
            "lastSuccess": delivery.succeeded_at.isoformat() if delivery.succeeded_at else None,
            "lastFailure": delivery.failed_at.isoformat() if delivery.failed_at else None,
            "error": delivery.error,
            "waiting": backlog.waiting,
            "failedAttempts": backlog.attempts,
            "nextAttempt": backlog.next_attempt_at.isoformat() if backlog.next_attempt_at else None,
        },
    }
