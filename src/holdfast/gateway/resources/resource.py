"""
An xDS resource: a type, a name, a version and a body.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.message import Message

# Not from Envoy's messages, which agents don't load, to stay small.
_PREFIX = "type.googleapis.com/envoy"
CLUSTER = f"{_PREFIX}.config.cluster.v3.Cluster"
LISTENER = f"{_PREFIX}.config.listener.v3.Listener"
ROUTES = f"{_PREFIX}.config.route.v3.ScopedRouteConfiguration"
SECRET = f"{_PREFIX}.extensions.transport_sockets.tls.v3.Secret"


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
