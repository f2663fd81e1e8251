"""
The query of an endpoint's URL, which gateways add to each request.

The filter is disabled, so requests to other endpoints don't pay for it, and routes enable it.
"""

from importlib import resources

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import FilterConfig, Route
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from google.protobuf.any_pb2 import Any
from google.protobuf.wrappers_pb2 import BoolValue

from holdfast.apis.catalog.endpoint import Endpoint

_FILTER = "holdfast.fixed_query"  # also names its metadata in routes
_SOURCE = resources.files("holdfast.gateway.resources").joinpath("fixed_query.lua").read_text()


def build_query_filter() -> HttpFilter:
    """Build the filter that adds the query in the metadata of a request's route to the request."""
    lua = Lua(default_source_code=DataSource(inline_string=_SOURCE), clear_route_cache=BoolValue(value=False))
    http_filter = HttpFilter(name=_FILTER, disabled=True)
    http_filter.typed_config.Pack(lua, deterministic=True)
    return http_filter


def add_query(route: Route, endpoint: Endpoint) -> None:
    """Let *route* add the query of *endpoint*, if its URL has one."""
    if endpoint.query:
        route.metadata.filter_metadata[_FILTER].update({"query": endpoint.query})
        route.typed_per_filter_config[_FILTER].Pack(FilterConfig(config=Any()), deterministic=True)
