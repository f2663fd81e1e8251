"""
The description of an API in archives before WSO2 API Manager 4.0.
"""

import json
from typing import Any

from holdfast.apis.errors import UnreadableArchive


def convert_description(description: Any) -> dict[str, Any]:
    """Convert the description of an older archive (WSO2's registry format) for REST. Raises UnreadableArchive."""
    if not isinstance(description, dict):
        raise UnreadableArchive("api.yaml doesn't describe an API. Export the API again.")
    identity = description.get("id")
    if not isinstance(identity, dict):
        return description
    version = identity.get("version", identity.get("apiVersion"))
    template = str(description.get("contextTemplate", description.get("context", "")))
    config = description.get("endpointConfig")
    try:
        endpoints = json.loads(config) if isinstance(config, str) else config
    except (ValueError, RecursionError) as error:
        raise UnreadableArchive("endpointConfig in api.yaml isn't JSON. Export the API again.") from error
    return {
        "name": identity.get("name", identity.get("apiName")),
        "version": version,
        "context": template.replace("/{version}", "").removesuffix(f"/{version}"),
        "description": description.get("description"),
        "lifeCycleStatus": description.get("status"),
        "endpointConfig": endpoints,
        "tags": description.get("tags"),
        "securityScheme": str(description["apiSecurity"]).split(",") if description.get("apiSecurity") else None,
    }
