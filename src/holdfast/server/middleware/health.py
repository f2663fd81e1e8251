"""
Health checks: `/livez` (the process runs) and `/readyz` (it is ready for requests). No sign-in is needed.

`/services/Version` is for scripts that wait for WSO2's publisher: it responds like `/readyz`, but with WSO2's XML once
the process is ready. It doesn't tell the version.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

LIVE, READY, WSO2_READY = "/livez", "/readyz", "/services/Version"
_PATHS = {LIVE, READY, WSO2_READY}
_NAMESPACE = "http://version.services.core.carbon.wso2.org"
_WSO2_VERSION = f'<ns:getVersionResponse xmlns:ns="{_NAMESPACE}"><return>Holdfast</return></ns:getVersionResponse>'


@dataclass(slots=True)
class Readiness:
    """
    Whether the process is ready for requests: named *conditions* that must hold, and whether it is shutting down.

    *degraded* returns the names of parts that need attention although the process is ready.
    """

    conditions: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    degraded: Callable[[], list[str]] = list
    draining: bool = False

    def find_failing(self) -> list[str]:
        """Return the names of failing conditions; empty if the process is ready."""
        failing = [name for name, holds in self.conditions.items() if not holds()]
        return ["draining", *failing] if self.draining else failing


class Health:
    """Answers health checks before all other middleware: without authentication or rate limits, and without secrets."""

    def __init__(self, app: ASGIApp, readiness: Readiness) -> None:
        self._app, self._readiness = app, readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond 200 or 503, or pass the request on."""
        if scope["type"] != "http" or scope["path"] not in _PATHS or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        is_ready = scope["path"] != LIVE
        failing = self._readiness.find_failing() if is_ready else []
        parts = self._readiness.degraded() if is_ready else []
        if scope["path"] == WSO2_READY and not failing:
            await Response(_WSO2_VERSION, media_type="application/xml")(scope, receive, send)
            return
        body: dict[str, object] = {"status": "unavailable", "failing": failing} if failing else {"status": "ok"}
        if parts:
            body["degraded"] = parts
        await JSONResponse(body, 503 if failing else 200)(scope, receive, send)
