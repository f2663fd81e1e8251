"""
`/livez` and `/readyz`: whether the process lives, and whether requests should be sent to it. Anybody may ask.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LIVE, READY = "/livez", "/readyz"


@dataclass(slots=True)
class Readiness:
    """
    Whether requests should be sent here: what must be true by name, and whether the process is about to end.

    *degraded* names what doesn't work as it should although requests are welcome.
    """

    conditions: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    degraded: Callable[[], list[str]] = list
    draining: bool = False

    def failing(self) -> list[str]:
        """Name what is not as it must be; empty when requests are welcome."""
        failing = [name for name, holds in self.conditions.items() if not holds()]
        return ["draining", *failing] if self.draining else failing


class Health:
    """Answers health checks before anything else does: without signing in, without a limit, without a secret."""

    def __init__(self, app: ASGIApp, readiness: Readiness) -> None:
        self._app, self._readiness = app, readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 or 503, or pass the request on."""
        if scope["type"] != "http" or scope["path"] not in {LIVE, READY} or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        is_ready = scope["path"] == READY
        failing = self._readiness.failing() if is_ready else []
        degraded = self._readiness.degraded() if is_ready else []
        body: dict[str, object] = {"status": "unavailable", "failing": failing} if failing else {"status": "ok"}
        if degraded:
            body["degraded"] = degraded
        await JSONResponse(body, 503 if failing else 200)(scope, receive, send)
