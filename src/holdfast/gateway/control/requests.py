"""
Requests of the control plane to an agent: probes of backends.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from holdfast.gateway.control.messages import MalformedMessage, Members, encode
from holdfast.gateway.probing.resources import PREFIX
from holdfast.gateway.resources.resource import CLUSTER, SECRET, Resource

MAX_REQUEST = 16 * 1024 * 1024  # bytes; revocation lists are the largest part
_MAX_RESOURCES = 3  # a cluster, its trust secret and its identity
_NAME = re.compile(re.escape(PREFIX) + r"[0-9a-f]{16}(/[a-z]+)?")
_AUTHORITY = re.compile(r"[!-~]+")
_PATH = re.compile(r"/[!-~]*")


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect to the backend of these resources (the cluster and its secrets), and stay connected until `End`."""

    KIND: ClassVar[str] = "connect"
    id: int
    resources: tuple[Resource, ...]

    def members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"id": self.id, "resources": [_describe(resource) for resource in self.resources]}

    @classmethod
    def read(cls, members: Members) -> "Connect":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(members.number("id"), _read_resources(members))


@dataclass(frozen=True, slots=True)
class Head:
    """Send `HEAD` *path* to the backend of these resources, with *authority* as the Host header."""

    KIND: ClassVar[str] = "head"
    id: int
    resources: tuple[Resource, ...]
    authority: str
    path: str

    def members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        described = [_describe(resource) for resource in self.resources]
        return {"id": self.id, "resources": described, "authority": self.authority, "path": self.path}

    @classmethod
    def read(cls, members: Members) -> "Head":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(
            members.number("id"),
            _read_resources(members),
            members.matching("authority", _AUTHORITY, 300),
            members.matching("path", _PATH, 8192),
        )


@dataclass(frozen=True, slots=True)
class End:
    """End the probe with this id, and remove its resources."""

    KIND: ClassVar[str] = "end"
    id: int

    def members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"id": self.id}

    @classmethod
    def read(cls, members: Members) -> "End":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(members.number("id"))


Probe = Connect | Head
Request = Probe | End
REQUESTS: Mapping[str, type[Request]] = {kind.KIND: kind for kind in (Connect, Head, End)}


def _describe(resource: Resource) -> dict[str, str]:
    return {
        "type": resource.type_url,
        "name": resource.name,
        "version": resource.version,
        "body": encode(resource.body),
    }


def _read_resources(members: Members) -> tuple[Resource, ...]:
    resources = tuple(map(_read_resource, members.objects("resources", _MAX_RESOURCES)))
    if [resource.type_url for resource in resources].count(CLUSTER) != 1:
        raise MalformedMessage("resources need one cluster")
    return resources


def _read_resource(members: Members) -> Resource:
    type_url = members.text("type", 200)
    if type_url not in (CLUSTER, SECRET):
        raise MalformedMessage("type is neither a cluster nor a secret")
    # Other names could replace the resources of traffic.
    name = members.matching("name", _NAME, 100)
    return Resource(type_url, name, members.text("version", 100), members.data("body", MAX_REQUEST))
