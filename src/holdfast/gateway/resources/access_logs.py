"""
Access logs: which requests gateways report to the control plane, and with which fields.
"""

from collections.abc import Mapping

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog,
    AccessLogFilter,
    AndFilter,
    GrpcStatusFilter,
    OrFilter,
    RuntimeFilter,
)
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import CommonGrpcAccessLogConfig, HttpGrpcAccessLogConfig
from envoy.type.tracing.v3.custom_tag_pb2 import CustomTag
from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.duration_pb2 import Duration

from holdfast.gateway.resources.connection_authentication import match_challenge
from holdfast.gateway.resources.constants import (
    ALL_REQUESTS,
    CERTIFICATE_SAMPLE_KEY,
    CERTIFICATE_TAG,
    CERTIFICATES,
    CONTROL_PLANE,
    FAILURES,
    MATCH_METADATA,
    MEMBER,
    METADATA,
    REJECTED_TOKENS,
    REJECTIONS,
    SUSPENDS,
    TOKEN,
)
from holdfast.gateway.resources.forwarding import REQUEST_ID_HEADER
from holdfast.gateway.resources.local_replies import match_expression, match_flags

TIMEOUT_FLAGS = frozenset({"UT", "SI", "DT", "UMSDR"})
# Flags that Envoy sets only on requests for a backend.
BACKEND_FLAGS = TIMEOUT_FLAGS | {"UF", "UH", "UC", "UR", "LR", "NC", "URX", "UO", "UPE", "DF"}
# Requests that no backend answered, and that have no backend flag (see `evidence`).
_REJECTED = (
    "response.code_details != 'via_upstream' && !response.code_details.startsWith('upstream_') && "
    "!(response.code_details in ['no_healthy_upstream', 'cluster_not_found', 'stream_idle_timeout', "
    "'duration_timeout', 'response_timeout', 'dns_resolution_failed']) && "
    "response.code_details != 'cors_response'"
)
# Values for which a log entry has no field.
PROTOCOL_TAG, DECODED_TAG, UPGRADE_TAG, SUSPENDS_TAG = "upstream_protocol", "decoded_header", "upgrade", "suspends"
MEMBER_TAG, ATTEMPT_TAG = "member", "attempt"
_CERTIFICATE = "%CEL(upstream.sha256_peer_certificate_digest)%"
_TAGS = {
    PROTOCOL_TAG: "%UPSTREAM_PROTOCOL%",
    DECODED_TAG: "%UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED%",
    UPGRADE_TAG: "%REQ(UPGRADE):16%",
    SUSPENDS_TAG: f"%METADATA(ROUTE:{METADATA}:{SUSPENDS})%",
    MEMBER_TAG: f"%METADATA(UPSTREAM_HOST:{MATCH_METADATA}:{MEMBER})%",
}
# Flags of attempts that may be repeated at another member. Each attempt with one of them is reported, the last one too.
ATTEMPT_FLAGS = frozenset({"UF", "UC", "UR", "UT"})
_WITH_TOKEN = f"response.code_details == 'via_upstream' && '{METADATA}' in xds.cluster_metadata.filter_metadata"
_TO_MEMBER = f"'{MATCH_METADATA}' in xds.upstream_host_metadata.filter_metadata"


def report_failures() -> AccessLog:
    """Return the log of requests that failed at a backend, or whose response lost a challenge."""
    return _build_log(
        FAILURES, AccessLogFilter(or_filter=OrFilter(filters=[match_flags(BACKEND_FLAGS), match_challenge()]))
    )


def report_attempts() -> AccessLog:
    """
    Return the log of attempts that failed at a member of a group, for the router: other members may have answered.

    Source: `envoy.extensions.filters.http.router.v3.Router.upstream_log`.
    """
    both = AndFilter(filters=[match_flags(ATTEMPT_FLAGS), match_expression(_TO_MEMBER)])
    return _build_log(FAILURES, AccessLogFilter(and_filter=both), {**_TAGS, ATTEMPT_TAG: "true"})


def report_rejections() -> AccessLog:
    """Return the log of requests that the gateway itself rejected."""
    return _build_log(REJECTIONS, match_expression(_REJECTED))


def report_certificates() -> AccessLog:
    """Return the log of requests, for a small sample, with the certificate that the backend presented."""
    return _build_log(CERTIFICATES, match_sample(CERTIFICATE_SAMPLE_KEY), {CERTIFICATE_TAG: _CERTIFICATE})


def report_rejected_tokens() -> AccessLog:
    """Return the log of requests with an access token that a backend answered with 401, or gRPC's UNAUTHENTICATED."""
    # Envoy takes the status 401 for UNAUTHENTICATED.
    rejections = AccessLogFilter(grpc_status_filter=GrpcStatusFilter(statuses=[GrpcStatusFilter.UNAUTHENTICATED]))
    both = AndFilter(filters=[rejections, match_expression(_WITH_TOKEN)])
    return _build_log(
        REJECTED_TOKENS, AccessLogFilter(and_filter=both), {TOKEN: f"%METADATA(CLUSTER:{METADATA}:{TOKEN})%"}
    )


def match_sample(key: str) -> AccessLogFilter:
    """Return a filter for a share of the requests, at first all; the agent sets it under *key* in Envoy's runtime."""
    share = FractionalPercent(numerator=ALL_REQUESTS, denominator=FractionalPercent.MILLION)
    sample = RuntimeFilter(runtime_key=key, percent_sampled=share, use_independent_randomness=True)
    return AccessLogFilter(runtime_filter=sample)


def _build_log(name: str, which: AccessLogFilter, tags: Mapping[str, str] = _TAGS) -> AccessLog:
    """Return an access log that goes to the agent; each log has its own stream and buffer."""
    common = CommonGrpcAccessLogConfig(
        log_name=name,
        transport_api_version=ApiVersion.V3,
        grpc_service=GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=CONTROL_PLANE)),
        buffer_flush_interval=Duration(nanos=200_000_000),
        custom_tags=[CustomTag(tag=tag, value=value) for tag, value in tags.items()],
    )
    log = AccessLog(name="envoy.access_loggers.http_grpc", filter=which)
    config = HttpGrpcAccessLogConfig(common_config=common, additional_response_headers_to_log=[REQUEST_ID_HEADER])
    log.typed_config.Pack(config, deterministic=True)
    return log
