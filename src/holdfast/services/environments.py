"""
Where callers find the gateways.
"""

from collections.abc import Mapping

from holdfast.apis.endpoint import Environment
from holdfast.services.permissions import Permission
from holdfast.services.principal import Principal


def list_environments(gateways: Mapping[Environment, str], who: Principal) -> list[tuple[Environment, str]]:
    """List the environments with the URL that callers use for each. Raises NotPermitted."""
    who.require(Permission.VIEW_SETTINGS)
    return list(gateways.items())
