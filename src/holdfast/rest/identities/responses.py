"""
Responses of operations on caller certificates and gateway identities.
"""

from typing_extensions import TypedDict

from holdfast.certificates.description import CertificateDescription, FindingDescription, IgnoredPart
from holdfast.certificates.validity import Status
from holdfast.rest.responses import CertificateInfo, Enforced, Pagination, Timestamp


class CallerCertificateSummary(TypedDict):
    """A caller certificate in lists; WSO2's `ClientCertMetadata`."""

    alias: str
    apiId: str
    tier: str
    keyType: str | None
    fingerprint: str
    expiryStatus: Status
    notAfter: Timestamp
    createdTime: Timestamp
    lastUpdatedTime: Timestamp


class CallerCertificates(TypedDict):
    """A page of caller certificates; WSO2's `ClientCertificates`."""

    count: int
    certificates: list[CallerCertificateSummary]
    pagination: Pagination


class CallerCertificate(CallerCertificateSummary, CertificateInfo):
    """A caller certificate. `status` is Active until it expires; `expiryStatus` also shows that it expires soon."""

    status: Status
    certificates: list[CertificateDescription]
    findings: list[FindingDescription]


class EnforcedCallerCertificate(CallerCertificate, Enforced):
    """A caller certificate, and its progress at the gateways."""


class SigningRequest(TypedDict):
    """A pending certificate signing request."""

    csr: str
    subject: str
    dnsNames: list[str]
    createdTime: Timestamp


class GatewayIdentity(Enforced):
    """The client certificate that gateways present to an origin, without its private key."""

    endpoint: str
    origin: str
    certificates: list[CertificateDescription]
    request: SigningRequest | None
    createdTime: Timestamp
    lastUpdatedTime: Timestamp


class ImportedIdentity(GatewayIdentity):
    """A gateway identity, and the parts of the file that aren't used."""

    ignored: list[IgnoredPart]
