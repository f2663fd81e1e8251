"""
Pages on which admins manage the users of their organization.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.refusals import Refusal
from holdfast.services.access import users
from holdfast.services.access.context import Context
from holdfast.services.access.password_threads import on_password_threads
from holdfast.services.access.passwords import MIN_PASSWORD
from holdfast.services.access.permissions import Permission, Role
from holdfast.services.errors import Conflict, ContentChanged
from holdfast.services.versions import make_user_tag
from holdfast.web import notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.conditions import Condition, SentCondition
from holdfast.web.paging import limit_page
from holdfast.web.rendering import render, wants_part

router = APIRouter()
PAGE = 50
MAX_QUERY = 200  # characters
_ROLES = {
    Role.ADMIN: "Full access, including users",
    Role.CREATOR: "Create and change APIs, certificates and trust settings",
    Role.PUBLISHER: "Publish, deprecate and retire APIs",
    Role.VIEWER: "Read-only",
}
Chosen = Annotated[list[str] | None, Form()]


@dataclass(frozen=True, slots=True)
class _Form:
    """The content of the form of a user."""

    roles: Collection[str]
    disabled: bool
    condition: Condition


@router.get("/users")
def list_users(request: Request, context: RequestContext, query: str = "", page: int = 1) -> Response:
    """List the users whose name contains *query*, by name."""
    page, query = limit_page(page), query.strip()[:MAX_QUERY]
    entries, total = users.list_users(context, (page - 1) * PAGE, PAGE, name=query)
    pages = max(1, -(-total // PAGE))
    return render(
        request,
        "users/_list.html" if wants_part(request) else "users/list.html",
        context=context,
        section="users",
        users=entries,
        query=query,
        page=page,
        pages=pages,
        roles=_ROLES,
    )


@router.get("/new-user")
def ask_for_user(request: Request, context: RequestContext) -> Response:
    """Show the form for a new user."""
    context.user.require(Permission.MANAGE_USERS)
    return _show_form(request, context, "", [Role.VIEWER], {})


@router.post("/new-user")
@on_password_threads
def create_user(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    roles: Chosen = None,
) -> Response:
    """Create a user."""
    passwords = runtime.accounts.passwords
    try:
        user = users.create_user(context, passwords, name, password, roles or [])
    except Refusal as error:
        return _show_form(request, context, name, roles or [], error.map_to_fields("name"), 422)
    return notices.redirect(request, "/users", "user-created", user.name)


@router.get("/users/{name}")
def show(request: Request, context: RequestContext, name: str) -> Response:
    """Show a user."""
    return _show_page(request, context, name)


@router.post("/users/{name}")
def change_user(
    request: Request,
    context: RequestContext,
    name: str,
    condition: SentCondition,
    roles: Chosen = None,
    disabled: Annotated[bool, Form()] = False,
) -> Response:
    """Change the roles of a user, and whether they can sign in."""
    try:
        # Unchecked boxes aren't sent, so no field means no role. The provider sets the roles of its users.
        new_roles = None if users.get_user(context, name).identity else roles or []
        users.change_user(context, name, roles=new_roles, disabled=disabled, expected=condition.expected)
    except ContentChanged as error:
        form = _Form(roles or [], disabled, Condition.after(error))
        return _show_page(request, context, name, status=412, form=form)
    except Refusal as error:
        form = _Form(roles or [], disabled, condition)
        return _show_page(request, context, name, error.map_to_fields("name"), 422, form)
    return notices.redirect(request, "/users", "user-changed", name)


@router.post("/users/{name}/password")
@on_password_threads
def set_password(
    request: Request, runtime: CurrentRuntime, context: RequestContext, name: str, password: Annotated[str, Form()] = ""
) -> Response:
    """Reset the password of a user."""
    try:
        users.set_password(context, runtime.accounts.passwords, name, password)
    except Refusal as error:
        return _show_page(request, context, name, error.map_to_fields("name"), 422)
    return notices.redirect(request, "/users", "user-password", name)


@router.post("/users/{name}/delete")
def delete_user(request: Request, context: RequestContext, name: str) -> Response:
    """Delete a user."""
    try:
        users.delete_user(context, name)
    except Conflict as error:
        return _show_page(request, context, name, {"delete": str(error)}, 422)
    return notices.redirect(request, "/users", "user-deleted", name)


def _show_form(
    request: Request,
    context: Context,
    name: str,
    checked_roles: Sequence[str],
    errors: dict[str, str],
    status: int = 200,
) -> Response:
    return render(
        request,
        "users/new.html",
        context=context,
        status=status,
        section="users",
        name=name,
        checked_roles=checked_roles,
        roles=_ROLES,
        errors=errors,
        shortest=MIN_PASSWORD,
    )


def _show_page(
    request: Request,
    context: Context,
    name: str,
    errors: dict[str, str] | None = None,
    status: int = 200,
    form: _Form | None = None,
) -> Response:
    account = users.get_user(context, name)
    form = form or _Form(account.roles, account.disabled, Condition(make_user_tag(account)))
    return render(
        request,
        "users/user.html",
        context=context,
        status=status,
        section="users",
        account=account,
        form=form,
        condition=form.condition,
        roles=_ROLES,
        errors=errors or {},
        shortest=MIN_PASSWORD,
    )
