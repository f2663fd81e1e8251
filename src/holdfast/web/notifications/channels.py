"""
The dialogs to add, change, test and delete a channel.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.notifications.channel import Audience, ChannelDraft, ChannelKind, check_kind
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import ContentChanged
from holdfast.services.notifications import channels
from holdfast.services.versions import make_channel_tag
from holdfast.web import dialog, notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.conditions import NO_CONDITION, Condition, SentCondition
from holdfast.web.notifications import words

router = APIRouter(prefix="/notifications")
PAGE = "/notifications"
_FIELDS = ("name", "url", "secret", "recipients", "audience", "events")
Text = Annotated[str, Form()]
Chosen = Annotated[list[str] | None, Form()]


@router.get("/new-channel")
def ask_for_channel(request: Request, context: RequestContext, kind: str = "") -> Response:
    """Show the kinds of channels or, with *kind*, the form for a new one."""
    context.user.require(Permission.MANAGE_NOTIFICATIONS)
    if not kind:
        title = "Add a channel"
        return dialog.show(
            request, context, "notifications/_kinds.html", title=title, section="notifications", kinds=words.KINDS
        )
    form = {"name": "", "url": "", "recipients": "", "audience": Audience.ALL, "events": []}
    return _show_form(request, context, check_kind(kind), "", form, NO_CONDITION, {})


@router.post("/new-channel")
def create_channel(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    kind: Text = "",
    name: Text = "",
    url: Text = "",
    secret: Text = "",
    recipients: Text = "",
    audience: Text = Audience.ALL,
    events: Chosen = None,
) -> Response:
    """Create a channel."""
    draft = ChannelDraft(url or None, secret or None, recipients.split(), events or [], audience)
    try:
        channel = channels.create_channel(context, runtime.sealing, name, kind, draft)
    except Refusal as error:
        form = _read_form(name, url, recipients, audience, events)
        return _show_form(request, context, check_kind(kind), "", form, NO_CONDITION, error.map_to_fields("name"))
    return notices.redirect(request, PAGE, "channel-created", channel.name)


@router.get("/channels/{name}")
def ask_to_change(request: Request, context: RequestContext, name: str) -> Response:
    """Show the form for a change of a channel."""
    channel = channels.get_channel(context, name).channel
    form = _read_form(name, "", "\n".join(channel.recipients), channel.audience, [*channel.events])
    return _show_form(request, context, channel.kind, name, form, Condition(make_channel_tag(channel)), {})


@router.post("/channels/{name}")
def change_channel(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    name: str,
    condition: SentCondition,
    url: Text = "",
    secret: Text = "",
    recipients: Text = "",
    audience: Text = Audience.ALL,
    events: Chosen = None,
) -> Response:
    """Change a channel; an empty URL or secret stays as it is."""
    draft = ChannelDraft(url or None, secret or None, recipients.split(), events or [], audience)
    try:
        channels.change_channel(context, runtime.sealing, name, draft, condition.expected)
    except (ContentChanged, Refusal) as error:
        kind = channels.get_channel(context, name).channel.kind
        form = _read_form(name, url, recipients, audience, events)
        if isinstance(error, ContentChanged):
            condition = Condition.after(error, loss="secrets" if secret else "")
            return _show_form(request, context, kind, name, form, condition, {})
        return _show_form(request, context, kind, name, form, condition, error.map_to_fields("audience"))
    return notices.redirect(request, PAGE, "channel-changed", name)


@router.post("/channels/{name}/test")
async def send_test(request: Request, runtime: CurrentRuntime, context: RequestContext, name: str) -> Response:
    """Send a test message; if it isn't delivered, the page shows why."""
    outcome = await channels.send_test(context, runtime.sealing, runtime.sender, name)
    notice = "channel-tested" if outcome.delivered else "channel-test-failed"
    return notices.redirect(request, PAGE, notice, name)


@router.get("/channels/{name}/delete")
def ask_to_delete(request: Request, context: RequestContext, name: str) -> Response:
    """Ask for confirmation to delete a channel."""
    status = channels.get_channel(context, name)
    title = f"Delete channel {name}"
    return dialog.show(
        request, context, "notifications/_delete.html", title=title, section="notifications", status_of_channel=status
    )


@router.post("/channels/{name}/delete")
def delete_channel(request: Request, context: RequestContext, name: str) -> Response:
    """Delete a channel."""
    channels.delete_channel(context, name)
    return notices.redirect(request, PAGE, "channel-deleted", name)


def _read_form(name: str, url: str, recipients: str, audience: str, events: list[Any] | None) -> dict[str, Any]:
    return {"name": name, "url": url, "recipients": recipients, "audience": audience, "events": events or []}


def _show_form(
    request: Request,
    context: Context,
    kind: ChannelKind,
    name: str,
    form: Mapping[str, Any],
    condition: Condition,
    errors: Mapping[str, str],
) -> Response:
    """Show the form of a channel; *name* is empty for a new one."""
    label, _ = words.KINDS[kind]
    return dialog.show(
        request,
        context,
        "notifications/_channel.html",
        title=f"Change {name}" if name else f"Add a channel: {label}",
        fields=_FIELDS,
        errors=errors,
        condition=condition,
        section="notifications",
        kind=kind.value,
        label=label,
        existing=name,
        form=form,
        url_example=words.URLS[kind][0],
        url_hint=words.URLS[kind][1],
        events=words.EVENTS,
        audiences=[
            audience
            for audience in words.AUDIENCES.items()
            if kind is ChannelKind.EMAIL or audience[0] != Audience.OWNERS
        ],
    )
