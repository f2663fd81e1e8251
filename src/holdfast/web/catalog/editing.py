"""
Dialogs that edit and copy an API.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.catalog.api import MAX_DESCRIPTION, Api, build_short_path
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis, copies
from holdfast.services.errors import ContentChanged
from holdfast.services.versions import make_api_tag
from holdfast.web import dialog, notices
from holdfast.web.access.session import RequestContext
from holdfast.web.conditions import Condition, SentCondition

router = APIRouter(prefix="/apis/{api_id}")


@router.get("/edit")
def ask_for_description(request: Request, context: RequestContext, api_id: str) -> Response:
    """Show the form for the description, and say what can't be changed."""
    full_api = apis.get_full_api(context, api_id)
    condition = Condition(make_api_tag(full_api))
    return _ask_for_description(request, context, full_api.api, full_api.api.description, condition)


@router.post("/edit")
def edit(
    request: Request,
    context: RequestContext,
    api_id: str,
    condition: SentCondition,
    description: Annotated[str, Form()] = "",
) -> Response:
    """Change the description."""
    api = apis.get_api(context, api_id)
    try:
        apis.change_api(context, api_id, description=description, expected=condition.expected)
    except ContentChanged as error:
        return _ask_for_description(request, context, api, description, Condition.after(error, subject="this API"))
    except Refusal as error:
        return _ask_for_description(request, context, api, description, condition, error.map_to_fields("description"))
    return notices.redirect(request, f"/apis/{api_id}", "description-saved", f"{api.name} {api.version}")


@router.get("/copy")
def ask_for_version(request: Request, context: RequestContext, api_id: str) -> Response:
    """Ask for the version of the copy."""
    return _ask_for_version(request, context, apis.get_api(context, api_id))


@router.post("/copy")
def copy(
    request: Request,
    context: RequestContext,
    api_id: str,
    version: Annotated[str, Form()] = "",
    default: Annotated[bool, Form()] = False,
) -> Response:
    """Create a new version of an API."""
    api = apis.get_api(context, api_id)
    try:
        new = copies.copy_api(context, api_id, version, is_default=default).api
    except Refusal as error:
        return _ask_for_version(request, context, api, version, error.map_to_fields("version"), is_default=default)
    return notices.redirect(request, f"/apis/{new.id}", "api-created", f"{new.name} {new.version}")


def _ask_for_description(
    request: Request,
    context: Context,
    api: Api,
    description: str,
    condition: Condition,
    errors: dict[str, str] | None = None,
) -> Response:
    return dialog.show(
        request,
        context,
        "api/_edit.html",
        title="Edit description",
        fields=("description",),
        errors=errors,
        condition=condition,
        api=api,
        page="overview",
        description=description,
        max_description=MAX_DESCRIPTION,
        # As in WSO2, publishers can change it, too.
        permission=Permission.CHANGE_APIS if context.user.may(Permission.CHANGE_APIS) else Permission.PUBLISH_APIS,
    )


def _ask_for_version(
    request: Request,
    context: Context,
    api: Api,
    version: str = "",
    errors: dict[str, str] | None = None,
    *,
    is_default: bool = False,
) -> Response:
    return dialog.show(
        request,
        context,
        "api/_copy.html",
        title="Create new version",
        fields=("version",),
        errors={"version": " ".join(errors.values())} if errors else None,
        api=api,
        page="overview",
        version=version,
        is_default=is_default,
        short_path=build_short_path(api.organization, api.context),
    )
