"""
The telemetry of a publisher, as its settings describe it.
"""

import importlib.metadata
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from starlette.types import ASGIApp

from holdfast.server.settings import Settings
from holdfast.server.telemetry import otlp
from holdfast.server.telemetry.delivery import LOGS, METRICS, TRACES, Delivery
from holdfast.server.telemetry.observer import Observer
from holdfast.services.runtime import Runtime


@asynccontextmanager
async def send_telemetry(settings: Settings, runtime: Runtime) -> AsyncIterator[Callable[[ASGIApp], ASGIApp]]:
    """Send telemetry until the block ends; yields a function that observes an application. Raises CannotStart."""
    urls = {TRACES: settings.traces, METRICS: settings.metrics, LOGS: settings.logs}
    ca_file = settings.collector_ca_file
    deliveries = [Delivery(signal, url, ca_file) for signal, url in urls.items() if url]
    resource = otlp.describe_publisher(runtime.presence.own.name, importlib.metadata.version("holdfast-gateway"))
    observer = Observer(deliveries, resource, settings.traces_sample, lambda: _read_state(runtime))
    processors = structlog.get_config()["processors"]
    structlog.configure(processors=[*processors[:-1], observer.take_log, processors[-1]])
    runtime.background.start("telemetry", observer.follow)
    try:
        yield observer.observe
    finally:
        await observer.close()
        structlog.configure(processors=processors)


def _read_state(runtime: Runtime) -> Mapping[str, tuple[str, int]]:
    connected = len({gateway.id for gateway in runtime.groups.gateways})
    return {
        "holdfast.gateways.connected": ("Gateways connected to this control plane.", connected),
        "holdfast.background_tasks.failing": ("Background tasks that aren't running.", len(runtime.background.failing)),
    }
