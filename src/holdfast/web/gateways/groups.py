"""
Groups on the page of gateways, and the dialogs to create, change and delete one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from holdfast.apis.gateways.group import DEFAULT_GROUP, LISTENERS, Group, write_address
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.errors import ContentChanged
from holdfast.services.gateways import groups, statuses
from holdfast.services.gateways.groups import GroupChange
from holdfast.services.gateways.operators import is_operator, require_operator
from holdfast.services.gateways.statuses import GatewayStatus
from holdfast.services.versions import make_group_tag
from holdfast.web import dialog, notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.conditions import NO_CONDITION, Condition, SentCondition

router = APIRouter(prefix="/gateways/groups")
PAGE = "/gateways"
LISTENER_TITLES = {
    listener.member: f"{listener.environment.title()}{' over TLS' if listener.tls else ''}" for listener in LISTENERS
}
# An error about a listener is shown below its input, whose ID has no dot.
_FIELDS = {member: member.replace(".", "-") for member in ("name", "displayName", "description")} | {
    f"{kind}.{listener.member}": f"{kind}-{listener.member}" for kind in ("urls", "listen") for listener in LISTENERS
}
Text = Annotated[str, Form()]
Texts = Annotated[list[str] | None, Form()]  # one for each of LISTENERS


@dataclass(frozen=True, slots=True)
class GroupRow:
    """
    A group on the page. Only operators see the rest.

    *listen* are addresses by listener, *apis* the number of APIs of all organizations, *gateways* the names of its
    gateways.
    """

    group: Group
    listen: Mapping[str, str] = field(default_factory=dict)
    apis: int = 0
    gateways: Sequence[str] = ()

    @property
    def is_default(self) -> bool:
        """Whether it is the group that always exists."""
        return self.group.name == DEFAULT_GROUP


@dataclass(frozen=True, slots=True)
class _Form:
    """The content of the form; *urls* and *listen* are by listener, the addresses of a listener separated by spaces."""

    name: str
    display_name: str
    description: str
    urls: Mapping[str, str]
    listen: Mapping[str, str]

    @property
    def values(self) -> GroupChange:
        """The values that the service takes; a form without addresses leaves them unchanged."""
        listen = {member: text.split() for member, text in self.listen.items()}
        return GroupChange(self.display_name, self.description, self.urls, listen or None)


def _read_form(display_name: Text = "", description: Text = "", urls: Texts = None, listen: Texts = None) -> _Form:
    """Return the fields that can be changed later. The name comes from the form of a new group, or from the path."""
    return _Form("", display_name, description, _map_by_listener(urls), _map_by_listener(listen))


TypedGroup = Annotated[_Form, Depends(_read_form)]


def list_rows(context: Context, gateways: Iterable[GatewayStatus]) -> list[GroupRow]:
    """Return all groups, ordered by name, with their *gateways*."""
    if not is_operator(context):
        return [GroupRow(group) for group in groups.list_groups(context)]
    names: dict[str, list[str]] = {}
    for status in gateways:
        names.setdefault(status.group, []).append(status.name)
    return [
        GroupRow(use.group, _write_listen(use.group, ", "), use.apis, names.get(use.group.name, ()))
        for use in groups.list_uses(context)
    ]


@router.get("/new")
def ask_for_group(request: Request, context: RequestContext) -> Response:
    """Show the form for a new group."""
    require_operator(context)
    return _show_form(request, context, "", _Form("", "", "", {}, {}), NO_CONDITION, {})


@router.post("/new")
def create_group(request: Request, context: RequestContext, form: TypedGroup, name: Text = "") -> Response:
    """Create a group."""
    form = replace(form, name=name)
    try:
        group = groups.create_group(context, name, form.values).group
    except Refusal as error:
        return _show_form(request, context, "", form, NO_CONDITION, error.map_to_fields("name"))
    return notices.redirect(request, PAGE, "group-created", group.title)


@router.get("/{name}/edit")
def ask_to_change(request: Request, context: RequestContext, name: str) -> Response:
    """Show the form for a change of a group."""
    group = groups.get_use(context, name).group
    return _show_form(request, context, name, _fill_form(group), Condition(make_group_tag(group)), {})


@router.post("/{name}/edit")
def change_group(
    request: Request, context: RequestContext, name: str, condition: SentCondition, form: TypedGroup
) -> Response:
    """Change a group."""
    form = replace(form, name=name)
    try:
        group = groups.change_group(context, name, form.values, condition.expected).group
    except ContentChanged as error:
        return _show_form(request, context, name, form, Condition.after(error), {})
    except Refusal as error:
        return _show_form(request, context, name, form, condition, error.map_to_fields("description"))
    return notices.redirect(request, PAGE, "group-changed", group.title)


@router.get("/{name}/delete")
def ask_to_delete(request: Request, runtime: CurrentRuntime, context: RequestContext, name: str) -> Response:
    """Ask for confirmation to delete a group, or say why it can't be deleted."""
    use = groups.get_use(context, name)
    gateways = statuses.list_statuses(context, runtime.gateway_sources)
    return dialog.show(
        request,
        context,
        "gateways/_delete_group.html",
        title=f"Delete group {use.group.title}",
        section="gateways",
        group=use.group,
        apis=use.apis,
        gateways=[status.name for status in gateways if status.group == name],
        is_default=name == DEFAULT_GROUP,
    )


@router.post("/{name}/delete")
def delete_group(request: Request, context: RequestContext, name: str) -> Response:
    """Delete a group."""
    title = groups.get_use(context, name).group.title
    groups.delete_group(context, name)
    return notices.redirect(request, PAGE, "group-deleted", title)


def _fill_form(group: Group) -> _Form:
    return _Form(group.name, group.display_name, group.description, group.urls, _write_listen(group, " "))


def _write_listen(group: Group, separator: str) -> dict[str, str]:
    return {member: separator.join(map(write_address, addresses)) for member, addresses in group.listen.items()}


def _map_by_listener(texts: Sequence[str] | None) -> dict[str, str]:
    return {listener.member: text.strip() for listener, text in zip(LISTENERS, texts or (), strict=False)}


def _show_form(
    request: Request,
    context: Context,
    existing: str,
    form: _Form,
    condition: Condition,
    errors: Mapping[str, str],
) -> Response:
    """Show the form of a group; *existing* is the name of one, or empty for a new one."""
    return dialog.show(
        request,
        context,
        "gateways/_group.html",
        title=f"Change {existing}" if existing else "Create a group",
        fields=tuple(_FIELDS.values()),
        errors={_FIELDS.get(field, "description"): text for field, text in errors.items()},
        condition=condition,
        section="gateways",
        existing=existing,
        form=form,
        listeners=LISTENER_TITLES,
        takes_addresses=existing != DEFAULT_GROUP,
    )
