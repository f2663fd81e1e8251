"""
Cross-origin protection, for REST and pages.
"""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.rest.errors import Problem
from holdfast.server.middleware.doors import Refuse

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
FOREIGN = Problem(403, "foreign-origin", "Forbidden")


class CrossOriginProtection:
    """
    Rejects requests with unsafe methods from pages of other origins.

    Browsers send Sec-Fetch-Site, old ones only Origin. Clients that send neither aren't browsers, so pages can't make
    them send cookies.
    """

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self._app, self._refuse = app, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond 403, or pass the request on."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and _is_cross_origin(Headers(scope=scope)):
            refusal = await self._refuse(Request(scope), FOREIGN, "The request came from a page of another origin.", {})
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_cross_origin(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    # An origin is a scheme and the content of the Host header (RFC 6454, section 6.1), so it needn't be parsed.
    return origin is not None and origin.partition("://")[2] != headers.get("host")
