"""
Filters that keep backends from authenticating connections, because callers share connections.

NTLM and Negotiate authenticate the connection, so the backend takes the sender of the next request on it for the same
user. The gateway therefore removes their challenges from responses and their credentials from requests, except for
endpoints with one connection per caller.
"""

from importlib import resources

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLogFilter, MetadataFilter
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.route.v3.route_components_pb2 import FilterConfig, Route
from envoy.data.accesslog.v3.accesslog_pb2 import AccessLogCommon
from envoy.extensions.common.matching.v3.extension_matcher_pb2 import ExtensionWithMatcher
from envoy.extensions.filters.common.matcher.action.v3.skip_action_pb2 import SkipFilter
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.matcher.v3.http_inputs_pb2 import HttpRequestHeaderMatchInput, HttpResponseHeaderMatchInput
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher
from google.protobuf.message import Message
from xds.core.v3.extension_pb2 import TypedExtensionConfig as MatchingExtension
from xds.type.matcher.v3.matcher_pb2 import Matcher
from xds.type.matcher.v3.regex_pb2 import RegexMatcher
from xds.type.matcher.v3.string_pb2 import StringMatcher

_CREDENTIALS, _CHALLENGES = "holdfast.connection_credentials", "holdfast.connection_challenges"
_NAMESPACE, _KEY = "holdfast", "connection_authentication"  # of the metadata that the script sets
# The script, which parses exactly, runs only for fields that contain one of these words; most messages have none.
_ANY_SCHEME = "(?is).*(ntlm|negotiate|nego2|kerberos|credssp).*"
_SCRIPT = resources.files("holdfast.gateway.resources").joinpath("connection_authentication.lua").read_text()


def build_connection_filters() -> list[HttpFilter]:
    """Build the filters that remove connection-bound credentials from requests and challenges from responses."""
    credentials = [HttpRequestHeaderMatchInput(header_name=name) for name in ("authorization", "proxy-authorization")]
    challenges = [HttpResponseHeaderMatchInput(header_name=name) for name in ("www-authenticate", "proxy-authenticate")]
    return [
        _build_filter(_CREDENTIALS, "envoy_on_response", credentials),
        _build_filter(_CHALLENGES, "envoy_on_request", challenges),
    ]


def allow_bound_connections(route: Route) -> None:
    """Turn off the filters for *route*, whose callers don't share connections."""
    for name in (_CREDENTIALS, _CHALLENGES):
        route.typed_per_filter_config[name].Pack(FilterConfig(disabled=True), deterministic=True)


def match_challenge() -> AccessLogFilter:
    """Return a filter for the requests from whose response a challenge was removed."""
    matcher = MetadataMatcher(filter=_NAMESPACE, value=ValueMatcher(bool_match=True))
    matcher.path.add(key=_KEY)
    return AccessLogFilter(metadata_filter=MetadataFilter(matcher=matcher, match_if_key_not_found={"value": False}))


def was_challenged(entry: AccessLogCommon) -> bool:
    """Return whether a challenge was removed from the response that *entry* describes."""
    metadata = entry.metadata.filter_metadata
    return _NAMESPACE in metadata and _KEY in metadata[_NAMESPACE] and bool(metadata[_NAMESPACE][_KEY])


def _build_filter(name: str, function: str, inputs: list[Message]) -> HttpFilter:
    """Build a filter that runs the script, without its function *function*, if one of *inputs* contains a scheme."""
    lua = Lua(default_source_code=DataSource(inline_string=f"{_SCRIPT}\n{function} = nil\n"))
    extension = TypedExtensionConfig(name="envoy.filters.http.lua")
    extension.typed_config.Pack(lua, deterministic=True)
    http_filter = HttpFilter(name=name)
    http_filter.typed_config.Pack(
        ExtensionWithMatcher(extension_config=extension, xds_matcher=_skip_unless(inputs)), deterministic=True
    )
    return http_filter


def _skip_unless(inputs: list[Message]) -> Matcher:
    predicate = Matcher.MatcherList.Predicate
    regex = StringMatcher(safe_regex=RegexMatcher(google_re2={}, regex=_ANY_SCHEME))
    matches = [
        predicate(single_predicate=predicate.SinglePredicate(input=_pack(attribute), value_match=regex))
        for attribute in inputs
    ]
    nowhere = predicate(not_matcher=predicate(or_matcher=predicate.PredicateList(predicate=matches)))
    skip = Matcher.OnMatch(action=_pack(SkipFilter()))
    return Matcher(
        matcher_list=Matcher.MatcherList(matchers=[Matcher.MatcherList.FieldMatcher(predicate=nowhere, on_match=skip)])
    )


def _pack(message: Message) -> MatchingExtension:
    extension = MatchingExtension(name=message.DESCRIPTOR.name)
    extension.typed_config.Pack(message, deterministic=True)
    return extension
