"""
The rules for requests in configuration files: type, prototype, default version, listed operations, CORS and limits.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from holdfast.apis.catalog import cors_policy
from holdfast.apis.catalog.api_types import DEFAULT_TYPE, SERVED_TYPES
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.operation_list import SWITCH
from holdfast.apis.catalog.prototype import FORWARDED, MOCKED, is_mocked
from holdfast.apis.catalog.prototype import MEMBER as IMPLEMENTATION
from holdfast.apis.catalog.request_rules import LIMITS, RequestRules, read_request_rules, read_stored_rules
from holdfast.apis.errors import InvalidField
from holdfast.cli.declaration.current_state import ExistingApi
from holdfast.cli.declaration.desired_state import WantedApi, WantedRules
from holdfast.cli.declaration.fields import Fields, Problems

DEFAULT = "isDefaultVersion"
UNLIMITED = "unlimited"
_OFF = {"corsConfigurationEnabled": False}
_CORS = {
    "accessControlAllowOrigins": "origins",
    "accessControlAllowMethods": "methods",
    "accessControlAllowHeaders": "headers",
    "accessControlAllowCredentials": "credentials",
}


def read_rules(fields: Fields) -> WantedRules:
    """Read the rules of an API's entry."""
    operations = [_read_operation(text) for text in fields.read_texts("operations")]
    if not all(operation["target"] for operation in operations):
        fields.reject("operations", "Write method and path, such as GET /pets/{id}.")
    elif operations:
        fields.check("operations", lambda: read_request_rules({SWITCH: True, "operations": operations}))
    limits = {
        environment: _read_limit(fields.read_mapping(f"{environment}Limit"), environment)
        for environment in ENVIRONMENTS
    }
    return WantedRules(
        type=fields.read_value("type", _read_type, optional=True),
        is_prototype=fields.read_flag("prototype", otherwise=None),
        is_default=fields.read_flag("defaultVersion", otherwise=None),
        only_listed=fields.read_flag(SWITCH, otherwise=None),
        operations=tuple(operations),
        cors=_read_cors(fields.read_mapping("cors")),
        limits={environment: limit for environment, limit in limits.items() if limit is not None},
    )


def compare_rules(
    api: WantedApi, before: ExistingApi | None, problems: Problems
) -> Iterator[tuple[str, str | None, str]]:
    """Yield the fields that a file decides on, with the texts before and after."""
    body = before.body if before else {}
    goal, old = api.rules, read_stored_rules(body)
    new = read_stored_rules(write_rules(api, body))
    if goal.only_listed and not (goal.operations or body.get("operations")):
        problems.add(api.place, f"{api.name} {api.version} lists no operations. Add some, or remove {SWITCH}.")
    rows: dict[str, tuple[object, object, object]] = {
        "type": (goal.type, _name_type(body), goal.type and goal.type.lower()),
        "prototype": (goal.is_prototype, is_mocked(body), goal.is_prototype),
        "defaultVersion": (goal.is_default, bool(body.get(DEFAULT)), goal.is_default),
        SWITCH: (goal.only_listed, bool(body.get(SWITCH)), goal.only_listed),
        "operations": (goal.operations or None, _show_operations(body), _show_operations(write_rules(api, body))),
        "cors": (goal.cors, _show_cors(old), _show_cors(new)),
        **{
            f"{environment}Limit": (
                goal.limits.get(environment),
                _show_limit(old, environment),
                _show_limit(new, environment),
            )
            for environment in ENVIRONMENTS
        },
    }
    for name, (decision, first, second) in rows.items():
        if decision is not None:
            yield name, _write_text(first) if before else None, _write_text(second)


