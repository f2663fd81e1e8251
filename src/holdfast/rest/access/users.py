"""
`/users` and `/installation/organizations`, for admins.
"""

from fastapi import Response
from pydantic import BaseModel, ConfigDict

from holdfast.rest.access import responses
from holdfast.rest.access.responses import NewOrganization, Organizations, Users
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.access import users
from holdfast.services.access.password_threads import on_password_threads
from holdfast.store.access.accounts import User

router = Router(prefix=PREFIX, tags=["Users"])


class UserBody(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid")
    name: str
    password: str
    roles: list[str]


class UserChange(BaseModel):
    """A change of a user. Members that are left out keep their values."""

    model_config = ConfigDict(extra="forbid")
    roles: list[str] | None = None
    disabled: bool | None = None


class PasswordBody(BaseModel):
    """The new password of a user."""

    model_config = ConfigDict(extra="forbid")
    password: str


class OrganizationBody(BaseModel):
    """A new organization and its first admin."""

    model_config = ConfigDict(extra="forbid")
    organization: str
    admin: str
    password: str


@router.get("/users")
def list_users(context: RequestContext, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Users:
    """
    List users.

    Returns the users of your organization, ordered by name.
    """
    page, total = users.list_users(context, offset, limit)
    return {
        "count": len(page),
        "list": [describe_user(user) for user in page],
        "pagination": paginate(f"{PREFIX}/users", {}, offset, limit, total),
    }


@router.post("/users", status_code=201)
@on_password_threads
def create_user(runtime: CurrentRuntime, context: RequestContext, body: UserBody) -> responses.User:
    """
    Create a user.

    Outside the organization `default`, the user signs in as `name@organization`.
    """
    passwords = runtime.accounts.passwords
    user = users.create_user(context, passwords, body.name, body.password, body.roles)
    return describe_user(user)


@router.get("/users/{name}")
def get_user(context: RequestContext, name: str) -> responses.User:
    """Get a user."""
    return describe_user(users.get_user(context, name))


@router.put("/users/{name}")
def change_user(context: RequestContext, name: str, body: UserChange) -> responses.User:
    """
    Update a user.

    Changes the user's roles, or disables or enables the user. One admin who can sign in always remains.
    """
    account = users.change_user(context, name, roles=body.roles, disabled=body.disabled)
    return describe_user(account)


@router.put("/users/{name}/password", status_code=204)
@on_password_threads
def set_password(runtime: CurrentRuntime, context: RequestContext, name: str, body: PasswordBody) -> Response:
    """
    Reset a user's password.

    Signs the user out and revokes their tokens and applications.
    """
    passwords = runtime.accounts.passwords
    users.set_password(context, passwords, name, body.password)
    return Response(status_code=204)


@router.delete("/users/{name}", status_code=204)
def delete_user(context: RequestContext, name: str) -> Response:
    """
    Delete a user.

    The last admin can't be deleted.
    """
    users.delete_user(context, name)
    return Response(status_code=204)


@router.get("/installation/organizations")
def list_organizations(context: RequestContext) -> Organizations:
    """
    List organizations.

    Only for admins of the organization `default`.
    """
    organizations = users.list_organizations(context)
    return {"count": len(organizations), "list": [{"organization": name} for name in organizations]}


@router.post("/installation/organizations", status_code=201)
@on_password_threads
def create_organization(runtime: CurrentRuntime, context: RequestContext, body: OrganizationBody) -> NewOrganization:
    """
    Create an organization.

    Creates its first admin, too. Only for admins of the organization `default`.
    """
    passwords = runtime.accounts.passwords
    admin = users.create_organization(context, passwords, body.organization, body.admin, body.password)
    return {"organization": admin.organization, "admin": describe_user(admin)}


def describe_user(user: User) -> responses.User:
    """Describe a user."""
    issuer = user.identity.issuer if user.identity else None
    return {"name": user.name, "roles": sorted(user.roles), "disabled": user.disabled, "identityProvider": issuer}
