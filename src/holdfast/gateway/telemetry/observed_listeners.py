"""
Listeners that write an access log, and send traces.
"""

from collections.abc import Mapping
from pathlib import Path

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import HttpGrpcAccessLogConfig
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import Config
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
)
from envoy.type.tracing.v3.custom_tag_pb2 import CustomTag

from holdfast.gateway.resources.constants import ERROR_HEADER, FAILURES, PATH_STATE, REJECTIONS, TRACE_TAG
from holdfast.gateway.telemetry.access_log_format import AccessLogFormat
from holdfast.gateway.telemetry.collector import Collector
from holdfast.gateway.telemetry.tracing import build_tracing


def observe_listener(
    body: bytes, layout: AccessLogFormat | None, file: Path, collector: Collector | None, gateway: str
) -> bytes:
    """
    Return the serialized listener *body* with an access log in *file*, and traces to *collector* from *gateway*.

    None: no log, and no traces.
    """
    listener = Listener.FromString(body)
    environment = listener.name.partition("/")[0]
    for chain in listener.filter_chains:
        for network_filter in chain.filters:
            if network_filter.typed_config.Is(HttpConnectionManager.DESCRIPTOR):
                manager = HttpConnectionManager()
                network_filter.typed_config.Unpack(manager)
                if collector:
                    _tag_traces(manager)
                if layout:
                    manager.access_log.append(_build_log(layout, environment, file))
                if collector:
                    manager.tracing.CopyFrom(build_tracing(collector, gateway, environment))
                if collector or (layout and "failure" in layout.fields):
                    _name_errors(manager)
                for filters in (manager.http_filters, *(upgrade.filters for upgrade in manager.upgrade_configs)):
                    filters.insert(0, _keep({PATH_STATE: "%PATH(NQ:PATH)%"} | (layout.find_states() if layout else {})))
                network_filter.typed_config.Pack(manager, deterministic=True)
    content: bytes = listener.SerializeToString(deterministic=True)
    return content


def _build_log(layout: AccessLogFormat, environment: str, file: Path) -> AccessLog:
    lines = SubstitutionFormatString(omit_empty_values=True)
    if layout.text:
        lines.text_format_source.inline_string = layout.build_line(environment)
    else:
        lines.json_format.update(layout.list_commands(environment))
    log = AccessLog(name="envoy.access_loggers.file")
    log.typed_config.Pack(FileAccessLog(path=str(file), log_format=lines), deterministic=True)
    return log


def _tag_traces(manager: HttpConnectionManager) -> None:
    """Let the reports of failed requests contain the trace."""
    for log in manager.access_log:
        if log.typed_config.Is(HttpGrpcAccessLogConfig.DESCRIPTOR):
            config = HttpGrpcAccessLogConfig()
            log.typed_config.Unpack(config)
            if config.common_config.log_name in {FAILURES, REJECTIONS}:
                config.common_config.custom_tags.append(CustomTag(tag=TRACE_TAG, value="%TRACE_ID%"))
                log.typed_config.Pack(config, deterministic=True)


def _keep(states: Mapping[str, str]) -> HttpFilter:
    """
    Return the filter that keeps these parts of a request, by the name of a filter state, as the caller sent them.

    Source: `envoy.extensions.filters.http.set_filter_state.v3.Config`.
    """
    values = []
    for name, command in states.items():
        value = FilterStateValue(object_key=name, factory_key="envoy.string", skip_if_empty=True)
        value.format_string.text_format_source.inline_string = command
        value.format_string.omit_empty_values = True
        values.append(value)
    http_filter = HttpFilter(name="envoy.filters.http.set_filter_state")
    http_filter.typed_config.Pack(Config(on_request_headers=values), deterministic=True)
    return http_filter


def _name_errors(manager: HttpConnectionManager) -> None:
    """Put the code of the gateway's own error responses into a header, because loggers can't read their bodies."""
    for mapper in manager.local_reply_config.mappers:
        # Reading a missing field would add it, and with it a body to the responses of prototypes, which have no code.
        if mapper.HasField("body_format_override"):
            header = HeaderValue(key=ERROR_HEADER, value=mapper.body_format_override.json_format["code"])
            action = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
            mapper.headers_to_add.append(HeaderValueOption(header=header, append_action=action))
