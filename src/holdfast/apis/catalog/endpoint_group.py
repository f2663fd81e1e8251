"""
Groups of endpoints: several backends that share the requests of one environment, or take over from each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.catalog.health_check import HealthCheck, read_health_check
from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible

MAX_MEMBERS = 32
MAX_WEIGHT, MAX_PRIORITY = 100, 100
MAX_SESSION = 7 * 24 * 3600  # seconds
DEFAULT_SESSION, DEFAULT_SESSION_HEADER = 300, "ClientID"
Choice = TypeVar("Choice", bound=StrEnum)


class GroupKind(StrEnum):
    """The ways in which members share requests; the values are WSO2's `endpoint_type`."""

    LOAD_BALANCE = "load_balance"
    FAILOVER = "failover"  # members take over in their order


class Algorithm(StrEnum):
    """The ways in which a gateway chooses a member."""

    ROUND_ROBIN = "round_robin"
    LEAST_REQUEST = "least_request"


class SessionKind(StrEnum):
    """The parts of a request that identify a session; the values are WSO2's `sessionManagement`."""

    NONE = ""
    COOKIE = "transport"
    HEADER = "simpleClientSession"


@dataclass(frozen=True, slots=True)
class Member:
    """A further member of a group."""

    endpoint: Endpoint
    weight: int = 1  # its share of requests, compared with those of the other members with its priority
    priority: int = 1  # 1 is first; the next ones get requests only while those before them fail


@dataclass(frozen=True, slots=True)
class EndpointGroup:
    """The further members of a group, whose first member is the API's endpoint, and how they are used."""

    kind: GroupKind
    members: tuple[Member, ...] = ()
    weight: int = 1  # of the first member, like its priority
    priority: int = 1
    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    session: SessionKind = SessionKind.NONE
    session_timeout: int = DEFAULT_SESSION  # seconds
    session_header: str = DEFAULT_SESSION_HEADER
    health_check: HealthCheck | None = None

    @property
    def has_priorities(self) -> bool:
        """Whether priorities, rather than the order of the members, decide which of them get requests."""
        priorities = (self.priority, *(member.priority for member in self.members))
        return self.kind is GroupKind.LOAD_BALANCE and any(priority != 1 for priority in priorities)

    @property
    def values(self) -> dict[str, Any]:
        """The group as JSON, which `read_group` reads."""
        return {
            "kind": self.kind.value,
            "members": [
                {"url": member.endpoint.url, "weight": member.weight, "priority": member.priority}
                for member in self.members
            ],
            "weight": self.weight,
            "priority": self.priority,
            "algorithm": self.algorithm.value,
            "session": self.session.value,
            "session_timeout": self.session_timeout,
            "session_header": self.session_header,
            "health_check": self.health_check.values if self.health_check else None,
        }


def read_group(values: Mapping[str, Any], field: str = "") -> EndpointGroup:
    """
    Read a group from *values*, which are like `EndpointGroup.values`; those that are left out get defaults.

    Raises:
        InvalidField: A value is invalid; *field* is prefixed to its name.
    """
    members = values.get("members") or []
    if len(members) >= MAX_MEMBERS:
        raise InvalidField(f"{field}members", f"A group can have at most {MAX_MEMBERS} endpoints.")
    checks = values.get("health_check")
    kind = _choose(GroupKind, values.get("kind"), f"{field}kind")
    priority, *priorities = _read_priorities(kind, values, field)
    return EndpointGroup(
        kind,
        tuple(
            _read_member(member, priority, f"{field}members.{number}.")
            for number, (member, priority) in enumerate(zip(members, priorities, strict=True))
        ),
        _check_number(values.get("weight"), 1, MAX_WEIGHT, f"{field}weight"),
        priority,
        _choose(Algorithm, values.get("algorithm") or Algorithm.ROUND_ROBIN, f"{field}algorithm"),
        _choose(SessionKind, values.get("session") or "", f"{field}session"),
        _check_number(values.get("session_timeout"), DEFAULT_SESSION, MAX_SESSION, f"{field}session_timeout"),
        _read_header(values.get("session_header") or DEFAULT_SESSION_HEADER, f"{field}session_header"),
        read_health_check(checks, f"{field}health_check.") if checks else None,
    )


def check_group(primary: Endpoint, group: EndpointGroup, field: str) -> None:
    """
    Check that the members of *group* can share requests with *primary*.

    Raises:
        InvalidField: Two members are the same backend, or their schemes or base paths differ.
    """
    members = [primary, *(member.endpoint for member in group.members)]
    origins = [member.origin for member in members]
    if twice := next((origin for origin in origins if origins.count(origin) > 1), None):
        paths = sorted({member.base_path or "/" for member in members if member.origin == twice})
        text = f"{twice} is in the group twice. Remove one of its endpoints."
        if len(paths) > 1:
            text = (
                f"{twice} is in the group with the paths {', '.join(paths)}. Endpoints of a group need different hosts "
                "or ports: keep one of the paths, and create another API for each of the others."
            )
        raise InvalidField(field, text)
    if len({origin.is_secure for origin in origins}) > 1:
        # Otherwise, an attacker who makes the https members fail could read the traffic.
        raise InvalidField(field, "A group can't mix http and https endpoints. Use https for all of them.")
    if len({(member.base_path, member.query) for member in members}) > 1:
        text = (
            "All endpoints of a group need the same path and query, because the gateway sends one to all of them. "
            "Change the URLs, or create another API for each path."
        )
        raise InvalidField(field, text)


def _read_member(values: Mapping[str, Any], priority: int, field: str) -> Member:
    endpoint = parse_endpoint(values.get("url") or "", f"{field}url")
    return Member(endpoint, _check_number(values.get("weight"), 1, MAX_WEIGHT, f"{field}weight"), priority)


def _read_priorities(kind: GroupKind, values: Mapping[str, Any], field: str) -> list[int]:
    """Return the priority of each endpoint, the first one first; in a failover group, it is the endpoint's place."""
    fields = [field, *(f"{field}members.{number}." for number, _ in enumerate(values.get("members") or []))]
    priorities, last = [], 0
    for name, endpoint in zip(fields, [values, *(values.get("members") or [])], strict=True):
        default = last + 1 if kind is GroupKind.FAILOVER else 1
        priority = _check_number(endpoint.get("priority"), default, MAX_PRIORITY, f"{name}priority")
        if kind is GroupKind.FAILOVER and priority <= last:
            text = (
                f"The priority {priority} contradicts the order of the endpoints, which decides in a failover group: "
                f"the previous endpoint has {last}. Change the order, omit the priorities, or use load_balance."
            )
            raise InvalidField(f"{name}priority", text)
        priorities.append(priority)
        last = priority
    return [*range(1, len(priorities) + 1)] if kind is GroupKind.FAILOVER else priorities


def _choose(kind: type[Choice], value: Any, field: str) -> Choice:
    try:
        return kind(value)
    except ValueError as error:
        values: Sequence[str] = [member.value for member in kind if member.value]
        raise InvalidField(field, f"Use one of {', '.join(values)}.") from error


def _check_number(value: Any, default: int, maximum: int, field: str) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= maximum:
        raise InvalidField(field, f"Use a whole number from 1 to {maximum}.")
    return value


def _read_header(name: str, field: str) -> str:
    name = check_visible(name.strip(), field, "The header's name")
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii() or len(name) > 64:
        raise InvalidField(field, "Use a header name of at most 64 letters, digits and hyphens.")
    return name
