"""
What the section of client certificates shows: one row per https origin of an API.
"""

from dataclasses import dataclass

from holdfast.apis.catalog.api import Api
from holdfast.apis.identities.gateway_identity import ClientCertificate
from holdfast.certificates.validity import Status, status_of
from holdfast.services.access.principal import Principal
from holdfast.services.identities.gateway_identities import get_client_certificate
from holdfast.services.publishing.enforcement import Enforcement
from holdfast.services.runtime import Runtime


@dataclass(frozen=True, slots=True)
class ClientRow:
    """What gateways present at one origin; *endpoint* is a URL of it."""

    endpoint: str
    origin: str
    entry: ClientCertificate | None
    status: Status | None
    enforcement: Enforcement


def client_rows(runtime: Runtime, who: Principal, api: Api) -> list[ClientRow]:
    """Make the rows for the https origins of *api*, production first."""
    urls: dict[str, str] = {}
    for endpoint in api.endpoints:
        if endpoint.origin.is_secure:
            urls.setdefault(str(endpoint.origin), endpoint.url)
    enforcements = runtime.enforcements.of_origins(who.organization, urls)
    rows = []
    for origin, url in urls.items():
        entry = get_client_certificate(runtime.store, who, url)
        status = status_of(entry.own, runtime.now()) if entry and entry.own else None
        rows.append(ClientRow(url, origin, entry, status, enforcements[origin]))
    return rows
