"""
Routes of prototypes, which gateways answer with the examples of the API's definition.
"""

from collections.abc import Collection, Sequence

from envoy.config.core.v3.base_pb2 import DataSource, HeaderValue, HeaderValueOption
from envoy.config.route.v3.route_components_pb2 import DirectResponseAction, HeaderMatcher, Route, RouteMatch

from holdfast.apis.definitions.mock_responses import MAX_BODY, MockResponse
from holdfast.gateway.resources.operations import build_operation_refusals, match_operation, write_patterns

MAX_RESPONSE = MAX_BODY  # bytes; Envoy's default is 4,096 (`RouteConfiguration.max_direct_response_body_size_bytes`)


def build_mock_routes(
    name: str, path: str, mocks: Collection[MockResponse], who: Sequence[HeaderMatcher] = ()
) -> list[Route]:
    """Build the routes below *path* that answer callers who match *who*; others, and other requests, get 404 or 405."""
    # A path without parameters first: /pets/mine is more specific than /pets/{id}.
    order = sorted(mocks, key=lambda mock: (mock.operation.target.count("{"), mock.operation.target.endswith("/*")))
    routes = [
        _build_route(name, path, mock, [*who, *match_operation(method, pattern)])
        for mock in order
        for method, pattern in write_patterns(path, [mock.operation]).items()
    ]
    return routes + build_operation_refusals(name, path, tuple(mock.operation for mock in mocks))


def _build_route(name: str, path: str, mock: MockResponse, headers: Sequence[HeaderMatcher]) -> Route:
    response = DirectResponseAction(status=mock.status)
    route = Route(name=name, match=RouteMatch(prefix=path, headers=headers), direct_response=response)
    if mock.media_type:
        route.direct_response.body.CopyFrom(DataSource(inline_string=mock.body))
        overwrite = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
        content_type = HeaderValue(key="content-type", value=mock.media_type)
        route.response_headers_to_add.append(HeaderValueOption(header=content_type, append_action=overwrite))
    return route
