"""
Lists that are always empty, which clients of WSO2 read before other operations.
"""

from typing import Any, Literal

from typing_extensions import TypedDict

from holdfast.rest.authentication import RequestContext
from holdfast.rest.inputs import declare_ignored
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.responses import Pagination
from holdfast.rest.router import Router
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission

router = Router(prefix=PREFIX, tags=["Compatibility"])
_IGNORED = "the list is always empty."
Level = Literal["api", "subscription", "application"]


class EmptyList(TypedDict):
    """A list without entries."""

    count: int
    list: list[Any]


class EmptyPage(EmptyList):
    """A page of a list without entries."""

    pagination: Pagination


@router.get("/key-managers")
def list_key_managers(context: RequestContext) -> EmptyList:
    """
    List key managers.

    Always empty: gateways don't check the tokens of callers.
    """
    _require(context)
    return {"count": 0, "list": []}


@router.get("/organizations")
def list_wso2_organizations(context: RequestContext) -> EmptyList:
    """
    List organizations that APIs can be shared with.

    Always empty: an API belongs to one organization. Operators list organizations with `/installation/organizations`.
    """
    _require(context)
    return {"count": 0, "list": []}


@router.get("/throttling-policies/{level}")
def list_throttling_policies(
    context: RequestContext, level: Level, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0
) -> EmptyPage:
    """
    List throttling policies.

    Always empty: there are none.
    """
    _require(context)
    return _write_page(f"/throttling-policies/{level}", limit, offset)


@router.get("/subscriptions", openapi_extra=declare_ignored(apiId=_IGNORED, query=_IGNORED))
def list_subscriptions(context: RequestContext, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> EmptyPage:
    """
    List subscriptions.

    Always empty: callers don't subscribe to APIs.
    """
    _require(context)
    return _write_page("/subscriptions", limit, offset)


@router.get("/operation-policies", openapi_extra=declare_ignored(query=_IGNORED))
def list_operation_policies(context: RequestContext, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> EmptyPage:
    """
    List operation policies.

    Always empty: there are none.
    """
    _require(context)
    return _write_page("/operation-policies", limit, offset)


def _require(context: Context) -> None:
    context.user.require(Permission.VIEW_APIS, Permission.VIEW_SETTINGS, Permission.CHANGE_APIS)


def _write_page(path: str, limit: int, offset: int) -> EmptyPage:
    return {"count": 0, "list": [], "pagination": paginate(f"{PREFIX}{path}", {}, offset, limit, 0)}
