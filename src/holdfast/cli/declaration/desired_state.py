"""
The desired state from files: APIs, endpoint certificates and trust settings, as values.
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
    An API. *state* None leaves the state unchanged.

    *requires_certificate* is about callers; None leaves it unchanged, and a new API doesn't require one. *environments*
    are groups of gateways in order; none leave them unchanged.
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
    # Connection settings; None leaves them unchanged.
    production_connection: ConnectionSettings | None = None
    sandbox_connection: ConnectionSettings | None = None
    requires_certificate: bool | None = None
    environments: tuple[str, ...] = ()

    @property
    def key(self) -> ApiKey:
        """The key that identifies it."""
        return self.name.lower(), self.version

    @property
    def origins(self) -> set[str]:
        """The origins of its backends."""
        return {str(endpoint.origin) for endpoint in (self.production, self.sandbox) if endpoint}


@dataclass(frozen=True, slots=True)
class WantedCertificate:
    """
    An alias and its certificates.

    *previous* are trusted in addition to *certificates*. With *keep_previous*, so are replaced certificates while the
    backend may use them. *content_place* is the field with the certificates or with the name of their file.
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
        """The origin that it is trusted for."""
        return str(self.endpoint.origin)


@dataclass(frozen=True, slots=True)
class WantedTrust:
    """The trust settings of an origin, with REST's members; *crls* None leaves CRLs unchanged."""

    place: Place
    endpoint: Endpoint
    settings: dict[str, Any]
    crls: tuple[RevocationList, ...] | None

    @property
    def origin(self) -> str:
        """The origin that they apply to."""
        return str(self.endpoint.origin)


@dataclass(slots=True)
class DesiredState:
    """The desired state. If no file has a list, as with *has_apis* False, its objects are left alone."""

    apis: dict[ApiKey, WantedApi] = field(default_factory=dict)
    certificates: dict[str, WantedCertificate] = field(default_factory=dict)
    trust: dict[str, WantedTrust] = field(default_factory=dict)
    has_apis: bool = False
    has_certificates: bool = False

    @property
    def origins(self) -> set[str]:
        """The origins of the backends of its APIs."""
        return {origin for api in self.apis.values() for origin in api.origins}
