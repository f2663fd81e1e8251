"""
The gateway environments of an API: the section of its overview, and the dialog that chooses them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.gateways.group import LISTENERS, Group
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.services.errors import ContentChanged
from holdfast.services.gateways.groups import list_groups
from holdfast.services.runtime import Runtime
from holdfast.services.versions import make_api_tag
from holdfast.web import dialog, notices
from holdfast.web.access.session import RequestContext
from holdfast.web.conditions import Condition, SentCondition

router = APIRouter(prefix="/apis/{api_id}/environments")
FIELD = "gatewayEnvironments"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A group of gateways that an API is deployed to, and the URLs of the API there, with the environment of each."""

    group: Group
    urls: Sequence[tuple[Environment, str]]


def find_deployments(runtime: Runtime, context: Context, api: Api) -> list[Deployment]:
    """Return where *api* is deployed, ordered by name."""
    groups = [group for group in list_groups(context) if group.name in api.groups]
    return [Deployment(group, _list_urls(runtime.list_urls(group), api)) for group in groups]


def _list_urls(of_group: dict[str, str], api: Api) -> list[tuple[Environment, str]]:
    return [
        (listener.environment, f"{of_group[listener.member]}{api.path}")
        for listener in LISTENERS
        if listener.member in of_group
        and (api.find_endpoint(listener.environment) or api.mocks is not None)
        and _is_open(api, tls=listener.tls)
    ]


def _is_open(api: Api, *, tls: bool) -> bool:
    """Return whether callers can use http or https: only https can ask for a certificate."""
    return tls or not api.requires_certificate


def find_permission(context: Context, api: Api) -> Permission:
    """Return the permission to choose the environments of *api*; while it isn't served, either of two is enough."""
    is_publisher = context.user.may(Permission.PUBLISH_APIS)
    return Permission.PUBLISH_APIS if is_publisher or api.state.is_live else Permission.CHANGE_APIS


@router.get("")
def ask_for_environments(request: Request, context: RequestContext, api_id: str) -> Response:
    """Show the dialog."""
    full_api = apis.get_full_api(context, api_id)
    return _show(request, context, full_api.api, full_api.api.groups, Condition(make_api_tag(full_api)))


@router.post("")
def save_environments(
    request: Request,
    context: RequestContext,
    api_id: str,
    condition: SentCondition,
    environment: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Deploy the API to the groups called *environment*."""
    api = apis.get_api(context, api_id)
    try:
        apis.change_api(context, api_id, members={FIELD: environment or []}, expected=condition.expected)
    except ContentChanged as error:
        return _show(request, context, api, environment or [], Condition.after(error, subject="this API"))
    except Refusal as error:
        return _show(request, context, api, environment or [], condition, error)
    return notices.redirect(request, f"/apis/{api_id}", "environments-saved", f"{api.name} {api.version}")


def _show(
    request: Request,
    context: Context,
    api: Api,
    names: Collection[str],
    condition: Condition,
    error: Refusal | None = None,
) -> Response:
    return dialog.show(
        request,
        context,
        "api/_environments.html",
        title="Environments",
        fields=[FIELD],
        errors=error.map_to_fields(FIELD) if error else None,
        condition=condition,
        api=api,
        page="overview",
        groups=list_groups(context),
        names=names,
        permission=find_permission(context, api),
    )
