"""
Checks that an endpoint or certificate belongs to the API of the page.
"""

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.errors import NotFound
from holdfast.services.trust import endpoint_certificates


def get_certificate_of(context: Context, api_id: str, alias: str) -> tuple[Api, EndpointCertificate]:
    """Find an API and an endpoint certificate for one of its origins. Otherwise raises NotFound."""
    api = apis.get_api(context, api_id)
    entry = endpoint_certificates.get_certificate(context, alias)
    if entry.origin not in _list_origins(api):
        raise NotFound("endpoint certificate", alias)
    return api, entry


def require_origin_of(api: Api, url: str) -> None:
    """Raise InvalidField unless *api* has an endpoint at the origin of *url*."""
    if str(parse_endpoint(url).origin) not in _list_origins(api):
        message = (
            f"{api.name} {api.version} has no endpoint there. Choose one of its endpoints, or save this one first."
        )
        raise InvalidField("endpoint", message)


def _list_origins(api: Api) -> set[str]:
    return {str(endpoint.origin) for endpoint in api.endpoints}