def write_rules(api: WantedApi, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a request, from those *before*; what the file doesn't decide stays."""
    goal = api.rules
    members = {name: before[name] for name in (SWITCH, "operations", cors_policy.MEMBER, LIMITS) if name in before}
    if goal.type:
        members["type"] = goal.type
    if goal.is_prototype is not None:
        members[IMPLEMENTATION] = MOCKED if goal.is_prototype else FORWARDED
    # Another version may have become the default since.
    if goal.is_default is not None:
        members[DEFAULT] = goal.is_default
    if goal.only_listed is not None:
        members[SWITCH] = goal.only_listed
    if goal.operations:
        operations = {_find_key(operation): operation for operation in before.get("operations") or []}
        members["operations"] = [operations.get(_find_key(operation), operation) for operation in goal.operations]
    if goal.cors is not None:
        members[cors_policy.MEMBER] = (before.get(cors_policy.MEMBER) or {}) | goal.cors
    if goal.limits:
        limits = dict(before.get(LIMITS) or {})
        for environment, limit in goal.limits.items():
            limits.pop(environment, None)
            limits.pop(f"{environment}TimeUnit", None)
            limits |= limit
        members[LIMITS] = limits
    return members


def export_rules(api: ExistingApi) -> dict[str, Any]:
    """Return the rules as files have them; those that are off are left out."""
    rules, only = read_stored_rules(api.body), api.body.get(SWITCH) is True
    values: dict[str, Any] = {} if _name_type(api.body) == DEFAULT_TYPE.lower() else {"type": _name_type(api.body)}
    values |= {"prototype": is_mocked(api.body), "defaultVersion": bool(api.body.get(DEFAULT)), SWITCH: only}
    if only:
        values["operations"] = [f"{verb} {target}" for verb, target in map(_find_key, api.body.get("operations") or [])]
    if rules.cors:
        member = rules.cors.member
        values["cors"] = {name: member[rest] for rest, name in _CORS.items() if member[rest]}
    for environment in ENVIRONMENTS:
        if limit := rules.limit(environment):
            values[f"{environment}Limit"] = {"requests": limit.requests, "per": limit.unit.lower()}
    return {name: value for name, value in values.items() if value}


def _read_type(text: str) -> str:
    if text.upper() not in SERVED_TYPES:
        raise InvalidField("type", f"Use one of {', '.join(sorted(SERVED_TYPES)).lower()}.")
    return text.upper()


def _name_type(body: Mapping[str, Any]) -> str:
    return str(body.get("type") or DEFAULT_TYPE).lower()


def _read_operation(text: str) -> dict[str, str]:
    verb, _, target = text.strip().partition(" ")
    return {"verb": verb.upper(), "target": target.strip()}


def _find_key(operation: Mapping[str, Any]) -> tuple[str, str]:
    return str(operation.get("verb")).upper(), str(operation.get("target"))


def _read_limit(fields: Fields | None, environment: Environment) -> dict[str, Any] | None:
    """Return the members of a limit, empty for none; None if a file doesn't decide on it, or it is invalid."""
    if fields is None:
        return None
    text, unit = fields.read_text("requests") or "", (fields.read_text("per") or "second").upper()
    fields.finish()
    if text == UNLIMITED:
        return {}
    requests = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text
    limit = {environment: requests, f"{environment}TimeUnit": unit}
    names = {f"{LIMITS}.{environment}": "requests", f"{LIMITS}.{environment}TimeUnit": "per"}
    return limit if fields.check("requests", lambda: read_request_rules({LIMITS: limit}), names) else None


def _read_cors(fields: Fields | None) -> dict[str, Any] | None:
    if fields is None:
        return None
    is_enabled = fields.read_flag("enabled", otherwise=True)
    values = {
        rest: fields.read_flag(name, otherwise=False) if name == "credentials" else fields.read_texts(name) or None
        for rest, name in _CORS.items()
    }
    fields.finish()
    if not is_enabled:
        return _OFF
    member = {"corsConfigurationEnabled": True} | {name: value for name, value in values.items() if value is not None}
    names = {f"{cors_policy.MEMBER}.{rest}": name for rest, name in _CORS.items()}
    rules = fields.check("origins", lambda: read_request_rules({cors_policy.MEMBER: member}), names)
    return rules.cors.member if rules and rules.cors else None


def _show_operations(members: Mapping[str, Any]) -> str:
    return ", ".join(sorted(" ".join(_find_key(operation)) for operation in members.get("operations") or []))


def _show_cors(rules: RequestRules) -> str:
    if rules.cors is None:
        return "off"
    values = {name: rules.cors.member[rest] for rest, name in _CORS.items()}
    return ", ".join(
        f"{name}: {' '.join(value) if isinstance(value, list) else value}" for name, value in values.items()
    )


def _show_limit(rules: RequestRules, environment: Environment) -> str:
    limit = rules.limit(environment)
    return f"{limit.requests:,} per {limit.unit.lower()}" if limit else UNLIMITED


def _write_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
