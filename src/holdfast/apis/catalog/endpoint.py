"""
Endpoints and their origins: what a URL of a backend means for the gateway.
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
    """Scheme, host and port (RFC 6454, section 4): what a connection is made to, and what trust belongs to."""

    scheme: str
    host: str  # lower case, an address without brackets
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and, when it is not the scheme's own, port, as the Host header wants it (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_secure(self) -> bool:
        """Whether connections are made with TLS."""
        return self.scheme == "https"

    @property
    def reference(self) -> ReferenceIdentifier:
        """The name that the backend's certificate must present."""
        return reference_identifier(self.host)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A backend URL: its origin and the base path, without a final slash, that requests are put below."""

    url: str
    origin: Origin
    base_path: str
    connection: ConnectionSettings = DEFAULT_CONNECTION


def parse_endpoint(url: str, field: str = "endpoint") -> Endpoint:
    """
    Read a backend's URL.

    Raises:
        InvalidField: It is no http or https URL with a host, or has parts that an endpoint cannot have.
    """
    url = url.strip()
    try:
        return _parse(url)
    except ValueError as error:
        raise InvalidField(field, f"{error} Write it like https://backend.example:8443/base.") from error


def _parse(url: str) -> Endpoint:
    parts = parse_url(url)
    if parts.query is not None:
        raise ValueError("An endpoint's URL ends with its path; leave out the part from '?'.")
    if any(unquote(segment) in {".", ".."} for segment in parts.path.split("/")):
        raise ValueError("The URL's path contains . or .. as a segment; write the path without dots.")
    return Endpoint(url, Origin(parts.scheme, parts.host, parts.port), parts.path.rstrip("/"))
