"""
The parts of Envoy's report on a failed request that show why it failed.
"""

from dataclasses import dataclass

# The fields of `envoy.data.accesslog.v3.ResponseFlags`, with their short forms from `%RESPONSE_FLAGS%`.
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
    """Envoy's texts about a failed request, and how much the backend sent in response to it."""

    reason: str = ""  # `%UPSTREAM_TRANSPORT_FAILURE_REASON%`, of a connection
    details: str = ""  # `%RESPONSE_CODE_DETAILS%`
    flags: frozenset[str] = frozenset()  # `%RESPONSE_FLAGS%`
    status: int = 0  # of the response; 0: no response
    http2: bool = False  # with the backend
    websocket: bool = False
    challenged: bool = False  # the gateway removed a challenge of the backend to authenticate the connection
    suspends: bool = False  # the gateway suspends the backend after failures
    attempts: int = 1  # including retries; the next three are sums over all attempts
    received: int = 0  # bytes of the response on the wire; over HTTP/2, of complete frames
    received_header: int = 0  # bytes of the header that were read, compressed
    decoded_header: int = 0  # bytes of the header that were read, decompressed

    @property
    def words(self) -> str:
        """All of Envoy's texts and flags; empty only if it gave none."""
        text = self.reason or self.details
        flags = ",".join(sorted(self.flags))
        return f"{text} ({flags})" if text and flags else text or flags

    @property
    def began(self) -> bool:
        """Whether the caller received part of the backend's response."""
        return self.details.startswith("upstream_reset_after_response_started")

    @property
    def reset(self) -> str:
        """Envoy's word for why the response was reset; empty if it wasn't reset."""
        prefix, brace, rest = self.details.partition("{")
        return rest.rstrip("}").partition("|")[0] if brace and prefix.startswith("upstream_reset_") else ""
