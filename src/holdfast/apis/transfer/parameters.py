"""
Parameters of an environment that `apictl import api --params` sends with an archive, in WSO2's format.

    endpoints: {production: {url, config}, sandbox: ...}       instead of those in the archive
    endpointType, endpointRoutingPolicy, loadBalanceEndpoints, failoverEndpoints
    security: {production: {enabled, type, ...}, sandbox: ...}
    certs: [{hostName, alias, path}], mutualSslCerts: [{tierName, alias, path}]
    deploymentEnvironments: [{deploymentEnvironment}], policies: [name], additionalProperties
"""

from collections.abc import Mapping
from typing import Any

from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.definitions.servers import IneffectivePart
from holdfast.apis.errors import InvalidField

FIELD = "params"  # in error messages
_TYPES = {"rest": "http", "http": "http", "soap": "address", "dynamic": "default", "aws": "awslambda"}
_ROUTING = {"load_balanced": "loadBalanceEndpoints", "failover": "failoverEndpoints"}
_PLACES = ("endpoints", *_ROUTING.values(), "awsLambdaEndpoints")
_OF_GROUPS = ("algoCombo", "algoClassName", "sessionManagement", "sessionTimeOut", "sessionHeader", "healthCheck")
_NAMES = {
    "production": "production_endpoints",
    "sandbox": "sandbox_endpoints",
    "productionFailovers": "production_failovers",
    "sandboxFailovers": "sandbox_failovers",
}
_KNOWN = frozenset(
    {"endpointType", "endpointRoutingPolicy", "failOver", "security", "certs", "mutualSslCerts", "policies"}
    | {"deploymentEnvironments", "additionalProperties", *_PLACES}
)


def apply_parameters(description: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the description of an API with the values of an environment, which replace those in the archive.

    If the parameters have endpoints, the API has these and no others. Parameters without a value change nothing.

    Raises:
        InvalidField: A parameter is invalid.
    """
    result = dict(description)
    present = description.get("endpointConfig")
    config = dict(present) if isinstance(present, dict) else {}
    if has_endpoints(parameters):
        security = config.get("endpoint_security")
        config = _read_endpoint_config(parameters) | ({"endpoint_security": security} if security else {})
    if security := _read_security(_get_mapping(parameters, "security"), config.get("endpoint_security")):
        config["endpoint_security"] = security
    if config:
        result["endpointConfig"] = config
    if policies := [name for name in _list(parameters, "policies") if name]:
        result["policies"] = policies
    if properties := parameters.get("additionalProperties"):
        result["additionalProperties"] = properties
    return result


def has_endpoints(parameters: Mapping[str, Any]) -> bool:
    """Return whether the parameters replace the endpoints of the archive."""
    return any(not _is_blank(parameters.get(place)) for place in _PLACES)


def read_deployment_environments(members: Any) -> dict[str, bool]:
    """
    Return the gateway environments in a list of WSO2's `deploymentEnvironments`.

    For each, whether WSO2's developer portal should show it. Raises InvalidField.
    """
    entries = _list({"deploymentEnvironments": members}, "deploymentEnvironments")
    return {
        str(name): entry.get("displayOnDevportal") is not False
        for entry in entries
        if isinstance(entry, dict) and (name := entry.get("deploymentEnvironment"))
    }


def list_certificate_entries(parameters: Mapping[str, Any], name: str) -> list[dict[str, Any]] | None:
    """
    Return the list *name*, `certs` or `mutualSslCerts`, with the members of the list in an archive.

    None if the parameters have none, so that the archive's list is used. Raises InvalidField.
    """
    entries = [entry for entry in _list(parameters, name) if not _is_blank(entry)]
    if not entries:
        return None
    return [_write_as_listed(entry) if isinstance(entry, dict) else {} for entry in entries]


def list_unknown(parameters: Mapping[str, Any]) -> list[IneffectivePart]:
    """List the parameters that have no effect."""
    return [
        IneffectivePart(f"{FIELD}: {name}"[:200], "Holdfast doesn't know this parameter.")
        for name, value in parameters.items()
        if name not in _KNOWN and not _is_blank(value)
    ]


def _write_as_listed(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "endpoint": entry.get("hostName"), "certificate": entry.get("path")}


def _read_endpoint_config(parameters: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(parameters.get("endpointType") or "rest").lower()
    if kind not in _TYPES:
        text = f"The endpointType {kind[:60]!r} is unknown. Choose from {', '.join(_TYPES)}."
        raise InvalidField(f"{FIELD}.endpointType", text)
    routing = parameters.get("endpointRoutingPolicy") or ""
    if routing and routing not in _ROUTING:
        text = f"The endpointRoutingPolicy is unknown. Choose from {', '.join(_ROUTING)}."
        raise InvalidField(f"{FIELD}.endpointRoutingPolicy", text)
    place = _ROUTING.get(routing, "endpoints")
    endpoint_parameters = _get_mapping(parameters, place)
    config: dict[str, Any] = {"endpoint_type": _TYPES[kind]}
    if kind == "aws":
        config |= _get_mapping(parameters, "awsLambdaEndpoints")
    if routing:
        config["endpoint_type"] = "load_balance" if routing == "load_balanced" else "failover"
        config |= {name: endpoint_parameters[name] for name in _OF_GROUPS if endpoint_parameters.get(name)}
        config |= {"failOver": parameters.get("failOver") or routing == "failover"}
    config |= {
        _NAMES[name]: value for name, value in endpoint_parameters.items() if name in _NAMES and not _is_blank(value)
    }
    if not any(name in config for name in _NAMES.values()):
        raise InvalidField(f"{FIELD}.{place}", f"Enter a production or sandbox URL below {place}.")
    if kind == "soap" and routing:
        for name in _NAMES.values() & config.keys():
            config[name] = _write_as_soap(config[name])
    return config


def _write_as_soap(endpoints: Any) -> Any:
    if isinstance(endpoints, list):
        return [_write_as_soap(endpoint) for endpoint in endpoints]
    return endpoints | {"endpoint_type": "address"} if isinstance(endpoints, dict) else endpoints


def _read_security(parameters: Mapping[str, Any], present: Any) -> dict[str, Any]:
    """Return *present* with the environments whose `enabled` has a value; without any, *parameters* is for both."""
    security = dict(present) if isinstance(present, dict) else {}
    is_for_both = not {*ENVIRONMENTS} & parameters.keys()
    for environment in ENVIRONMENTS:
        part = parameters if is_for_both else _get_mapping(parameters, environment)
        match part.get("enabled"):
            case None | "":
                continue
            case True | "true":
                security[environment] = dict(part) | {"enabled": True, "type": str(part.get("type") or "").upper()}
            case False | "false":
                security[environment] = {"enabled": False, "type": "NONE"}
            case _:
                raise InvalidField(f"{FIELD}.security", f"enabled of {environment} must be true or false.")
    return security


def _is_blank(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_blank, value.values()))
    return all(map(_is_blank, value)) if isinstance(value, list) else value is None or value == ""


def _get_mapping(parameters: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parameters.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise InvalidField(f"{FIELD}.{name}", f"{name} must contain names and values.")
    return value


def _list(parameters: Mapping[str, Any], name: str) -> list[Any]:
    value = parameters.get(name)
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        raise InvalidField(f"{FIELD}.{name}", f"{name} must be a list.")
    return value
