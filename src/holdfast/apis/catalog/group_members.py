"""
Groups of endpoints as WSO2's `endpointConfig` describes them: lists of endpoints, algorithm and session management.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.endpoint_group import (
    DEFAULT_SESSION,
    DEFAULT_SESSION_HEADER,
    Algorithm,
    EndpointGroup,
    GroupKind,
    Member,
    SessionKind,
    read_group,
)
from holdfast.apis.errors import InvalidField

GROUP_TYPES = frozenset(kind.value for kind in GroupKind)
# Members of endpointConfig that describe groups, without their endpoints.
GROUP_SETTINGS = ("algoCombo", "algoClassName", "sessionManagement", "sessionTimeOut", "sessionHeader", "healthCheck")
_CLASSES = {Algorithm.ROUND_ROBIN: "RoundRobin", Algorithm.LEAST_REQUEST: "LeastRequest"}
_OTHER = "other"
_PACKAGE = "org.apache.synapse.endpoints.algorithms."
_FIELD = "endpointConfig."


def read_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the settings of groups in *config*, an `endpointConfig`, as `read_group` reads them.

    Failover has neither an algorithm nor sessions, and WSO2's clients leave those of a group that was load-balanced.

    Raises:
        InvalidField: The algorithm, the session management or its timeout isn't supported.
    """
    common = {"kind": config.get("endpoint_type"), "health_check": config.get("healthCheck")}
    if common["kind"] == GroupKind.FAILOVER:
        return common
    return common | {
        "algorithm": _read_algorithm(config),
        "session": _read_session(config.get("sessionManagement")),
        "session_timeout": _read_timeout(config.get("sessionTimeOut")),
        "session_header": config.get("sessionHeader"),
    }


def write_group(group: EndpointGroup) -> dict[str, Any]:
    """Return the members of `endpointConfig` that describe *group*, without its endpoints."""
    algorithm = _PACKAGE + _CLASSES[group.algorithm]
    config: dict[str, Any] = {"endpoint_type": group.kind.value}
    if group.kind is GroupKind.LOAD_BALANCE:
        config |= {"algoCombo": algorithm, "algoClassName": algorithm}
        config |= {"sessionManagement": group.session.value, "sessionTimeOut": group.session_timeout * 1000}
        if group.session_header != DEFAULT_SESSION_HEADER:
            config["sessionHeader"] = group.session_header
    if group.health_check:
        config["healthCheck"] = group.health_check.values
    return config


def _read_algorithm(config: Mapping[str, Any]) -> Algorithm:
    """Return the algorithm; in WSO2's clients, the class counts if they chose `other`."""
    sent_names = [name for member in ("algoCombo", "algoClassName") if (name := config.get(member)) and name != _OTHER]
    names = {str(name).rpartition(".")[2] for name in sent_names or [_CLASSES[Algorithm.ROUND_ROBIN]]}
    algorithms = {algorithm for algorithm, own in _CLASSES.items() if own in names}
    if unknown := names.difference(_CLASSES.values()):
        message = f"The algorithm {min(unknown)!r} isn't supported. Use {' or '.join(_CLASSES.values())}."
        raise InvalidField(f"{_FIELD}algoCombo", message)
    if len(algorithms) > 1:
        message = "algoCombo and algoClassName name different algorithms. Send one of them, or the same in both."
        raise InvalidField(f"{_FIELD}algoCombo", message)
    return algorithms.pop()


def _read_session(name: Any) -> SessionKind:
    if name in {None, "", "none"}:
        return SessionKind.NONE
    if name not in {kind.value for kind in SessionKind}:
        message = "Use transport (a cookie) or simpleClientSession (a header). Gateways don't read sessions in SOAP."
        raise InvalidField(f"{_FIELD}sessionManagement", message)
    return SessionKind(name)


def _read_timeout(milliseconds: Any) -> int:
    """Return whole seconds; WSO2 sends a number or a text, even without sessions."""
    if milliseconds in {None, "", 0, "0"}:
        return DEFAULT_SESSION
    try:
        return max(1, round(int(milliseconds) / 1000))
    except (TypeError, ValueError) as error:
        raise InvalidField(f"{_FIELD}sessionTimeOut", "Use a number of milliseconds.") from error


def get_first_endpoint(config: Mapping[str, Any], environment: str) -> dict[str, Any] | None:
    """Return the first endpoint of *environment* in *config*, an `endpointConfig` from REST; None if there is none."""
    endpoints = config.get(f"{environment}_endpoints")
    first = next(iter(endpoints), None) if isinstance(endpoints, list) else endpoints
    return first if isinstance(first, dict) else None


def list_endpoints(config: Mapping[str, Any], environment: str) -> list[dict[str, Any]]:
    """Return all endpoints of *environment* in *config*, an `endpointConfig` from REST, the first one first."""
    own = config.get(f"{environment}_endpoints")
    endpoints = list(own) if isinstance(own, list) else [own]
    if config.get("endpoint_type") == GroupKind.FAILOVER:
        endpoints += config.get(f"{environment}_failovers") or []
    return [endpoint for endpoint in endpoints if isinstance(endpoint, dict)]


def read_groups(config: Mapping[str, Any]) -> dict[Environment, EndpointGroup]:
    """Return the groups in *config*, an `endpointConfig` from REST, by environment. Raises InvalidField."""
    if config.get("endpoint_type") not in GROUP_TYPES:
        return {}
    groups = {}
    for environment in ENVIRONMENTS:
        if endpoints := list_endpoints(config, environment):
            first, *others = endpoints
            members = {"weight": first.get("weight"), "priority": first.get("priority"), "members": others}
            groups[environment] = read_group({**read_settings(config), **members}, f"{_FIELD}{environment}.")
    return groups


def pair(stored_members: Any, endpoints: Sequence[Member]) -> list[tuple[Mapping[str, Any], Member]]:
    """Return each endpoint and the members stored with it: *stored_members* is a list of them, one, or None."""
    entries = stored_members if isinstance(stored_members, list) else [stored_members]
    return [
        (entries[number] if number < len(entries) and isinstance(entries[number], dict) else {}, endpoint)
        for number, endpoint in enumerate(endpoints)
    ]
