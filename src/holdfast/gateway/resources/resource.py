"""
An xDS resource: a type, a name, a version and a body.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf.message import Message

_PREFIX = "type.googleapis.com/"
CLUSTER: str = _PREFIX + Cluster.DESCRIPTOR.full_name
LISTENER: str = _PREFIX + Listener.DESCRIPTOR.full_name
ROUTES: str = _PREFIX + ScopedRouteConfiguration.DESCRIPTOR.full_name
SECRET: str = _PREFIX + Secret.DESCRIPTOR.full_name


@dataclass(frozen=True, slots=True)
class Resource:
    """
    One serialized resource; its version is the hash of its content, so equal content has an equal version.

    A gateway removes it at *expires_at* (`envoy.service.discovery.v3.Resource.ttl`), even without the control plane.
    """

    type_url: str
    name: str
    version: str
    body: bytes = field(repr=False)  # may contain a private key
    expires_at: datetime | None = None  # aware, UTC


def make_resource(type_url: str, name: str, message: Message, expires_at: datetime | None = None) -> Resource:
    """Return *message* as a resource, serialized deterministically."""
    body = message.SerializeToString(deterministic=True)
    content = body if expires_at is None else body + expires_at.isoformat().encode()
    return Resource(type_url, name, hashlib.sha256(content).hexdigest()[:16], body, expires_at)
