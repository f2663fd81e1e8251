"""
Path prefixes of the REST API: its own, and those of WSO2's other versions, which existing scripts use.
"""

from contextvars import ContextVar

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.apis.publisher_paths import PREFIX as PREFIX

_V1 = "/api/am/publisher/v1"
OTHERS = (_V1, "/api/am/publisher/v2", "/api/am/publisher/v3", "/api/am/publisher")
_prefix: ContextVar[str] = ContextVar("prefix", default=PREFIX)


class Prefixes:
    """Serves every prefix like PREFIX; links and `Location` keep the prefix of the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite the path to PREFIX, and `Location` to the prefix of the request."""
        prefix = _find_prefix(scope["path"]) if scope["type"] == "http" else PREFIX
        if prefix == PREFIX:
            await self._app(scope, receive, send)
            return
        path = PREFIX + scope["path"].removeprefix(prefix)
        raw = scope.get("raw_path")
        scope = {**scope, "path": path}
        if raw:
            scope["raw_path"] = PREFIX.encode() + raw.removeprefix(prefix.encode())
        token = _prefix.set(prefix)

        async def relocate(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "location" in headers:
                    headers["location"] = headers["location"].replace(PREFIX, prefix, 1)
            await send(message)

        try:
            await self._app(scope, receive, relocate)
        finally:
            _prefix.reset(token)


def add_prefix(path: str) -> str:
    """Return *path*, which begins with PREFIX, with the prefix of the current request."""
    return _prefix.get() + path.removeprefix(PREFIX)


def is_v1() -> bool:
    """Return whether the current request has the prefix of WSO2's v1, some of whose members have another form."""
    return _prefix.get() == _V1


def _find_prefix(path: str) -> str:
    if path == PREFIX or path.startswith(f"{PREFIX}/"):
        return PREFIX
    return next((other for other in OTHERS if path == other or path.startswith(f"{other}/")), PREFIX)
