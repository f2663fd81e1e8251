"""
The desired state from files: APIs, endpoint certificates and trust settings, as values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.apis.catalog.connection_settings import ConnectionSettings
from holdfast.apis.catalog.endpoint import Endpoint, Environment
from holdfast.apis.catalog.endpoint_security import EndpointSecurity
from holdfast.apis.catalog.lifecycle import State
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.revocation import RevocationList
from holdfast.cli.declaration.endpoint_groups import WantedGroups
from holdfast.cli.declaration.fields import Place

ApiKey = tuple[str, str]  # name in lower case, version
DEFAULT_TIER = "Unlimited"  # as WSO2's publisher does


@dataclass(frozen=True, slots=True)
class WantedCaller:
    """
    A caller certificate of an API. *tier* None leaves it unchanged, and is DEFAULT_TIER for a new one.

    *environment* is production, sandbox or both; None leaves it unchanged, and a new one is accepted in both.
    """

    place: Place
    alias: str
    certificate: Certificate
    tier: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class WantedSecurity:
    """
    Endpoint security (None: none) and its secrets; None if one isn't known and must stay.

    *secret_variable* and *password_variable* name the variables that a file takes them from, set or not; empty: none.
    """

    place: Place
    security: EndpointSecurity | None
    secret: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)  # of the user, with OAuth 2.0's password grant
    secret_variable: str = ""
    password_variable: str = ""


@dataclass(frozen=True, slots=True)
class WantedRules:
    """
    The rules for requests to an API, with REST's members; None, or no value, leaves one unchanged.

    *cors* and *limits* (by environment) are members of the member of that name; an empty limit is none.
    """

    type: str | None = None  # as in REST, such as WS
    is_prototype: bool | None = None
    is_default: bool | None = None
    only_listed: bool | None = None
    operations: tuple[dict[str, str], ...] = ()
    cors: dict[str, Any] | None = None
    limits: Mapping[Environment, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedApi:
    """
    An API. *state* None leaves the state unchanged.

    *requires_certificate* is about callers; None leaves it unchanged, and a new API doesn't require one. *environments*
    are groups of gateways in order; none leave them unchanged. *callers* None leaves caller certificates unchanged.
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
    # Connection settings and endpoint security; None leaves them unchanged.
    production_connection: ConnectionSettings | None = None
    sandbox_connection: ConnectionSettings | None = None
    production_security: WantedSecurity | None = None
    sandbox_security: WantedSecurity | None = None
    requires_certificate: bool | None = None
    environments: tuple[str, ...] = ()
    callers: tuple[WantedCaller, ...] | None = None
    rules: WantedRules = field(default_factory=WantedRules)
    groups: WantedGroups | None = None  # None leaves them unchanged

    @property
    def key(self) -> ApiKey:
        """The key that identifies it."""
        return self.name.lower(), self.version

    @property
    def origins(self) -> set[str]:
        """The origins of its backends."""
        first = {str(endpoint.origin) for endpoint in (self.production, self.sandbox) if endpoint}
        return first | (self.groups.origins if self.groups else set())


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


@dataclass(frozen=True, slots=True)
class WantedIdentity:
    """
    The certificate that gateways present to an origin.

    *certificates* are those of the file, in any order, and *pem* is their text. *key* is None if its variable isn't
    set: then the identity can be compared, but not changed. It is never shown.
    """

    place: Place
    key_place: Place
    endpoint: Endpoint
    certificates: tuple[Certificate, ...]
    key: bytes | None = field(repr=False)

    @property
    def origin(self) -> str:
        """The origin that it is presented to."""
        return str(self.endpoint.origin)


@dataclass(slots=True)
class DesiredState:
    """
    The desired state. If no file has a list, as with *has_apis* False, its objects are left alone.

    *label* marks the objects that the files own; empty for none. *files* are the SHA-256 of all files that were read.
    """

    apis: dict[ApiKey, WantedApi] = field(default_factory=dict)
    certificates: dict[str, WantedCertificate] = field(default_factory=dict)
    trust: dict[str, WantedTrust] = field(default_factory=dict)
    identities: dict[str, WantedIdentity] = field(default_factory=dict)
    has_apis: bool = False
    has_certificates: bool = False
    label: str = ""
    files: dict[str, str] = field(default_factory=dict)

    @property
    def origins(self) -> set[str]:
        """The origins of the backends of its APIs."""
        return {origin for api in self.apis.values() for origin in api.origins}
