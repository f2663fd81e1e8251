"""
Envoy's listener for probes, as JSON: the agent writes it, and loading Envoy's messages would double its memory.

A probe is a CONNECT request (RFC 9110, section 9.3.6), for which the gateway opens and verifies a connection and sends
nothing on it, or a HEAD request, which it sends as it sends callers' requests, over the cluster's protocol. Agents
request access tokens with POST.
"""

from pathlib import Path
from typing import Any

from holdfast.gateway.probing.constants import CLUSTER_HEADER, FLAGS_HEADER, REFUSAL, SEEN_HEADERS
from holdfast.gateway.resources.constants import SLOW_CONNECTION

Members = dict[str, Any]
_NAME = "probe"
_CONNECTIONS = "envoy.filters.network.http_connection_manager"
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_LONGEST_SILENCE = "10s"


def describe_probe_listener(socket: Path) -> Members:
    """
    Return the probe listener, on a unix *socket* that only this user can open.

    It writes no access log, so a probe never counts as a failed request.

    Source: `envoy.config.listener.v3.Listener`.
    """
    manager = {
        "stat_prefix": _NAME,
        "route_config": {
            "name": _NAME,
            "virtual_hosts": [{"name": _NAME, "domains": ["*"], "routes": [_connect(), _build_head(), _post()]}],
        },
        "http_filters": [
            _build_extension(
                "envoy.filters.http.router",
                "envoy.extensions.filters.http.router.v3.Router",
                {"suppress_envoy_headers": True},
            )
        ],
        "upgrade_configs": [{"upgrade_type": "CONNECT"}],
        "local_reply_config": {
            "mappers": [
                _build_flags_mapper(SLOW_CONNECTION, "UT"),
                _build_flags_mapper("true", "%RESPONSE_FLAGS%,%UPSTREAM_PROTOCOL%"),
            ],
            "body_format": {"json_format": REFUSAL, "content_type": "application/json"},
        },
        "generate_request_id": False,
        "stream_idle_timeout": _LONGEST_SILENCE,
        # Report that a backend closed its connection immediately rather than a second later.
        "delayed_close_timeout": "0s",
    }
    return {
        "name": _NAME,
        "address": {"pipe": {"path": str(socket), "mode": 0o600}},
        "filter_chains": [{"filters": [_build_extension(_CONNECTIONS, _MANAGER, manager)]}],
        "ignore_global_conn_limit": True,  # a gateway at its connection limit can still probe
    }


def _connect() -> Members:
    return {
        "name": _NAME,
        "match": {"connect_matcher": {}},
        "route": {
            "cluster_header": CLUSTER_HEADER,
            "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}],
            "timeout": "0s",
        },
        "response_headers_to_add": [
            {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for name, value in SEEN_HEADERS.items()
        ],
    }


def _build_head() -> Members:
    return {
        "name": "head",
        "match": {"prefix": "/", "headers": [{"name": ":method", "string_match": {"exact": "HEAD"}}]},
        "route": {"cluster_header": CLUSTER_HEADER, "timeout": "0s"},
        "request_headers_to_remove": [CLUSTER_HEADER, "x-forwarded-proto"],
        "response_headers_to_remove": [FLAGS_HEADER],
    }


def _post() -> Members:
    return {
        "name": "post",
        "match": {"prefix": "/", "headers": [{"name": ":method", "string_match": {"exact": "POST"}}]},
        "route": {"cluster_header": CLUSTER_HEADER, "timeout": _LONGEST_SILENCE},
        "request_headers_to_remove": [CLUSTER_HEADER, "x-forwarded-proto"],
        "response_headers_to_remove": [FLAGS_HEADER],
    }


def _build_flags_mapper(when: str, flags: str) -> Members:
    """Return a mapper of the gateway's own responses; the flags contain no text of the backend, so a header is safe."""
    condition = _build_extension(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        {"expression": when},
    )
    return {
        "filter": {"extension_filter": condition},
        "headers_to_add": [{"header": {"key": FLAGS_HEADER, "value": flags}}],
    }


def _build_extension(name: str, message: str, members: Members) -> Members:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{message}", **members}}
