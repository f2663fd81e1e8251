"""
Users of the organization, for its admins.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.refusals import Refusal
from holdfast.services.access import users
from holdfast.services.access.password_threads import on_password_threads
from holdfast.services.access.passwords import MIN_PASSWORD
from holdfast.services.access.permissions import Permission, Role
from holdfast.services.access.principal import Principal
from holdfast.services.errors import Conflict
from holdfast.services.runtime import Runtime
from holdfast.web.access.session import CurrentRuntime, Visitor
from holdfast.web.rendering import render

router = APIRouter(prefix="/users")
PAGE = 50
_ROLES = {
    Role.ADMIN: "everything, and manages users",
    Role.CREATOR: "APIs, their certificates and trust settings",
    Role.PUBLISHER: "the lifecycle",
    Role.VIEWER: "looks only",
}
Chosen = Annotated[list[str] | None, Form()]


@router.get("")
def list_users(request: Request, runtime: CurrentRuntime, who: Visitor, page: int = 1) -> Response:
    """List users by name."""
    page = max(page, 1)
    found, total = users.list_users(runtime.store, who, (page - 1) * PAGE, PAGE)
    pages = max(1, -(-total // PAGE))
    return render(request, "users/list.html", who=who, section="users", users=found, page=page, pages=pages)


@router.get("/new")
def new_user(request: Request, who: Visitor) -> Response:
    """Ask for a new user."""
    who.require(Permission.MANAGE_USERS)
    return _form(request, who, "", [Role.VIEWER], {})


@router.post("/new")
@on_password_threads
def create_user(
    request: Request,
    runtime: CurrentRuntime,
    who: Visitor,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    roles: Chosen = None,
) -> Response:
    """Make a user."""
    passwords = runtime.accounts.passwords
    try:
        users.create_user(runtime.store, passwords, who, name, password, roles or [], runtime.now())
    except Refusal as error:
        return _form(request, who, name, roles or [], error.fields("name"), 422)
    return RedirectResponse("/users?done=user-created", 303)


@router.get("/{name}")
def show(request: Request, runtime: CurrentRuntime, who: Visitor, name: str) -> Response:
    """Show a user."""
    return _page(request, runtime, who, name, {})


@router.post("/{name}")
def change_user(
    request: Request,
    runtime: CurrentRuntime,
    who: Visitor,
    name: str,
    roles: Chosen = None,
    disabled: Annotated[bool, Form()] = False,
) -> Response:
    """Give a user other roles, or let them sign in or not."""
    try:
        # Without the fields, who has a password has no role; of others, the provider decides.
        chosen = None if users.get_user(runtime.store, who, name).identity else roles or []
        users.change_user(runtime.store, who, name, runtime.now(), roles=chosen, disabled=disabled)
    except Refusal as error:
        return _page(request, runtime, who, name, error.fields("name"), 422)
    return RedirectResponse("/users?done=user-changed", 303)


@router.post("/{name}/password")
@on_password_threads
def set_password(
    request: Request, runtime: CurrentRuntime, who: Visitor, name: str, password: Annotated[str, Form()] = ""
) -> Response:
    """Give a user another password."""
    try:
        users.set_password(runtime.store, runtime.accounts.passwords, who, name, password, runtime.now())
    except Refusal as error:
        return _page(request, runtime, who, name, error.fields("name"), 422)
    return RedirectResponse("/users?done=user-password", 303)


@router.post("/{name}/delete")
def delete_user(request: Request, runtime: CurrentRuntime, who: Visitor, name: str) -> Response:
    """Delete a user."""
    try:
        users.delete_user(runtime.store, who, name, runtime.now())
    except Conflict as error:
        return _page(request, runtime, who, name, {"delete": str(error)}, 422)
    return RedirectResponse("/users?done=user-deleted", 303)


def _form(
    request: Request,
    who: Principal,
    name: str,
    chosen: Sequence[str],
    errors: dict[str, str],
    status: int = 200,
) -> Response:
    return render(
        request,
        "users/new.html",
        who=who,
        status=status,
        section="users",
        name=name,
        chosen=chosen,
        roles=_ROLES,
        errors=errors,
        shortest=MIN_PASSWORD,
    )


def _page(
    request: Request, runtime: Runtime, who: Principal, name: str, errors: dict[str, str], status: int = 200
) -> Response:
    return render(
        request,
        "users/user.html",
        who=who,
        status=status,
        section="users",
        user=users.get_user(runtime.store, who, name),
        roles=_ROLES,
        errors=errors,
        shortest=MIN_PASSWORD,
    )
