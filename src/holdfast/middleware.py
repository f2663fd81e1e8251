"""
What every answer and every request passes, at whichever door.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.rest.errors import Problem, answer

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
FOREIGN = Problem(403, "foreign-origin", "Forbidden")
TOO_LARGE = Problem(413, "content-too-large", "Content Too Large")
# A body larger than a full upload with its form fields is refused before it is read.
MAX_BODY = 2 * 1024 * 1024
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": _CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


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
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, add)


class CrossOriginProtection:
    """
    Refuses requests that change something and come from a page of another origin.

    Browsers say so in Sec-Fetch-Site; old ones only in Origin. Who sends neither is no browser and carries no cookie.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 or pass the request on."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and _is_cross_origin(Headers(scope=scope)):
            refusal = answer(Request(scope), FOREIGN, "The request came from a foreign page.", {})
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_cross_origin(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return True


class BodyLimit:
    """Refuses bodies of more than *limit* bytes, also those that do not say their length."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) <= self._limit:
            while more and len(body) <= self._limit:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return  # half a body is none, and nobody waits for an answer
                body += message.get("body", b"")
                more = message.get("more_body", False)
        if more or len(body) > self._limit:
            description = f"The request is larger than {self._limit // 1024} KiB. Send less."
            refusal = answer(Request(scope), TOO_LARGE, description, {}, {"connection": "close"})
            await refusal(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
