"""
An OpenTelemetry collector over gRPC, with TLS, that records spans, log events and metrics.

    with OtlpReceiver(issue("127.0.0.1", by=root)) as receiver:
        wait_until(lambda: receiver.spans)
"""

import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from cryptography.hazmat.primitives.serialization import Encoding
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from backends import V4
from issuing import Identity
from ports import free_port

_COLLECTOR = "opentelemetry.proto.collector"


@dataclass(frozen=True, slots=True)
class Span:
    """A span, with the attributes of its resource."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    attributes: dict[str, str]
    resource: dict[str, str]


class OtlpReceiver:
    """Receives on its port until the block ends; `stop` and `start` are for failures."""

    def __init__(self, identity: Identity, port: int = 0) -> None:
        """It presents this certificate, with its chain; *port* 0: a free one."""
        chain = identity.pem + b"".join(issuer.public_bytes(Encoding.PEM) for issuer in identity.issuers)
        self._credentials = grpc.ssl_server_credentials([(identity.key_pem, chain)])
        self.spans: list[Span] = []
        self.records: list[Any] = []  # LogRecord
        self.metrics: dict[str, Any] = {}  # the last Metric, by name
        self.metric_services: set[str] = set()  # names and instances of the services that sent metrics
        self.port = port or free_port()
        self.start()

    def __enter__(self) -> "OtlpReceiver":
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = grpc.server(futures.ThreadPoolExecutor(1))
        for service, take, request, response in (
            ("trace.v1.TraceService", self._take_spans, ExportTraceServiceRequest, ExportTraceServiceResponse),
            ("logs.v1.LogsService", self._take_records, ExportLogsServiceRequest, ExportLogsServiceResponse),
            (
                "metrics.v1.MetricsService",
                self._take_metrics,
                ExportMetricsServiceRequest,
                ExportMetricsServiceResponse,
            ),
        ):
            handler = grpc.unary_unary_rpc_method_handler(take, request.FromString, response.SerializeToString)
            handlers = grpc.method_handlers_generic_handler(f"{_COLLECTOR}.{service}", {"Export": handler})
            self._server.add_generic_rpc_handlers((handlers,))
        self.port = self._server.add_secure_port(f"{V4}:{self.port}", self._credentials)
        self._server.start()

    def stop(self) -> None:
        """Stop listening, and close all connections."""
        self._server.stop(0).wait()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"https://{V4}:{self.port}"

    def _take_spans(self, request: Any, _context: grpc.ServicerContext) -> Any:
        self.spans += read_spans(request)
        return ExportTraceServiceResponse()

    def _take_records(self, request: Any, _context: grpc.ServicerContext) -> Any:
        for group in request.resource_logs:
            for scope in group.instrumentation_library_logs:
                self.records += scope.logs
        return ExportLogsServiceResponse()

    def _take_metrics(self, request: Any, _context: grpc.ServicerContext) -> Any:
        for group in request.resource_metrics:
            resource = _read(group.resource.attributes)
            self.metric_services.add(f"{resource['service.name']}/{resource['service.instance.id']}")
            for scope in group.instrumentation_library_metrics:
                self.metrics |= {metric.name: metric for metric in scope.metrics}
        return ExportMetricsServiceResponse()


@contextmanager
def http_receiver() -> Iterator[tuple[str, list[Span]]]:
    """Run a collector over HTTP, without TLS, and give its URL and the spans that it has received."""
    spans: list[Span] = []

    class Export(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = self.headers["content-length"]  # Envoy sends chunks
            body = self.rfile.read(int(length)) if length else self._read_chunks()
            if (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf"):
                spans.extend(read_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def _read_chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Log nothing."""

    with ThreadingHTTPServer((V4, 0), Export) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/v1/traces", spans
        finally:
            server.shutdown()
            thread.join()


def read_spans(request: Any) -> Iterator[Span]:
    """Return the spans of an `ExportTraceServiceRequest`."""
    for group in request.resource_spans:
        resource = _read(group.resource.attributes)
        # The name of `scope_spans` in the version of the messages that xds-protos has; the numbers are the same.
        for scope in group.instrumentation_library_spans:
            for span in scope.spans:
                trace, parent = span.trace_id.hex(), span.parent_span_id.hex()
                yield Span(trace, span.span_id.hex(), parent, span.name, _read(span.attributes), resource)


def _read(attributes: Any) -> dict[str, str]:
    return {
        attribute.key: attribute.value.string_value or str(attribute.value.int_value or "") for attribute in attributes
    }
