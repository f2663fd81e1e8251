"""
Rules that gateways apply to requests before they forward them, as far as an API's description asks for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from holdfast.apis.catalog import cors_policy
from holdfast.apis.catalog.api_types import WEBSOCKET_TYPE, get_type
from holdfast.apis.catalog.cors_policy import CorsPolicy, read_cors
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.operation_list import SWITCH, read_operations
from holdfast.apis.check import Check
from holdfast.apis.definitions.openapi import Operation
from holdfast.apis.errors import InvalidField

LIMITS = "maxTps"
MAX_REQUESTS = 1_000_000
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}
_UNITS = {seconds: unit for unit, seconds in _SECONDS.items()}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A number of requests in a number of seconds, at each gateway."""

    requests: int
    seconds: int = 1

    @property
    def unit(self) -> str:
        """The member of its unit of time, such as SECOND."""
        return _UNITS[self.seconds]


@dataclass(frozen=True, slots=True)
class RequestRules:
    """The rules of an API; without any, gateways forward every request."""

    operations: tuple[Operation, ...] | None = None  # the only ones; None: all methods and paths
    cors: CorsPolicy | None = None
    production_limit: RateLimit | None = None
    sandbox_limit: RateLimit | None = None
    only_websockets: bool = False  # what isn't one is refused

    @property
    def members(self) -> dict[str, Any]:
        """The members of a description that have these rules, empty if there are none."""
        members: dict[str, Any] = {}
        if self.operations is not None:
            operations = [{"target": operation.target, "verb": operation.verb} for operation in self.operations]
            members |= {SWITCH: True, "operations": operations}
        if self.cors:
            members[cors_policy.MEMBER] = self.cors.member
        limits: dict[str, Any] = {}
        for environment in ENVIRONMENTS:
            if limit := self.limit(environment):
                limits |= {environment: limit.requests, f"{environment}TimeUnit": limit.unit}
        members |= {"type": WEBSOCKET_TYPE} if self.only_websockets else {}
        return members | ({LIMITS: limits} if limits else {})

    def limit(self, environment: Environment) -> RateLimit | None:
        """Return the limit of requests to the backend of *environment*."""
        return self.production_limit if environment == "production" else self.sandbox_limit


NO_RULES = RequestRules()
NO_OPERATIONS = RequestRules(operations=())  # gateways reject every request


def read_request_rules(members: Mapping[str, Any]) -> RequestRules:
    """
    Read the rules from the *members* of a description.

    Raises:
        InvalidFields: Members that have an effect are invalid.
    """
    check = Check()
    rules = _read(check, members)
    check.finish()
    return rules


def read_stored_rules(members: Mapping[str, Any]) -> RequestRules:
    """Read stored rules; one that only an earlier version accepted has no effect, except that no operation is left."""
    rules = _read(Check(), members)
    return replace(rules, operations=()) if rules.operations is None and members.get(SWITCH) else rules


def _read(check: Check, members: Mapping[str, Any]) -> RequestRules:
    operations = check(read_operations, members)
    cors = check(read_cors, members.get(cors_policy.MEMBER))
    limits = check(_read_limits, members) or {}
    production, sandbox = (check(partial(_read_limit, limits), environment) for environment in ENVIRONMENTS)
    return RequestRules(operations, cors, production, sandbox, (get_type(members) or "").upper() == WEBSOCKET_TYPE)


def _read_limits(members: Mapping[str, Any]) -> Mapping[str, Any]:
    limits = members.get(LIMITS) or {}
    if not isinstance(limits, dict):
        raise InvalidField(LIMITS, "Use an object with numbers of requests: production, sandbox.")
    return limits


def _read_limit(limits: Mapping[str, Any], environment: Environment) -> RateLimit | None:
    requests, unit = limits.get(environment), limits.get(f"{environment}TimeUnit") or "SECOND"
    if requests is None:
        return None
    if not isinstance(requests, int) or isinstance(requests, bool) or not 1 <= requests <= MAX_REQUESTS:
        raise InvalidField(f"{LIMITS}.{environment}", f"Use a whole number from 1 to {MAX_REQUESTS:,}.")
    if not isinstance(unit, str) or unit not in _SECONDS:
        raise InvalidField(f"{LIMITS}.{environment}TimeUnit", f"Use one of {', '.join(_SECONDS)}.")
    return RateLimit(requests, _SECONDS[unit])
