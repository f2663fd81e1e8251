"""
Checks of endpoints: https, and whether an API of the organization has them.
"""

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.certificates.findings.finding import Finding
from holdfast.certificates.findings.unused import report_unused
from holdfast.services.access.context import Context
from holdfast.services.errors import Conflict, EndpointNeedsNoCertificate
from holdfast.store.catalog import apis
from holdfast.store.trust import unused_origins

MAX_UNUSED = 1_000  # endpoint certificates of an organization for origins at which no API has an endpoint


def secure_endpoint(url: str) -> Endpoint:
    """Parse the URL of an https endpoint. Raises InvalidField, EndpointNeedsNoCertificate."""
    endpoint = parse_endpoint(url)
    refuse_insecure(endpoint)
    return endpoint


def refuse_insecure(endpoint: Endpoint) -> None:
    """Raise EndpointNeedsNoCertificate for an http endpoint."""
    if not endpoint.origin.is_secure:
        raise EndpointNeedsNoCertificate(endpoint.base_url)


def refuse_foreign(session: Session, context: Context, endpoint: Endpoint) -> None:
    """Raise InvalidField if no API of the organization has an endpoint at this origin."""
    if not apis.has_origin(session, context.user.organization, str(endpoint.origin)):
        message = f"No API has an endpoint at {endpoint.origin}. Add the endpoint to an API first."
        raise InvalidField("endpoint", message)


def refuse_too_many_unused(session: Session, context: Context, endpoint: Endpoint) -> None:
    """Raise Conflict if no API has an endpoint at this origin, and MAX_UNUSED certificates are for such origins."""
    organization = context.user.organization
    if apis.has_origin(session, organization, str(endpoint.origin)):
        return
    if unused_origins.count_certificates(session, organization, MAX_UNUSED) >= MAX_UNUSED:
        message = (
            f"No API has an endpoint at {endpoint.origin}, and there are already {MAX_UNUSED:,} endpoint certificates "
            "for endpoints that no API has. Delete some, or add the endpoint to an API first."
        )
        raise Conflict("endpoint", message)


def find_unused(session: Session, entry: EndpointCertificate) -> list[Finding]:
    """Return a finding if no API has an endpoint at the origin of *entry*."""
    if apis.has_origin(session, entry.organization, entry.origin) or not entry.certificates:
        return []
    return [report_unused(entry.certificates[0], entry.origin)]
