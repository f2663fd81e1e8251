"""
Responses of operations on gateways.
"""

from holdfast.rest.responses import Enforced


class RouteEnforcement(Enforced):
    """The progress of an API at the gateways."""

    context: str
    version: str
