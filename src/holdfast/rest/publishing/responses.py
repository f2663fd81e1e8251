"""
Answers of operations on gateways.
"""

from holdfast.rest.responses import Enforced


class RouteEnforcement(Enforced):
    """How far the API at a context has come at the gateways."""

    context: str
    version: str
