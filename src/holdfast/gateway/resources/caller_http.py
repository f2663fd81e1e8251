"""
The variants of HTTP/1 that gateways accept from callers; HTTP/2 has no variants.
"""

from ipaddress import ip_address

from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from holdfast.gateway.resources.websockets import WEBSOCKET


def build_http1_options(host: str, port: int) -> Http1ProtocolOptions:
    """
    Build the HTTP/1 options of the listener on *host* (an address) and *port*.

    Source: `envoy.config.core.v3.Http1ProtocolOptions`.
    """
    authority = f"[{host}]" if ip_address(host).version == 6 else host
    return Http1ProtocolOptions(
        accept_http_10=True,
        default_host_for_http_10=f"{authority}:{port}",  # HTTP/1.0 works without a Host header
        allow_custom_methods=True,
        enable_trailers=True,
        ignore_http_11_upgrade=_match_other_protocols(WEBSOCKET),
    )


def _match_other_protocols(protocol: str) -> list[StringMatcher]:
    """
    Return matchers for every protocol except *protocol*, ignoring case.

    There are several because RE2 can't negate, and Envoy limits the size of one expression. Envoy compares each
    protocol in an Upgrade header, and forwards the rest of the header.
    """
    differences = [f"{'.' * place}[^{letter}{letter.upper()}].*" for place, letter in enumerate(protocol)]
    lengths = [f".{{0,{len(protocol) - 1}}}", f".{{{len(protocol) + 1},}}"]
    expressions = [f"(?s){expression}" for expression in lengths + differences]
    return [StringMatcher(safe_regex=RegexMatcher(regex=expression)) for expression in expressions]
