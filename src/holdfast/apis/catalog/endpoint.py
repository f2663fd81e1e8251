"""
Endpoints and their origins: how the gateway interprets a backend URL.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from holdfast.apis.catalog.connection_settings import DEFAULT_CONNECTION, ConnectionSettings
from holdfast.apis.errors import InvalidField
from holdfast.apis.url import DEFAULT_PORTS, parse_url
from holdfast.certificates.identity import ReferenceIdentifier, reference_identifier

Environment = Literal["production", "sandbox"]
ENVIRONMENTS: tuple[Environment, ...] = ("production", "sandbox")


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
        return reference_identifier(self.host)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A backend URL: its origin, and the base path (without a final slash) that is prefixed to request paths."""

    url: str
    origin: Origin
    base_path: str
    connection: ConnectionSettings = DEFAULT_CONNECTION


def parse_endpoint(url: str, field: str = "endpoint") -> Endpoint:
    """
    Parse a backend URL.

    Raises:
        InvalidField: It isn't an http or https URL with a host, or has parts that an endpoint can't have.
    """
    url = url.strip()
    try:
        return _parse(url)
    except ValueError as error:
        raise InvalidField(field, f"{error} Use a URL like https://backend.example:8443/base.") from error


def _parse(url: str) -> Endpoint:
    parts = parse_url(url)
    if parts.query is not None:
        raise ValueError("An endpoint URL can't have a query. Remove everything from '?'.")
    if any(unquote(segment) in {".", ".."} for segment in parts.path.split("/")):
        raise ValueError("The URL's path contains . or .. as a segment.")
    return Endpoint(url, Origin(parts.scheme, parts.host, parts.port), parts.path.rstrip("/"))
