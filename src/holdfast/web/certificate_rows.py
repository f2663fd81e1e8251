"""
What the list of certificates shows: one row per endpoint certificate, with its status and how far it has come.
"""

from dataclasses import dataclass

from holdfast.apis.api import Api
from holdfast.apis.endpoint_certificate import EndpointCertificate
from holdfast.certificates.validity import Status
from holdfast.services import trust
from holdfast.services.enforcement import Enforcement
from holdfast.services.principal import Principal
from holdfast.services.runtime import Runtime


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """One row of the list."""

    entry: EndpointCertificate
    status: Status
    enforcement: Enforcement


def certificate_rows(running: Runtime, who: Principal, api: Api) -> list[CertificateRow]:
    """Make the rows for the endpoints of *api*, by alias."""
    entries = trust.certificates_of_api(running.store, who, api)
    origins = {entry.origin for entry in entries}
    enforcements = running.enforcements.of_origins(who.organization, origins)
    now = running.now()
    return [
        CertificateRow(entry, trust.entry_status(entry.certificates, now), enforcements[entry.origin])
        for entry in entries
    ]
