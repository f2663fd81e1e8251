"""
Security headers, for REST and pages.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.web.content_policy import write_policy

# The list of the OWASP Secure Headers Project, except clipboard-write, which the copy buttons need, and web-share,
# which makes some browsers log a warning.
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
# A year, for this host only: its subdomains may not be Holdfast's.
_STRICT_TRANSPORT = "max-age=31536000"


class SecurityHeaders:
    """Headers that make browsers load nothing from other origins, forbid framing, and cache only static files."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to each response."""

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
