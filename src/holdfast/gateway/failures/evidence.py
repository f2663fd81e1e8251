"""
What Envoy says about one failed request, as far as it tells why.
"""

from dataclasses import dataclass

# The fields of `envoy.data.accesslog.v3.ResponseFlags`, as `%RESPONSE_FLAGS%` writes them.
FLAGS = {
    "upstream_connection_failure": "UF",
    "no_healthy_upstream": "UH",
    "upstream_connection_termination": "UC",
    "upstream_remote_reset": "UR",
    "local_reset": "LR",
    "no_cluster_found": "NC",
    "upstream_retry_limit_exceeded": "URX",
    "upstream_overflow": "UO",
    "upstream_protocol_error": "UPE",
    "dns_resolution_failure": "DF",
    "upstream_request_timeout": "UT",
    "stream_idle_timeout": "SI",
    "duration_timeout": "DT",
    "upstream_max_stream_duration_reached": "UMSDR",
    "no_route_found": "NR",
    "downstream_connection_termination": "DC",
    "downstream_remote_reset": "DR",
    "downstream_protocol_error": "DPE",
    "overload_manager": "OM",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Envoy's words about a failed request, and its numbers about what the backend sent on that request's behalf."""

    reason: str = ""  # `%UPSTREAM_TRANSPORT_FAILURE_REASON%`, of a connection
    details: str = ""  # `%RESPONSE_CODE_DETAILS%`
    flags: frozenset[str] = frozenset()  # `%RESPONSE_FLAGS%`
    status: int = 0  # of the response; 0: there is none
    http2: bool = False  # with the backend
    websocket: bool = False
    challenged: bool = False  # by the backend, to authenticate the connection; the challenge was removed
    attempts: int = 1  # retries included; the next three are their sums
    received: int = 0  # bytes of the response as they came; over HTTP/2, of its complete frames
    received_header: int = 0  # bytes of the header that were read, compressed
    decoded_header: int = 0  # and decompressed

    @property
    def words(self) -> str:
        """Everything that Envoy says in words; empty only if it says nothing."""
        text = self.reason or self.details
        flags = ",".join(sorted(self.flags))
        return f"{text} ({flags})" if text and flags else text or flags

    @property
    def began(self) -> bool:
        """Whether the caller got a part of the backend's response."""
        return self.details.startswith("upstream_reset_after_response_started")

    @property
    def reset(self) -> str:
        """Why Envoy gave up on the response, in its word; empty if it was for another reason."""
        prefix, brace, rest = self.details.partition("{")
        return rest.rstrip("}").partition("|")[0] if brace and prefix.startswith("upstream_reset_") else ""
