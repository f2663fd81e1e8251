"""
What every answer and every request passes, at whichever door.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.rest.errors import Problem
from holdfast.server.doors import Refuse
from holdfast.web.content_policy import write_policy

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
FOREIGN = Problem(403, "foreign-origin", "Forbidden")
# All that OWASP names (Secure Headers Project), but clipboard-write, which the buttons that copy need, and web-share,
# which not every browser knows and then complains of.
_NOT_NEEDED = (
    "accelerometer", "autoplay", "camera", "cross-origin-isolated", "display-capture", "encrypted-media", "fullscreen",
    "geolocation", "gyroscope", "keyboard-map", "magnetometer", "microphone", "midi", "payment",
    "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "sync-xhr", "usb",
    "xr-spatial-tracking",
)  # fmt: skip
_CONTENT_SECURITY_POLICY = write_policy()
_PERMISSIONS_POLICY = ", ".join(f"{name}=()" for name in _NOT_NEEDED)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "permissions-policy": _PERMISSIONS_POLICY,
    "x-frame-options": "DENY",
    "x-permitted-cross-domain-policies": "none",
}
# Browsers remember for a year that this host speaks https; its subdomains are not ours to decide about.
_STRICT_TRANSPORT = "max-age=31536000"


class SecurityHeaders:
    """Tells browsers to load nothing foreign, to be framed by nobody and, but for static files, to keep nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to each answer."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", _CONTENT_SECURITY_POLICY)
                headers.setdefault("cache-control", "no-store")
                if scope["scheme"] == "https":
                    headers["strict-transport-security"] = _STRICT_TRANSPORT
            await send(message)

        await self._app(scope, receive, add)


class CrossOriginProtection:
    """
    Refuses requests that change something and come from a page of another origin.

    Browsers say so in Sec-Fetch-Site; old ones only in Origin. Who sends neither is no browser and carries no cookie.
    """

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self._app, self._refuse = app, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 or pass the request on."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and _is_cross_origin(Headers(scope=scope)):
            refusal = await self._refuse(Request(scope), FOREIGN, "The request came from a foreign page.", {})
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_cross_origin(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    # An origin is a scheme and what the Host header has (RFC 6454, section 6.1), so nothing of it needs to be read.
    return origin is not None and origin.partition("://")[2] != headers.get("host")
