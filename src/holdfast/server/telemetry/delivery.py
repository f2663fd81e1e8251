"""
Delivery of telemetry to a collector, over gRPC or HTTP. TLS is always verified.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import grpc.aio
import httpx2

from holdfast.gateway.telemetry.collector import CollectorOptions, CollectorUnusable
from holdfast.network.sockets import CannotStart

WITHIN = 5.0  # seconds
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Signal:
    """A kind of telemetry, with the setting of its collector and the method of its service."""

    name: str
    variable: str
    method: str


TRACES = Signal("traces", "HOLDFAST_TRACES", "/opentelemetry.proto.collector.trace.v1.TraceService/Export")
METRICS = Signal("metrics", "HOLDFAST_METRICS", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")
LOGS = Signal("logs", "HOLDFAST_LOGS", "/opentelemetry.proto.collector.logs.v1.LogsService/Export")


class Undelivered(Exception):
    """The collector didn't accept a message; the text says why."""


class Delivery:
    """Sends messages to one collector; lives on one event loop. It connects when it has something to send."""

    def __init__(self, signal: Signal, url: str, ca_file: Path | None) -> None:
        """Prepare to send to *url*. Raises CannotStart."""
        try:
            CollectorOptions(url).check()
            roots = (ca_file.expanduser() if ca_file else Path(certifi.where())).read_bytes()
            context = ssl.create_default_context(cadata=roots.decode("ascii"))
        except CollectorUnusable as error:
            raise CannotStart(f"{signal.variable}: {error}.") from error
        except (OSError, ValueError) as error:  # the latter includes ssl.SSLError
            raise CannotStart(f"HOLDFAST_COLLECTOR_CA_FILE: {ca_file} has no certificates in PEM ({error}).") from error
        self.signal, self.url = signal, url
        parts = urlsplit(url)
        self._channel: grpc.aio.Channel | None = None
        self._client: httpx2.AsyncClient | None = None
        if parts.path.rstrip("/"):
            self._client = httpx2.AsyncClient(verify=context, trust_env=False, timeout=WITHIN)
            return
        target = parts.netloc if parts.port else f"{parts.netloc}:{_PORTS[parts.scheme]}"
        credentials = grpc.ssl_channel_credentials(roots)
        options = (("grpc.enable_http_proxy", 0),)
        self._channel = (
            grpc.aio.secure_channel(target, credentials, options=options)
            if parts.scheme == "https"
            else grpc.aio.insecure_channel(target, options=options)
        )

    async def send(self, message: bytes) -> None:
        """Deliver a message. Raises Undelivered."""
        try:
            if self._channel:
                call: Callable[..., grpc.aio.UnaryUnaryCall[bytes, bytes]] = self._channel.unary_unary(
                    self.signal.method, None, None
                )
                await call(message, timeout=WITHIN)
            elif self._client:
                headers = {"content-type": "application/x-protobuf"}
                (await self._client.post(self.url, content=message, headers=headers)).raise_for_status()
        except grpc.aio.AioRpcError as error:
            raise Undelivered(error.details() or error.code().name) from error
        except httpx2.HTTPError as error:
            raise Undelivered(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close the connection."""
        if self._channel:
            await self._channel.close(None)
        if self._client:
            await self._client.aclose()
