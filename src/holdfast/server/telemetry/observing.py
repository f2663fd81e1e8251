"""
Telemetry of the publisher, if its settings ask for it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from holdfast.server.settings import Settings
from holdfast.services.runtime import Runtime

Observe = Callable[[ASGIApp], ASGIApp]


@asynccontextmanager
async def open_observer(settings: Settings, runtime: Runtime) -> AsyncIterator[Observe]:
    """
    Send telemetry until the block ends, and yield a function that observes an application.

    Raises CannotStart.
    """
    if not (settings.traces or settings.metrics or settings.logs):
        yield lambda app: app
        return
    # Most publishers send none, and this loads the messages of OTLP.
    from holdfast.server.telemetry.opening import send_telemetry

    async with send_telemetry(settings, runtime) as observe:
        yield observe
