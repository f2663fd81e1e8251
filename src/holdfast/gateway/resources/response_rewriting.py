"""
Rewriting of backends' URLs in responses to the gateway's: Location, Content-Location, Refresh, and cookies' Path and
Domain.

Envoy runs response_rewriting.lua only for responses that have one of these fields.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.extensions.common.matching.v3.extension_matcher_pb2 import ExtensionWithMatcher
from envoy.extensions.filters.common.matcher.action.v3.skip_action_pb2 import SkipFilter
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.matcher.v3.http_inputs_pb2 import HttpResponseHeaderMatchInput
from xds.core.v3.extension_pb2 import TypedExtensionConfig as XdsExtension
from xds.type.matcher.v3.matcher_pb2 import Matcher
from xds.type.matcher.v3.regex_pb2 import RegexMatcher
from xds.type.matcher.v3.string_pb2 import StringMatcher

from holdfast.apis.catalog.endpoint import Endpoint

_FILTER = "holdfast.response_rewriting"  # also names its metadata in virtual hosts
_FIELDS = ("location", "set-cookie", "content-location", "refresh")
_SOURCE = resources.files("holdfast.gateway.resources").joinpath("response_rewriting.lua").read_text()


def build_mapping(public_path: str, endpoint: Endpoint, further: Sequence[Endpoint] = ()) -> Mapping[str, Any] | None:
    """
    Return what the script needs to map URLs below *endpoint* to *public_path*; None if rewriting is off.

    URLs of *further* members of a group are mapped, too: each member may name any of them.
    """
    if not endpoint.connection.rewrite_responses:
        return None
    origin = endpoint.origin
    mapping = {"origin": str(origin), "host": origin.host, "base": endpoint.base_path, "public": public_path}
    others = {str(member.origin): member.origin.host for member in further}
    return {**mapping, "others": others} if others else mapping


def add_mapping(host: VirtualHost, name: str, mapping: Mapping[str, Any]) -> None:
    """Add *mapping* of routes called *name* to the metadata of *host*; in each route, it would take more memory."""
    host.metadata.filter_metadata[_FILTER].update({name: mapping})


def set_public_path(route: Route, path: str) -> None:
    """Map URLs to *path* in responses of *route*, instead of the path that its mapping has."""
    route.metadata.filter_metadata[_FILTER].update({"public": path})


def build_rewriting_filter() -> HttpFilter:
    """
    Build the filter that rewrites responses according to the metadata of their virtual host.

    Source: `envoy.extensions.filters.http.lua.v3.Lua`, `envoy.extensions.common.matching.v3.ExtensionWithMatcher`.
    """
    lua = TypedExtensionConfig(name="envoy.filters.http.lua")
    lua.typed_config.Pack(Lua(default_source_code=DataSource(inline_string=_SOURCE)), deterministic=True)
    skip = XdsExtension(name="skip")
    skip.typed_config.Pack(SkipFilter(), deterministic=True)
    predicate = Matcher.MatcherList.Predicate
    has_field = predicate.PredicateList(predicate=[_is_there(name) for name in _FIELDS])
    no_field = predicate(not_matcher=predicate(or_matcher=has_field))
    rule = Matcher.MatcherList.FieldMatcher(predicate=no_field, on_match=Matcher.OnMatch(action=skip))
    matcher = Matcher(matcher_list=Matcher.MatcherList(matchers=[rule]))
    http_filter = HttpFilter(name=_FILTER)
    http_filter.typed_config.Pack(ExtensionWithMatcher(xds_matcher=matcher, extension_config=lua), deterministic=True)
    return http_filter


def _is_there(name: str) -> Matcher.MatcherList.Predicate:
    field = XdsExtension(name=name)
    field.typed_config.Pack(HttpResponseHeaderMatchInput(header_name=name), deterministic=True)
    anything = StringMatcher(safe_regex=RegexMatcher(google_re2=RegexMatcher.GoogleRE2(), regex=".*"))
    single = Matcher.MatcherList.Predicate.SinglePredicate(input=field, value_match=anything)
    return Matcher.MatcherList.Predicate(single_predicate=single)
