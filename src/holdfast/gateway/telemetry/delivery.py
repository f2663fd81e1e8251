"""
Delivery of telemetry to a collector, over gRPC or HTTP. TLS is always verified.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import grpc.aio
import structlog

from holdfast.gateway.telemetry.collector import PORTS, check_url, read_roots
from holdfast.gateway.telemetry.http_delivery import WITHIN, HttpDelivery

log = structlog.get_logger()
MAX_REASONS = 5  # that the log gets, because a reason can contain something that changes, such as a port


@dataclass(frozen=True, slots=True)
class Signal:
    """A kind of telemetry, with the method of its service."""

    name: str
    method: str


TRACES = Signal("traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export")
METRICS = Signal("metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")
LOGS = Signal("logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export")


class MessageRejected(Exception):
    """The collector didn't accept a message; the text says why."""


class Delivery:
    """Sends messages to one collector; lives on one event loop. It connects when it has something to send."""

    def __init__(self, signal: Signal, url: str, ca_file: Path | None) -> None:
        """Prepare to send to *url*. Raises CollectorUnusable."""
        check_url(url)
        self.signal, self.url = signal, url
        self._roots = read_roots(ca_file)
        self._http = HttpDelivery(url, self._roots)
        self._channel: grpc.aio.Channel | None = None
        self._reasons: set[str] = set()  # of the failures since a message was accepted

    async def send(self, message: bytes) -> None:
        """Send a message. Raises MessageRejected."""
        if urlsplit(self.url).path.rstrip("/"):
            await self._post(message)
        else:
            await self._call(message)

    async def deliver(self, message: bytes) -> None:
        """Send a message; if the collector doesn't accept it, the log has each reason once until it does."""
        try:
            await self.send(message)
            self._reasons.clear()
        except MessageRejected as error:
            why = str(error)
            if why not in self._reasons and len(self._reasons) < MAX_REASONS:
                log.warning("telemetry can't be delivered", signal=self.signal.name, collector=self.url, why=why)
                self._reasons.add(why)

    async def close(self) -> None:
        """Close the connection."""
        if self._channel:
            await self._channel.close(None)

    async def _post(self, message: bytes) -> None:
        try:
            status = await self._http.send(message)
        except (OSError, HTTPException, ValueError) as error:  # the first includes ssl.SSLError
            raise MessageRejected(str(error) or type(error).__name__) from error
        if status // 100 != 2:
            raise MessageRejected(f"HTTP status {status}")

    async def _call(self, message: bytes) -> None:
        if self._channel is None:
            self._channel = self._connect()
        call: Callable[..., grpc.aio.UnaryUnaryCall[bytes, bytes]] = self._channel.unary_unary(
            self.signal.method, None, None
        )
        try:
            await call(message, timeout=WITHIN)
        except grpc.aio.AioRpcError as error:
            raise MessageRejected(error.details() or error.code().name) from error

    def _connect(self) -> grpc.aio.Channel:
        url = urlsplit(self.url)
        target = url.netloc if url.port else f"{url.netloc}:{PORTS[url.scheme]}"
        options = (("grpc.enable_http_proxy", 0),)
        if url.scheme == "http":
            return grpc.aio.insecure_channel(target, options=options)
        return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(self._roots), options=options)
