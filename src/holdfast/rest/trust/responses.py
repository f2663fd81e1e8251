"""
Responses of operations on endpoint certificates and trust settings.
"""

from typing import Annotated, Literal

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from holdfast.apis.trust.endpoint_certificate import Generation, Removal
from holdfast.apis.trust.trust_settings import AnchorMode
from holdfast.certificates.description import CertificateDescription, FileParts, FindingDescription, Validity
from holdfast.certificates.validity import Status
from holdfast.rest.responses import Enforced, Pagination, Timestamp

TlsVersion = Annotated[str, WithJsonSchema({"type": "string", "enum": ["1.2", "1.3"]})]


class EndpointCertificateSummary(TypedDict):
    """An endpoint certificate in lists; WSO2's `CertMetadata`."""

    alias: str
    endpoint: str
    expiryStatus: Status
    notAfter: Timestamp
    createdTime: Timestamp
    lastUpdatedTime: Timestamp


class EndpointCertificates(TypedDict):
    """A page of endpoint certificates; WSO2's `Certificates`."""

    count: int
    certificates: list[EndpointCertificateSummary]
    pagination: Pagination


class EndpointCertificate(EndpointCertificateSummary):
    """An endpoint certificate. `status` is Active until it expires; `expiryStatus` also shows that it expires soon."""

    status: Status
    validity: Validity
    version: str
    subject: str
    certificates: list[CertificateDescription]
    findings: list[FindingDescription]
    previous: list[CertificateDescription]
    replacedTime: Timestamp | None
    inUse: Generation | Literal["unknown"]
    retireProposed: bool


class ImportedCertificate(EndpointCertificate, FileParts):
    """An endpoint certificate, with findings about its file and the parts of it that are used and ignored."""


class EnforcedCertificate(EndpointCertificate, Enforced):
    """An endpoint certificate, and its progress at the gateways."""


class InspectedFile(FileParts):
    """The content of a certificate file."""

    certificates: list[CertificateDescription]


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
