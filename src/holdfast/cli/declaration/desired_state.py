"""
What files want there to be: APIs, endpoint certificates and trust settings, as values.
"""

from dataclasses import dataclass, field
from typing import Any

from holdfast.apis.catalog.connection_settings import ConnectionSettings
from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.apis.catalog.lifecycle import State
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.revocation import RevocationList
from holdfast.cli.declaration.fields import Place

ApiKey = tuple[str, str]  # name in lower case, version


@dataclass(frozen=True, slots=True)
class WantedApi:
    """
    An API; *state* None leaves it in the state that it is in.

    *requires_certificate* of its callers; None leaves that as it is, and a new API open.
    """

    place: Place
    context_place: Place
    name: str
    context: str
    version: str
    description: str
    state: State | None
    production: Endpoint | None
    sandbox: Endpoint | None
    # Connection settings; None leaves those that there are.
    production_connection: ConnectionSettings | None = None
    sandbox_connection: ConnectionSettings | None = None
    requires_certificate: bool | None = None

    @property
    def key(self) -> ApiKey:
        """What it is found by."""
        return self.name.lower(), self.version

    @property
    def origins(self) -> set[str]:
        """Where its backends are."""
        return {str(endpoint.origin) for endpoint in (self.production, self.sandbox) if endpoint}


@dataclass(frozen=True, slots=True)
class WantedCertificate:
    """
    An alias and what is trusted under it.

    *previous* are trusted together with *certificates*; with *keep_previous*, so is what *certificates* replace, as
    long as the backend may use it. *content_place* is where the certificates are written, or the file that holds them.
    """

    place: Place
    content_place: Place
    alias: str
    endpoint: Endpoint
    certificates: tuple[Certificate, ...]
    previous: tuple[Certificate, ...] = ()
    keep_previous: bool = True

    @property
    def origin(self) -> str:
        """What it is trusted for."""
        return str(self.endpoint.origin)


@dataclass(frozen=True, slots=True)
class WantedTrust:
    """The trust settings of an origin, as REST has them; *crls* None leaves those that there are."""

    place: Place
    endpoint: Endpoint
    settings: dict[str, Any]
    crls: tuple[RevocationList, ...] | None

    @property
    def origin(self) -> str:
        """What they hold for."""
        return str(self.endpoint.origin)


@dataclass(slots=True)
class DesiredState:
    """All that is wanted. What is in no file at all, like *has_apis* False, is nobody's business."""

    apis: dict[ApiKey, WantedApi] = field(default_factory=dict)
    certificates: dict[str, WantedCertificate] = field(default_factory=dict)
    trust: dict[str, WantedTrust] = field(default_factory=dict)
    has_apis: bool = False
    has_certificates: bool = False

    @property
    def origins(self) -> set[str]:
        """Where the backends of its APIs are."""
        return {origin for api in self.apis.values() for origin in api.origins}
