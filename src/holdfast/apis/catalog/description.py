"""
An API with the members of its description that Holdfast stores but doesn't use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint
from holdfast.apis.definitions.openapi import Operation


@dataclass(frozen=True, slots=True)
class Described:
    """An API with the members of its description that Holdfast stores but doesn't use."""

    api: Api
    members: Mapping[str, Any]

    @property
    def operations(self) -> list[Operation]:
        """The operations listed in its description."""
        return [
            Operation(operation["target"], operation["verb"].upper())
            for operation in self.members.get("operations") or []
            if isinstance(operation, dict)
            and isinstance(operation.get("target"), str)
            and isinstance(operation.get("verb"), str)
        ]


def complete_endpoint_config(described: Described) -> dict[str, Any]:
    """Return the stored member `endpointConfig`, completed with the endpoints and their connection settings."""
    api, kept = described.api, described.members.get("endpointConfig") or {}
    config = {"endpoint_type": "http"} | kept
    for environment in ENVIRONMENTS:
        name, endpoint = f"{environment}_endpoints", api.endpoint(environment)
        config.pop(name, None)
        if endpoint:
            config[name] = _with_connection(kept.get(name) or {}, endpoint)
    return config


def _with_connection(kept: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    described = {**kept, "url": endpoint.url}
    if members := endpoint.connection.members:
        config = kept.get("config")
        described["config"] = (config if isinstance(config, dict) else {}) | members
    return described
