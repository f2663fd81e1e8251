"""
Requests that gateways reject before routing, whatever API they are for.

The rules are in a filter of each listener: in routes, the regular expression would be compiled once for each scope.
"""

from envoy.config.rbac.v3 import rbac_pb2
from envoy.config.rbac.v3.rbac_pb2 import Permission, Policy, Principal
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.matcher.v3.path_pb2 import PathMatcher
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from holdfast.gateway.resources.dot_segments import ESCAPING_HINTS, ESCAPING_PATH

# The names of the rules.
ESCAPES, TWO_HOSTS, NOT_ASCII, TRACES = "escaping-path", "two-hosts", "not-ascii", "trace"


def _match_path(**how: object) -> Permission:
    return Permission(url_path=PathMatcher(path=StringMatcher(**how)))


def _match_header(name: str, *, invert: bool = False, **how: object) -> Permission:
    return Permission(header=HeaderMatcher(name=name, string_match=StringMatcher(**how), invert_match=invert))


def _match_all(*rules: Permission) -> Permission:
    return Permission(and_rules=Permission.Set(rules=rules))


# Envoy joins the values of two Host headers with a comma, which a host name can't contain.
_TWO_HOSTS = _match_header(":authority", contains=",")
# Both expressions are costly, and most requests can't match them: their path has no hint, or they have no query.
_ESCAPES = _match_all(
    Permission(or_rules=Permission.Set(rules=[_match_path(contains=hint) for hint in ESCAPING_HINTS])),
    _match_path(safe_regex=RegexMatcher(regex=ESCAPING_PATH)),
)
# As over HTTP/1.1, where Envoy's parser rejects it (RFC 3986). Over HTTP/2, Envoy encodes the path before any filter.
_NOT_ASCII = _match_all(
    _match_header(":path", contains="?"),
    _match_header(":path", safe_regex=RegexMatcher(regex=r"[\x00-\x7f]*"), invert=True),
)

# The response is the request that the backend got (RFC 9110, section 9.3.8), so the caller would learn what the gateway
# added, such as a credential. Lenient backends ignore the case of methods.
_TRACES = _match_header(":method", exact="TRACE", ignore_case=True)
_RULES = {ESCAPES: _ESCAPES, TWO_HOSTS: _TWO_HOSTS, NOT_ASCII: _NOT_ASCII, TRACES: _TRACES}


def build_refusal_filter() -> HttpFilter:
    """Build the filter that rejects requests by these rules (`envoy.extensions.filters.http.rbac.v3.RBAC`)."""
    rules = rbac_pb2.RBAC(action=rbac_pb2.RBAC.DENY)
    for name, permission in _RULES.items():
        rules.policies[name].CopyFrom(Policy(permissions=[permission], principals=[Principal(any=True)]))
    http_filter = HttpFilter(name="envoy.filters.http.rbac")
    http_filter.typed_config.Pack(RBAC(rules=rules), deterministic=True)
    return http_filter


def name_refusal(rule: str) -> str:
    """Return the CEL condition for requests that *rule* rejected."""
    return f"response.code_details == 'rbac_access_denied_matched_policy[{rule}]'"
