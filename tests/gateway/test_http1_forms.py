"""The variants of HTTP/1 that a listener accepts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.gateway.resources.caller_http import build_http1_options


def is_ignored(protocol: str) -> bool:
    matchers = build_http1_options("127.0.0.1", 8280).ignore_http_11_upgrade
    return any(re.fullmatch(matcher.safe_regex.regex, protocol) for matcher in matchers)


@given(st.text() | st.sampled_from("websocket").map(lambda letter: "websocket".replace(letter, "x", 1)))
def test_every_upgrade_except_to_a_websocket_is_ignored(protocol: str):
    assert is_ignored(protocol) == (re.fullmatch("websocket", protocol, re.IGNORECASE | re.ASCII) is None)


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "WEBSOCKET"])
def test_websockets_pass_in_any_case(protocol: str):
    assert not is_ignored(protocol)


@pytest.mark.parametrize(("host", "authority"), [("192.0.2.1", "192.0.2.1:80"), ("::1", "[::1]:80")])
def test_http_1_0_without_a_host_header_uses_the_listeners_address(host: str, authority: str):
    assert build_http1_options(host, 80).default_host_for_http_10 == authority
