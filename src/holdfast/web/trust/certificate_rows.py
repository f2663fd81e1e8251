"""
What the list of certificates shows: one row per endpoint certificate, with its status and how far it has come.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.apis.catalog.api import Api
from holdfast.apis.enforcement import Enforcement
from holdfast.apis.trust.endpoint_certificate import (
    EndpointCertificate,
    Generation,
    RemovedCertificate,
)
from holdfast.certificates.validity import Status
from holdfast.services.access.context import Context
from holdfast.services.runtime import Runtime
from holdfast.services.trust import endpoint_certificates, removal, rotation
from holdfast.web.dialog import Section
from holdfast.web.trust.trust_settings import TRUST


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """One row of the list."""

    entry: EndpointCertificate
    status: Status
    enforcement: Enforcement
    in_use: Generation | None  # which certificates the gateway saw the backend use; None: not known
    retire: bool  # the previous ones are not needed any longer


@dataclass(frozen=True, slots=True)
class RemovedRow:
    """What can be restored, and until when."""

    removed: RemovedCertificate
    until: datetime


def read_certificate_rows(runtime: Runtime, context: Context, api: Api) -> list[CertificateRow]:
    """Make the rows for the endpoints of *api*, by alias."""
    entries = endpoint_certificates.certificates_of_api(context, api)
    origins = {entry.origin for entry in entries}
    enforcements = runtime.enforcements.of_origins(context, origins)
    now = context.now
    return [
        CertificateRow(
            entry,
            endpoint_certificates.entry_status(entry.certificates, now),
            enforcements[entry.origin],
            rotation.recall_generation(entry, now),
            rotation.should_retire(entry, now, runtime.retire_after),
        )
        for entry in entries
    ]


def read_removed_rows(context: Context, api: Api) -> list[RemovedRow]:
    """Make the rows of what can be restored for the endpoints of *api*, newest first."""
    origins = {str(endpoint.origin) for endpoint in api.endpoints}
    certificates, _ = removal.list_removed(context)
    return [
        RemovedRow(certificate, removal.restorable_until(certificate))
        for certificate in certificates
        if certificate.origin in origins
    ]


def _read_section(runtime: Runtime, context: Context, api: Api) -> dict[str, Any]:
    return {"rows": read_certificate_rows(runtime, context, api), "removed": read_removed_rows(context, api)}


# What a change of certificates changes on the Endpoints page.
CHANGED = (Section("certificates/_changed.html", _read_section), TRUST)
