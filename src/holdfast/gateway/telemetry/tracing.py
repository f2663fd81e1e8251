"""
Traces of requests: they continue the caller's (W3C Trace Context), or begin one.
"""

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.http_service_pb2 import HttpService
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.trace.v3.http_tracer_pb2 import Tracing
from envoy.config.trace.v3.opentelemetry_pb2 import OpenTelemetryConfig
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.tracers.opentelemetry.resource_detectors.v3.static_config_resource_detector_pb2 import (
    StaticConfigResourceDetectorConfig,
)
from envoy.extensions.tracers.opentelemetry.samplers.v3.parent_based_sampler_pb2 import ParentBasedSamplerConfig
from envoy.extensions.tracers.opentelemetry.samplers.v3.trace_id_ratio_based_sampler_pb2 import (
    TraceIdRatioBasedSamplerConfig,
)
from envoy.type.tracing.v3.custom_tag_pb2 import CustomTag
from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue

from holdfast.gateway.resources.constants import API_NAME, API_VERSION, ERROR_HEADER
from holdfast.gateway.telemetry.access_log_format import FIELDS
from holdfast.gateway.telemetry.collector import CLUSTER, SERVICE, Collector

_EXPORT_WITHIN = Duration(seconds=5)


def build_tracing(collector: Collector, gateway: str, environment: str) -> HttpConnectionManager.Tracing:
    """
    Return the tracing of the listener of *environment* at *gateway*.

    Sources: `HttpConnectionManager.Tracing`, `envoy.config.trace.v3.OpenTelemetryConfig`.
    """
    ratio = TraceIdRatioBasedSamplerConfig(
        sampling_percentage=FractionalPercent(
            numerator=round(collector.sample * 1_000_000), denominator=FractionalPercent.MILLION
        )
    )
    instance = StaticConfigResourceDetectorConfig(attributes={"service.instance.id": gateway})
    config = OpenTelemetryConfig(
        service_name=SERVICE,
        resource_detectors=[_build_extension("envoy.tracers.opentelemetry.resource_detectors.static_config", instance)],
        sampler=_build_extension(
            "envoy.tracers.opentelemetry.samplers.parent_based",
            ParentBasedSamplerConfig(
                wrapped_sampler=_build_extension("envoy.tracers.opentelemetry.samplers.trace_id_ratio_based", ratio)
            ),
        ),
    )
    if collector.path:
        scheme = "https" if collector.roots else "http"
        uri = f"{scheme}://{collector.authority}{collector.path}"
        config.http_service.CopyFrom(HttpService(http_uri=HttpUri(uri=uri, cluster=CLUSTER, timeout=_EXPORT_WITHIN)))
    else:
        to_collector = GrpcService.EnvoyGrpc(cluster_name=CLUSTER, authority=collector.authority)
        config.grpc_service.CopyFrom(GrpcService(envoy_grpc=to_collector, timeout=_EXPORT_WITHIN))
    provider = Tracing.Http(name="envoy.tracers.opentelemetry")
    provider.typed_config.Pack(config, deterministic=True)
    tags = {
        # Envoy's own would contain the query string.
        "http.url": FIELDS["path"],
        "holdfast.api": API_NAME,
        "holdfast.version": API_VERSION,
        "holdfast.environment": environment,
        "holdfast.failure": f"%RESP({ERROR_HEADER}):64%",
    }
    return HttpConnectionManager.Tracing(
        provider=provider,
        spawn_upstream_span=BoolValue(value=True),
        operation=f"%REQ(:METHOD):32% {API_NAME}",
        custom_tags=[CustomTag(tag=tag, value=value) for tag, value in tags.items()],
    )


def _build_extension(name: str, message: Message) -> TypedExtensionConfig:
    extension = TypedExtensionConfig(name=name)
    extension.typed_config.Pack(message, deterministic=True)
    return extension
