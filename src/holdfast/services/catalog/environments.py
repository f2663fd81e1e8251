"""
Where callers find the gateways.
"""

from collections.abc import Mapping

from holdfast.apis.catalog.endpoint import Environment
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal


def list_environments(gateways: Mapping[Environment, str], who: Principal) -> list[tuple[Environment, str]]:
    """List the environments with the URL that callers use for each. Raises NotPermitted."""
    who.require(Permission.VIEW_SETTINGS)
    return list(gateways.items())
