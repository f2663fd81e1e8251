"""
The rows of the certificate lists on the Endpoints page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
from holdfast.services.revisions.origins import list_revision_origins
from holdfast.services.runtime import Runtime
from holdfast.services.trust import endpoint_certificates, removal, rotation
from holdfast.services.trust.pinning import Pin, judge_pin
from holdfast.web.dialog import Section
from holdfast.web.trust.trust_settings import TRUST

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """An endpoint certificate, its status, and its progress at the gateways."""

    entry: EndpointCertificate
    status: Status
    enforcement: Enforcement
    in_use: Generation | None  # which certificates the backend uses, as seen by the gateway; None: unknown
    retire: bool  # the previous certificates can be retired
    pin: Pin
    revisions: Sequence[int] = ()  # the deployed revisions that have the endpoint; none: the working copy has it


@dataclass(frozen=True, slots=True)
class RemovedRow:
    """A removed certificate, and until when it can be restored."""

    certificate: RemovedCertificate
    until: datetime


def read_certificate_rows(runtime: Runtime, context: Context, api: Api) -> list[CertificateRow]:
    """Read the certificates for the endpoints of *api* and its deployed revisions, the first to expire first."""
    further = list_revision_origins(context, api)
    origins = {str(endpoint.origin) for endpoint in api.endpoints} | further.keys()
    entries = sorted(endpoint_certificates.list_certificates_of_origins(context, origins), key=_find_first_expiry)
    enforcements = runtime.enforcements.find_by_origin(context, {entry.origin for entry in entries})
    now = context.now
    return [
        CertificateRow(
            entry,
            endpoint_certificates.judge_entry(entry.certificates, now),
            enforcements[entry.origin],
            rotation.recall_generation(entry, now),
            rotation.should_retire(entry, now, runtime.retire_after),
            judge_pin(context, entry),
            further.get(entry.origin, ()),
        )
        for entry in entries
    ]


def _find_first_expiry(entry: EndpointCertificate) -> datetime:
    # What can't be read comes first.
    return min((certificate.not_after for certificate in entry.certificates), default=_LONG_AGO)


def read_removed_rows(context: Context, api: Api) -> list[RemovedRow]:
    """Read the certificates that can be restored for the endpoints of *api*, newest first."""
    origins = {str(endpoint.origin) for endpoint in api.endpoints}
    certificates, _ = removal.list_removed(context)
    return [
        RemovedRow(certificate, removal.find_restore_end(certificate))
        for certificate in certificates
        if certificate.origin in origins
    ]


def _read_section(runtime: Runtime, context: Context, api: Api) -> dict[str, Any]:
    return {"rows": read_certificate_rows(runtime, context, api), "removed_rows": read_removed_rows(context, api)}


# The sections of the Endpoints page that a change of certificates affects.
CHANGED = (Section("certificates/_changed.html", _read_section), TRUST)
