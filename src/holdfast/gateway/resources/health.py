"""
Health of a group's members: health checks that gateways send, and members that fail in traffic.
"""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.health_check_pb2 import HealthCheck as EnvoyHealthCheck
from envoy.extensions.health_check.event_sinks.file.v3.file_pb2 import HealthCheckEventFileSink
from envoy.type.v3.http_pb2 import CodecClientType
from envoy.type.v3.range_pb2 import Int64Range
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from holdfast.apis.catalog.endpoint_group import EndpointGroup
from holdfast.apis.catalog.health_check import HealthCheck
from holdfast.gateway.resources.constants import MEMBER_EVENTS

FAILURES_IN_A_ROW = 3  # after which a member gets no requests
PAUSE, LONGEST_PAUSE = 10, 60  # seconds without requests; each further pause is longer
_NEVER, _ALWAYS = UInt32Value(value=0), UInt32Value(value=100)


def watch_members(cluster: Cluster, group: EndpointGroup) -> None:
    """Let gateways stop sending requests to members of *cluster* that fail, until they work again."""
    if not cluster.HasField("outlier_detection"):  # its endpoint isn't suspended after failures
        cluster.outlier_detection.CopyFrom(_detect_failures())
        # Only if no member is healthy, requests go to all: with Envoy's default, they would if half of them are.
        cluster.common_lb_config.healthy_panic_threshold.value = 1
    if group.health_check:
        cluster.health_checks.append(_build_check(group.health_check))


def _detect_failures() -> OutlierDetection:
    """
    Return what pauses members that can't be connected to, reset connections or exceed a timeout.

    The cluster's options let no response count as a failure.
    """
    return OutlierDetection(
        consecutive_5xx=UInt32Value(value=FAILURES_IN_A_ROW),
        enforcing_consecutive_5xx=_ALWAYS,
        enforcing_consecutive_gateway_failure=_NEVER,
        enforcing_success_rate=_NEVER,
        enforcing_local_origin_success_rate=_NEVER,
        max_ejection_percent=_ALWAYS,
        interval=Duration(seconds=1),
        base_ejection_time=Duration(seconds=PAUSE),
        max_ejection_time=Duration(seconds=LONGEST_PAUSE),
    )


def _build_check(check: HealthCheck) -> EnvoyHealthCheck:
    first, last = check.status_range
    message = EnvoyHealthCheck(
        timeout=Duration(seconds=check.timeout),
        interval=Duration(seconds=check.interval),
        # The same without traffic, so that a member's state is known before it is needed.
        no_traffic_interval=Duration(seconds=check.interval),
        unhealthy_threshold=UInt32Value(value=2),
        healthy_threshold=UInt32Value(value=1),
        http_health_check=EnvoyHealthCheck.HttpHealthCheck(
            path=check.path,
            codec_client_type=CodecClientType.HTTP1,
            expected_statuses=[Int64Range(start=first, end=last + 1)],
        ),
    )
    # The health checker speaks HTTP/1.1 whatever is negotiated, so it must offer nothing else.
    message.tls_options.alpn_protocols.append("http/1.1")
    message.event_logger.append(_build_sink())
    return message


def _build_sink() -> TypedExtensionConfig:
    """Return the file for changes of a member's health; outlier detection writes there, too."""
    sink = TypedExtensionConfig(name="envoy.health_check.event_sink.file")
    sink.typed_config.Pack(HealthCheckEventFileSink(event_log_path=MEMBER_EVENTS), deterministic=True)
    return sink
