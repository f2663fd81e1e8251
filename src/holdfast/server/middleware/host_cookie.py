"""
The prefix `__Host-` of cookies over https, so that other hosts and http pages can't set them.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.access.single_sign_on import SIGN_IN_COOKIE
from holdfast.web.notices import NOTICE_COOKIE

PREFIX = "__Host-"  # RFC 6265bis, section 4.1.3.2: Secure, Path=/ and no Domain
_OURS = (f"{SESSION_COOKIE}=", f"{SIGN_IN_COOKIE}=", f"{NOTICE_COOKIE}=")
_PREFIXED = tuple(f"{PREFIX}{name}" for name in _OURS)


class HostCookie:
    """Adds the prefix to cookies in responses and removes it in requests; REST and pages use names without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rename the cookies in request and response; does nothing over http."""
        if scope["type"] != "http" or scope["scheme"] != "https":
            await self._app(scope, receive, send)
            return

        async def rename(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                cookies = headers.getlist("set-cookie")
                del headers["set-cookie"]
                for cookie in cookies:
                    headers.append("set-cookie", _add_prefix(cookie))
            await send(message)

        await self._app(dict(scope, headers=_remove_prefixes(scope)), receive, rename)


def _add_prefix(cookie: str) -> str:
    if not cookie.startswith(_OURS):
        return cookie
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    return f"{PREFIX}{cookie}" if "secure" in attributes else f"{PREFIX}{cookie}; Secure"


def _remove_prefixes(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Remove the prefix. Drop cookies without it: any host may have set them."""
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    pairs = "; ".join(Headers(scope=scope).getlist("cookie")).split(";")
    cookies = [pair.strip() for pair in pairs if not pair.strip().startswith(_OURS)]
    header = "; ".join(cookie.removeprefix(PREFIX) if cookie.startswith(_PREFIXED) else cookie for cookie in cookies)
    return [*others, (b"cookie", header.encode("latin-1"))] if header else others
