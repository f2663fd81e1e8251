"""
Responses of operations on groups of gateways.
"""

from typing import NotRequired

from typing_extensions import TypedDict

from holdfast.rest.responses import Timestamp


class GroupUrls(TypedDict):
    """The URLs that callers of a group use; those that aren't known are left out."""

    production: NotRequired[str]
    productionTls: NotRequired[str]
    sandbox: NotRequired[str]
    sandboxTls: NotRequired[str]


class GroupListeners(TypedDict):
    """The addresses on which a group's gateways listen; those in the publisher's settings are left out."""

    production: NotRequired[list[str]]
    productionTls: NotRequired[list[str]]
    sandbox: NotRequired[list[str]]
    sandboxTls: NotRequired[list[str]]


class GatewayGroup(TypedDict):
    """A group of gateways: a gateway environment of WSO2."""

    name: str
    displayName: str
    description: str
    urls: GroupUrls
    listen: GroupListeners
    apis: int
    connectedGateways: int
    createdTime: Timestamp
    updatedTime: Timestamp


class GatewayGroups(TypedDict):
    """All groups of gateways, ordered by name."""

    count: int
    list: list[GatewayGroup]
