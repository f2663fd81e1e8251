"""
Access logs: which requests gateways report to the control plane, and with which fields.
"""

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog, AccessLogFilter, OrFilter
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import CommonGrpcAccessLogConfig, HttpGrpcAccessLogConfig
from envoy.type.tracing.v3.custom_tag_pb2 import CustomTag
from google.protobuf.duration_pb2 import Duration

from holdfast.gateway.resources.connection_authentication import match_challenge
from holdfast.gateway.resources.constants import CONTROL_PLANE, FAILURES, REJECTIONS
from holdfast.gateway.resources.forwarding import REQUEST_ID_HEADER
from holdfast.gateway.resources.local_replies import match_expression, match_flags

TIMEOUT_FLAGS = frozenset({"UT", "SI", "DT", "UMSDR"})
# Flags that Envoy sets only on requests for a backend.
BACKEND_FLAGS = TIMEOUT_FLAGS | {"UF", "UH", "UC", "UR", "LR", "NC", "URX", "UO", "UPE", "DF"}
# Requests that no backend answered, and that have no backend flag (see `evidence`).
_REJECTED = (
    "response.code_details != 'via_upstream' && !response.code_details.startsWith('upstream_') && "
    "!(response.code_details in ['no_healthy_upstream', 'cluster_not_found', 'stream_idle_timeout', "
    "'duration_timeout', 'response_timeout', 'dns_resolution_failed'])"
)
# Values for which a log entry has no field.
PROTOCOL_TAG, DECODED_TAG, UPGRADE_TAG = "upstream_protocol", "decoded_header", "upgrade"
_TAGS = {
    PROTOCOL_TAG: "%UPSTREAM_PROTOCOL%",
    DECODED_TAG: "%UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED%",
    UPGRADE_TAG: "%REQ(UPGRADE):16%",
}


def report_failures() -> AccessLog:
    """Return the log of requests that failed at a backend, or whose response lost a challenge."""
    return _log(FAILURES, AccessLogFilter(or_filter=OrFilter(filters=[match_flags(BACKEND_FLAGS), match_challenge()])))


def report_rejections() -> AccessLog:
    """Return the log of requests that the gateway itself rejected."""
    return _log(REJECTIONS, match_expression(_REJECTED))


def _log(name: str, which: AccessLogFilter) -> AccessLog:
    """Return an access log that goes to the control plane; each log has its own stream and buffer."""
    common = CommonGrpcAccessLogConfig(
        log_name=name,
        transport_api_version=ApiVersion.V3,
        grpc_service=GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=CONTROL_PLANE)),
        buffer_flush_interval=Duration(nanos=200_000_000),
        custom_tags=[CustomTag(tag=tag, value=value) for tag, value in _TAGS.items()],
    )
    log = AccessLog(name="envoy.access_loggers.http_grpc", filter=which)
    config = HttpGrpcAccessLogConfig(common_config=common, additional_response_headers_to_log=[REQUEST_ID_HEADER])
    log.typed_config.Pack(config, deterministic=True)
    return log
