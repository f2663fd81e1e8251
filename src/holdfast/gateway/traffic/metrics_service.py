"""
The metrics service that Envoy sends its statistics to, every few seconds.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import grpc.aio
import structlog
from google.protobuf.message import DecodeError

from holdfast.apis.traffic.latencies import BUCKETS, Latencies
from holdfast.gateway.traffic.metrics_messages import COUNTER, HISTOGRAM, METHOD, SERVICE, Metrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Flush:
    """
    The statistics of an Envoy by name: *counters* since its start, and *latencies* since its last flush.

    *process* is different for each process, even if it has replaced another one.
    """

    process: str
    counters: Mapping[str, int]
    latencies: Mapping[str, Latencies]


class MetricsService:
    """The metrics service; it passes each flush to *take*. Lives on one event loop."""

    def __init__(self, take: Callable[[Flush], None]) -> None:
        self._take = take

    def register(self, server: grpc.aio.Server) -> None:
        """Add the service to *server*."""
        handler = grpc.stream_unary_rpc_method_handler(self._receive)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))

    async def _receive(self, messages: AsyncIterator[bytes], _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        process = ""
        async for data in messages:
            try:
                message = Metrics.FromString(data)
            except DecodeError as error:
                log.error("statistics of Envoy can't be read", reason=str(error))
                break
            # Only the first message of a stream names the process (see `launch.py`).
            process = message.identifier.node.locality.zone or process
            self._take(read_flush(process, message))
        return b""


def read_flush(process: str, message: object) -> Flush:
    """Return the counters and histograms of a message of Envoy's *process*."""
    counters: dict[str, int] = {}
    latencies: dict[str, Latencies] = {}
    for family in message.envoy_metrics:  # type: ignore[attr-defined]  # built at run time
        if family.type == COUNTER:
            counters[family.name] = int(family.metric[0].counter.value)
        elif family.type == HISTOGRAM and family.metric[0].histogram.sample_count:
            latencies[family.name] = _read_buckets(family.metric[0].histogram)
    return Flush(process, counters, latencies)


def _read_buckets(histogram: object) -> Latencies:
    """Return the counts of single buckets; Envoy sends those up to each bound, and the total."""
    upto = [bucket.cumulative_count for bucket in histogram.bucket] + [histogram.sample_count]  # type: ignore[attr-defined]
    return tuple(b - a for a, b in zip([0, *upto], upto, strict=False))[:BUCKETS]
