"""
Checks of endpoints: https, and an endpoint of an API of the organization.
"""

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.services.access.context import Context
from holdfast.services.errors import EndpointNeedsNoCertificate
from holdfast.store.catalog import apis


def secure_endpoint(url: str) -> Endpoint:
    """Parse the URL of an https endpoint. Raises InvalidField, EndpointNeedsNoCertificate."""
    endpoint = parse_endpoint(url)
    refuse_insecure(endpoint)
    return endpoint


def refuse_insecure(endpoint: Endpoint) -> None:
    """Raise EndpointNeedsNoCertificate for an http endpoint."""
    if not endpoint.origin.is_secure:
        raise EndpointNeedsNoCertificate(endpoint.url)


def refuse_foreign(session: Session, context: Context, endpoint: Endpoint) -> None:
    """Raise InvalidField if no API of the organization has an endpoint at this origin."""
    if not apis.has_origin(session, context.user.organization, str(endpoint.origin)):
        message = f"No API has an endpoint at {endpoint.origin}. Add the endpoint to an API first."
        raise InvalidField("endpoint", message)
