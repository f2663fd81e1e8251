"""
The telemetry of a publisher, as its settings describe it.
"""

import importlib.metadata
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from starlette.types import ASGIApp

from holdfast.gateway.telemetry.collector import CollectorUnusable, UnusableCaFile
from holdfast.gateway.telemetry.delivery import LOGS, METRICS, TRACES, Delivery, Signal
from holdfast.gateway.telemetry.otlp import describe_service
from holdfast.network.sockets import CannotStart
from holdfast.server.settings import Settings
from holdfast.server.telemetry.observer import Observer
from holdfast.services.runtime import Runtime


@asynccontextmanager
async def send_telemetry(settings: Settings, runtime: Runtime) -> AsyncIterator[Callable[[ASGIApp], ASGIApp]]:
    """Send telemetry until the block ends; yields a function that observes an application. Raises CannotStart."""
    urls = {TRACES: settings.traces, METRICS: settings.metrics, LOGS: settings.logs}
    deliveries = [_open(signal, url, settings.collector_ca_file) for signal, url in urls.items() if url]
    version = importlib.metadata.version("holdfast-gateway")
    resource = describe_service("holdfast", runtime.presence.own.name, version)
    observer = Observer(deliveries, resource, settings.traces_sample, lambda: _read_state(runtime))
    processors = structlog.get_config()["processors"]
    structlog.configure(processors=[*processors[:-1], observer.take_log, processors[-1]])
    runtime.background.start("telemetry", observer.follow)
    try:
        yield observer.observe
    finally:
        await observer.close()
        structlog.configure(processors=processors)


def _open(signal: Signal, url: str, ca_file: Path | None) -> Delivery:
    try:
        return Delivery(signal, url, ca_file)
    except UnusableCaFile as error:
        raise CannotStart(f"HOLDFAST_COLLECTOR_CA_FILE: {error}.") from error
    except CollectorUnusable as error:
        raise CannotStart(f"HOLDFAST_{signal.name.upper()}: {error}.") from error


def _read_state(runtime: Runtime) -> Mapping[str, tuple[str, int]]:
    gateways = len({gateway.id for gateway in runtime.groups.gateways})
    return {
        "holdfast.gateways.connected": ("Gateways connected to this control plane.", gateways),
        "holdfast.background_tasks.failing": ("Background tasks that aren't running.", len(runtime.background.failing)),
    }
