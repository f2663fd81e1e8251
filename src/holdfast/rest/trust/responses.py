"""
Responses of operations on endpoint certificates and trust settings.
"""

from typing import Annotated, Literal

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from holdfast.apis.trust.endpoint_certificate import Generation, Removal
from holdfast.apis.trust.trust_settings import AnchorMode
from holdfast.certificates.description import CertificateDescription, FileParts, FindingDescription
from holdfast.certificates.validity import Status
from holdfast.rest.responses import CertificateInfo, Enforced, Pagination, Timestamp

TlsVersion = Annotated[str, WithJsonSchema({"type": "string", "enum": ["1.2", "1.3"]})]


class EndpointCertificateSummary(TypedDict):
    """An endpoint certificate in lists; WSO2's `CertMetadata`."""

    alias: str
    endpoint: str
    expiryStatus: Status
    notAfter: Timestamp
    createdTime: Timestamp
    lastUpdatedTime: Timestamp


class ListedEndpointCertificate(EndpointCertificateSummary):
    """An endpoint certificate in the list of all; `expires` is the first expiry, `notAfter` the last one."""

    commonName: str
    issuer: str
    expires: Timestamp
    fingerprints: list[str]
    previousCertificates: int
    usedBy: int
    createdBy: str


class EndpointCertificates(TypedDict):
    """A page of endpoint certificates; WSO2's `Certificates`."""

    count: int
    certificates: list[ListedEndpointCertificate]
    pagination: Pagination


class ExportedCertificate(TypedDict):
    """An X.509 certificate in an export."""

    alias: str
    endpoint: str
    commonName: str
    issuer: str
    serialNumber: str
    fingerprint: str
    notBefore: Timestamp
    notAfter: Timestamp
    status: Status
    previous: bool
    usedBy: int
    createdBy: str
    createdTime: Timestamp


class ExportedCertificates(TypedDict):
    """All certificates that match, each X.509 certificate separately."""

    certificates: list[ExportedCertificate]


class DeletedCertificates(TypedDict):
    """The aliases that were deleted."""

    count: int
    list: list[str]


class BackendForecast(TypedDict):
    """Whether gateways would accept what the backend was last seen to present, why not, and until when."""

    accepted: bool
    cause: str | None
    until: Timestamp | None


class ReplacedCertificate(TypedDict):
    """An alias of a bulk replacement. `refusal` says why it can't be changed; `backend` is null if unknown."""

    alias: str
    endpoint: str
    usedBy: int
    fingerprints: list[str]
    previousFingerprints: list[str]
    refusal: str | None
    backend: BackendForecast | None


class ReplacedCertificates(TypedDict):
    """The aliases of a bulk replacement, and whether they were changed; otherwise, this is a preview."""

    replaced: bool
    count: int
    list: list[ReplacedCertificate]


class EndpointCertificate(EndpointCertificateSummary, CertificateInfo):
    """An endpoint certificate. `status` is Active until it expires; `expiryStatus` also shows that it expires soon."""

    status: Status
    certificates: list[CertificateDescription]
    findings: list[FindingDescription]
    previous: list[CertificateDescription]
    replacedTime: Timestamp | None
    inUse: Generation | Literal["unknown"]
    pinned: bool
    pinProposed: str
    retireProposed: bool


class ImportedCertificate(EndpointCertificate, FileParts):
    """An endpoint certificate, with findings about its file and the parts of it that are used and ignored."""


class EnforcedCertificate(EndpointCertificate, Enforced):
    """An endpoint certificate, and its progress at the gateways."""


class InspectedFile(FileParts):
    """The content of a certificate file; unless *refusal* is null, it can't be imported."""

    certificates: list[CertificateDescription]
    refusal: str | None


class ApiUsingCertificate(TypedDict):
    """An API with an endpoint that a certificate is trusted for."""

    id: str
    name: str
    context: str
    version: str
    provider: str


class CertificateUsage(TypedDict):
    """A page of the APIs that use a certificate."""

    count: int
    list: list[ApiUsingCertificate]
    pagination: Pagination


class RemovedCertificate(TypedDict):
    """An endpoint certificate that is no longer trusted and can be restored."""

    id: str
    alias: str
    endpoint: str
    why: Removal
    removedTime: Timestamp
    removedBy: str
    restorableUntil: Timestamp
    certificates: list[CertificateDescription]
    previous: list[CertificateDescription]


class RemovedCertificates(TypedDict):
    """A page of removed certificates, newest first."""

    count: int
    list: list[RemovedCertificate]
    pagination: Pagination


class Crl(TypedDict):
    """A certificate revocation list."""

    issuer: str
    thisUpdate: Timestamp
    nextUpdate: Timestamp | None
    stale: bool
    entries: int
    fingerprint: str


class TrustException(TypedDict):
    """An exception: verification is off until it expires."""

    reason: str
    owner: str
    until: Timestamp


class TrustExceptionOfOrigin(TrustException):
    """An exception and its origin."""

    origin: str


class TrustExceptions(TypedDict):
    """A page of exceptions, the first to expire first."""

    count: int
    list: list[TrustExceptionOfOrigin]
    pagination: Pagination


class TrustSettings(Enforced):
    """The settings by which gateways verify the backends of an origin."""

    origin: str
    anchors: AnchorMode
    names: list[str]
    anyName: bool
    sni: str | None
    certificatePins: list[str]
    spkiPins: list[str]
    crls: list[Crl]
    revocationOfPath: bool
    tlsMinimum: TlsVersion
    tlsMaximum: TlsVersion
    exception: TrustException | None
    effect: list[str]
    findings: list[FindingDescription]


class InspectedTrustSettings(TypedDict):
    """The effect that trust settings would have."""

    origin: str
    crls: list[Crl]
    effect: list[str]
    findings: list[FindingDescription]
