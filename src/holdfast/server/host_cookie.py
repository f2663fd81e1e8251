"""
Our cookies over https: `__Host-` before its name, so that no other host and no http page can set it.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.access.single_sign_on import SIGN_IN_COOKIE

PREFIX = "__Host-"  # RFC 6265bis, section 4.1.3.2: Secure, Path=/ and no Domain
_OURS = (f"{SESSION_COOKIE}=", f"{SIGN_IN_COOKIE}=")
_PREFIXED = tuple(f"{PREFIX}{name}" for name in _OURS)


class HostCookie:
    """Gives cookies their prefix on the way out and takes it on the way in; the doors know only the plain names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rename the cookies in request and answer; over http nothing happens."""
        if scope["type"] != "http" or scope["scheme"] != "https":
            await self._app(scope, receive, send)
            return

        async def rename(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                cookies = headers.getlist("set-cookie")
                del headers["set-cookie"]
                for cookie in cookies:
                    headers.append("set-cookie", _prefixed(cookie))
            await send(message)

        await self._app(dict(scope, headers=_plain(scope)), receive, rename)


def _prefixed(cookie: str) -> str:
    if not cookie.startswith(_OURS):
        return cookie
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    return f"{PREFIX}{cookie}" if "secure" in attributes else f"{PREFIX}{cookie}; Secure"


def _plain(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Take the prefix away; what came under the plain name may be anybody's, and is not believed."""
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    pairs = "; ".join(Headers(scope=scope).getlist("cookie")).split(";")
    cookies = [pair.strip() for pair in pairs if not pair.strip().startswith(_OURS)]
    kept = "; ".join(cookie.removeprefix(PREFIX) if cookie.startswith(_PREFIXED) else cookie for cookie in cookies)
    return [*others, (b"cookie", kept.encode("latin-1"))] if kept else others
