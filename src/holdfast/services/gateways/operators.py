"""
The check that a user manages gateways and their groups, which belong to the installation.
"""

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotPermitted


def is_operator(context: Context) -> bool:
    """Return whether the user is an admin of the default organization."""
    return context.user.organization == DEFAULT_ORGANIZATION and context.user.may(Permission.MANAGE_GATEWAYS)


def require_operator(context: Context) -> None:
    """Raise NotPermitted unless the user is an admin of the default organization."""
    context.user.require(Permission.MANAGE_GATEWAYS)
    if context.user.organization != DEFAULT_ORGANIZATION:
        raise NotPermitted(Permission.MANAGE_GATEWAYS)
