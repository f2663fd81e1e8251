"""
Removal of request trailers that a server could mistake for a meaningful header field.

Some servers merge trailers into the header that they have already processed (CVE-2013-5704, CVE-2025-12642).
"""

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation as Mutation
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import HeaderMutation, Mutations
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from holdfast.gateway.resources.constants import MUTATION_FILTER
from holdfast.gateway.resources.forwarding import NAMES

# RFC 9110, section 6.5.1: framing, routing, modifiers, authentication, content. And the headers that gateways set.
_NAMES = (
    "host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-.*", "accept.*",
    "range", "expect", "max-forwards", "cache-control", "pragma", "if-.*", "authorization", "proxy-.*", "cookie",
    "origin", "referer", "x-forwarded.*", "x-holdfast-.*", "x-request-id", "x-http-method.*", "x-method-override",
    *NAMES,
)  # fmt: skip
_HEADER_ONLY = "|".join(_NAMES).replace("-", "[-_]")


def build_trailer_filter() -> HttpFilter:
    """
    Build the filter that removes such trailers from requests.

    Source: `envoy.extensions.filters.http.header_mutation.v3.HeaderMutation`.
    """
    matcher = StringMatcher(safe_regex=RegexMatcher(regex=_HEADER_ONLY))
    mutation = Mutation(remove_on_match=Mutation.RemoveOnMatch(key_matcher=matcher))
    http_filter = HttpFilter(name=MUTATION_FILTER)
    http_filter.typed_config.Pack(
        HeaderMutation(mutations=Mutations(request_trailers_mutations=[mutation])), deterministic=True
    )
    return http_filter
