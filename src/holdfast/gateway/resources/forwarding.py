"""
The headers in which proxies report the caller, its connection and the requested URL: one rule for all of them.

The gateway removes them from callers' requests and sets its own. It keeps them from trusted proxies, and appends its
own values. Routes add X-Forwarded-Host and X-Forwarded-Prefix.
"""

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2 import (
    HeaderMutation as EarlyHeaderMutation,
)
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from holdfast.apis.catalog.api import MAX_CONTEXT
from holdfast.apis.catalog.endpoint import Environment
from holdfast.gateway.resources.header_names import list_spellings
from holdfast.gateway.resources.routes import CALLER_HEADER, ENVIRONMENT_HEADER, TIME_HEADER

REQUEST_ID_HEADER = "x-request-id"
# Besides X-Forwarded-*: the names of RFC 7239, RFC 9440, and well-known proxies and frameworks.
NAMES = (
    "forwarded", "client-cert", "client-cert-chain", "client-ip", "true-client-ip", "x-client-ip", "x-real-ip",
    "x-original-url", "x-rewrite-url",
)  # fmt: skip
# Everything that the proxy sent, plus an entry for its connection. Formatters return only the first of repeated fields;
# CEL returns all.
_FORWARDED = "%CEL(request.headers['forwarded'])%, for=\"%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%\""
# Listeners find a request's routes by this: of `/pizza?size=1`, the header `:path` would also have the query. It is cut
# after the longest first segment that an API can have. By default, `X-Envoy-Original-Path` would count instead, which
# callers can send, and which proxies in front do send.
_PATH = f"%PATH(NQ:PATH):{MAX_CONTEXT + 2}%"


def forward(manager: HttpConnectionManager, environment: Environment, *, tls: bool, by_proxy: bool) -> None:
    """
    Apply the rule to *manager* before it routes requests; *by_proxy*: its connections come from trusted proxies.

    This also sets Holdfast's own headers: the listener's environment, followed by the path, and, with *tls*, the
    fingerprint of the caller certificate and the time.
    """
    manager.early_header_mutation_extensions.append(_build_mutations(environment, tls=tls, by_proxy=by_proxy))
    manager.use_remote_address.value = True
    manager.append_x_forwarded_port = True
    # The mutations append the peer's address (even a loopback address), so the client's is the one before the last.
    manager.skip_xff_append = True
    manager.xff_num_trusted_hops = 2 if by_proxy else 0
    manager.forward_client_cert_details = (
        HttpConnectionManager.ALWAYS_FORWARD_ONLY if by_proxy else HttpConnectionManager.SANITIZE
    )


def _build_mutations(environment: Environment, *, tls: bool, by_proxy: bool) -> TypedExtensionConfig:
    own: dict[str, str] = {ENVIRONMENT_HEADER: f"{environment}{_PATH}"}
    if tls:
        own |= {CALLER_HEADER: "%DOWNSTREAM_PEER_FINGERPRINT_256%", TIME_HEADER: "%START_TIME(%s)%"}
    # Own headers are removed first: without a certificate Envoy writes nothing, and would leave what the caller sent
    # (measured). Envoy assigns an id to a request without one. CGI, WSGI and PHP treat underscores like hyphens;
    # proxies write hyphens.
    patterns = [ENVIRONMENT_HEADER, CALLER_HEADER, TIME_HEADER, *list_spellings(REQUEST_ID_HEADER)]
    patterns += [spelling for name in NAMES for spelling in list_spellings(name) if not by_proxy or "_" in spelling]
    patterns += ["x_forwarded.*", "x-forwarded.*_.*"] if by_proxy else ["x[-_]forwarded.*"]
    # One expression, because each mutation looks at all headers: 40 of them took 4 % of a request's instructions.
    mutations = [_remove_matching("|".join(patterns))]
    mutations += [_add(name, value) for name, value in own.items()]
    mutations.append(_add("x-forwarded-for", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"))
    if by_proxy:
        mutations.append(_add("forwarded", _FORWARDED, HeaderValueOption.OVERWRITE_IF_EXISTS))
    extension = TypedExtensionConfig(name="envoy.http.early_header_mutation.header_mutation")
    extension.typed_config.Pack(EarlyHeaderMutation(mutations=mutations), deterministic=True)
    return extension


def _remove_matching(pattern: str) -> HeaderMutation:
    matcher = StringMatcher(safe_regex=RegexMatcher(regex=pattern))
    return HeaderMutation(remove_on_match=HeaderMutation.RemoveOnMatch(key_matcher=matcher))


def _add(
    name: str, value: str, action: HeaderValueOption.HeaderAppendAction = HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
) -> HeaderMutation:
    return HeaderMutation(append=HeaderValueOption(header=HeaderValue(key=name, value=value), append_action=action))
