"""
Checks that an endpoint or certificate belongs to the API of the page.
"""

from dataclasses import replace

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Endpoint, Environment, parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.errors import NotFound
from holdfast.services.revisions.origins import list_revision_origins
from holdfast.services.trust import endpoint_certificates


def get_certificate_of(context: Context, api_id: str, alias: str) -> tuple[Api, EndpointCertificate]:
    """Find an API and an endpoint certificate for an origin of it or of a revision. Otherwise raises NotFound."""
    api = apis.get_api(context, api_id)
    entry = endpoint_certificates.get_certificate(context, alias)
    if entry.origin not in _list_origins(api) | list_revision_origins(context, api).keys():
        raise NotFound("endpoint certificate", alias)
    return api, entry


def require_origin_of(api: Api, url: str, unsaved_api: Api | None = None) -> None:
    """Raise InvalidField unless *api*, or *unsaved_api*, has an endpoint at the origin of *url*."""
    if str(parse_endpoint(url).origin) not in _list_origins(api) | _list_origins(unsaved_api or api):
        message = (
            f"{api.name} {api.version} has no endpoint there. Choose one of its endpoints, or save this one first."
        )
        raise InvalidField("endpoint", message)


def find_endpoint_of(api: Api, environment: Environment, url: str) -> Endpoint:
    """
    Return the endpoint of *environment* at the origin of *url*, which may be its token endpoint; if *url* is empty, the
    first one. Otherwise raises NotFound. Raises InvalidField if *url* isn't one.
    """
    endpoints = [member.endpoint for member in api.list_members(environment)]
    if url and (token := api.find_token_endpoint(environment)):
        endpoints.append(token)
    if url:
        origin = parse_endpoint(url).origin
        endpoints = [endpoint for endpoint in endpoints if endpoint.origin == origin]
    if not endpoints:
        raise NotFound("endpoint", url or environment)
    return endpoints[0]


def apply_typed_endpoints(api: Api, production: str, sandbox: str) -> Api:
    """Return *api* as it would be with the URLs typed on its Endpoints page; those that aren't URLs are left out."""
    return replace(api, production=_parse(production) or api.production, sandbox=_parse(sandbox) or api.sandbox)


def _parse(url: str) -> Endpoint | None:
    try:
        return parse_endpoint(url) if url else None
    except InvalidField:
        return None


def _list_origins(api: Api) -> set[str]:
    return {str(endpoint.origin) for endpoint in api.endpoints}
