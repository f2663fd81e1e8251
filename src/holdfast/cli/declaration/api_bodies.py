"""
The bodies with which APIs of the files are created and changed over REST.
"""

from collections.abc import Mapping
from typing import Any

from holdfast.apis.catalog.connection_settings import REST_NAMES
from holdfast.apis.catalog.group_members import get_first_endpoint
from holdfast.apis.catalog.security_members import SECURITY
from holdfast.apis.identities.caller_certificate import require_certificate, requires_certificate
from holdfast.cli.catalog.apis import build_endpoint_config
from holdfast.cli.declaration.desired_state import WantedApi
from holdfast.cli.declaration.endpoint_groups import apply_groups
from holdfast.cli.declaration.endpoint_security import write_securities
from holdfast.cli.declaration.request_rules import DEFAULT, write_rules

_OURS = frozenset(REST_NAMES.values())  # members that apply manages in the config of an endpoint


def build_new_body(api: WantedApi) -> dict[str, Any]:
    """Return the body that creates *api*."""
    body: dict[str, Any] = {
        "name": api.name,
        "context": api.context,
        "version": api.version,
        "description": api.description,
        "endpointConfig": _build_config(api, {}),
    }
    body |= write_rules(api, {})
    if api.environments:
        body["gatewayEnvironments"] = list(api.environments)
    return require_certificate(body) if api.requires_certificate else body


def build_changed_body(api: WantedApi, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that changes the API that REST returned as *before*."""
    config = _build_config(api, before.get("endpointConfig") or {})
    body = {**before, "description": api.description, "endpointConfig": config}
    body.pop(DEFAULT, None)  # another version may be the default since
    body |= write_rules(api, before)
    if api.environments:
        body["gatewayEnvironments"] = list(api.environments)
    if api.requires_certificate is not None:
        body = _require_certificate(body, required=api.requires_certificate)
    return body


def _require_certificate(body: dict[str, Any], *, required: bool) -> dict[str, Any]:
    if required:
        return require_certificate(body)
    others = [scheme for scheme in body["securityScheme"] if not requires_certificate({"securityScheme": [scheme]})]
    return body | {"securityScheme": others}


def _build_config(api: WantedApi, before: dict[str, Any]) -> dict[str, Any]:
    production, sandbox = (endpoint.url if endpoint else None for endpoint in (api.production, api.sandbox))
    config = build_endpoint_config(before, production, sandbox)
    connections = {"production": api.production_connection, "sandbox": api.sandbox_connection}
    for environment, connection in connections.items():
        if connection and (endpoint := get_first_endpoint(config, environment)):
            others = {name: value for name, value in (endpoint.get("config") or {}).items() if name not in _OURS}
            endpoint["config"] = others | connection.members
    if securities := write_securities(api, config.get(SECURITY) or {}):
        config[SECURITY] = securities
    return apply_groups(config, api.groups) if api.groups else config
