"""
Requests of the control plane to an agent: probes of backends, and what can be seen of them from its machine.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, ClassVar

from holdfast.gateway.control.messages import MalformedMessage, Members, encode
from holdfast.gateway.probing.constants import PREFIX
from holdfast.gateway.resources.resource import CLUSTER, SECRET, Resource
from holdfast.network.addresses import MAX_ADDRESSES

MAX_REQUEST = 16 * 1024 * 1024  # bytes; revocation lists are the largest part
_MAX_RESOURCES = 3  # a cluster, its trust secret and its identity
_NAME = re.compile(re.escape(PREFIX) + r"[0-9a-f]{16}(/[a-z]+)?")
_AUTHORITY = re.compile(r"[!-~]+")
_PATH = re.compile(r"/[!-~]*")
_HOST, _SERVER_NAME = re.compile(r"[!-~]+"), re.compile(r"[!-~]*")
_MAX_HOST = 255  # characters
_LONGEST_ADDRESS = 45
MAX_SECONDS = 15.0  # that a task may take, if the control plane doesn't end it


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect to the backend of these resources (the cluster and its secrets), and stay connected until `End`."""

    KIND: ClassVar[str] = "connect"
    id: int
    resources: tuple[Resource, ...]

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"id": self.id, "resources": [_describe(resource) for resource in self.resources]}

    @classmethod
    def from_members(cls, members: Members) -> "Connect":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(members.read_number("id"), _read_resources(members))


@dataclass(frozen=True, slots=True)
class Head:
    """Send `HEAD` *path* to the backend of these resources, with *authority* as the Host header."""

    KIND: ClassVar[str] = "head"
    id: int
    resources: tuple[Resource, ...]
    authority: str
    path: str

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        resources = [_describe(resource) for resource in self.resources]
        return {"id": self.id, "resources": resources, "authority": self.authority, "path": self.path}

    @classmethod
    def from_members(cls, members: Members) -> "Head":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(
            members.read_number("id"),
            _read_resources(members),
            members.read_matching("authority", _AUTHORITY, 300),
            members.read_matching("path", _PATH, 8192),
        )


@dataclass(frozen=True, slots=True)
class End:
    """End the probe with this id, and remove its resources."""

    KIND: ClassVar[str] = "end"
    id: int

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"id": self.id}

    @classmethod
    def from_members(cls, members: Members) -> "End":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(members.read_number("id"))


@dataclass(frozen=True, slots=True)
class Resolve:
    """Resolve the name *host*, as the gateway's machine does."""

    KIND: ClassVar[str] = "resolve"
    id: int
    host: str

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"id": self.id, "host": self.host}

    @classmethod
    def from_members(cls, members: Members) -> "Resolve":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(members.read_number("id"), members.read_matching("host", _HOST, _MAX_HOST))


@dataclass(frozen=True, slots=True)
class ProbeBackend:
    """Make a handshake with the backend at one of *addresses*, for the SNI *server_name* (empty: none)."""

    KIND: ClassVar[str] = "look"
    id: int
    addresses: tuple[str, ...]
    port: int
    server_name: str
    seconds: float  # time limit for all addresses

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {
            "id": self.id,
            "addresses": self.addresses,
            "port": self.port,
            "serverName": self.server_name,
            "seconds": self.seconds,
        }

    @classmethod
    def from_members(cls, members: Members) -> "ProbeBackend":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(
            members.read_number("id"),
            read_addresses(members, "addresses"),
            members.read_number("port", 65535),
            members.read_matching("serverName", _SERVER_NAME, _MAX_HOST),
            members.read_seconds("seconds", MAX_SECONDS),
        )


Probe = Connect | Head
Task = Probe | Resolve | ProbeBackend
Request = Task | End
REQUESTS: Mapping[str, type[Request]] = {kind.KIND: kind for kind in (Connect, Head, Resolve, ProbeBackend, End)}


def read_addresses(members: Members, name: str) -> tuple[str, ...]:
    """Return a list of IP addresses, in their usual form. Raises MalformedMessage."""
    try:
        return tuple(map(_read_address, members.read_texts(name, MAX_ADDRESSES, _LONGEST_ADDRESS)))
    except ValueError as error:
        raise MalformedMessage(f"{name} holds something else than addresses") from error


def _describe(resource: Resource) -> dict[str, str]:
    return {
        "type": resource.type_url,
        "name": resource.name,
        "version": resource.version,
        "body": encode(resource.body),
    }


def _read_resources(members: Members) -> tuple[Resource, ...]:
    resources = tuple(map(_read_resource, members.read_objects("resources", _MAX_RESOURCES)))
    if [resource.type_url for resource in resources].count(CLUSTER) != 1:
        raise MalformedMessage("resources need one cluster")
    return resources


def _read_resource(members: Members) -> Resource:
    type_url = members.read_text("type", 200)
    if type_url not in (CLUSTER, SECRET):
        raise MalformedMessage("type is neither a cluster nor a secret")
    # Other names could replace the resources of traffic.
    name = members.read_matching("name", _NAME, 100)
    return Resource(type_url, name, members.read_text("version", 100), members.read_bytes("body", MAX_REQUEST))


def _read_address(text: str) -> str:
    if "%" in text:  # the zone of an IPv6 address, for which Python takes any text
        raise ValueError(text)
    return str(ip_address(text))
