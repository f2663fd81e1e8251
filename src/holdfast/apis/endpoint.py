"""
Endpoints and their origins: what a URL of a backend means for the gateway.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal
from urllib.parse import unquote, urlsplit

from holdfast.apis.connection_settings import DEFAULT_CONNECTION, ConnectionSettings
from holdfast.apis.errors import InvalidField
from holdfast.certificates.identity import ReferenceIdentifier, reference_identifier

Environment = Literal["production", "sandbox"]
ENVIRONMENTS: tuple[Environment, ...] = ("production", "sandbox")
MAX_URL = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")
# IDNA 2003 (what Python does) and IDNA 2008 (what browsers do) make different hosts of these.
_READ_DIFFERENTLY = frozenset("ß\u03c2\u200c\u200d")


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
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

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
    if not url:
        raise ValueError("The URL is missing.")
    if len(url) > MAX_URL:
        raise ValueError(f"The URL is longer than {MAX_URL} characters.")
    if any(ord(c) <= 0x20 or ord(c) == 0x7F for c in url):
        raise ValueError("The URL holds a space or a control character.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError("The URL cannot be read; look at its host and port.") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("The URL must begin with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("The URL must not hold a user name or password.")
    if not parts.hostname:
        raise ValueError("The URL has no host.")
    if port == 0:
        raise ValueError("Port 0 cannot be connected to.")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise ValueError("An endpoint's URL ends with its path; leave out the part from '?' or '#'.")
    if not _PATH.fullmatch(parts.path) or any(unquote(segment) in {".", ".."} for segment in parts.path.split("/")):
        raise ValueError("The URL's path holds characters or dots that cannot be there; percent-encode them.")
    if "[" in parts.netloc and ":" not in parts.hostname:
        raise ValueError("Only an IPv6 address stands in brackets.")
    origin = Origin(parts.scheme, parse_host(parts.hostname), port or _DEFAULT_PORTS[parts.scheme])
    return Endpoint(url, origin, parts.path.rstrip("/"))


def parse_host(host: str) -> str:
    """Read a host name or an IP address without brackets; give it as it is compared, or raise ValueError."""
    try:
        address = ip_address(host)
    except ValueError:
        return _dns_name(host)
    if isinstance(address, IPv6Address) and address.scope_id:
        raise ValueError("An IPv6 address with a zone cannot be used.")
    return str(address)


def _dns_name(host: str) -> str:
    if not _READ_DIFFERENTLY.isdisjoint(host):
        raise ValueError(f"Programs read the host {host!r} differently; write it in its ASCII form, xn--...")
    try:
        name = host.encode("idna").decode().lower().rstrip(".")
    except UnicodeError as error:
        raise ValueError(f"{host!r} is not a host name.") from error
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(f"{host!r} is neither a host name nor an IP address.")
    return name
