"""
Where callers find the gateways.
"""

from collections.abc import Mapping

from holdfast.apis.catalog.endpoint import Environment
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission


def list_environments(gateways: Mapping[Environment, str], context: Context) -> list[tuple[Environment, str]]:
    """List the environments with the URL that callers use for each. Raises NotPermitted."""
    context.user.require(Permission.VIEW_SETTINGS)
    return list(gateways.items())
