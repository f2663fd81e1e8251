"""
Endpoints and their origins: how the gateway interprets a backend URL.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

from holdfast.apis.catalog.connection_settings import DEFAULT_CONNECTION, ConnectionSettings, Protocol
from holdfast.apis.catalog.endpoint_security import EndpointSecurity
from holdfast.apis.errors import InvalidField
from holdfast.apis.url import BACKENDS, DEFAULT_PORTS, parse_url
from holdfast.certificates.identity import ReferenceIdentifier, parse_reference

Environment = Literal["production", "sandbox"]
ENVIRONMENTS: tuple[Environment, ...] = ("production", "sandbox")
_VALUE = re.compile("=[^&]*")


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Scheme, host and port (RFC 6454, section 4): the target of connections, and the unit of trust."""

    scheme: str
    host: str  # lower case, an address without brackets
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """The value of the Host header: host, and port unless it is the default (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_secure(self) -> bool:
        """Whether connections use TLS."""
        return self.scheme == "https"

    @property
    def reference(self) -> ReferenceIdentifier:
        """The name that the backend's certificate must present."""
        return parse_reference(self.host)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    A backend URL: its origin, and the base path (without a final slash) that is prefixed to request paths.

    Its *query* (without `?`) is added to each request. wss URLs have an https origin, and ws URLs an http origin.
    """

    url: str
    origin: Origin
    base_path: str
    connection: ConnectionSettings = DEFAULT_CONNECTION
    query: str = ""
    security: EndpointSecurity | None = None  # of the environment

    @property
    def target(self) -> str:
        """The request target of the URL itself: path and query (RFC 9112, section 3.2.1)."""
        path = parse_url(self.url, BACKENDS).path or "/"
        return f"{path}?{self.query}" if self.query else path

    @property
    def base_url(self) -> str:
        """The URL without its query, for what belongs to the origin: trust and identities."""
        return self.url.partition("?")[0]

    @property
    def loggable_url(self) -> str:
        """The URL without the values in its query, which may be secret."""
        return self.base_url + ("?" + _VALUE.sub("=***", self.query) if self.query else "")


def parse_endpoint(url: str, field: str = "endpoint") -> Endpoint:
    """
    Parse a backend URL.

    Raises:
        InvalidField: It isn't an http, https, ws or wss URL with a host, or has parts that an endpoint can't have.
    """
    url = url.strip()
    try:
        return _parse(url)
    except ValueError as error:
        raise InvalidField(field, f"{error} Use a URL like https://backend.example:8443/base.") from error


def parse_token_endpoint(url: str) -> Endpoint:
    """Return the token endpoint at *url*, a checked one; gateways use HTTP/1.1 with it."""
    return replace(_parse(url), connection=ConnectionSettings(protocol=Protocol.HTTP1))


def _parse(url: str) -> Endpoint:
    parts = parse_url(url, BACKENDS)
    if any(unquote(segment) in {".", ".."} for segment in parts.path.split("/")):
        raise ValueError("The URL's path contains . or .. as a segment.")
    origin = Origin(parts.scheme, parts.host, parts.port)
    return Endpoint(url, origin, parts.path.rstrip("/"), query=parts.query or "")
